//! What of a policy the kernel's maps can express.

use super::Forms;
use crate::policy::{Policy, Zone};

/// Labels of names that every zone has itself.
const OWN: [&[u8]; 4] = [b"svc", b"pod", b"dns", b"dns-version"];

/// The policy as it can be carried out: as it is, or one under which nothing is answered, with the reason.
/// A zone cannot merely be left out, for a zone above it would then speak for its names.
#[must_use]
pub fn expressible(policy: Policy) -> Policy {
    if let Err(error) = Forms::of(&policy) {
        return Policy::nothing(format!("the Corefile's zones cannot be expressed: {error}"));
    }
    for (index, zone) in policy.zones.iter().enumerate() {
        let clash = policy.zones[..index]
            .iter()
            .find_map(|other| clash(zone, other));
        if let Some(reason) = clash {
            return Policy::nothing(reason);
        }
    }
    policy
}

/// Why the names of two zones would be each other's.
fn clash(one: &Zone, other: &Zone) -> Option<String> {
    let (short, long) = if one.name.num_labels() < other.name.num_labels() {
        (&one.name, &other.name)
    } else {
        (&other.name, &one.name)
    };
    if short == long {
        return Some(format!("the zone {short} is given twice"));
    }
    let below = long.trim_to(usize::from(short.num_labels()) + 1);
    let first = below.iter().next().unwrap_or_default();
    (short.zone_of(long) && OWN.contains(&first))
        .then(|| format!("the zone {long} lies among the names that the zone {short} has itself"))
}

#[cfg(test)]
mod tests {
    use dns_ebpf::answer::ZONES_MAX;

    use super::*;

    fn of(zones: &[&str]) -> Policy {
        let zones = zones.iter().map(|zone| Zone::parse(zone).unwrap());
        expressible(Policy::kubeadm(zones.collect()))
    }

    #[test]
    fn zones_beside_and_below_each_other_are_answered() {
        for zones in [
            &["cluster.local", "in-addr.arpa", "ip6.arpa"][..],
            &["cluster.local", "a.cluster.local"],
            &["svc.local", "cluster.local"],
        ] {
            assert_eq!(of(zones).zones.len(), zones.len(), "{zones:?}");
        }
    }

    #[test]
    fn zones_that_cannot_be_told_apart_are_left_with_the_reason() {
        for zones in [
            ["cluster.local", "cluster.local"],
            ["cluster.local", "svc.cluster.local"],
            ["a.pod.cluster.local", "cluster.local"],
        ] {
            let policy = of(&zones);
            assert!(policy.zones.is_empty(), "{zones:?}");
            assert!(policy.left[0].reason.contains("cluster.local"));
        }
    }

    #[test]
    fn more_zones_than_the_maps_hold_are_left_with_the_reason() {
        let names: Vec<String> = (0..=ZONES_MAX)
            .map(|number| format!("z{number}.local"))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(of(&names[..ZONES_MAX]).zones.len(), ZONES_MAX);
        assert!(of(&names).left[0].reason.contains("33"));
    }
}
