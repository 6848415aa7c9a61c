//! Nodes in, map entries out, read back through the documented layout alone.

mod denials;
mod layout;
mod names;
mod optional;

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::{
    RData, Record, RecordType,
    rdata::{A, AAAA, CNAME, TXT},
};

use self::layout::{Placed, read};
use super::*;
use crate::{
    policy::{Policy, Zone},
    records::{Denial, RecordSet},
};

const NAME: &str = "web.shop.svc.cluster.local.";

fn name() -> Name {
    Name::from_ascii(NAME).unwrap()
}

/// Forms of four zones, the last of which holds the nodes of these tests.
fn forms() -> Forms {
    let zones = [
        "one.example",
        "two.example",
        "three.example",
        "cluster.local",
    ];
    let zones = zones.map(|zone| Zone::parse(zone).unwrap());
    Forms::of(&Policy::kubeadm(zones.into())).unwrap()
}

fn form_of(denial: Denial) -> u8 {
    forms().zone(3).unwrap().form(denial)
}

fn node(sets: Vec<RecordSet>) -> Node {
    Node {
        name: name(),
        zone: 3,
        sets,
        here: Denial::Exists,
        below: Denial::Absent,
        of_endpoints: false,
    }
}

fn set(query_type: RecordType, rotate: bool, data: impl IntoIterator<Item = RData>) -> RecordSet {
    let record = |data| Record::from_rdata(name(), 30, data);
    RecordSet {
        query_type,
        answers: data.into_iter().map(record).collect(),
        additional: Vec::new(),
        rotate,
        ends: 0,
        optional: false,
    }
}

fn ipv4(count: u32) -> impl Iterator<Item = RData> {
    (1..=count).map(|number| RData::A(A(Ipv4Addr::from_bits(0x0a00_0000 | number))))
}

fn ipv6(count: u32) -> impl Iterator<Item = RData> {
    (1..=count).map(|number| RData::AAAA(AAAA(Ipv6Addr::from_bits(number.into()))))
}

fn text(octets: usize) -> RData {
    RData::TXT(TXT::new(vec!["x".repeat(octets)]))
}

/// The entry's octets and its sections, whose keys are 1001, 1002 and so on; nothing may be skipped.
fn laid_out(node: &Node) -> ([u8; ENTRY_LEN], Vec<(u32, Section)>) {
    let (draft, skipped) = encode(node, &forms());
    assert!(skipped.is_empty(), "{skipped:?}");
    let mut key = 1000;
    draft.unwrap().lay_out(|_| {
        key += 1;
        key
    })
}

/// Asserts that what is laid out for these sets reads back as these sets.
fn assert_reads_back(sets: &[RecordSet]) {
    let (entry, sections) = laid_out(&node(sets.to_vec()));
    let read = read(&entry, &sections);
    assert_eq!((read.zone, read.below), (3, form_of(Denial::Absent)));
    assert_eq!(read.here, form_of(Denial::Exists));
    assert_eq!(read.slots.len(), sets.len());
    for (slot, set) in read.slots.iter().zip(sets) {
        assert_eq!(slot.query_type, u16::from(set.query_type));
        assert_eq!(slot.flags & AUTHORITATIVE, AUTHORITATIVE);
        assert_eq!(usize::from(slot.answers), set.answers.len());
        assert_eq!(usize::from(slot.additional), set.additional.len());
        let expected: Vec<Record> = set.answers.iter().chain(&set.additional).cloned().collect();
        assert_eq!(slot.records_at(&name()), expected);
        assert_eq!(slot.sum, sum_of(&slot.records));
    }
}

