//! The kernel's side of the agent: the only folder that knows aya, and the only one with `unsafe`.

pub mod attach;
pub mod clients;
pub mod control;
pub mod counters;
pub mod interfaces;
pub mod kernel_log;
pub mod keys;
mod mapped;
pub mod mtus;
mod netlink;
pub mod object;
pub mod reader;
pub mod store;
