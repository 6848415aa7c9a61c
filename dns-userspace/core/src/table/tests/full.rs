//! Maps that say no: what is not in them must not be denied.

use super::{
    maps::{Verdict, content_of as content},
    *,
};
use crate::entries::{Entries, write};

/// The value of `below` in an entry.
fn below(maps: &MemoryMaps, name: &str) -> u8 {
    maps.entries[&wire(name)][2]
}

/// A full table: the zone, the namespace `a`, and the service `s` that is refused.
fn full() -> (Table, MemoryMaps, Changed) {
    let (mut table, mut maps) = beginning();
    maps.most_entries = Some(3);
    maps.log.clear();
    let owner = Owner::service("a", "s");
    let changed = table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
    (table, maps, changed)
}

fn refused(table: &Table) -> Vec<WireName> {
    table.refused().cloned().collect()
}

#[test]
fn the_nearest_parent_of_a_refused_name_stops_denying_before_anything_else_happens() {
    let (table, maps, changed) = full();
    assert_eq!((changed.refused, changed.deaf), (1, false));
    assert!(
        matches!(&maps.log[..], [Operation::PutEntry { name: first, .. }, Operation::PutEntry { name: second, .. }]
            if *first == wire("s.a.svc.") && *second == wire("a.svc.")),
        "{:?}",
        maps.log
    );
    assert_eq!(below(&maps, "a.svc."), 0);
    assert_ne!(below(&maps, "svc."), 0, "only the nearest parent is silent");
    assert_eq!(maps.verdict(&wire("s.a.svc.")), Verdict::Passes);
    assert_eq!(refused(&table), [wire("s.a.svc.")]);
    assert_eq!(table.to_retry(), [Owner::service("a", "s")].into());
    assert_eq!((table.entries(), maps.entries.len()), (3, 3));
}

#[test]
fn the_parent_denies_again_once_the_name_was_put() {
    let (mut table, mut maps, _) = full();
    maps.most_entries = None;
    let owner = Owner::service("a", "s");
    table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
    assert!(refused(&table).is_empty());
    let (_, drafts) = namespace("a");
    maps.assert_holds(&drafts);
    maps.assert_holds(&[addresses("s.a", 1)]);
    assert_eq!((table.entries(), maps.entries.len()), (4, 4));
}

#[test]
fn the_parent_denies_again_once_the_refused_name_is_gone() {
    let (mut table, mut maps, _) = full();
    table.set(&mut maps, &Owner::service("a", "s"), Vec::new());
    assert!(refused(&table).is_empty() && table.to_retry().is_empty());
    assert_eq!(maps.verdict(&wire("s.a.svc.")), Verdict::Denied);
    assert_eq!(table.entries(), 3);
}

#[test]
fn the_parent_stays_silent_until_the_last_of_its_refused_names_was_put() {
    let (mut table, mut maps, _) = full();
    let other = Owner::service("a", "t");
    table.set(&mut maps, &other, vec![addresses("t.a", 1)]);
    maps.most_entries = Some(4);
    maps.live = vec![wire("s.a.svc."), wire("t.a.svc.")];
    table.set(&mut maps, &other, vec![addresses("t.a", 1)]);
    assert_eq!(below(&maps, "a.svc."), 0);
    maps.most_entries = Some(5);
    let owner = Owner::service("a", "s");
    table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
    assert_ne!(below(&maps, "a.svc."), 0);
}

#[test]
fn a_silent_parent_stays_silent_when_it_is_set_again() {
    let (mut table, mut maps, _) = full();
    maps.live = vec![wire("s.a.svc.")];
    maps.log.clear();
    let (owner, drafts) = namespace("a");
    table.set(&mut maps, &owner, drafts);
    assert!(maps.log.is_empty());
    assert_eq!(below(&maps, "a.svc."), 0);
}

#[test]
fn a_name_whose_larger_records_are_refused_is_not_denied() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
    maps.live = vec![wire("s.a.svc.")];
    maps.most_sections = Some(0);
    let changed = table.set(&mut maps, &owner, vec![addresses("s.a", 20)]);
    assert_eq!(changed.refused, 1);
    assert_eq!(table.to_retry(), [owner.clone()].into());
    let stale = content(&addresses("s.a", 1));
    assert_ne!(
        maps.content(&wire("s.a.svc.")),
        Some(stale),
        "a stale answer"
    );
    maps.most_sections = None;
    table.set(&mut maps, &owner, vec![addresses("s.a", 20)]);
    maps.assert_holds(&[addresses("s.a", 20)]);
    assert_eq!(table.entries(), maps.entries.len());
    assert_eq!(maps.verdict(&wire("absent.a.svc.")), Verdict::Denied);
}

#[test]
fn a_namespace_that_is_put_late_does_not_deny_its_refused_services() {
    let (mut table, mut maps) = (Table::new(0), MemoryMaps::default());
    table.set(&mut maps, &Owner::Zone, zone());
    maps.most_entries = Some(2);
    let (namespace, drafts) = namespace("a");
    let service = Owner::service("a", "s");
    table.set(&mut maps, &namespace, drafts.clone());
    let changed = table.set(&mut maps, &service, vec![addresses("s.a", 1)]);
    assert!(!changed.deaf, "the zone can be told to stop denying");
    assert_eq!(table.entries(), maps.entries.len());
    maps.live = vec![wire("s.a.svc."), wire("a.svc.")];
    // Room for one of the two.
    maps.most_entries = Some(3);
    for owner in table.to_retry() {
        let wanted = if owner == namespace {
            drafts.clone()
        } else {
            vec![addresses("s.a", 1)]
        };
        table.set(&mut maps, &owner, wanted);
    }
    maps.most_entries = None;
    for owner in table.to_retry() {
        let wanted = if owner == namespace {
            drafts.clone()
        } else {
            vec![addresses("s.a", 1)]
        };
        table.set(&mut maps, &owner, wanted);
    }
    assert!(refused(&table).is_empty());
    maps.assert_holds(&zone());
    maps.assert_holds(&drafts);
    maps.assert_holds(&[addresses("s.a", 1)]);
    assert_eq!(table.entries(), maps.entries.len());
}

