//! Names inside records: pointed at where CoreDNS points at them, never in targets of services.

use hickory_proto::rr::rdata::{SOA, SRV};

use super::*;

fn below(labels: &str) -> Name {
    Name::from_ascii(format!("{labels}.cluster.local.")).unwrap()
}

fn record(owner: &Name, data: RData) -> Record {
    Record::from_rdata(owner.clone(), 30, data)
}

fn service(owner: &Name, target: &Name) -> Record {
    record(owner, RData::SRV(SRV::new(0, 50, 80, target.clone())))
}

fn services(answers: Vec<Record>, additional: Vec<Record>) -> RecordSet {
    RecordSet {
        query_type: RecordType::SRV,
        answers,
        additional,
        rotate: false,
        ends: 0,
        optional: false,
    }
}

fn address(owner: &Name, last: u32) -> Record {
    record(owner, ipv4(last).last().unwrap())
}

fn long_address(owner: &Name) -> Record {
    record(owner, ipv6(1).last().unwrap())
}

/// The one slot of a node, and what is told of it.
fn slot_of(name: &Name, set: RecordSet) -> (layout::ReadSlot, Vec<Skipped>) {
    let node = Node {
        name: name.clone(),
        ..node(vec![set])
    };
    let (draft, skipped) = encode(&node, &forms());
    let (entry, sections) = draft.unwrap().lay_out(|_| 1);
    (read(&entry, &sections).slots.remove(0), skipped)
}

#[test]
fn names_with_a_lone_underscore_in_front_ask_for_any_port_or_protocol() {
    for (name, asks) in [
        (&b"\x01_\x04_tcp\x03web\0"[..], true),
        (b"\x05_http\x01_\x03web\0", true),
        (b"\x01_\0", true),
        (b"\x05_http\x04_tcp\x01_\0", false),
        (b"\x02__\x04_tcp\x03web\0", false),
        (b"\x03web\0", false),
        (b"\0", false),
        (b"\x3fcut off", false),
        (b"", false),
    ] {
        assert_eq!(asks_for_any(name), asks, "{}", name.escape_ascii());
    }
}

#[test]
fn a_name_with_an_octet_of_zero_in_a_label_has_no_entry() {
    for (labels, has_entry) in [(&b"a\0"[..], false), (b"\0", false), (b"a", true)] {
        let name = Name::from_labels([labels, b"svc"]).unwrap();
        assert_eq!(wire_name(&name).is_ok(), has_entry, "{name}");
        let (draft, skipped) = encode(
            &Node {
                name,
                ..node(Vec::new())
            },
            &forms(),
        );
        assert_eq!(
            (draft.is_some(), skipped.is_empty()),
            (has_entry, has_entry)
        );
    }
}

#[test]
fn addresses_of_targets_are_owned_by_pointers_that_do_not_depend_on_the_questions_name() {
    let (one, two) = (below("Pod-1.web.shop.svc"), below("pod-2.web.shop.svc"));
    let set = |owner: &Name| {
        services(
            vec![service(owner, &one), service(owner, &two)],
            vec![address(&two, 1), long_address(&one), address(&one, 2)],
        )
    };
    let names = ["web.shop.svc", "_http._tcp.web.shop.svc"].map(below);
    let slots = names.each_ref().map(|name| slot_of(name, set(name)).0);
    for (slot, name) in slots.iter().zip(&names) {
        assert_eq!(slot.flags & TARGETS, TARGETS);
        let set = set(name);
        let expected: Vec<Record> = set.answers.into_iter().chain(set.additional).collect();
        let got = slot.records_at(name);
        let lines = |records: &[Record]| records.iter().map(Record::to_string).collect::<Vec<_>>();
        assert_eq!(
            lines(&got),
            lines(&expected),
            "in the order given, letter case included"
        );
        assert_eq!(slot.sum, sum_of(&slot.records));
    }
    assert_eq!(slots[0].records, slots[1].records);
}

#[test]
fn targets_outside_the_zone_are_records_like_others() {
    let name = below("web.shop.svc");
    let external = Name::from_ascii("web.example.").unwrap();
    // Not a name of the zone, though its octets end alike.
    let alike = Name::from_ascii("xcluster.local.").unwrap();
    for target in [external, alike] {
        let set = services(vec![service(&name, &target)], vec![address(&target, 1)]);
        let (slot, skipped) = slot_of(&name, set.clone());
        assert!(skipped.is_empty());
        assert_eq!(slot.flags & TARGETS, 0);
        let expected: Vec<Record> = set.answers.into_iter().chain(set.additional).collect();
        assert_eq!(slot.records_at(&name), expected);
    }
}

