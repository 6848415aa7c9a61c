//! The agent: what the cluster's DNS would answer, worked out from Kubernetes objects and written into
//! the maps of the datapath.
//!
//! The pure modules (`objects`, `world`, `policy`, `records`, `projection`, `encode`, `table`) turn objects
//! into map entries and know neither the network nor the clock. [`source`] brings objects, [`datapath`]
//! knows the kernel, and [`agent`] is the one task that joins them.

pub mod agent;
pub mod breaker;
pub mod cli;
pub mod config;
pub mod corefile;
pub mod datapath;
pub mod encode;
pub mod in_force;
pub mod objects;
pub mod outside;
pub mod policy;
pub mod projection;
pub mod records;
pub mod source;
#[cfg(test)]
mod supported;
pub mod table;
pub mod telemetry;
pub mod told;
pub mod world;
