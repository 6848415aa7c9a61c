//! A real Kubernetes API server, whose objects the kernel's answers follow: services that come, change
//! and go, the DNS service's own addresses, and a server that is away, silent or unwilling.
//!
//! CoreDNS serves the same objects beside, as the cluster's DNS service: it answers what passes, and
//! says what would be right.

mod addresses;
mod alone;
mod asleep;
mod connection;
mod ending;
mod history;
mod large_service;
mod namespaces;
mod policy;
mod proof;
mod readiness;
mod refusals;
mod rights;
mod scene;
mod services;
mod trouble;
