//! The policy of a group: of its Corefile, and of the version of CoreDNS that it was recorded with.

use dns_core::{
    corefile::{Mounted, Server, policy_of},
    policy::{Policy, Rules},
};

/// The version that is assumed where a group names none.
pub const DEFAULT_VERSION: &str = "1.15.0";

/// What may be answered under this Corefile by a CoreDNS of this version.
#[must_use]
pub fn policy_of_group(corefile: &str, version: &str) -> Policy {
    let server = Server {
        rules: Rules::of_version(version),
        port: None,
        answer_when_logged: false,
    };
    policy_of(&Mounted::only(corefile), &server)
}

/// Whether this version may echo EDNS options that a later one does not (specification §4).
#[must_use]
pub fn may_echo_options(version: &str) -> bool {
    let mut numbers = version.trim_start_matches('v').split('.');
    let mut number = || numbers.next().and_then(|number| number.parse::<u32>().ok());
    matches!((number(), number()), (Some(1), Some(minor)) if minor < 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_echoed_before_1_15() {
        for (version, echoes) in [
            ("1.11.3", true),
            ("v1.14.7", true),
            ("1.15.0", false),
            ("2.0.0", false),
            ("latest", false),
        ] {
            assert_eq!(may_echo_options(version), echoes, "{version}");
        }
    }
}