#[test]
fn a_zone_does_not_deny_a_node_of_its_own_that_was_refused_before_it() {
    let (mut table, mut maps) = (Table::new(0), MemoryMaps::default());
    let svc = wire("svc.");
    maps.forbidden = Some(svc.clone());
    table.set(&mut maps, &Owner::Zone, zone());
    assert_eq!(maps.verdict(&svc), Verdict::Passes);
}

#[test]
fn a_parent_that_cannot_be_told_is_told_of_until_it_can() {
    let (mut table, mut maps) = beginning();
    maps.exhausted = true;
    let owner = Owner::service("a", "s");
    for _ in 0..3 {
        let changed = table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
        assert!(changed.deaf, "the parent denies the refused name");
    }
    maps.exhausted = false;
    maps.most_entries = Some(3);
    let changed = table.set(&mut maps, &owner, vec![addresses("s.a", 1)]);
    assert!(!changed.deaf);
    maps.suspended = false;
    assert_eq!(maps.verdict(&wire("s.a.svc.")), Verdict::Passes);
}

#[test]
fn a_refused_section_refuses_the_names_that_need_it_and_no_others() {
    let (mut table, mut maps) = beginning();
    maps.most_sections = Some(1);
    let owner = Owner::service("a", "s");
    let wanted = vec![
        addresses("s.a", 1),
        addresses("p.s.a", 20),
        addresses("q.s.a", 20),
        addresses("r.s.a", 30),
    ];
    let changed = table.set(&mut maps, &owner, wanted.clone());
    // One of the two sections has room: two names share one of them.
    assert!((1..=2).contains(&changed.refused), "{changed:?}");
    for draft in &wanted {
        assert_ne!(maps.verdict(&draft.name), Verdict::Denied);
    }
    maps.most_sections = None;
    table.set(&mut maps, &owner, wanted.clone());
    maps.assert_holds(&wanted);
    assert_eq!(maps.sections.len(), 2);
}

#[test]
fn a_service_does_not_deny_its_own_refused_name_and_nobody_else_is_silent() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    let wanted = vec![addresses("s.a", 1), addresses("p.s.a", 1)];
    maps.forbidden = Some(wire("p.s.a.svc."));
    let changed = table.set(&mut maps, &owner, wanted.clone());
    assert_eq!((changed.refused, changed.deaf), (1, false));
    assert_eq!(below(&maps, "s.a.svc."), 0);
    assert_ne!(
        below(&maps, "a.svc."),
        0,
        "the service's own node is nearer"
    );
    assert_eq!(table.to_retry(), [owner.clone()].into());
    maps.forbidden = None;
    table.set(&mut maps, &owner, wanted.clone());
    maps.assert_holds(&wanted);
    assert_eq!(maps.verdict(&wire("q.s.a.svc.")), Verdict::Denied);
}

#[test]
fn a_refused_service_silences_the_namespace_for_the_refused_names_below_it() {
    let (mut table, mut maps) = beginning();
    maps.most_entries = Some(3);
    let owner = Owner::service("a", "s");
    let wanted = vec![addresses("s.a", 1), addresses("p.s.a", 1)];
    let changed = table.set(&mut maps, &owner, wanted.clone());
    assert_eq!((changed.refused, changed.deaf), (2, false));
    assert_eq!(below(&maps, "a.svc."), 0);
    // Room for the service, or for its port: in the end nobody is silent.
    maps.live = wanted.iter().map(|draft| draft.name.clone()).collect();
    for most in [4, 5] {
        maps.most_entries = Some(most);
        table.set(&mut maps, &owner, wanted.clone());
    }
    maps.assert_holds(&wanted);
    assert_ne!(below(&maps, "a.svc."), 0);
}

#[test]
fn a_name_that_is_below_a_service_of_another_owner_lets_nothing_be_denied_while_it_is_refused() {
    let (mut table, mut maps) = beginning();
    let service = Owner::service("a", "s");
    table.set(&mut maps, &service, vec![addresses("s.a", 1)]);
    let mut drafts = zone();
    drafts.push(addresses("x.s.a", 1));
    maps.forbidden = Some(wire("x.s.a.svc."));
    let entries = Entries {
        drafts,
        ..Entries::default()
    };
    let changed = write(&mut table, &mut maps, [(&Owner::Zone, entries.clone())]);
    assert!(
        changed.deaf && maps.suspended,
        "the service denies a name of the zone's owner"
    );
    maps.forbidden = None;
    let changed = write(&mut table, &mut maps, [(&Owner::Zone, entries)]);
    assert!(!changed.deaf && !table.settle(&mut maps));
}

#[test]
fn a_service_that_comes_later_relieves_the_namespace_of_its_refused_name() {
    let (mut table, mut maps) = beginning();
    let owner = Owner::service("a", "s");
    maps.forbidden = Some(wire("p.s.a.svc."));
    table.set(&mut maps, &owner, vec![addresses("p.s.a", 1)]);
    assert_eq!(below(&maps, "a.svc."), 0);
    maps.live = vec![wire("p.s.a.svc.")];
    let wanted = vec![addresses("s.a", 1), addresses("p.s.a", 1)];
    table.set(&mut maps, &owner, wanted);
    assert_eq!(below(&maps, "s.a.svc."), 0);
    assert_ne!(below(&maps, "a.svc."), 0);
}