#[test]
fn more_targets_or_addresses_than_the_kernel_walks_are_left_and_told_of() {
    let zone = Name::from_ascii("a.cluster.local.").unwrap();
    for (answers, additional, fits) in
        [(36, 0, true), (41, 0, false), (1, 64, true), (1, 65, false)]
    {
        let set = services(
            vec![service(&zone, &zone); answers],
            vec![address(&zone, 1); additional],
        );
        let (slot, skipped) = slot_of(&zone, set);
        assert_eq!(slot.flags != LEFT, fits, "{answers} {additional}");
        assert_eq!(skipped.is_empty(), fits);
    }
}

#[test]
fn a_chain_points_at_the_alias_before_it_where_it_is_the_same_name_in_the_same_spelling() {
    let name = below("near.shop.svc");
    let (middle, end) = (below("Middle.shop.svc"), below("web.shop.svc"));
    let external = Name::from_ascii("DB.example.").unwrap();
    let lower = Name::from_ascii("db.example.").unwrap();
    for (set, pointers) in [
        (
            vec![
                alias(&name, &middle),
                alias(&middle, &end),
                address(&end, 1),
                address(&end, 2),
            ],
            3,
        ),
        (
            vec![
                alias(&name, &external),
                address(&lower, 1),
                address(&lower, 2),
            ],
            0,
        ),
        (
            vec![
                alias(&name, &external),
                alias(&external, &name),
                address(&name, 1),
            ],
            2,
        ),
    ] {
        let set = RecordSet {
            query_type: RecordType::A,
            answers: set,
            additional: Vec::new(),
            rotate: false,
            ends: 0,
            optional: false,
        };
        let (slot, _) = slot_of(&name, set.clone());
        let got = slot.records_at(&name);
        let lines = |records: &[Record]| records.iter().map(Record::to_string).collect::<Vec<_>>();
        assert_eq!(lines(&got), lines(&set.answers));
        // Behind an alias the first owners are pointers, or none is; the first owner of all always is. Targets
        // may end in pointers, too.
        let owners = set.answers.iter().enumerate().map(|(index, record)| {
            if index <= pointers {
                2
            } else {
                wire_len(&record.name)
            }
        });
        let rest = set.answers.iter().map(|record| 10 + data_len(record));
        assert!(slot.records.len() <= owners.chain(rest).sum::<usize>());
    }
}

#[test]
fn the_targets_of_a_chain_point_at_the_ends_that_earlier_ones_have_in_common_with_them() {
    let text = |text: &str| Name::from_ascii(text).unwrap();
    let names = [
        text("a.team.svc.cluster.local."),
        text("b.team.svc.cluster.local."),
        text("c.other.svc.cluster.local."),
        text("c.other.svc.cluster.local."),
        text("D.TEAM.svc.cluster.local."),
    ];
    let mut answers: Vec<Record> = names
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .map(|pair| alias(&pair[0], &pair[1]))
        .collect();
    answers.push(address(&names[4], 1));
    let set = RecordSet {
        query_type: RecordType::A,
        answers,
        additional: Vec::new(),
        rotate: false,
        ends: 0,
        optional: false,
    };
    let (slot, _) = slot_of(&names[0], set.clone());
    let lines = |records: &[Record]| records.iter().map(Record::to_string).collect::<Vec<_>>();
    assert_eq!(lines(&slot.records_at(&names[0])), lines(&set.answers));
    // In full; "c.other" and a pointer; "D.TEAM" and a pointer, for its spelling is another.
    let targets = wire_len(&names[1]) + 8 + 2 + 7 + 2;
    assert_eq!(slot.records.len(), 4 * (2 + 10) + targets + 4);
}

fn alias(owner: &Name, target: &Name) -> Record {
    record(owner, RData::CNAME(CNAME(target.clone())))
}

fn wire_len(name: &Name) -> usize {
    wire_name(name).unwrap().len()
}

fn data_len(record: &Record) -> usize {
    match &record.data {
        RData::CNAME(target) => wire_len(target),
        _ => 4,
    }
}

#[test]
fn the_zones_own_soa_record_repeats_the_questions_name() {
    let zone = Name::from_ascii("cluster.local.").unwrap();
    let data = SOA::new(
        below("ns.dns"),
        below("hostmaster"),
        1,
        7200,
        1800,
        86400,
        30,
    );
    let set = RecordSet {
        query_type: RecordType::SOA,
        answers: vec![record(&zone, RData::SOA(data))],
        additional: Vec::new(),
        rotate: false,
        ends: 0,
        optional: false,
    };
    let (slot, _) = slot_of(&zone, set);
    let mut got = slot.records_at(&zone);
    let RData::SOA(soa) = got.remove(0).data else {
        panic!("no SOA record")
    };
    assert_eq!(soa.mname, below("ns.dns"));
    // Owner, two names that end with a pointer, five numbers.
    assert_eq!(slot.records.len(), 12 + (7 + 2) + (11 + 2) + 20);
}
