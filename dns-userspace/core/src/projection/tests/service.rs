//! The names of services and of their endpoints.

use super::*;

#[test]
fn a_cluster_ip_is_one_address_and_the_other_family_exists_without_data() {
    check(
        &service("{clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1]}"),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
        ",
    );
}

#[test]
fn a_dual_stack_service_has_both_families_whatever_its_type() {
    for kind in ["ClusterIP", "NodePort", "LoadBalancer"] {
        check(
            &service(&format!(
                "{{type: {kind}, clusterIPs: ['fd00::1', 10.96.0.1], externalIPs: [192.0.2.1]}}"
            )),
            "s",
            "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
          30 AAAA fd00::1
            ",
        );
    }
}

#[test]
fn a_service_whose_addresses_are_unknown_or_unusual_passes() {
    for addresses in ["''", "'10.96.00.1'", "'::ffff:10.96.0.1'", "'FD00::1'", "x"] {
        check(
            &service(&format!("{{clusterIP: {addresses}}}")),
            "s",
            "
        s.n.svc.cluster.local. Pass Pass
            ",
        );
    }
}

#[test]
fn endpoints_of_a_service_with_a_cluster_ip_have_names_and_do_not_change_its_own() {
    check(
        &(service("{clusterIP: 10.96.0.1}")
            + &slice("s-1", "[{addresses: [10.1.0.1], hostname: h}]")),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
        h.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1
        ",
    );
}

#[test]
fn a_headless_service_has_all_ready_endpoints_of_all_slices_once() {
    check(
        &headless(&[
            "[{addresses: [10.1.0.2]}, {addresses: [10.1.0.3], conditions: {ready: false}}]",
            "[{addresses: [10.1.0.2], conditions: {ready: true}}, {addresses: [10.1.0.1]}]",
            "[{addresses: ['fd00::7']}]",
        ]),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.2 rotate
          30 A 10.1.0.1 rotate
          30 AAAA fd00::7
        10-1-0-1.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1
        10-1-0-2.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.2
        fd00--7.s.n.svc.cluster.local. Exists Absent
          30 AAAA fd00::7
        ",
    );
}

#[test]
fn a_headless_service_without_a_ready_endpoint_has_no_name() {
    check(&headless(&[]), "s", "");
    check(&headless(&["[]"]), "s", "");
    check(
        &headless(&["[{addresses: [10.1.0.1], hostname: h, conditions: {ready: false}}]"]),
        "s",
        "",
    );
}

#[test]
fn a_host_name_stands_for_all_endpoints_that_have_it_and_hides_the_dashed_address() {
    check(
        &headless(&[
            "[{addresses: [10.1.0.2], hostname: Web-0}, {addresses: [10.1.0.1], hostname: web-0}]",
            "[{addresses: ['fd00::1'], hostname: web-0}, {addresses: [10.1.0.3], hostname: web-1}]",
        ]),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.2 rotate
          30 A 10.1.0.1 rotate
          30 A 10.1.0.3 rotate
          30 AAAA fd00::1
        web-0.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.2 rotate
          30 A 10.1.0.1 rotate
          30 AAAA fd00::1
        web-1.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.3
        ",
    );
}

#[test]
fn a_service_with_an_endpoint_of_an_unusual_address_passes_with_all_names_below_it() {
    for address in ["db.example.com", "'::ffff:10.1.0.9'", "'FD00::1'"] {
        check(
            &headless(&[&format!(
                "[{{addresses: [{address}], hostname: a}}, {{addresses: [10.1.0.1], hostname: b}}]"
            )]),
            "s",
            "
        s.n.svc.cluster.local. Pass Pass
            ",
        );
    }
}

#[test]
fn an_endpoint_whose_name_is_unusual_leaves_what_names_it_and_what_is_below() {
    check(
        &(headless(&["[{addresses: [10.1.0.1], hostname: a.b}]"])
            + "ports: [{name: p, port: 1}]\n"),
        "s",
        "
        s.n.svc.cluster.local. Exists Pass
          30 A 10.1.0.1
          left SRV
        ",
    );
}

#[test]
fn an_external_name_is_an_alias_in_its_own_spelling() {
    for target in ["Database.MyCompany.com", "Database.MyCompany.com."] {
        check(
            &service(&format!(
                "{{type: ExternalName, externalName: {target}, clusterIP: None}}"
            )),
            "s",
            "
        s.n.svc.cluster.local. Exists Absent
          left A
          30 CNAME Database.MyCompany.com.
          left AAAA
            ",
        );
    }
}

#[test]
fn an_external_name_that_is_an_address_has_no_name() {
    for target in ["192.0.2.1", "'2001:db8::1'", "'2001:DB8::1'"] {
        check(
            &service(&format!("{{type: ExternalName, externalName: {target}}}")),
            "s",
            "",
        );
    }
}

#[test]
fn an_unusual_external_name_passes() {
    let long = format!("{}.com", "a".repeat(64));
    for target in [".", "a..b", "'a b'", "'a\\.b'", "ä.com", &long] {
        check(
            &service(&format!("{{type: ExternalName, externalName: {target}}}")),
            "s",
            "
        s.n.svc.cluster.local. Pass Absent
            ",
        );
    }
}
