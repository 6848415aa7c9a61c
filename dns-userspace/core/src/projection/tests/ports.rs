//! Names of ports, and SRV records with the addresses of their targets.

use super::*;

fn port_names(yaml: &str) -> Vec<String> {
    let (nodes, _) = nodes(&policy(), &world(yaml), &Owner::service("n", "s"));
    let below = |node: &Node| {
        let name = node.name.to_ascii();
        name.strip_suffix(".s.n.svc.cluster.local.")
            .map(str::to_owned)
    };
    nodes.iter().filter_map(below).collect()
}

#[test]
fn a_port_is_asked_for_with_and_without_underscores_or_as_any() {
    let yaml = service("{clusterIP: 10.96.0.1, ports: [{name: http, port: 80, protocol: TCP}]}");
    assert_eq!(
        port_names(&yaml),
        [
            "_._",
            "_._tcp",
            "_.tcp",
            "_http._",
            "_http._tcp",
            "_http.tcp",
            "http._",
            "http._tcp",
            "http.tcp"
        ]
    );
}

#[test]
fn an_unnamed_port_is_asked_for_as_any_port_of_its_protocol() {
    let yaml = service("{clusterIP: 10.96.0.1, ports: [{port: 80, protocol: UDP}]}");
    assert_eq!(port_names(&yaml), ["_._", "_._udp", "_.udp"]);
}

#[test]
fn ports_of_one_number_are_one_record_and_count_as_many() {
    check(
        &service(
            "{clusterIP: 10.96.0.1, ports: [{name: dns, port: 53, protocol: UDP}, \
             {name: dns-tcp, port: 53, protocol: TCP}, {name: metrics, port: 9153, protocol: TCP}]}",
        ),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
          30 SRV 0 33 53 s.n.svc.cluster.local.
          30 SRV 0 33 9153 s.n.svc.cluster.local.
          + s.n.svc.cluster.local. 30 10.96.0.1
        ",
    );
}

#[test]
fn a_port_query_weighs_only_the_ports_it_found() {
    check_under(
        &policy(),
        &service(
            "{clusterIPs: [10.96.0.1, 'fd00::1'], ports: [{name: a, port: 1, protocol: TCP}, \
             {name: b, port: 2, protocol: TCP}]}",
        ),
        "s",
        "
        _a._tcp.s.n.svc.cluster.local. Exists Absent
          30 A 10.96.0.1
          30 AAAA fd00::1
          30 SRV 0 50 1 s.n.svc.cluster.local.
          + s.n.svc.cluster.local. 30 10.96.0.1
          + s.n.svc.cluster.local. 30 fd00::1
        ",
        |name| name.starts_with("_a._tcp"),
    );
}

#[test]
fn a_headless_service_has_the_ports_of_its_slices_and_targets_as_they_are_stored() {
    check(
        &(service("{clusterIP: None, ports: [{name: other, port: 9, protocol: TCP}]}")
            + &slice(
                "s-1",
                "[{addresses: [10.1.0.1], hostname: Web-0}, {addresses: [10.1.0.2]}]",
            )
            + "ports: [{name: p, port: 80, protocol: TCP}]\n"),
        "s",
        "
        s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1 rotate
          30 A 10.1.0.2 rotate
          30 SRV 0 50 80 Web-0.s.n.svc.cluster.local.
          30 SRV 0 50 80 10-1-0-2.s.n.svc.cluster.local.
          + Web-0.s.n.svc.cluster.local. 30 10.1.0.1
          + 10-1-0-2.s.n.svc.cluster.local. 30 10.1.0.2
        10-1-0-2.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.2
          30 SRV 0 100 80 10-1-0-2.s.n.svc.cluster.local.
          + 10-1-0-2.s.n.svc.cluster.local. 30 10.1.0.2
        web-0.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1
          30 SRV 0 100 80 Web-0.s.n.svc.cluster.local.
          + Web-0.s.n.svc.cluster.local. 30 10.1.0.1
        ",
    );
}

#[test]
fn service_records_at_an_endpoints_own_name_alone_are_optional() {
    let ports = "ports: [{name: p, port: 80, protocol: TCP}]\n";
    let endpoints = "[{addresses: [10.1.0.1], hostname: Web-0}]";
    for spec in [
        "{clusterIP: None}",
        "{clusterIP: 10.96.0.1, ports: [{name: p, port: 80, protocol: TCP}]}",
    ] {
        let yaml = service(spec) + &slice("s-1", endpoints) + ports;
        let (nodes, _) = nodes(&policy(), &world(&yaml), &Owner::service("n", "s"));
        let mut found = Vec::new();
        let mut others = 0;
        for node in &nodes {
            for set in &node.sets {
                if set.optional {
                    assert_eq!(set.query_type, RecordType::SRV);
                    found.push(node.name.to_ascii());
                } else {
                    others += usize::from(set.query_type == RecordType::SRV);
                }
            }
        }
        assert_eq!(found, ["web-0.s.n.svc.cluster.local."], "{spec}");
        // The service's own name, and nine of its port.
        assert_eq!(others, 10, "{spec}");
    }
}

#[test]
fn a_port_without_a_number_has_addresses_and_no_service_record() {
    check_under(
        &policy(),
        &(headless(&["[{addresses: [10.1.0.1]}]"]) + "ports: [{name: p, protocol: TCP}]\n"),
        "s",
        "
        _p._tcp.s.n.svc.cluster.local. Exists Absent
          30 A 10.1.0.1
        ",
        |name| name.starts_with("_p._tcp"),
    );
}

