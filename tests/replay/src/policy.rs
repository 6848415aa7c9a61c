//! The policy of a group: of its Corefile, and of the version of CoreDNS that it was recorded with.

use dns_userspace::policy::{Policy, Zone};

/// The version that is assumed where a group names none.
pub const DEFAULT_VERSION: &str = "1.15.0";

/// Groups that were recorded under kubeadm's Corefile.
const KUBEADM: [&str; 2] = ["observed.kubeadm", "observed.packets"];

/// What may be answered under this Corefile.
///
/// Until Corefiles are read, that of kubeadm is known by the group's name, and every other leaves all to
/// the DNS service.
#[must_use]
pub fn policy_of_group(id: &str, _corefile: &str, _version: &str) -> Policy {
    let zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"].map(Zone::parse);
    let zones: Vec<Zone> = zones.into_iter().flatten().collect();
    match KUBEADM.contains(&id) {
        true => Policy::kubeadm(zones),
        false => Policy::nothing("this Corefile is not read yet".to_owned()),
    }
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
