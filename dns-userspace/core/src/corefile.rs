//! The policy of a Corefile: what CoreDNS answers with it, as far as that is certain.
//!
//! Pure. [`policy_of`] reads the Corefile with a lexer and parser that follow Caddy's (`lexer`, `parser`),
//! takes each block's plugins from one table (`plugins`), chooses the block that serves each zone (`derive`)
//! and works out what of a zone may be answered (`zone`). Whatever is not understood leaves as much to the
//! DNS service as it may touch: a text that cannot be split into blocks leaves everything, a directive its
//! block.

mod address;
mod derive;
mod directive;
mod duration;
mod effects;
mod external;
mod fault;
mod import;
mod lexer;
mod mounted;
mod parser;
mod plugins;
mod reloading;
mod variables;
mod zone;

#[cfg(test)]
mod tests;

pub use self::{
    mounted::Mounted,
    reloading::{Reading, Reloading, reading_of},
};
use crate::policy::{Policy, Rules};

/// The Corefile that kubeadm writes (Kubernetes 1.32 and later) for the zone `cluster.local`.
pub const KUBEADM: &str = include_str!("corefile/tests/data/kubeadm.corefile");

/// What is known of the DNS server beside its Corefile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Server {
    /// What its version does.
    pub rules: Rules,
    /// The UDP port on which the DNS service's traffic arrives at the server; none: that of the first block
    /// with the plugin `kubernetes`.
    pub port: Option<u16>,
    /// Whether queries may be answered that the server would have logged (`log`, `dnstap`).
    pub answer_when_logged: bool,
}

/// What is certain about the answers of a server that runs with this Corefile.
#[must_use]
pub fn policy_of(mounted: &Mounted, server: &Server) -> Policy {
    if !server.rules.certified {
        return Policy::nothing(
            "the DNS server's version is older than those whose answers are known (CoreDNS 1.11.0 and later)"
                .to_owned(),
        );
    }
    let blocks = match parser::blocks(mounted) {
        Ok(blocks) => blocks,
        Err(fault) => return Policy::nothing(fault.to_string()),
    };
    match derive::policy(&blocks, mounted, server) {
        Ok(policy) => policy,
        Err(fault) => Policy::nothing(fault.to_string()),
    }
}
