//! Services of type ExternalName.

use std::collections::BTreeMap;

use hickory_proto::rr::{Name, RData, Record, rdata::A};

use super::*;
use crate::world::Affected;

fn alias(name: &str, target: &str) -> String {
    format!(
        "---\nkind: Service\nmetadata: {{namespace: n, name: {name}}}\nspec: {{type: ExternalName, externalName: '{target}'}}\n"
    )
}

fn with_aliases(aliases: &[(&str, &str)]) -> String {
    service("{clusterIPs: [10.96.0.1]}")
        + &aliases
            .iter()
            .map(|(name, target)| alias(name, target))
            .collect::<String>()
}

#[test]
fn a_chain_within_the_zone_ends_in_the_addresses_of_its_target() {
    let yaml = with_aliases(&[
        ("a", "B.n.svc.cluster.local"),
        ("b", "s.n.svc.CLUSTER.local."),
    ]);
    check(
        &yaml,
        "a",
        "
        a.n.svc.cluster.local. Exists Absent
          30 CNAME B.n.svc.cluster.local.
          B.n.svc.cluster.local. 30 CNAME s.n.svc.CLUSTER.local.
          s.n.svc.CLUSTER.local. 30 A 10.96.0.1
          30 CNAME B.n.svc.cluster.local.
        ",
    );
}

#[test]
fn a_target_within_the_zone_without_addresses_leaves_nothing_but_the_alias() {
    for target in [
        "missing.n.svc.cluster.local",
        "n.svc.cluster.local",
        "cluster.local",
        "x.s.n.svc.cluster.local",
        "a.n.svc.cluster.local",
        "below.a.n.svc.cluster.local",
    ] {
        check(
            &with_aliases(&[("a", target)]),
            "a",
            &format!("        a.n.svc.cluster.local. Exists Absent\n          30 CNAME {target}."),
        );
    }
}

#[test]
fn a_target_below_pod_is_the_address_that_it_spells() {
    for (target, records) in [
        ("10-1-2-3.n.pod.cluster.local", "30 A 10.1.2.3"),
        ("y.x.10-1-2-3.n.pod.cluster.local", "30 A 10.1.2.3"),
        ("0-0-0-0-0-ffff-102-304.n.pod.cluster.local", "30 A 1.2.3.4"),
    ] {
        check(
            &with_aliases(&[("a", target)]),
            "a",
            &format!(
                "        a.n.svc.cluster.local. Exists Absent\n          30 CNAME {target}.\n          {target}. {records}\n          30 CNAME {target}."
            ),
        );
    }
    for target in [
        "a-b-c-d.n.pod.cluster.local",
        "z.y.x.10-1-2-3.n.pod.cluster.local",
        "10-1-2-3.other.pod.cluster.local",
    ] {
        check(
            &with_aliases(&[("a", target)]),
            "a",
            &format!("        a.n.svc.cluster.local. Exists Absent\n          30 CNAME {target}."),
        );
    }
}

#[test]
fn loops_and_chains_over_the_limit_have_no_addresses() {
    check(
        &with_aliases(&[
            ("a", "b.n.svc.cluster.local"),
            ("b", "a.n.svc.cluster.local"),
        ]),
        "a",
        "
        a.n.svc.cluster.local. Exists Absent
          30 CNAME b.n.svc.cluster.local.
        ",
    );
    let chain = |hops: usize| -> String {
        let names: Vec<String> = (0..hops).map(|hop| format!("c{hop}")).collect();
        let target = |hop: usize| match names.get(hop + 1) {
            Some(next) => format!("{next}.n.svc.cluster.local"),
            None => "s.n.svc.cluster.local".to_owned(),
        };
        let links: Vec<String> = (0..hops).map(target).collect();
        let aliases: Vec<(&str, &str)> = names
            .iter()
            .map(String::as_str)
            .zip(links.iter().map(String::as_str))
            .collect();
        let world = world(&with_aliases(&aliases));
        text(&nodes(&policy(), &world, &Owner::service("n", "c0")).0)
    };
    assert!(chain(11).contains("A 10.96.0.1"));
    assert!(!chain(12).contains("A 10.96.0.1"));
}

