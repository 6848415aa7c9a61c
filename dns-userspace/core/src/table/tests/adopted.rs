//! A new agent on the maps of an earlier one.

use super::{maps::content_of, *};

fn owner(name: &str) -> Owner {
    Owner::service("a", name)
}

/// Maps as an agent has left them that had put these services of the namespace `a`, and a new agent's table.
fn left(services: &[(&str, Vec<Draft>)]) -> (Table, MemoryMaps) {
    let (mut table, mut maps) = beginning();
    for (name, drafts) in services {
        table.set(&mut maps, &owner(name), drafts.clone());
    }
    maps.log.clear();
    (Table::adopting(maps.adopt()), maps)
}

/// Sets everything as an agent does that starts. Returns how many names were refused before what was left over was
/// removed.
fn start(table: &mut Table, maps: &mut MemoryMaps, services: &[(&str, Vec<Draft>)]) -> usize {
    let (namespace, drafts) = namespace("a");
    let owners = services.iter().map(|(name, _)| owner(name));
    let owners = owners.chain([Owner::Zone, namespace.clone()]).collect();
    table.remove_others(maps, &owners);
    let mut refused = table.set(maps, &Owner::Zone, zone()).refused;
    refused += table.set(maps, &namespace, drafts).refused;
    for (name, drafts) in services {
        refused += table.set(maps, &owner(name), drafts.clone()).refused;
    }
    maps.retain(table);
    table.end_adoption();
    for (_, drafts) in services {
        maps.assert_holds(drafts);
    }
    assert_eq!(maps.sections.len(), table.sections().len());
    refused
}

/// Whether an operation puts or removes a section.
fn is_of_section(operation: &&Operation) -> bool {
    matches!(
        operation,
        Operation::PutSection { .. } | Operation::RemoveSection { .. }
    )
}

#[test]
fn sections_that_hold_the_same_are_used_again_and_full_maps_refuse_nothing() {
    let services = [
        ("s", vec![addresses("s.a", 20), addresses("p.s.a", 20)]),
        ("t", vec![addresses("t.a", 20)]),
    ];
    let (mut table, mut maps) = left(&services);
    maps.most_sections = Some(2);
    assert_eq!(start(&mut table, &mut maps, &services), 0);
    assert_eq!(maps.log.iter().filter(is_of_section).count(), 0);
    // They are this agent's own: a change frees them.
    maps.most_sections = None;
    table.set(&mut maps, &owner("s"), vec![addresses("s.a", 30)]);
    table.set(&mut maps, &owner("t"), Vec::new());
    assert_eq!(maps.sections.len(), 1);
}

#[test]
fn what_has_changed_meanwhile_takes_the_room_of_what_it_replaces() {
    let records = |count| {
        [
            (
                "s",
                vec![addresses("s.a", count), addresses("p.s.a", count + 1)],
            ),
            ("t", vec![addresses("t.a", count)]),
        ]
    };
    let (mut table, mut maps) = left(&records(20));
    // One section of room.
    maps.most_sections = Some(4);
    assert_eq!(start(&mut table, &mut maps, &records(30)), 0);
    let kept = |operation: &Operation| !matches!(operation, Operation::RemoveEntry { .. });
    assert!(maps.log.iter().all(kept), "{:?}", maps.log);
}

#[test]
fn without_any_room_a_changed_name_passes_for_a_moment_and_is_not_refused() {
    let (mut table, mut maps) = left(&[("s", vec![addresses("s.a", 20)])]);
    maps.most_sections = Some(1);
    maps.live = vec![wire("s.a.svc.")];
    let changed = [("s", vec![addresses("s.a", 30)])];
    assert_eq!(start(&mut table, &mut maps, &changed), 0);
}

#[test]
fn the_room_of_services_and_names_that_are_gone_is_free_for_others() {
    let before = [
        ("gone", vec![addresses("gone.a", 20)]),
        ("s", vec![addresses("old.s.a", 20)]),
    ];
    let (mut table, mut maps) = left(&before);
    maps.most_sections = Some(2);
    let now = [
        ("new", vec![addresses("new.a", 20)]),
        ("s", vec![addresses("s.a", 1)]),
        ("t", vec![addresses("t.a", 20)]),
    ];
    assert_eq!(start(&mut table, &mut maps, &now), 0);
}

#[test]
fn a_section_without_an_entry_is_removed_and_its_key_is_not_given_out_before() {
    let (_, mut maps) = left(&[("s", vec![addresses("s.a", 20)])]);
    for key in [0, u32::MAX] {
        let (_, section) = addresses("s.a", 40).lay_out(|_| 0).1.remove(0);
        maps.sections.insert(key, section);
    }
    let mut table = Table::adopting(maps.adopt());
    maps.most_sections = Some(3);
    let now = [
        ("s", vec![addresses("s.a", 30)]),
        ("t", vec![addresses("t.a", 20)]),
    ];
    assert_eq!(start(&mut table, &mut maps, &now), 0);
}

