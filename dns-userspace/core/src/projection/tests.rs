//! Objects as YAML in, nodes as text out.

mod alias;
mod options;
mod ports;
mod properties;
mod reverse;
mod service;
mod uncertain;

use std::fmt::Write as _;

use hickory_proto::rr::RecordType;

use super::*;
use crate::{
    objects::{
        Kind, Namespace, Object,
        written::{Written, WrittenEndpointSlice, WrittenService},
    },
    policy::Zone,
    world::Event,
};

fn policy() -> Policy {
    Policy::kubeadm(vec![Zone::parse("cluster.local").unwrap()])
}

/// Reads objects in YAML, separated by `---`, all with `kind`.
fn objects(yaml: &str) -> Vec<Object> {
    let read = |document: &str| {
        let kind = document
            .lines()
            .find_map(|line| line.strip_prefix("kind: "));
        match kind.unwrap_or_else(|| panic!("no kind in {document}")) {
            "Namespace" => written::<crate::objects::written::WrittenNamespace>(document),
            "Service" => written::<WrittenService>(document),
            "EndpointSlice" => written::<WrittenEndpointSlice>(document),
            other => panic!("{other}"),
        }
    };
    yaml.split("---\n").map(read).collect()
}

fn written<W: Written + serde::de::DeserializeOwned>(yaml: &str) -> Object {
    let written: W = serde_saphyr::from_str(yaml).unwrap();
    written.into_object().unwrap().0
}

fn world(yaml: &str) -> World {
    let mut world = World::default();
    world.apply(Event::Applied(Object::Namespace(Namespace::named("n"))));
    for object in objects(yaml) {
        world.apply(Event::Applied(object));
    }
    for kind in Kind::ALL {
        world.apply(Event::Heard(kind));
    }
    world
}

/// A view of a world under a policy.
fn view<'view>(policy: &'view Policy, world: &'view World) -> View<'view> {
    View {
        policy,
        world,
        resolved: &NothingResolved,
        serial: 0,
    }
}

fn nodes(policy: &Policy, world: &World, owner: &Owner) -> (Vec<Node>, Vec<Skipped>) {
    nodes_of(view(policy, world), owner)
}

/// A node as text: its name, what is denied here and below, then its records, one a line.
fn text<'node>(nodes: impl IntoIterator<Item = &'node Node>) -> String {
    let mut text = String::new();
    for node in nodes {
        writeln!(text, "{} {:?} {:?}", node.name, node.here, node.below).unwrap();
        for set in &node.sets {
            if set.is_left() {
                writeln!(text, "  left {}", set.query_type).unwrap();
            }
            for record in &set.answers {
                let rotate = if set.rotate { " rotate" } else { "" };
                let owner = match record.name == node.name {
                    true => String::new(),
                    false => format!("{} ", record.name),
                };
                let (ttl, data) = (record.ttl, &record.data);
                writeln!(
                    text,
                    "  {owner}{ttl} {} {data}{rotate}",
                    record.record_type()
                )
                .unwrap();
            }
            for record in &set.additional {
                let (ttl, data) = (record.ttl, &record.data);
                writeln!(text, "  + {} {ttl} {data}", record.name).unwrap();
            }
        }
    }
    text
}

/// Checks the nodes of a service, those of its ports aside.
#[track_caller]
fn check(yaml: &str, service: &str, expected: &str) {
    check_under(&policy(), yaml, service, expected, |name| {
        name.matches('.').count() < 7
    });
}

#[track_caller]
fn check_under(
    policy: &Policy,
    yaml: &str,
    service: &str,
    expected: &str,
    chosen: impl Fn(&str) -> bool,
) {
    let (nodes, skipped) = nodes(policy, &world(yaml), &Owner::service("n", service));
    assert_eq!(skipped, []);
    let nodes = nodes.iter().filter(|node| chosen(&node.name.to_ascii()));
    assert_eq!(text(nodes), lines(expected));
}

/// Expected lines without the indentation of the test's source.
fn lines(expected: &str) -> String {
    expected
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .map(|line| format!("{}\n", line.strip_prefix("        ").unwrap_or(line)))
        .collect()
}

fn service(spec: &str) -> String {
    format!("kind: Service\nmetadata: {{namespace: n, name: s}}\nspec: {spec}\n")
}

fn slice(name: &str, endpoints: &str) -> String {
    format!(
        "---\nkind: EndpointSlice\nmetadata: {{namespace: n, name: {name}, labels: {{kubernetes.io/service-name: s}}}}\nendpoints: {endpoints}\n"
    )
}

fn headless(slices: &[&str]) -> String {
    let slices = slices.iter().enumerate();
    service("{clusterIP: None}")
        + &slices
            .map(|(index, endpoints)| slice(&format!("s-{index}"), endpoints))
            .collect::<String>()
}

#[test]
fn a_service_needs_its_namespace_and_itself() {
    let mut world = world(&service("{clusterIP: 10.96.0.1}"));
    let owner = Owner::service("n", "s");
    assert_eq!(nodes(&policy(), &world, &owner).0.len(), 2);
    let namespace = Object::Namespace(Namespace::named("n"));
    world.apply(Event::Deleted(namespace.reference()));
    assert_eq!(nodes(&policy(), &world, &owner), (vec![], vec![]));
    let other = Owner::service("n", "other");
    assert_eq!(nodes(&policy(), &world, &other), (vec![], vec![]));
    let namespace = Owner::Namespace("n".into());
    assert_eq!(nodes(&policy(), &world, &namespace), (vec![], vec![]));
}

#[test]
fn slices_without_their_service_make_no_name() {
    let yaml = slice("s-1", "[{addresses: [10.1.0.1]}]");
    check(yaml.strip_prefix("---\n").unwrap(), "s", "");
}

