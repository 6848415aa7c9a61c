//! Every reply says what the records say, in the client's own spelling.

use std::collections::{BTreeMap, BTreeSet};

use dns_ebpf::{Answered, Outcome, Pass};
use tests::{
    frame::Datagram,
    hickory_proto::{op::Message, rr::RecordType},
};

use crate::{
    cases,
    cluster::Cluster,
    expectation::Expectation,
    frames::{Family, message, over, to_server},
    generated::{asked, sample, spelled},
    host::HostTables,
    judge::{self, judge},
};

/// A question with an OPT of 4096 octets, as a frame.
fn frame(family: Family, name: &[u8], query_type: RecordType) -> Vec<u8> {
    with_opt(family, name, query_type, 0)
}

/// The same with an OPT of these flags.
fn with_opt(family: Family, name: &[u8], query_type: RecordType, flags: u16) -> Vec<u8> {
    let [high, low] = u16::from(query_type).to_be_bytes();
    let [first, second] = flags.to_be_bytes();
    let opt = [0, 0, 41, 16, 0, 0, 0, first, second, 0, 0];
    let rest = [name, &[high, low, 0, 1], &opt].concat();
    over(family, &message([1, 0x0100, 1, 0, 0, 1], &rest))
}

/// Runs a question; checks its outcome against the records, its reply against everything.
fn ask(cluster: &Cluster, tables: &HostTables, frame: &[u8]) -> Outcome {
    let (outcome, after) = tables.run::<false>(frame);
    match outcome {
        Outcome::Answered(_) => judge(cluster, frame, &after),
        Outcome::Passed(_) => assert_eq!(after, frame),
        Outcome::Torn => panic!("torn"),
    }
    outcome
}

#[test]
fn every_name_and_type_is_answered_by_its_records_in_every_spelling() {
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let mut answered = 0;
    for name in cluster.nodes.keys() {
        for number in [1, 28, 5, 33, 16, 6, 2, 12, 15, 65, 255, 252] {
            let query_type = RecordType::from(number);
            for (spelling, family) in [
                (0, Family::V4),
                (u64::MAX, Family::V6),
                (0x9c65_a2f1_0d3b_7e84, Family::V4),
            ] {
                let frame = frame(family, &spelled(name, spelling), query_type);
                let outcome = ask(&cluster, &tables, &frame);
                answered += usize::from(matches!(outcome, Outcome::Answered(_)));
                let expected = match cluster.expectation(name, query_type) {
                    Expectation::Pass => Outcome::Passed(Pass::QueryType),
                    Expectation::Nodata(_) => Outcome::Answered(Answered::Nodata),
                    Expectation::Nxdomain(_) => Outcome::Answered(Answered::Nxdomain),
                    // More addresses than a reply holds.
                    Expectation::Records(set, _) if set.answers.len() == 90 => {
                        Outcome::Passed(Pass::QueryType)
                    }
                    // A zone of more than 64 octets is repeated in lower case alone.
                    Expectation::Records(_, 65..) if number == 33 && spelling != 0 => {
                        Outcome::Passed(Pass::Spelling)
                    }
                    Expectation::Records(..) => Outcome::Answered(Answered::Records),
                };
                assert_eq!(outcome, expected, "{query_type} {}", name.escape_ascii());
            }
        }
    }
    assert!(answered > 5_000, "{answered}");
}

#[test]
fn dnssec_records_are_asked_for_in_vain_but_of_external_names() {
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let mut external = 0;
    for name in cluster.nodes.keys() {
        for number in [1, 28, 5, 33, 16] {
            let query_type = RecordType::from(number);
            let frame = |flags| with_opt(Family::V4, name, query_type, flags);
            let (usual, signed) = (
                ask(&cluster, &tables, &frame(0)),
                ask(&cluster, &tables, &frame(0x8000)),
            );
            let ends = match cluster.expectation(name, query_type) {
                Expectation::Records(set, _) => set.ends != 0,
                _ => false,
            };
            let expected = if ends {
                Outcome::Passed(Pass::External)
            } else {
                usual
            };
            assert_eq!(signed, expected, "{query_type} {}", name.escape_ascii());
            external += usize::from(ends);
        }
    }
    assert!(external > 0, "no external name");
}

