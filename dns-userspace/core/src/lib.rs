//! What the cluster's DNS would answer: Kubernetes objects and Corefiles in, operations on the datapath's maps out.
//!
//! Everything here only computes: equal input, equal output. What happens is told, the time too, so this crate does no
//! input and output, reads no clock and writes no log. Its Cargo.toml names no crate for any of that, and a house rule
//! refuses what the standard library has.
//!
//! [`corefile`] reads a Corefile into a [`policy`]; [`rollout`] says on which policy all agree that servers may have.
//! [`world`] keeps the [`objects`], [`projection`] makes [`records`] of them, [`encode`] writes these as entries, and
//! [`table`] says in which order maps are changed; [`entries`] is the way through all of these. [`external`] keeps what is
//! known of external names, and [`breaker`] decides which clients are left to the DNS service.

#![forbid(unsafe_code)]

pub mod breaker;
pub mod corefile;
pub mod encode;
pub mod entries;
pub mod external;
pub mod objects;
pub mod permission;
pub mod policy;
pub mod projection;
pub mod records;
pub mod rollout;
pub mod table;
pub mod world;
