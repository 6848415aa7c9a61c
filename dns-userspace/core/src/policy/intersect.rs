//! What is certain while it is not known which of two policies a server answers by.

use std::collections::BTreeSet;

use hickory_proto::rr::Name;

use super::{Left, Policy, Rules, Zone};

/// What holds under both policies: the zones that both answer alike, with all that either of them leaves.
#[must_use]
pub fn intersect(one: &Policy, other: &Policy) -> Policy {
    if one == other {
        return one.clone();
    }
    let mut left = one.left.clone();
    left.extend(other.left.iter().cloned());
    let mut zones = Vec::new();
    if one.size_cap == other.size_cap {
        for zone in &one.zones {
            let same = other.zones.iter().find(|same| same.name == zone.name);
            match same.and_then(|same| intersect_zones(zone, same)) {
                Some(common) => zones.push(common),
                None => left.push(differing(zone)),
            }
        }
        let only = |zone: &&Zone| one.zones.iter().all(|same| same.name != zone.name);
        left.extend(other.zones.iter().filter(only).map(differing));
    } else {
        left.push(Left {
            what: ".".to_owned(),
            reason: "servers may answer by two set-ups with different `bufsize`; left to the DNS service"
                .to_owned(),
        });
    }
    // A zone that is left takes its names away from the zone that it lies in.
    let answered: Vec<Name> = zones.iter().map(|zone| zone.name.clone()).collect();
    for gone in one.zones.iter().chain(&other.zones) {
        if !answered.contains(&gone.name) {
            for above in zones
                .iter_mut()
                .filter(|zone| zone.name.zone_of(&gone.name))
            {
                above.left_trees.insert(gone.name.clone());
            }
        }
    }
    let mut told = BTreeSet::new();
    left.retain(|left| told.insert(left.clone()));
    Policy {
        zones,
        left,
        size_cap: one.size_cap.min(other.size_cap),
        external: one
            .external
            .filter(|capping| other.external == Some(*capping)),
    }
}

fn differing(zone: &Zone) -> Left {
    Left {
        what: zone.name.to_ascii(),
        reason:
            "servers may answer by two set-ups that treat the zone differently; left to the DNS service"
                .to_owned(),
    }
}

/// The zone as both leave of it; none if they answer it differently, or leave more types than can be told.
fn intersect_zones(one: &Zone, other: &Zone) -> Option<Zone> {
    let mut common = one.clone();
    common.denies &= other.denies;
    common.left_types.extend(&other.left_types);
    common.left_names.extend(other.left_names.iter().cloned());
    common.left_trees.extend(other.left_trees.iter().cloned());
    common.rules = rules(one.rules, other.rules);
    let same = Zone {
        denies: common.denies,
        left_types: common.left_types.clone(),
        left_names: common.left_names.clone(),
        left_trees: common.left_trees.clone(),
        rules: common.rules,
        ..other.clone()
    };
    (common == same && common.left_types.len() <= 2).then_some(common)
}

/// What two versions have in common.
fn rules(one: Rules, other: Rules) -> Rules {
    let both = |one: Option<bool>, other: Option<bool>| one.filter(|_| one == other);
    Rules {
        zero_appended: both(one.zero_appended, other.zero_appended),
        reverse_needs_hostname: both(one.reverse_needs_hostname, other.reverse_needs_hostname),
        chain: one.chain.min(other.chain),
        chain_uncertain: one.chain_uncertain.max(other.chain_uncertain),
        certified: one.certified && other.certified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Capping, Order};

    fn policy(names: &[&str]) -> Policy {
        Policy::kubeadm(
            names
                .iter()
                .map(|name| Zone::parse(name).unwrap())
                .collect(),
        )
    }

    fn names(policy: &Policy) -> Vec<String> {
        policy
            .zones
            .iter()
            .map(|zone| zone.name.to_ascii())
            .collect()
    }

    #[test]
    fn equal_policies_meet_in_themselves() {
        let one = policy(&["cluster.local", "in-addr.arpa"]);
        assert_eq!(intersect(&one, &one), one);
    }

    #[test]
    fn what_either_leaves_is_left_and_denials_need_both() {
        let one = policy(&["cluster.local"]);
        let mut other = one.clone();
        let tree = crate::policy::zone_name("sub.cluster.local").unwrap();
        other.zones[0].left_trees.insert(tree.clone());
        other.zones[0].left_types.insert(255);
        other.zones[0].denies = false;
        let common = intersect(&one, &other);
        assert_eq!(common.zones, other.zones);
        assert_eq!(intersect(&other, &one).zones, common.zones);
    }

    #[test]
    fn zones_that_differ_or_that_only_one_has_are_left_with_a_reason() {
        let one = policy(&["cluster.local", "same.example", "one.example"]);
        let mut other = policy(&["cluster.local", "same.example", "other.example"]);
        other.zones[0].order = Order::AsGiven;
        let common = intersect(&one, &other);
        assert_eq!(names(&common), ["same.example."]);
        let left: Vec<_> = common.left.iter().map(|left| left.what.as_str()).collect();
        assert_eq!(left, ["cluster.local.", "one.example.", "other.example."]);
    }

    #[test]
    fn a_zone_that_is_left_takes_its_names_from_the_zone_above_it() {
        let one = policy(&["cluster.local", "sub.cluster.local"]);
        let other = policy(&["cluster.local"]);
        let tree = crate::policy::zone_name("sub.cluster.local").unwrap();
        for common in [intersect(&one, &other), intersect(&other, &one)] {
            assert_eq!(names(&common), ["cluster.local."]);
            assert!(common.zones[0].left_trees.contains(&tree));
        }
    }

    #[test]
    fn two_versions_meet_in_what_they_have_in_common() {
        let mut one = policy(&["cluster.local"]);
        let mut other = one.clone();
        one.zones[0].rules = Rules::of_version("1.12.0");
        other.zones[0].rules = Rules::of_version("1.12.1");
        let rules = intersect(&one, &other).zones[0].rules;
        assert_eq!(
            (rules.zero_appended, rules.reverse_needs_hostname),
            (Some(false), None)
        );
        assert_eq!((rules.chain, rules.chain_uncertain), (8, 11));
    }

    #[test]
    fn more_left_types_than_can_be_told_leave_the_zone() {
        let mut one = policy(&["cluster.local"]);
        let mut other = one.clone();
        one.zones[0].left_types.extend([255, 28]);
        other.zones[0].left_types.insert(43);
        assert!(intersect(&one, &other).zones.is_empty());
    }

    #[test]
    fn another_size_leaves_everything_and_another_cache_the_external_names() {
        let one = policy(&["cluster.local"]);
        let mut other = one.clone();
        other.size_cap = 512;
        assert!(intersect(&one, &other).zones.is_empty());
        let mut other = one.clone();
        other.external = Some(Capping::NONE);
        let common = intersect(&one, &other);
        assert_eq!((names(&common), common.external), (names(&one), None));
    }
}