fn of_zones(policy: &Policy) -> Vec<Node> {
    let (nodes, skipped) = nodes(policy, &World::default(), &Owner::Zone);
    assert_eq!(skipped, []);
    nodes
}

fn of_namespace(policy: &Policy, name: &str) -> (Vec<Node>, Vec<Skipped>) {
    let mut world = World::default();
    world.apply(Event::Applied(Object::Namespace(Namespace::named(name))));
    nodes(policy, &world, &Owner::Namespace(name.into()))
}

#[test]
fn every_zone_denies_what_it_does_not_hold_except_where_others_answer() {
    assert_eq!(
        text(&of_zones(&policy())),
        lines(
            "
        cluster.local. Apex Absent
          30 SOA ns.dns.cluster.local. hostmaster.cluster.local. 0 7200 1800 86400 30
        svc.cluster.local. Empty Absent
        pod.cluster.local. Empty Absent
        dns.cluster.local. Absent Absent
        ns.dns.cluster.local. Pass Absent
        dns-version.cluster.local. Absent Absent
          30 TXT 1.1.0
        "
        )
    );
    let (nodes, skipped) = of_namespace(&policy(), "n");
    assert_eq!(skipped, []);
    assert_eq!(
        text(&nodes),
        "n.svc.cluster.local. Empty Absent\nn.pod.cluster.local. Empty Pass\n"
    );
}

#[test]
fn several_zones_hold_the_same_names() {
    let zones = ["cluster.local", "Other.Example."].map(|zone| Zone::parse(zone).unwrap());
    let policy = Policy::kubeadm(zones.to_vec());
    let world = world(&service("{clusterIP: 10.96.0.1}"));
    let (nodes, _) = nodes(&policy, &world, &Owner::service("n", "s"));
    let names: Vec<_> = nodes
        .iter()
        .map(|node| (node.name.to_ascii(), node.zone))
        .filter(|(name, _)| !name.starts_with('_'))
        .collect();
    assert_eq!(
        names,
        [
            ("s.n.svc.cluster.local.".to_owned(), 0),
            ("s.n.svc.other.example.".to_owned(), 1)
        ]
    );
    assert_eq!(of_zones(&policy).len(), 12);
}

#[test]
fn the_names_between_zones_lead_the_walk_on_and_state_nothing() {
    let zones = ["b.local", "x.y.b.local", "10.96.in-addr.arpa"];
    let zones = zones.map(|zone| Zone::parse(zone).unwrap());
    let nodes = of_zones(&Policy::kubeadm(zones.to_vec()));
    let between = nodes
        .iter()
        .filter(|node| node.here == Denial::Pass && node.below == Denial::Pass);
    assert_eq!(
        between
            .map(|node| node.name.to_string())
            .collect::<Vec<_>>(),
        ["y.b.local.", "in-addr.arpa.", "96.in-addr.arpa."]
    );
}

#[test]
fn names_that_nobody_can_ask_for_are_skipped_with_a_reason() {
    let long = "l".repeat(64);
    for name in ["a.b", "Upper", &long, "ä", "a b"] {
        let (nodes, skipped) = of_namespace(&policy(), name);
        assert_eq!(nodes, []);
        assert_eq!(skipped.len(), 1);
        assert_eq!(skipped[0].object, format!("Namespace {name}"));
    }
    // A name with an underscore is not valid in Kubernetes, but it can be asked for.
    assert_eq!(of_namespace(&policy(), "a_b").0.len(), 2);
}

#[test]
fn a_name_over_255_octets_is_skipped_in_the_zone_where_it_is_too_long() {
    let label = "z".repeat(60);
    let long = format!("{label}.{label}.{label}.{label}");
    let zones = [long.as_str(), "short.example"].map(|zone| Zone::parse(zone).unwrap());
    let (nodes, skipped) = of_namespace(&Policy::kubeadm(zones.to_vec()), "namespace");
    assert_eq!(
        text(&nodes),
        "namespace.svc.short.example. Empty Absent\nnamespace.pod.short.example. Empty Pass\n"
    );
    assert_eq!(skipped.len(), 2);
    assert!(skipped[0].reason.contains("255"), "{}", skipped[0]);
}

#[test]
fn the_dns_service_listens_at_its_cluster_ips_and_its_endpoints() {
    let world = world(
        "\
kind: Service
metadata: {namespace: n, name: s}
spec:
  clusterIPs: [10.96.0.10, 'fd00::a']
  ports: [{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}, {name: metrics, port: 9153, protocol: TCP}]
---
kind: EndpointSlice
metadata: {namespace: n, name: s-1, labels: {kubernetes.io/service-name: s}}
endpoints: [{addresses: [10.1.0.1]}, {addresses: [10.1.0.2], conditions: {ready: false}}]
ports: [{name: dns-tcp, port: 5353, protocol: TCP}, {name: dns, port: 5353, protocol: UDP}, {name: other, port: 7, protocol: UDP}]
---
kind: EndpointSlice
metadata: {namespace: n, name: s-2, labels: {kubernetes.io/service-name: s}}
endpoints: [{addresses: [10.1.0.3]}]
ports: [{name: dns, port: 5300, protocol: UDP}]
",
    );
    let addresses: Vec<_> = dns_addresses(&world, "n", "s")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        addresses,
        [
            "10.1.0.1:5353",
            "10.1.0.2:5353",
            "10.1.0.3:5300",
            "10.96.0.10:53",
            "[fd00::a]:53"
        ]
    );
    assert_eq!(dns_addresses(&world, "n", "other"), []);
}
