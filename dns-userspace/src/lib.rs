//! The agent: what the cluster's DNS would answer, worked out from Kubernetes objects and written into
//! the maps of the datapath.
//!
//! [`dns_core`] works out what is answered; everything that knows the network, the kernel or a clock is here.
//! [`source`] brings objects, [`external`] asks for external names, [`servers`] asks whether the cluster's DNS is there,
//! [`datapath`] knows the kernel, and [`agent`] is the one task that joins them.

pub mod agent;
pub mod cli;
pub mod config;
pub mod datapath;
pub mod external;
pub mod servers;
pub mod source;
#[cfg(test)]
mod supported;
pub mod telemetry;
pub mod told;
