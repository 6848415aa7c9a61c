//! Tables of maps in memory, which can be told to be full, and which are judged after every operation.

mod adopted;
mod full;
mod maps;
mod optional;
mod pieces;
mod properties;

use std::net::IpAddr;

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, TXT},
};

use self::maps::MemoryMaps;
use super::*;
use crate::{
    encode::{Forms, encode},
    policy::{Policy, Zone},
    records::{Denial, Node, RecordSet},
};

/// A node of the zone `z.`, by its labels below the zone.
fn node(labels: &str, here: Denial, below: Denial) -> Node {
    Node {
        name: Name::from_ascii(format!("{labels}z.")).unwrap(),
        zone: 0,
        sets: Vec::new(),
        here,
        below,
        of_endpoints: false,
    }
}

fn policy() -> Policy {
    Policy::kubeadm(vec![Zone::parse("z").unwrap()])
}

fn forms() -> Forms {
    Forms::of(&policy()).unwrap()
}

fn draft(node: &Node) -> Draft {
    encode(node, &forms()).0.unwrap()
}

/// What the zone itself holds.
fn zone() -> Vec<Draft> {
    vec![
        draft(&node("", Denial::Apex, Denial::Absent)),
        draft(&node("svc.", Denial::Empty, Denial::Absent)),
    ]
}

fn namespace(name: &str) -> (Owner, Vec<Draft>) {
    let node = node(&format!("{name}.svc."), Denial::Empty, Denial::Absent);
    (Owner::Namespace(name.into()), vec![draft(&node)])
}

/// A name with `count` addresses: up to 7 IPv4 addresses lie in the entry itself, more in a section.
fn addresses(labels: &str, count: u8) -> Draft {
    let mut node = node(&format!("{labels}.svc."), Denial::Exists, Denial::Absent);
    let record = |ip| {
        let data = match ip {
            IpAddr::V4(ip) => RData::A(A(ip)),
            IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
        };
        Record::from_rdata(node.name.clone(), 30, data)
    };
    let answers: Vec<Record> = (1..=count)
        .map(|last| record(IpAddr::from([10, 0, 0, last])))
        .collect();
    node.sets.push(RecordSet {
        query_type: RecordType::A,
        rotate: answers.len() > 1,
        answers,
        additional: Vec::new(),
        ends: 0,
        optional: false,
    });
    draft(&node)
}

fn wire(labels: &str) -> WireName {
    crate::encode::wire_name(&Name::from_ascii(format!("{labels}z.")).unwrap()).unwrap()
}

/// A table with the zone and the namespace `a`.
fn beginning() -> (Table, MemoryMaps) {
    let (mut table, mut maps) = (Table::new(0), MemoryMaps::default());
    table.set(&mut maps, &Owner::Zone, zone());
    let (owner, drafts) = namespace("a");
    table.set(&mut maps, &owner, drafts);
    (table, maps)
}

#[test]
fn a_section_is_put_before_the_entry_that_refers_to_it_and_removed_after() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    for count in [20, 40, 20, 1] {
        // Whether every section that an entry refers to is there is looked at after every operation.
        table.set(&mut maps, &owner, vec![addresses("s.a", count)]);
        maps.assert_holds(&[addresses("s.a", count)]);
    }
    assert!(
        maps.sections.is_empty() && table.sections().is_empty(),
        "one address needs no section"
    );
    table.set(&mut maps, &owner, vec![addresses("s.a", 20)]);
    assert_eq!(
        maps.sections.len(),
        1,
        "20 addresses need a section of their own"
    );
    table.set(&mut maps, &owner, Vec::new());
    assert!(maps.sections.is_empty());
}

