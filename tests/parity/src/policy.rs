//! What the agent makes of a Corefile.

use dns_core::{
    corefile::{Mounted, Server, policy_of},
    policy::{Policy, Rules},
};

use crate::corefile::Corefile;

/// The policy of a Corefile as it would stand in a ConfigMap, for a version of CoreDNS. What is logged is
/// compared as well (`--when-logged answer`).
#[must_use]
pub fn of(corefile: &Corefile, version: &str) -> Policy {
    let server = Server {
        rules: Rules::of_version(version),
        port: None,
        answer_when_logged: true,
    };
    policy_of(&Mounted::only(&corefile.to_string()), &server)
}

/// Whether anything is answered under a Corefile.
#[must_use]
pub fn answers_something(corefile: &Corefile, version: &str) -> bool {
    !of(corefile, version).zones.is_empty()
}
