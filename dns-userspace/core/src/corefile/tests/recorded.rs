//! The Corefiles with which CoreDNS's answers were recorded, and what each changes against kubeadm's.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::policy::{Capping, Lifetimes, Order, Pods, Selector, zone_name};

/// The Corefiles by their titles.
fn recorded() -> BTreeMap<&'static str, &'static str> {
    let text = include_str!("data/recorded.corefiles");
    let parts = text.split("### ").skip(1);
    parts.filter_map(|part| part.split_once('\n')).collect()
}

fn all(policy: &mut Policy, change: impl Fn(&mut Zone)) {
    policy.zones.iter_mut().for_each(change);
}

fn lifetimes(policy: &mut Policy, ttl: u32, cache: Option<Capping>) {
    all(policy, |zone| zone.lifetimes = Lifetimes::new(ttl, cache));
    policy.external = Some(cache.unwrap_or(Capping::NONE));
}

fn rename(zone: &mut Zone, name: &str) {
    zone.name = zone_name(name).unwrap();
}

/// Changes the policy of kubeadm's Corefile to that of a recorded one.
fn change(title: &str, policy: &mut Policy) {
    let seconds = Capping::of_seconds;
    let cluster = |policy: &mut Policy, change: &dyn Fn(&mut Zone)| change(&mut policy.zones[0]);
    match title {
        "kubeadm" | "cache 30" | "presync" | "separate block key" => {}
        "no cache" => lifetimes(policy, 30, None),
        "no ttl" => lifetimes(policy, 5, Some(seconds(30))),
        "ttl 0" => lifetimes(policy, 0, Some(seconds(30))),
        "ttl 60" => lifetimes(policy, 60, Some(seconds(30))),
        "ttl 60, no cache" => lifetimes(policy, 60, None),
        "ttl 3600, no cache" => lifetimes(policy, 3600, None),
        "cache 10" => lifetimes(policy, 30, Some(seconds(10))),
        "cache" => lifetimes(
            policy,
            30,
            Some(Capping {
                success: (5, 3600),
                denial: (5, 1800),
            }),
        ),
        "namespaces testns" => all(policy, |zone| {
            zone.services.namespaces = Some(BTreeSet::from(["testns".to_owned()]));
        }),
        "namespace_labels" => all(policy, |zone| {
            let selector: Selector = "kubernetes.io/metadata.name=testns".parse().unwrap();
            zone.services.namespace_labels = Some(selector);
        }),
        "pods disabled" | "pods absent" => all(policy, |zone| zone.services.pods = Pods::Disabled),
        "pods verified" => all(policy, |zone| zone.services.pods = Pods::Verified),
        "ignore empty_service" => all(policy, |zone| zone.services.empty_exist = false),
        "endpoint_pod_names" => all(policy, |zone| zone.services.pod_names = true),
        "noendpoints" => all(policy, |zone| zone.services.endpoints = false),
        "fallthrough all" => cluster(policy, &|zone| zone.denies = false),
        "no fallthrough" => {}
        "no forward" | "stub with ext target" => {}
        "cidr zones" => {
            rename(&mut policy.zones[1], "96.10.in-addr.arpa");
            rename(
                &mut policy.zones[2],
                "0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa",
            );
        }
        "second zone" => {
            rename(&mut policy.zones[1], "my.zone");
            policy.zones[1].denies = true;
            rename(&mut policy.zones[2], "in-addr.arpa");
        }
        "zonal" => all(policy, |zone| zone.services.zonal = true),
        "minimal" => all(policy, |zone| zone.glue = false),
        "any" => all(policy, |zone| {
            zone.left_types.insert(255);
        }),
        "bufsize 512" => policy.size_cap = 512,
        "hosts" => {
            cluster(policy, &|zone| {
                zone.left_names
                    .insert(zone_name("svc1.testns.svc.cluster.local").unwrap());
            });
            // The pod's own address, which `hosts` knows from its file, is not known.
            policy.zones.truncate(1);
        }
        "rewrite" => cluster(policy, &|zone| {
            zone.left_names
                .insert(zone_name("foo.cluster.local").unwrap());
        }),
        "template" | "acl filter" | "acl drop" => {
            policy.zones.remove(0);
        }
        "labels" | "header" => policy.zones.clear(),
        "autopath" => all(policy, |zone| {
            zone.services.pods = Pods::Verified;
            zone.denies = false;
        }),
        "stub domain" => cluster(policy, &|zone| {
            zone.left_trees
                .insert(zone_name("sub.cluster.local").unwrap());
            zone.left_trees
                .insert(zone_name("testns.svc.cluster.local").unwrap());
        }),
        "stub DS" => cluster(policy, &|zone| {
            zone.left_trees
                .insert(zone_name("testns.svc.cluster.local").unwrap());
        }),
        other => panic!("nothing is said of {other}"),
    }
    // Answers for others may depend on who asks, or nobody is asked for external names, or no zone has services, or
    // another block answers itself.
    if matches!(
        title,
        "stub domain"
            | "stub DS"
            | "stub with ext target"
            | "no forward"
            | "separate block key"
            | "acl filter"
            | "acl drop"
            | "autopath"
            | "header"
            | "labels"
            | "template"
    ) {
        policy.external = None;
    }
}

#[test]
fn each_recorded_corefile_gives_the_policy_that_the_specification_says() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 40);
    for (title, text) in recorded {
        let found = policy(text);
        let mut expected = policy(KUBEADM);
        change(title, &mut expected);
        assert_eq!(
            (&found.zones, found.size_cap, found.external),
            (&expected.zones, expected.size_cap, expected.external),
            "{title}: {:#?}",
            found.left
        );
        assert_eq!(
            found.left.is_empty(),
            is_whole(title),
            "{title}: {:#?}",
            found.left
        );
    }
}

/// Whether nothing of a Corefile's zones is left but what the reverse zones' misses are.
fn is_whole(title: &str) -> bool {
    !matches!(
        title,
        "stub with ext target"
            | "fallthrough all"
            | "any"
            | "hosts"
            | "rewrite"
            | "template"
            | "acl filter"
            | "acl drop"
            | "labels"
            | "header"
            | "autopath"
            | "stub domain"
            | "stub DS"
            | "no forward"
            | "separate block key"
    )
}

#[test]
fn zones_that_are_left_are_left_for_the_reason_that_is_told() {
    let recorded = recorded();
    for (title, reason) in [
        ("template", "Corefile:3:2: the plugin `template`"),
        ("acl drop", "Corefile:3:2: the plugin `acl`"),
        ("labels", "Corefile:7:2: with `labels`"),
        ("header", "Corefile:3:2: the plugin `header`"),
    ] {
        assert_left(&policy(recorded[title]), "cluster.local.", reason);
    }
}

#[test]
fn orders_are_those_of_loadbalance() {
    assert!(
        policy(KUBEADM)
            .zones
            .iter()
            .all(|zone| zone.order == Order::Turned)
    );
}