#[test]
fn a_name_that_stays_is_replaced_by_one_update_and_never_removed() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    let change = [
        vec![addresses("s.a", 3), addresses("h.s.a", 1)],
        vec![addresses("s.a", 20), addresses("i.s.a", 1)],
        vec![addresses("s.a", 40)],
        vec![addresses("s.a", 1), addresses("h.s.a", 2)],
    ];
    table.set(&mut maps, &owner, change[0].clone());
    for wanted in &change[1..] {
        maps.log.clear();
        table.set(&mut maps, &owner, wanted.clone());
        let of_the_name: Vec<&Operation> = maps
            .log
            .iter()
            .filter(|operation| {
                matches!(operation,
                    Operation::PutEntry { name, .. } | Operation::RemoveEntry { name }
                        if *name == wire("s.a.svc."))
            })
            .collect();
        assert!(matches!(of_the_name[..], [Operation::PutEntry { .. }]));
    }
}

#[test]
fn new_names_are_put_before_old_ones_are_removed() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    table.set(&mut maps, &owner, vec![addresses("h.s.a", 1)]);
    maps.log.clear();
    table.set(&mut maps, &owner, vec![addresses("i.s.a", 1)]);
    assert!(matches!(
        &maps.log[..],
        [Operation::PutEntry { name, .. }, Operation::RemoveEntry { name: gone }]
            if *name == wire("i.s.a.svc.") && *gone == wire("h.s.a.svc.")
    ));
}

#[test]
fn what_has_not_changed_causes_no_operation() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    let wanted = vec![addresses("s.a", 20), addresses("h.s.a", 1)];
    table.set(&mut maps, &owner, wanted.clone());
    maps.log.clear();
    let (namespace, drafts) = namespace("a");
    let changes = [
        table.set(&mut maps, &owner, wanted.into_iter().rev().collect()),
        table.set(&mut maps, &namespace, drafts),
        table.set(&mut maps, &Owner::Zone, zone()),
    ];
    assert_eq!(changes, [Changed::default(); 3]);
    assert!(maps.log.is_empty(), "{:?}", maps.log);
}

#[test]
fn a_change_touches_only_the_names_of_its_own_service() {
    let (mut table, mut maps) = beginning();
    for name in ["s", "t"] {
        let own = addresses(&format!("{name}.a"), 20);
        table.set(&mut maps, &Owner::service("a", name), vec![own]);
    }
    let kept = table.sections();
    maps.log.clear();
    table.set(
        &mut maps,
        &Owner::service("a", "s"),
        vec![addresses("s.a", 21)],
    );
    for operation in &maps.log {
        match operation {
            Operation::PutEntry { name, .. } | Operation::RemoveEntry { name } => {
                assert_eq!(*name, wire("s.a.svc."));
            }
            Operation::PutSection { key, .. } => {
                assert!(kept.iter().all(|(_, kept)| kept != key), "a key in use");
            }
            Operation::RemoveSection { class, key } => assert!(kept.contains(&(*class, *key))),
        }
    }
    maps.assert_holds(&[addresses("s.a", 21), addresses("t.a", 20)]);
}

#[test]
fn names_of_one_owner_with_the_same_records_share_a_section() {
    let (mut table, mut maps) = beginning();
    let (one, other) = (Owner::service("a", "s"), Owner::service("a", "t"));
    let names = ["s.a", "p.s.a", "q.r.s.a"];
    let all = |count| names.map(|name| addresses(name, count));
    table.set(&mut maps, &one, all(20).into());
    table.set(&mut maps, &other, vec![addresses("t.a", 20)]);
    assert_eq!(maps.sections.len(), 2, "one for each owner");
    let kept = table.sections();
    // As long as one name refers to it, it stays; a name that comes back refers to it again.
    let [_, port, deep] = all(20);
    for wanted in [
        vec![deep.clone()],
        vec![port.clone(), deep.clone()],
        vec![port],
    ] {
        table.set(&mut maps, &one, wanted.clone());
        maps.assert_holds(&wanted);
        assert_eq!(table.sections(), kept);
    }
    table.set(&mut maps, &one, all(30).into());
    maps.assert_holds(&all(30));
    assert_eq!(maps.sections.len(), 2);
    table.set(&mut maps, &one, Vec::new());
    table.set(&mut maps, &other, Vec::new());
    assert!(maps.sections.is_empty() && table.sections().is_empty());
}
