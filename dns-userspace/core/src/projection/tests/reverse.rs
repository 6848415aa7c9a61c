//! The names of addresses.

use super::*;

fn reverse_policy() -> Policy {
    let zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"];
    let mut zones = zones.map(|zone| Zone::parse(zone).unwrap()).to_vec();
    let primary = zones[0].name.clone();
    for zone in &mut zones {
        zone.primary = primary.clone();
    }
    Policy::kubeadm(zones)
}

#[track_caller]
fn check_address(policy: &Policy, yaml: &str, address: &str, expected: &str) {
    let owner = Owner::Address(address.parse().unwrap());
    let (nodes, skipped) = nodes(policy, &world(yaml), &owner);
    assert_eq!(skipped, []);
    assert_eq!(text(&nodes), lines(expected));
}

#[test]
fn a_cluster_address_points_to_its_service_and_an_endpoint_to_each_of_its_names() {
    let yaml = service("{clusterIP: 10.96.0.1}")
        + &slice("s-1", "[{addresses: [10.1.0.1], hostname: Web-0}]")
        + &slice("s-2", "[{addresses: [10.1.0.1]}, {addresses: [10.96.0.1]}]");
    check_address(
        &reverse_policy(),
        &yaml,
        "10.96.0.1",
        "
        1.0.96.10.in-addr.arpa. Absent Absent
          30 PTR s.n.svc.cluster.local.
        ",
    );
    check_address(
        &reverse_policy(),
        &yaml,
        "10.1.0.1",
        "
        1.0.1.10.in-addr.arpa. Absent Absent
          30 PTR Web-0.s.n.svc.cluster.local.
          30 PTR 10-1-0-1.s.n.svc.cluster.local.
        ",
    );
    check_address(&reverse_policy(), &yaml, "10.1.0.9", "");
}

#[test]
fn endpoints_have_reverse_names_without_their_service_too() {
    let yaml = slice("s-1", "[{addresses: ['fd00::1']}]");
    check_address(
        &reverse_policy(),
        yaml.strip_prefix("---\n").unwrap(),
        "fd00::1",
        "
        1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. Absent Absent
          30 PTR fd00--1.s.n.svc.cluster.local.
        ",
    );
}

#[test]
fn an_address_that_is_not_ready_or_not_in_a_zone_has_no_name() {
    let yaml = headless(&["[{addresses: [10.1.0.1], conditions: {ready: false}}]"]);
    check_address(&reverse_policy(), &yaml, "10.1.0.1", "");
    check_address(
        &policy(),
        &service("{clusterIP: 10.96.0.1}"),
        "10.96.0.1",
        "",
    );
}

#[test]
fn two_services_with_one_address_and_a_slice_without_a_service_pass() {
    let two = service("{clusterIP: 10.96.0.1}")
        + "---\nkind: Service\nmetadata: {namespace: n, name: t}\nspec: {clusterIP: 10.96.0.1}\n";
    let expected = "        1.0.96.10.in-addr.arpa. Pass Absent";
    check_address(&reverse_policy(), &two, "10.96.0.1", expected);
    let stray = "kind: EndpointSlice\nmetadata: {namespace: n, name: x}\nendpoints: [{addresses: [10.96.0.1]}]\n";
    check_address(&reverse_policy(), stray, "10.96.0.1", expected);
}

#[test]
fn the_longest_reverse_zone_holds_the_name() {
    let mut policy = reverse_policy();
    let mut deeper = Zone::parse("96.10.in-addr.arpa").unwrap();
    deeper.primary = policy.zones[0].name.clone();
    policy.zones.push(deeper);
    let world = world(&service("{clusterIP: 10.96.0.1}"));
    let owner = Owner::Address("10.96.0.1".parse().unwrap());
    let (nodes, _) = nodes(&policy, &world, &owner);
    assert_eq!(nodes.iter().map(|node| node.zone).collect::<Vec<_>>(), [3]);
}

#[test]
fn an_endpoint_without_a_host_name_has_a_reverse_name_where_the_version_gives_it_one() {
    let yaml = headless(&["[{addresses: [10.1.0.1]}]"]);
    for (needed, expected) in [
        (Some(true), ""),
        (None, "        1.0.1.10.in-addr.arpa. Pass Absent"),
    ] {
        let mut policy = reverse_policy();
        for zone in &mut policy.zones {
            zone.rules.reverse_needs_hostname = needed;
        }
        check_address(&policy, &yaml, "10.1.0.1", expected);
    }
}
