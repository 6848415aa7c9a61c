//! Whole Corefiles and the policies they give.

mod blocks;
mod caches;
mod distributions;
mod options;
mod plugins;
mod recorded;
mod syntax;

use super::*;
use crate::policy::Zone;

/// CoreDNS 1.15.0, asked on the port of its first block for a cluster.
pub(super) fn server() -> Server {
    Server {
        rules: Rules::of_version("1.15.0"),
        port: None,
        answer_when_logged: false,
    }
}

/// The policy of a Corefile with nothing beside it.
pub(super) fn policy(text: &str) -> Policy {
    policy_of(&Mounted::only(text), &server())
}

/// The policy of a block `.:53` with the plugin `kubernetes` for the zones `cluster.local`, `in-addr.arpa`
/// and `ip6.arpa`, these lines in it, and these directives beside it.
pub(super) fn with(options: &str, directives: &str) -> Policy {
    policy(&corefile(options, directives))
}

/// The Corefile of [`with`].
pub(super) fn corefile(options: &str, directives: &str) -> String {
    format!(
        ".:53 {{\n{directives}\nkubernetes cluster.local in-addr.arpa ip6.arpa {{\n{options}\n}}\n\
         forward . 127.0.0.1\n}}\n"
    )
}

pub(super) fn names(policy: &Policy) -> Vec<String> {
    policy
        .zones
        .iter()
        .map(|zone| zone.name.to_ascii())
        .collect()
}

/// The zone with this name.
#[track_caller]
pub(super) fn zone<'a>(policy: &'a Policy, name: &str) -> &'a Zone {
    let found = policy
        .zones
        .iter()
        .find(|zone| zone.name.to_ascii() == name);
    found.unwrap_or_else(|| panic!("{name} is not answered: {:?}", policy.left))
}

/// Checks that a zone is left, and that the reason holds a text.
#[track_caller]
pub(super) fn assert_left(policy: &Policy, what: &str, reason: &str) {
    assert!(
        policy
            .left
            .iter()
            .any(|left| left.what == what && left.reason.contains(reason)),
        "{what} is not left for {reason:?}: {:#?}",
        policy.left
    );
    assert!(
        !names(policy).contains(&what.to_owned()),
        "{what} is answered"
    );
}

pub(super) fn texts<'a>(
    names: impl IntoIterator<Item = &'a hickory_proto::rr::Name>,
) -> Vec<String> {
    names
        .into_iter()
        .map(hickory_proto::rr::Name::to_ascii)
        .collect()
}
