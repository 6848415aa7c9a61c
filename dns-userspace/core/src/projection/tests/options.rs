//! The options of a zone, and what is left to the DNS service by its set-up.

use hickory_proto::rr::Name;

use super::*;
use crate::policy::{Order, Pods};

fn policy_with(change: impl Fn(&mut Zone)) -> Policy {
    let mut zone = Zone::parse("cluster.local").unwrap();
    change(&mut zone);
    Policy::kubeadm(vec![zone])
}

fn everything(policy: &Policy, yaml: &str) -> String {
    let world = world(yaml);
    let owners = world.owners();
    let all: Vec<Node> = owners
        .iter()
        .flat_map(|owner| nodes(policy, &world, owner).0)
        .collect();
    text(&all)
}

#[test]
fn only_listed_namespaces_exist() {
    let listed =
        |name: &str| policy_with(|zone| zone.services.namespaces = Some([name.to_owned()].into()));
    let yaml = service("{clusterIP: 10.96.0.1}");
    assert!(everything(&listed("n"), &yaml).contains("s.n.svc"));
    assert!(!everything(&listed("m"), &yaml).contains("n.svc"));
}

#[test]
fn without_pods_nothing_is_below_pod() {
    let policy = policy_with(|zone| zone.services.pods = Pods::Disabled);
    let all = everything(&policy, &service("{clusterIP: 10.96.0.1}"));
    assert!(!all.contains("n.pod"), "{all}");
    assert!(all.contains("pod.cluster.local. Empty Absent"), "{all}");
}

#[test]
fn a_service_without_endpoints_is_ignored_where_the_option_says_so() {
    let policy = policy_with(|zone| zone.services.empty_exist = false);
    let yaml = service("{clusterIP: 10.96.0.1}");
    check_under(&policy, &yaml, "s", "", |_| true);
    let ready = yaml + &slice("s-1", "[{addresses: [10.1.0.1]}]");
    check_under(
        &policy,
        &ready,
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
        ",
        |name| name.starts_with("s."),
    );
}

#[test]
fn without_endpoints_headless_services_and_endpoints_have_no_names() {
    let policy = policy_with(|zone| zone.services.endpoints = false);
    check_under(
        &policy,
        &headless(&["[{addresses: [10.1.0.1]}]"]),
        "s",
        "",
        |_| true,
    );
}

#[test]
fn an_endpoint_is_called_by_its_pod_where_the_option_says_so() {
    let policy = policy_with(|zone| zone.services.pod_names = true);
    let yaml = headless(&["[{addresses: [10.1.0.1], targetRef: {name: web-7}}]"]);
    check_under(
        &policy,
        &yaml,
        "s",
        "
        web-7.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1
        ",
        |name| name.starts_with("web") || name.starts_with("10"),
    );
}

#[test]
fn addresses_keep_their_order_or_are_left_as_the_order_is_known() {
    let yaml = headless(&["[{addresses: [10.1.0.2]}, {addresses: [10.1.0.1]}]"]);
    for (order, expected) in [
        (
            Order::AsGiven,
            "          30 A 10.1.0.2\n          30 A 10.1.0.1",
        ),
        (Order::Uncertain, "          left A"),
    ] {
        let policy = policy_with(|zone| zone.order = order);
        let expected = format!("        s.n.svc.cluster.local. Exists Absent\n{expected}");
        check_under(&policy, &yaml, "s", &expected, |name| {
            name.starts_with("s.")
        });
    }
}

#[test]
fn an_ipv6_address_that_ends_in_a_colon_is_called_as_the_version_calls_it() {
    let yaml = headless(&["[{addresses: ['fd00::']}]"]) + "ports: [{name: p, port: 1}]\n";
    for (zero, label) in [
        (Some(true), Some("fd00--0")),
        (Some(false), Some("fd00--")),
        (None, None),
    ] {
        let policy = policy_with(|zone| zone.rules.zero_appended = zero);
        let all = everything(&policy, &yaml);
        match label {
            Some(label) => assert!(
                all.contains(&format!("{label}.s.n.svc.cluster.local. Exists")),
                "{all}"
            ),
            None => {
                assert!(all.contains("s.n.svc.cluster.local. Exists Pass"), "{all}");
                assert!(all.contains("left SRV"), "{all}");
            }
        }
    }
}

#[test]
fn zonal_names_of_headless_services_are_left() {
    let policy = policy_with(|zone| zone.services.zonal = true);
    check_under(
        &policy,
        &headless(&[]),
        "s",
        "
        s.n.svc.cluster.local. Absent Absent
        _zone.s.n.svc.cluster.local. Absent Pass
        ",
        |_| true,
    );
}

#[test]
fn what_is_left_by_name_passes_there_and_what_is_left_as_a_tree_passes_below_too() {
    let name = |text: &str| Name::from_ascii(text).unwrap();
    let policy = policy_with(|zone| {
        zone.left_names = [
            name("s.n.svc.cluster.local."),
            name("host.cluster.local."),
            name("elsewhere.example."),
        ]
        .into();
        zone.left_trees = [name("a.tree.other.svc.cluster.local.")].into();
    });
    let yaml = service("{clusterIP: 10.96.0.1}")
        + "---\nkind: Service\nmetadata: {namespace: n, name: t}\nspec: {clusterIP: 10.96.0.2}\n";
    let all = everything(&policy, &yaml);
    let count = |line: &str| all.lines().filter(|other| *other == line).count();
    for line in [
        "s.n.svc.cluster.local. Pass Pass",
        "host.cluster.local. Pass Pass",
        "a.tree.other.svc.cluster.local. Pass Pass",
        "tree.other.svc.cluster.local. Pass Pass",
        "other.svc.cluster.local. Pass Pass",
        "svc.cluster.local. Empty Absent",
        "t.n.svc.cluster.local. Exists Absent",
    ] {
        assert_eq!(count(line), 1, "{line}\n{all}");
    }
    assert!(!all.contains("\ns.n.svc.cluster.local. Exists"), "{all}");
    assert!(!all.contains("elsewhere"), "{all}");
}