#[test]
fn addresses_of_both_families_and_an_alias_read_back() {
    for (v4, v6) in [
        (1, 0),
        (0, 1),
        (1, 1),
        (2, 2),
        (5, 1),
        (7, 3),
        (8, 8),
        (70, 40),
    ] {
        let mut sets = Vec::new();
        if v4 > 0 {
            sets.push(set(RecordType::A, true, ipv4(v4)));
        }
        if v6 > 0 {
            sets.push(set(RecordType::AAAA, true, ipv6(v6)));
        }
        assert_reads_back(&sets);
    }
    let target = Name::from_ascii("Database.MyCompany.com.").unwrap();
    let alias = RData::CNAME(CNAME(target));
    assert_reads_back(&[set(RecordType::CNAME, false, [alias])]);
    let mut with_additional = set(RecordType::SRV, false, ipv4(1));
    with_additional.additional = set(RecordType::A, false, ipv4(4)).answers;
    assert_reads_back(&[with_additional]);
}

#[test]
fn records_lie_in_the_entry_as_long_as_they_fit() {
    // An entry has 132 octets for slots of 12 and records; an A record takes 16.
    for (count, inline) in [(1, true), (7, true), (8, false)] {
        let (entry, sections) = laid_out(&node(vec![set(RecordType::A, true, ipv4(count))]));
        assert_eq!(sections.is_empty(), inline, "{count}");
        assert_eq!(
            matches!(read(&entry, &sections).slots[0].placed, Placed::Here { .. }),
            inline
        );
    }
    // 12 + 12 + text: header of 12, a length octet.
    for (octets, inline) in [(107, true), (108, false)] {
        let (_, sections) = laid_out(&node(vec![set(RecordType::TXT, false, [text(octets)])]));
        assert_eq!(sections.is_empty(), inline, "{octets}");
    }
}

#[test]
fn the_smaller_of_two_record_sets_lies_in_the_entry() {
    let sets = [
        set(RecordType::A, true, ipv4(20)),
        set(RecordType::AAAA, true, ipv6(1)),
    ];
    assert_reads_back(&sets);
    let (entry, sections) = laid_out(&node(sets.to_vec()));
    let read = read(&entry, &sections);
    assert!(matches!(
        read.slots[0].placed,
        Placed::Section {
            class: 2,
            key: 1001
        }
    ));
    assert!(matches!(read.slots[1].placed, Placed::Here { offset: 28 }));
}

#[test]
fn records_lie_in_the_smallest_section_that_holds_them() {
    // A section has a head of 16 octets; an A record takes 16.
    for (count, class) in [
        (8, 1),
        (11, 1),
        (12, 2),
        (27, 2),
        (28, 3),
        (59, 3),
        (60, 4),
        (89, 4),
    ] {
        let sets = [set(RecordType::A, true, ipv4(count))];
        assert_reads_back(&sets);
        let (_, sections) = laid_out(&node(sets.to_vec()));
        let [(1001, section)] = &sections[..] else {
            panic!("{count}: {sections:?}")
        };
        assert_eq!(section.class, class, "{count}");
        assert_eq!(
            section.octets.len(),
            SECTION_LENGTHS[usize::from(class) - 1]
        );
    }
}

#[test]
fn a_type_with_more_records_than_a_datagram_holds_is_left_and_told_of() {
    // 1456 octets hold the name and its records; this name takes 28.
    let limit = 89;
    let sets = |count| {
        vec![
            set(RecordType::A, true, ipv4(count)),
            set(RecordType::AAAA, false, ipv6(1)),
        ]
    };
    assert!(encode(&node(sets(limit)), &forms()).1.is_empty());
    let (draft, skipped) = encode(&node(sets(limit + 1)), &forms());
    let (entry, sections) = draft.unwrap().lay_out(|_| unreachable!());
    let read = read(&entry, &sections);
    assert_eq!(read.slots[0].flags, LEFT);
    assert_eq!(
        read.slots[1].records_at(&name()),
        sets(1)[1].answers,
        "the other type is answered"
    );
    assert_eq!(
        (read.here, read.below),
        (form_of(Denial::Exists), form_of(Denial::Absent))
    );
    let [told] = &skipped[..] else {
        panic!("{skipped:?}")
    };
    assert!(
        told.object.contains(NAME) && told.object.contains('A'),
        "{told}"
    );
    assert!(told.reason.contains("the DNS service answers it"), "{told}");
}

