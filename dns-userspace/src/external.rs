//! Asking the cluster's DNS service for external names, ahead of the questions of clients.
//!
//! [`Resolver`] asks, and gives each reply that may be kept to whoever keeps
//! [`Answers`](dns_core::external::Answers).

mod lookup;
mod resolver;
mod schedule;
#[cfg(test)]
mod scripted;

pub use self::{resolver::Resolver, schedule::Report};
