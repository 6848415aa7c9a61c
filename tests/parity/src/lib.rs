//! Random clusters, Corefiles and questions, put to a running CoreDNS and to the kernel program: both must say
//! the same, or the kernel must leave the question to CoreDNS.
//!
//! [`api`] is a Kubernetes API server that takes any object; [`cluster`], [`corefile`] and [`question`] make
//! choices that follow from a seed; [`stage`] brings both sides to the same state; [`judge`] compares;
//! [`run`] does it many times, [`shrink`] makes a difference small, [`report`] tells; [`cases`] are the
//! differences that were found once.

pub mod api;
pub mod cases;
pub mod cluster;
pub mod corefile;
pub mod judge;
pub mod policy;
pub mod question;
pub mod random;
pub mod report;
pub mod run;
pub mod shrink;
pub mod stage;
pub mod upstream;
