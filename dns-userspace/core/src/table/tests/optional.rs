//! Records that hardly anybody asks for go without where room is short; names do not.

use super::{maps::content_of, *};

/// A name with one address, and `optional` texts that need a section of the first class.
pub(super) fn with_optional(labels: &str, optional: u8) -> Draft {
    let mut node = node(&format!("{labels}.svc."), Denial::Exists, Denial::Absent);
    let record = |data| Record::from_rdata(node.name.clone(), 30, data);
    let text = RData::TXT(TXT::new(vec![format!("{optional:0>150}")]));
    let sets = [
        (RecordType::A, RData::A(A::new(10, 0, 0, 1)), false),
        (RecordType::TXT, text, true),
    ];
    let sets = sets.map(|(query_type, data, optional)| RecordSet {
        answers: vec![record(data)],
        optional,
        ..RecordSet::left(query_type)
    });
    node.sets.extend(sets);
    draft(&node)
}

fn without(draft: &Draft) -> Draft {
    draft.limited(|_| false).into_owned()
}

/// A table with room for one optional section, and a service with two names that each want one.
fn short() -> (Table, MemoryMaps, [Draft; 2]) {
    let (mut table, mut maps) = beginning();
    maps.most_optional = Some(1);
    let wanted = [with_optional("s.a", 1), with_optional("h.s.a", 2)];
    let changed = table.set(&mut maps, &Owner::service("a", "s"), wanted.to_vec());
    assert_eq!((changed.put, changed.refused), (2, 0));
    (table, maps, wanted)
}

#[test]
fn optional_records_beyond_their_room_are_left_and_their_names_are_not_refused() {
    let (table, maps, [own, below]) = short();
    // Deeper names come first.
    maps.assert_holds(&[below, without(&own)]);
    assert_eq!(table.to_retry(), BTreeSet::new());
    assert_eq!(maps.sections.len(), 1);
}

#[test]
fn what_has_not_changed_causes_no_operation_while_optional_records_are_left() {
    let (mut table, mut maps, wanted) = short();
    maps.log.clear();
    let changed = table.set(&mut maps, &Owner::service("a", "s"), wanted.to_vec());
    assert_eq!(changed, Changed::default());
    assert!(maps.log.is_empty(), "{:?}", maps.log);
}

#[test]
fn room_that_other_optional_records_leave_is_taken_when_the_owner_is_set_again() {
    let (mut table, mut maps, [own, _]) = short();
    let owner = Owner::service("a", "s");
    for _ in 0..2 {
        // The section of the name that goes is removed after all else was put.
        table.set(&mut maps, &owner, vec![own.clone()]);
    }
    maps.assert_holds(&[own]);
    table.set(&mut maps, &owner, Vec::new());
    assert!(maps.sections.is_empty());
    let other = with_optional("t.a", 3);
    table.set(&mut maps, &Owner::service("a", "t"), vec![other.clone()]);
    maps.assert_holds(&[other]);
}

#[test]
fn optional_records_that_the_map_refuses_are_left_and_their_name_is_put() {
    let (mut table, mut maps) = beginning();
    maps.most_sections = Some(0);
    let owner = Owner::service("a", "s");
    let wanted = with_optional("s.a", 1);
    for put in [1, 0] {
        let changed = table.set(&mut maps, &owner, vec![wanted.clone()]);
        assert_eq!((changed.put, changed.refused), (put, 0));
        maps.assert_holds(&[without(&wanted)]);
    }
    maps.most_sections = None;
    table.set(&mut maps, &owner, vec![wanted.clone()]);
    maps.assert_holds(&[wanted]);
}

#[test]
fn a_name_whose_entry_is_refused_stays_refused_without_its_optional_records() {
    let (mut table, mut maps) = beginning();
    maps.forbidden = Some(wire("s.a.svc."));
    let owner = Owner::service("a", "s");
    let changed = table.set(&mut maps, &owner, vec![with_optional("s.a", 1)]);
    assert_eq!((changed.put, changed.refused), (0, 1));
    assert_eq!(table.to_retry(), [owner].into());
    assert!(maps.sections.is_empty(), "a section that nobody refers to");
}

#[test]
fn other_records_are_put_however_little_room_is_for_optional_ones() {
    let (mut table, mut maps) = beginning();
    maps.most_optional = Some(0);
    let wanted = [addresses("s.a", 20), with_optional("h.s.a", 1)];
    table.set(&mut maps, &Owner::service("a", "s"), wanted.to_vec());
    let [own, below] = wanted;
    maps.assert_holds(&[own, without(&below)]);
    assert_ne!(content_of(&without(&below)), content_of(&below));
}

/// A service with its own name, and one that asks for any port.
fn with_any_port(service: &str) -> [Draft; 2] {
    [
        addresses(service, 1),
        addresses(&format!("_._tcp.{service}"), 1),
    ]
}

#[test]
fn names_that_ask_for_any_port_are_left_out_beyond_their_room_and_counted() {
    let (mut table, mut maps) = beginning();
    maps.most_optional_names = Some(1);
    let (one, two) = (Owner::service("a", "s"), Owner::service("a", "t"));
    table.set(&mut maps, &one, with_any_port("s.a").to_vec());
    let changed = table.set(&mut maps, &two, with_any_port("t.a").to_vec());
    assert_eq!((changed.put, changed.refused, table.left_out()), (1, 0, 1));
    table.set(&mut maps, &one, Vec::new());
    table.set(&mut maps, &two, with_any_port("t.a").to_vec());
    assert_eq!(table.left_out(), 0);
    maps.assert_holds(&with_any_port("t.a"));
}

#[test]
fn a_name_that_asks_for_any_port_and_is_refused_is_left_out_and_nothing_else_changes() {
    let (mut table, mut maps) = beginning();
    maps.forbidden = Some(wire("_._tcp.s.a.svc."));
    let wanted = with_any_port("s.a");
    let changed = table.set(&mut maps, &Owner::service("a", "s"), wanted.to_vec());
    assert_eq!((changed.put, changed.refused, table.left_out()), (1, 0, 1));
    assert_eq!(table.to_retry(), BTreeSet::new());
    maps.assert_holds(&wanted[..1]);
}

#[test]
fn a_lone_underscore_that_is_no_port_has_its_entry() {
    let (mut table, mut maps) = beginning();
    maps.most_optional_names = Some(0);
    let (owner, drafts) = namespace("_");
    table.set(&mut maps, &owner, drafts.clone());
    maps.assert_holds(&drafts);
    for (namespace, name) in [("a", "_"), ("_", "s")] {
        let own = addresses(&format!("{name}.{namespace}"), 1);
        table.set(
            &mut maps,
            &Owner::service(namespace, name),
            vec![own.clone()],
        );
        maps.assert_holds(&[own]);
    }
    assert_eq!(table.left_out(), 0);
}