#[test]
fn a_service_with_very_many_ports_is_answered_at_its_own_name_only() {
    let ports: Vec<String> = (1..=1000)
        .map(|port| format!("{{name: p{port}, port: {port}}}"))
        .collect();
    let yaml = service(&format!(
        "{{clusterIP: 10.96.0.1, ports: [{}]}}",
        ports.join(", ")
    ));
    let (nodes, skipped) = nodes(&policy(), &world(&yaml), &Owner::service("n", "s"));
    assert_eq!(nodes.len(), 1);
    assert_eq!(
        (nodes[0].here, nodes[0].below),
        (Denial::Exists, Denial::Pass)
    );
    assert!(skipped[0].reason.contains("1000 ports"), "{}", skipped[0]);
}

#[test]
fn a_service_with_a_port_that_cannot_be_read_passes() {
    let yaml = "kind: Service\nmetadata: {namespace: n, name: s}\nspec: {clusterIP: 10.96.0.1, ports: [{port: 70000}]}\n";
    check(yaml, "s", "        s.n.svc.cluster.local. Pass Pass");
}

#[test]
fn sets_that_no_reply_holds_are_not_built_and_told_once_for_each_name() {
    let addresses: Vec<String> = (0..300)
        .map(|index| format!("{{addresses: [10.1.{}.{}]}}", index / 250, index % 250))
        .collect();
    let yaml = format!(
        "kind: Service\nmetadata: {{name: s, namespace: n}}\nspec: {{clusterIP: None}}\n---\n\
         kind: EndpointSlice\nmetadata: {{name: s-1, namespace: n, labels: {{kubernetes.io/service-name: s}}}}\n\
         endpoints: [{}]\nports: [{{name: http, port: 80, protocol: TCP}}]\n",
        addresses.join(", ")
    );
    let (nodes, skipped) = nodes(&policy(), &world(&yaml), &Owner::service("n", "s"));
    let own = nodes.iter().find(|node| node.name.num_labels() == 5);
    let sets = &own.expect("the service's own name").sets;
    let types: Vec<RecordType> = sets.iter().map(|set| set.query_type).collect();
    assert_eq!(types, [RecordType::A, RecordType::SRV], "neither is denied");
    assert!(sets.iter().all(crate::records::RecordSet::is_left));
    assert!(
        skipped
            .iter()
            .all(|skipped| skipped.object == "Service n/s")
    );
    let reason = "s.n.svc has more A and SRV records than a reply here holds";
    let told = |skipped: &&crate::objects::Skipped| skipped.reason.starts_with(reason);
    assert_eq!(skipped.iter().filter(told).count(), 1, "{skipped:?}");
    let small = nodes
        .iter()
        .any(|node| node.name.to_ascii().starts_with("10-1-0-7.s.n."));
    assert!(small, "each endpoint has its name");
}

/// A headless service with so many endpoints, of which each has so many ports.
fn large(endpoints: usize, ports: usize) -> World {
    let addresses: Vec<String> = (0..endpoints)
        .map(|index| format!("{{addresses: [10.1.{}.{}]}}", index / 250, index % 250))
        .collect();
    let numbers: Vec<String> = (1..=ports)
        .map(|number| format!("{{name: p{number}, port: {number}, protocol: TCP}}"))
        .collect();
    let slice = slice("s-1", &format!("[{}]", addresses.join(", ")));
    let ports = format!("ports: [{}]\n", numbers.join(", "));
    world(&(service("{clusterIP: None}") + &slice + &ports))
}

/// How many names the service has, and how many records are built for them.
fn built(endpoints: usize, ports: usize) -> (usize, usize) {
    let world = large(endpoints, ports);
    let (nodes, _) = nodes(&policy(), &world, &Owner::service("n", "s"));
    let sets = nodes.iter().flat_map(|node| &node.sets);
    let records = sets.map(|set| set.answers.len() + set.additional.len());
    (nodes.len(), records.sum())
}

#[test]
fn a_service_of_many_endpoints_with_many_ports_costs_their_sum_and_keeps_every_name() {
    for (endpoints, ports) in [(1_000, 100), (2_000, 100), (1_000, 50)] {
        let (names, records) = built(endpoints, ports);
        // Its own, those that ask for any port, six of each port, and those of its endpoints.
        assert_eq!(names, 1 + 3 + 6 * ports + endpoints);
        assert!(records <= endpoints + ports, "{records} records are built");
    }
}

#[test]
fn what_a_reply_holds_is_built_whatever_the_number_of_ports() {
    let world = large(1, 12);
    let (nodes, skipped) = nodes(&policy(), &world, &Owner::service("n", "s"));
    assert_eq!(skipped, []);
    for node in &nodes {
        assert!(node.sets.iter().all(|set| !set.is_left()), "{}", node.name);
    }
}

#[test]
fn ports_are_looked_through_once_for_all_slices_that_have_them_though_two_sets_of_them_take_turns()
{
    let slices: String = (0..20)
        .map(|index| {
            slice(
                &format!("s-{index:02}"),
                &format!("[{{addresses: [10.1.0.{index}]}}]"),
            ) + &format!("ports: [{{name: p, port: {}}}]\n", 80 + index % 2)
        })
        .collect();
    let world = world(&(service("{clusterIP: None}") + &slices));
    let policy = policy();
    let zone = ZoneView::new(view(&policy, &world), 0).unwrap();
    let service = world.service("n", "s").unwrap();
    let offers = targets::of_endpoints(&zone, service).unwrap();
    for asked in [
        found::Asked::Service,
        found::Asked::Port {
            port: "p",
            protocol: "",
        },
    ] {
        let chosen = targets::Targets::of(&offers, asked).0;
        assert_eq!(chosen.len(), 20, "in their order");
        let looked = chosen
            .iter()
            .map(|chosen| std::rc::Rc::as_ptr(&chosen.ports));
        assert_eq!(looked.collect::<std::collections::BTreeSet<_>>().len(), 2);
    }
}