#[test]
fn a_type_that_is_left_is_a_slot_of_nothing_else() {
    let sets = vec![
        RecordSet::left(RecordType::A),
        set(RecordType::AAAA, false, ipv6(1)),
    ];
    let (entry, sections) = laid_out(&node(sets));
    let read = read(&entry, &sections);
    assert_eq!(entry[4..16], [0, 1, LEFT, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(read.slots.len(), 2);
}

#[test]
fn records_that_end_lie_in_a_section_that_says_when() {
    let mut ending = set(RecordType::A, true, ipv4(1));
    ending.ends = 0x0102_0304_0506_0708;
    let (entry, sections) = laid_out(&node(vec![ending.clone()]));
    let [(_, section)] = &sections[..] else {
        panic!("{sections:?}")
    };
    assert_eq!(section.octets[8..16], ending.ends.to_ne_bytes());
    let slot = read(&entry, &sections).slots.remove(0);
    assert_eq!(slot.records_at(&name()), ending.answers);
}

#[test]
fn a_name_with_too_many_types_passes_and_is_told_of() {
    let types = |count: u16| {
        (1..=count)
            .map(|number| set(RecordType::from(1000 + number), false, ipv4(1)))
            .collect()
    };
    let (entry, sections) = laid_out(&node(types(8)));
    assert_eq!(read(&entry, &sections).slots.len(), 8);
    let (draft, skipped) = encode(&node(types(9)), &forms());
    let (entry, _) = draft.unwrap().lay_out(|_| unreachable!());
    assert_eq!((entry[1], entry[3]), (form_of(Denial::Pass), 0));
    assert_eq!(skipped.len(), 1);
}

#[test]
fn only_several_records_of_one_size_are_turned() {
    let turned = |sets| {
        let (entry, sections) = laid_out(&node(vec![sets]));
        let slot = read(&entry, &sections).slots.remove(0);
        (slot.rotated, slot.record_len)
    };
    for count in [2, 5, 20] {
        let expected = (count as u8, 16);
        assert_eq!(turned(set(RecordType::A, true, ipv4(count))), expected);
    }
    assert_eq!(turned(set(RecordType::AAAA, true, ipv6(3))), (3, 28));
    assert_eq!(turned(set(RecordType::A, true, ipv4(1))).0, 0);
    assert_eq!(turned(set(RecordType::A, false, ipv4(3))).0, 0);
    let unequal = [text(1), text(2)];
    assert_eq!(turned(set(RecordType::TXT, true, unequal)).0, 0);
    let mut with_additional = set(RecordType::A, true, ipv4(3));
    with_additional.additional = set(RecordType::A, false, ipv4(1)).answers;
    assert_eq!(
        turned(with_additional).0,
        0,
        "the records at the end are not the answers"
    );
}

#[test]
fn records_that_are_turned_are_of_a_size_that_its_octet_can_say() {
    // Two strings of 200 octets: a record of 414 octets, which is more than an octet can say.
    let long = || RData::TXT(TXT::new(vec!["x".repeat(200), "y".repeat(200)]));
    let (entry, sections) = laid_out(&node(vec![set(RecordType::TXT, true, [long(), long()])]));
    let slot = read(&entry, &sections).slots.remove(0);
    let turned = usize::from(slot.rotated) * usize::from(slot.record_len);
    assert!(turned == 0 || turned == slot.records.len());
}

#[test]
fn a_passing_draft_says_nothing_for_certain() {
    let sets = vec![set(RecordType::A, true, ipv4(3))];
    let draft = encode(&node(sets), &forms()).0.unwrap();
    let (entry, _) = draft.passing().lay_out(|_| unreachable!());
    assert_eq!(entry[..4], [3, 0, 0, 0]);
    let (entry, _) = draft.passing_below().lay_out(|_| unreachable!());
    assert_eq!(entry[..4], [3, form_of(Denial::Exists), 0, 1]);
}

#[test]
fn names_are_looked_up_in_lower_case_wire_form() {
    let wire = wire_name(&Name::from_ascii("Web.Shop.").unwrap()).unwrap();
    assert_eq!(&*wire, b"\x03web\x04shop\0");
}