#[test]
fn a_section_that_entries_of_two_owners_refer_to_stays_until_neither_does_and_is_one_owners() {
    let services = [
        ("s", vec![addresses("s.a", 20)]),
        ("t", vec![addresses("t.a", 20)]),
    ];
    let (_, mut maps) = left(&services);
    // The entry of `t` refers to the section of `s`.
    let entry = maps.entries[&wire("s.a.svc.")];
    maps.entries.insert(wire("t.a.svc."), entry);
    let mut table = Table::adopting(maps.adopt());
    assert_eq!(start(&mut table, &mut maps, &services), 0);
    table.set(&mut maps, &owner("s"), Vec::new());
    maps.assert_holds(&services[1].1);
}

#[test]
fn a_section_that_is_given_up_stays_while_an_earlier_entry_refers_to_it() {
    let services = [
        ("s", vec![addresses("s.a", 20)]),
        ("t", vec![addresses("t.a", 20)]),
    ];
    let (_, mut maps) = left(&services);
    let entry = maps.entries[&wire("s.a.svc.")];
    maps.entries.insert(wire("t.a.svc."), entry);
    let mut table = Table::adopting(maps.adopt());
    // The maps judge after every operation that nothing refers to what is not there.
    table.set(&mut maps, &owner("s"), services[0].1.clone());
    table.set(&mut maps, &owner("s"), Vec::new());
    table.set(&mut maps, &owner("t"), services[1].1.clone());
    maps.assert_holds(&services[1].1);
}

/// An external name, whose answer ends then.
fn ending(ends: u64) -> Draft {
    let mut node = node("s.a.svc.", Denial::Exists, Denial::Absent);
    let data = RData::A(A::new(192, 0, 2, 1));
    node.sets.push(RecordSet {
        answers: vec![Record::from_rdata(node.name.clone(), 30, data)],
        ends,
        ..RecordSet::left(RecordType::A)
    });
    draft(&node)
}

#[test]
fn an_answer_that_ends_is_used_again_only_if_it_ends_at_the_same_time() {
    for (ends, put) in [(7, 0), (8, 1)] {
        let (mut table, mut maps) = left(&[("s", vec![ending(7)])]);
        start(&mut table, &mut maps, &[("s", vec![ending(ends)])]);
        let is_put = |operation: &&Operation| matches!(operation, Operation::PutSection { .. });
        assert_eq!(maps.log.iter().filter(is_put).count(), put);
    }
}

#[test]
fn nonsense_in_the_maps_is_replaced() {
    let services = [("s", vec![addresses("s.a", 20)])];
    for octet in [1, 4, 5, 7, 0x80, 0xff] {
        let (_, mut maps) = left(&services);
        maps.spoilt = true;
        let names = [
            wire("s.a.svc."),
            [octet, octet].into(),
            [0; 1].into(),
            [].into(),
        ];
        for name in names {
            let mut entry = [octet; dns_ebpf::answer::ENTRY_LEN];
            entry[3] = 8;
            maps.entries.insert(name, entry);
        }
        let mut table = Table::adopting(maps.adopt());
        assert_eq!(start(&mut table, &mut maps, &services), 0);
        let wanted = content_of(&services[0].1[0]);
        assert_eq!(maps.content(&wire("s.a.svc.")), Some(wanted));
        assert_eq!(maps.entries.len(), table.entries());
    }
}

#[test]
fn optional_records_keep_the_room_that_they_had_and_take_no_other() {
    let optional = |name: &str, labels: &str, number| {
        let drafts = vec![optional::with_optional(labels, number)];
        (name.to_owned(), drafts)
    };
    let all = [optional("s", "s.a", 1), optional("t", "t.a", 2)];
    let all: Vec<(&str, Vec<Draft>)> = all
        .iter()
        .map(|(name, drafts)| (&**name, drafts.clone()))
        .collect();
    // The earlier agent came to `t` first, and there was no room for those of `s`.
    let (mut before, mut maps) = beginning();
    maps.most_optional = Some(1);
    for (name, drafts) in all.iter().rev() {
        before.set(&mut maps, &owner(name), drafts.clone());
    }
    maps.log.clear();
    let mut table = Table::adopting(maps.adopt());
    for (name, drafts) in &all {
        table.set(&mut maps, &owner(name), drafts.clone());
    }
    assert_eq!(maps.log.iter().filter(is_of_section).count(), 0);
    maps.assert_holds(&all[1].1);
}
