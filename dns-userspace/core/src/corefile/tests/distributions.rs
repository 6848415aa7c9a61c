//! The default Corefiles of Kubernetes distributions: none of them may leave everything to the DNS service.

use super::*;
use crate::policy::{Capping, Lifetimes, Order};

const ZONES: [&str; 3] = ["cluster.local.", "in-addr.arpa.", "ip6.arpa."];

/// Checks what all default Corefiles have in common.
#[track_caller]
fn assert_common(policy: &Policy, ttl: u32, capping: Capping, order: Order) {
    assert_eq!(names(policy), ZONES, "{:#?}", policy.left);
    for zone in &policy.zones {
        assert_eq!(zone.primary.to_ascii(), "cluster.local.");
        assert_eq!(zone.denies, !zone.is_reverse(), "{}", zone.name);
        assert_eq!(zone.lifetimes, Lifetimes::new(ttl, Some(capping)));
        assert_eq!(zone.order, order);
        assert_eq!(zone.services, crate::policy::Services::plain());
        assert!(zone.glue && zone.left_types.is_empty() && zone.left_trees.is_empty());
    }
    assert_eq!(policy.external, Some(capping));
}

fn mounted(text: &str, files: &[(&str, &str)], folders: &[&str]) -> Mounted {
    let mut mounted = Mounted::only(text);
    for (path, text) in files {
        mounted.files.insert((*path).to_owned(), (*text).to_owned());
    }
    mounted
        .folders
        .extend(folders.iter().map(|folder| (*folder).to_owned()));
    mounted
}

#[test]
fn kubeadm_is_answered_whole() {
    let policy = policy(KUBEADM);
    assert_common(&policy, 30, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy, Policy::kubeadm(policy.zones.clone()));
    let parsed: Vec<Zone> = ZONES
        .iter()
        .map(|name| Zone {
            primary: crate::policy::zone_name("cluster.local").unwrap(),
            ..Zone::parse(name).unwrap()
        })
        .collect();
    assert_eq!(policy.zones, parsed, "what Zone::parse says of kubeadm");
}

#[test]
fn kubeadm_before_kubernetes_1_32_is_answered_whole() {
    let policy = policy(include_str!("data/kubeadm-before-1.32.corefile"));
    assert_common(&policy, 30, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy.left, []);
}

#[test]
fn rke2_is_answered_whole_though_it_names_its_zone_twice() {
    let policy = policy(include_str!("data/rke2.corefile"));
    assert_common(&policy, 30, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy.left, []);
}

#[test]
fn eks_is_answered_whole_with_the_default_ttl() {
    let policy = policy(include_str!("data/eks.corefile"));
    assert_common(&policy, 5, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy.left, []);
}

#[test]
fn kubespray_is_answered_whole() {
    let policy = policy(include_str!("data/kubespray.corefile"));
    assert_common(&policy, 5, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy.left, []);
}

#[test]
fn kubespray_with_its_options_is_answered_but_for_its_hosts_and_stub_zones() {
    let mounted = mounted(
        include_str!("data/kubespray-options.corefile"),
        &[(
            "/etc/coredns/hosts",
            "10.1.1.1 db.example.com\n10.1.1.2 x.default.svc.cluster.local\n",
        )],
        &[],
    );
    let policy = policy_of(&mounted, &server());
    assert_eq!(names(&policy), ["cluster.local.", "extra.local."]);
    assert!(
        policy
            .zones
            .iter()
            .all(|zone| zone.services.pod_names && zone.denies)
    );
    let left = &zone(&policy, "cluster.local.").left_names;
    assert_eq!(texts(left), ["x.default.svc.cluster.local."]);
}

const K3S: &str = include_str!("data/k3s.corefile");
const NODE_HOSTS: (&str, &str) = (
    "/etc/coredns/NodeHosts",
    "192.168.1.10 node1\n192.168.1.11 node2",
);

#[test]
fn k3s_is_answered_but_for_the_reverse_names_of_its_nodes() {
    let mounted = mounted(K3S, &[NODE_HOSTS], &["/etc/coredns/custom"]);
    let policy = policy_of(&mounted, &server());
    assert_common(&policy, 5, Capping::of_seconds(30), Order::Turned);
    assert_eq!(
        texts(&zone(&policy, "in-addr.arpa.").left_names),
        ["10.1.168.192.in-addr.arpa.", "11.1.168.192.in-addr.arpa."]
    );
    assert!(zone(&policy, "cluster.local.").left_names.is_empty());
    let [left] = policy.left.as_slice() else {
        panic!("{:?}", policy.left);
    };
    assert!(
        left.what == "in-addr.arpa." && left.reason.starts_with("Corefile:9:5: 2 of its names"),
        "{left:?}"
    );
}

#[test]
fn k3s_with_a_custom_config_map_follows_it() {
    let mounted = mounted(
        K3S,
        &[
            NODE_HOSTS,
            (
                "/etc/coredns/custom/a.override",
                "rewrite name exact a.cluster.local b.cluster.local",
            ),
            (
                "/etc/coredns/custom/b.server",
                "svc.cluster.local:53 {\n forward . 10.0.0.1\n}",
            ),
            ("/etc/coredns/custom/notes.txt", "}"),
        ],
        &["/etc/coredns/custom"],
    );
    let policy = policy_of(&mounted, &server());
    let cluster = zone(&policy, "cluster.local.");
    assert_eq!(texts(&cluster.left_names), ["a.cluster.local."]);
    assert_eq!(texts(&cluster.left_trees), ["svc.cluster.local."]);
    assert!(
        policy
            .left
            .iter()
            .any(|left| left.reason.contains("/etc/coredns/custom/a.override:1:1: ")),
        "{:?}",
        policy.left
    );
}

#[test]
fn k3s_is_not_answered_as_long_as_it_is_not_known_what_is_imported() {
    let mounted = mounted(K3S, &[NODE_HOSTS], &[]);
    let policy = policy_of(&mounted, &server());
    assert!(policy.zones.is_empty());
    assert!(
        policy.left[0].reason.starts_with("Corefile:19:12: "),
        "{:?}",
        policy.left
    );
}

#[test]
fn aks_is_answered_whole_beside_templates_for_other_zones() {
    let mounted = mounted(
        include_str!("data/aks.corefile"),
        &[],
        &["/etc/coredns/custom"],
    );
    let policy = policy_of(&mounted, &server());
    assert_common(&policy, 30, Capping::of_seconds(30), Order::Turned);
    assert_eq!(policy.left, []);
}

#[test]
fn openshift_is_answered_whole_with_its_order_size_and_cache() {
    let text = include_str!("data/openshift.corefile");
    let capping = Capping {
        success: (5, 900),
        denial: (5, 30),
    };
    for port in [None, Some(5353)] {
        let policy = policy_of(&Mounted::only(text), &Server { port, ..server() });
        assert_common(&policy, 5, capping, Order::AsGiven);
        assert_eq!((policy.size_cap, policy.left.as_slice()), (1232, &[][..]));
    }
    let elsewhere = policy_of(
        &Mounted::only(text),
        &Server {
            port: Some(53),
            ..server()
        },
    );
    assert!(elsewhere.zones.is_empty());
    assert!(
        elsewhere.left[0].reason.contains("port 53"),
        "{:?}",
        elsewhere.left
    );
}