#[test]
fn generated_questions_are_answered_by_the_records() {
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let mut seen = BTreeMap::<String, usize>::new();
    for asked in sample(asked(&cluster), 3_000) {
        let outcome = ask(&cluster, &tables, &asked.frame());
        *seen.entry(format!("{outcome:?}")).or_default() += 1;
    }
    for outcome in [
        Outcome::Answered(Answered::Records),
        Outcome::Answered(Answered::Nodata),
        Outcome::Answered(Answered::Nxdomain),
        Outcome::Passed(Pass::QueryType),
        Outcome::Passed(Pass::UnknownName),
        Outcome::Passed(Pass::ClientSize),
        Outcome::Passed(Pass::Opt),
    ] {
        let count = seen.get(&format!("{outcome:?}")).copied().unwrap_or(0);
        assert!(count >= 10, "{outcome:?} only {count} times in {seen:?}");
    }
}

#[test]
fn absent_names_of_every_zone_are_denied() {
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    for zone in &cluster.policy.zones {
        let zone = dns_core::encode::wire_name(&zone.name).expect("a zone");
        for below in [&b""[..], b"\x03svc", b"\x04shop\x03svc"] {
            let name = [&b"\x06nobody"[..], below, &zone].concat();
            let outcome = ask(&cluster, &tables, &frame(Family::V4, &name, RecordType::A));
            let denied = Outcome::Answered(Answered::Nxdomain);
            assert_eq!(outcome, denied, "{}", name.escape_ascii());
        }
    }
}

#[test]
fn all_header_flags_come_back_as_the_specification_says() {
    let tables = cases::tables(&Cluster::standard());
    let asked = b"\x06single\x04data\x03svc\x07cluster\x05local\0\0\x01\0\x01";
    for flags in 0..=u16::MAX {
        let frame = to_server(&message([flags, flags, 1, 0, 0, 0], asked));
        let (outcome, after) = tables.run::<false>(&frame);
        if flags & 0xf800 != 0 {
            assert_eq!(outcome, Outcome::Passed(Pass::NotQuery), "{flags:04x}");
            continue;
        }
        let reply = Datagram::parse(&after).expect("a datagram").payload;
        // QR and AA are set; RD and CD are the client's; TC, RA, Z, AD and the code are zero.
        let expected = 0x8400 | flags & 0x0110;
        assert_eq!(judge::word(&reply, 2), expected, "{flags:04x}");
        assert_eq!(judge::word(&reply, 0), flags, "the ID");
    }
}

#[test]
fn every_flag_of_an_opt_comes_back_in_its_high_octet_alone() {
    let tables = cases::tables(&Cluster::standard());
    let asked = b"\x06single\x04data\x03svc\x07cluster\x05local\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0";
    for flags in 0..=u16::MAX {
        let rest = [&asked[..], &flags.to_be_bytes(), &[0, 0]].concat();
        let frame = to_server(&message([1, 0x0100, 1, 0, 0, 1], &rest));
        let (_, after) = tables.run::<false>(&frame);
        let reply = Datagram::parse(&after).expect("a datagram").payload;
        let opt = &reply[reply.len() - 11..];
        assert_eq!(judge::word(opt, 7), flags & 0xff00, "{flags:04x}");
    }
}

#[test]
fn equal_addresses_begin_with_each_of_them_and_are_a_rotation() {
    let cluster = Cluster::standard();
    let mut tables = cases::tables(&cluster);
    for count in [2_usize, 20, 29, 60] {
        let label = format!("head-{count}");
        let name = [
            &[label.len() as u8][..],
            label.as_bytes(),
            b"\x04data\x03svc\x07cluster\x05local\0",
        ]
        .concat();
        let frame = frame(Family::V4, &name, RecordType::A);
        let mut starts = BTreeSet::new();
        let mut first_order = Vec::new();
        for number in 0..count as u32 * 3 {
            // Random numbers are of 32 bits; the high ones must count too.
            tables.random = number.wrapping_mul(0x9e37_79b1);
            let (_, after) = tables.run::<false>(&frame);
            judge(&cluster, &frame, &after);
            let reply = Datagram::parse(&after).expect("a datagram").payload;
            let order: Vec<String> = Message::from_vec(&reply)
                .expect("a message")
                .answers
                .iter()
                .map(|record| record.data.to_string())
                .collect();
            if first_order.is_empty() {
                first_order = order.clone();
                first_order.extend_from_slice(&order);
            }
            assert!(
                first_order.windows(count).any(|window| window == order),
                "no rotation"
            );
            starts.insert(order[0].clone());
        }
        for number in 0..count as u32 {
            tables.random = number;
            let (_, after) = tables.run::<false>(&frame);
            let reply = Datagram::parse(&after).expect("a datagram").payload;
            starts.insert(
                Message::from_vec(&reply).expect("a message").answers[0]
                    .data
                    .to_string(),
            );
        }
        assert_eq!(
            starts.len(),
            count,
            "each address comes first for some number"
        );
    }
}