#[test]
fn names_whose_answer_is_not_certain_are_left() {
    for target in ["ns.dns.cluster.local", "database.mycompany.com"] {
        check(
            &with_aliases(&[("a", target)]),
            "a",
            &format!(
                "        a.n.svc.cluster.local. Exists Absent\n          left A\n          30 CNAME {target}.\n          left AAAA"
            ),
        );
    }
}

/// What the DNS service said of external names.
struct Said(BTreeMap<(Name, RecordType), Vec<Record>>);

impl Resolved for Said {
    fn resolved(&self, target: &Name, query_type: RecordType) -> Option<Resolution<'_>> {
        let records = self.0.get(&(target.clone(), query_type))?;
        Some(Resolution {
            records,
            remaining: 7,
            age: 0,
            ends: 99,
        })
    }
}

#[test]
fn an_external_target_has_the_addresses_that_the_dns_service_said_for_as_long_as_it_said() {
    let target = Name::from_ascii("database.mycompany.com.").unwrap();
    let record = Record::from_rdata(target.clone(), 7, RData::A(A::new(192, 0, 2, 1)));
    let said = Said(BTreeMap::from([
        ((target.clone(), RecordType::A), vec![record]),
        ((target.clone(), RecordType::AAAA), Vec::new()),
    ]));
    let world = world(&with_aliases(&[("a", "Database.MyCompany.com")]));
    let policy = policy();
    let view = View {
        resolved: &said,
        ..view(&policy, &world)
    };
    let owner = Owner::service("n", "a");
    let (nodes, _) = nodes_of(view, &owner);
    assert_eq!(
        text(
            nodes
                .iter()
                .filter(|node| !node.name.to_ascii().starts_with('_'))
        ),
        lines(
            "
        a.n.svc.cluster.local. Exists Absent
          7 CNAME Database.MyCompany.com.
          database.mycompany.com. 7 A 192.0.2.1
          30 CNAME Database.MyCompany.com.
          30 CNAME Database.MyCompany.com.
        "
        )
    );
    assert_eq!(
        nodes[0].sets.iter().map(|set| set.ends).collect::<Vec<_>>(),
        [99, 0, 99]
    );
    let targets = external_targets(view);
    assert_eq!(targets, BTreeMap::from([(target, Affected::from([owner]))]));
    let asked = targets.keys().next().unwrap();
    assert_eq!(asked.to_ascii(), "Database.MyCompany.com.");
}

#[test]
fn an_alias_depends_on_the_service_at_the_end_of_its_chain() {
    let world = world(&with_aliases(&[
        ("a", "b.n.svc.cluster.local"),
        ("b", "x.S.n.svc.cluster.local"),
        ("c", "other.example"),
    ]));
    let policy = policy();
    let of = |name: &str| Owner::service("n", name);
    let all = dependents(view(&policy, &world), Affected::from([of("s")]));
    assert_eq!(all, Affected::from([of("s"), of("a"), of("b")]));
}

#[test]
fn an_alias_depends_on_the_namespace_of_its_target_be_it_a_service_or_a_pod() {
    let world = world(&with_aliases(&[
        ("a", "10-1-2-3.other.pod.cluster.local"),
        ("b", "a.n.svc.cluster.local"),
        ("c", "web.another.svc.cluster.local"),
    ]));
    let policy = policy();
    let of = |name: &str| Owner::service("n", name);
    for (namespace, users) in [
        ("other", vec![of("a"), of("b")]),
        ("another", vec![of("c")]),
    ] {
        let namespace = Owner::Namespace(namespace.into());
        let all = dependents(view(&policy, &world), Affected::from([namespace.clone()]));
        let expected: Affected = users.into_iter().chain([namespace]).collect();
        assert_eq!(all, expected);
    }
}
