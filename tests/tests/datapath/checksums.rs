//! Checksums over every length and letter, whole ones and those that somebody else finishes.

use dns_ebpf::{Answered, Outcome, Pass};
use proptest::prelude::*;
use tests::frame::{Checksum, Datagram, is_ambiguous, with_checksum};

use crate::{
    cases,
    cluster::Cluster,
    frames::{Family, message, over},
    generated::{asked, settings},
    host::HostTables,
    judge,
};

/// A denial of an absent label of `octets` letters, padded by an option of `padding` octets.
fn frame(family: Family, octets: usize, padding: Option<usize>) -> Vec<u8> {
    let mut rest = vec![octets as u8];
    rest.extend((0..octets).map(|index| b'a' + (index * 7 % 26) as u8));
    rest.extend(b"\x04shop\x03svc\x07cluster\x05local\0\0\x01\0\x01");
    if let Some(padding) = padding {
        rest.extend([0, 0, 41, 4, 0xd0, 0, 0, 0x80, 0]);
        rest.extend((padding as u16 + 4).to_be_bytes());
        rest.extend([0, 12]);
        rest.extend((padding as u16).to_be_bytes());
        rest.extend((0..padding).map(|index| (index * 37 % 251) as u8));
    }
    let additional = u16::from(padding.is_some());
    over(
        family,
        &message([0xabcd, 0x0100, 1, 0, 0, additional], &rest),
    )
}

fn state_of(frame: &[u8]) -> Checksum {
    Datagram::parse(frame).expect("a datagram").checksum
}

fn payload_len(frame: &[u8]) -> usize {
    Datagram::parse(frame).expect("a datagram").payload.len()
}

#[test]
fn checksums_are_right_over_odd_and_even_lengths_of_everything() {
    let tables = cases::tables(&Cluster::standard());
    for family in Family::BOTH {
        for octets in 1..=63 {
            for padding in [
                None,
                Some(0),
                Some(1),
                Some(2),
                Some(33),
                Some(150),
                Some(241),
            ] {
                let frame = frame(family, octets, padding);
                for (outcome, after) in [tables.run::<false>(&frame), tables.run::<true>(&frame)] {
                    let what = format!("{family:?} {octets} {padding:?}");
                    assert!(
                        matches!(outcome, Outcome::Answered(_)),
                        "{outcome:?} {what}"
                    );
                    let reply = Datagram::parse(&after).expect("a datagram");
                    assert_eq!(
                        reply.checksum,
                        Checksum::Right,
                        "{family:?} {octets} {padding:?}"
                    );
                    assert!(reply.header_checksum_right);
                    judge::envelope(&frame, &after, u16::MAX);
                }
            }
        }
    }
}

#[test]
fn a_tail_over_256_octets_passes() {
    // What lies behind the question is summed, and memory for that has 256 octets.
    let tables = cases::tables(&Cluster::standard());
    for (padding, expected) in [
        (241, Outcome::Answered(Answered::Nxdomain)),
        (242, Outcome::Passed(Pass::Opt)),
    ] {
        let frame = frame(Family::V4, 5, Some(padding));
        for outcome in [tables.run::<false>(&frame).0, tables.run::<true>(&frame).0] {
            assert_eq!(outcome, expected, "{padding}");
        }
    }
}

#[test]
fn a_question_without_checksum_gets_a_whole_one_over_ipv4_and_passes_over_ipv6() {
    let tables = cases::tables(&Cluster::standard());
    for family in Family::BOTH {
        let frame = frame(family, 5, None);
        let absent = with_checksum(&frame, Checksum::Absent).expect("a datagram");
        for (outcome, after) in [tables.run::<false>(&absent), tables.run::<true>(&absent)] {
            match family {
                Family::V4 => assert_eq!(state_of(&after), Checksum::Right),
                Family::V6 => assert_eq!(outcome, Outcome::Passed(Pass::Checksum)),
            }
        }
    }
}

#[test]
fn a_question_whose_sum_is_to_be_finished_gets_such_a_reply_where_the_mark_stays() {
    let tables = cases::tables(&Cluster::standard());
    for family in Family::BOTH {
        for octets in 1..=63 {
            for padding in [None, Some(0), Some(33), Some(241)] {
                let frame = frame(family, octets, padding);
                let unfinished = with_checksum(&frame, Checksum::Unfinished).expect("a datagram");
                let what = format!("{family:?} {octets} {padding:?}");
                let marked = tables.run::<true>(&unfinished).1;
                assert_eq!(state_of(&marked), Checksum::Unfinished, "{what}");
                let unmarked = tables.run::<false>(&unfinished).1;
                assert_eq!(state_of(&unmarked), Checksum::Right, "{what}");
                let whole = with_checksum(&marked, Checksum::Right).expect("a datagram");
                assert_eq!(whole, unmarked, "{what}");
            }
        }
    }
}

#[test]
fn a_question_with_a_wrong_sum_passes() {
    let tables = cases::tables(&Cluster::standard());
    for family in Family::BOTH {
        let frame = frame(family, 7, Some(3));
        for at in [6, 7].map(|place| frame.len() - payload_len(&frame) - 8 + place) {
            for bit in 0..8 {
                let mut frame = frame.clone();
                frame[at] ^= 1 << bit;
                for outcome in [tables.run::<false>(&frame).0, tables.run::<true>(&frame).0] {
                    assert_eq!(
                        outcome,
                        Outcome::Passed(Pass::Checksum),
                        "{family:?} {at} {bit}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_sum_that_may_be_whole_or_to_be_finished_passes_where_the_mark_stays() {
    // The question's ID makes the rest of the datagram sum up to nothing once in 65,536 times.
    let tables = cases::tables(&Cluster::standard());
    for family in Family::BOTH {
        let mut found = 0;
        for id in 0..=u16::MAX {
            let rest = b"\x04none\x04shop\x03svc\x07cluster\x05local\0\0\x01\0\x01";
            let frame = over(family, &message([id, 0x0100, 1, 0, 0, 0], rest));
            if !is_ambiguous(&frame) {
                continue;
            }
            found += 1;
            assert_eq!(
                tables.run::<true>(&frame).0,
                Outcome::Passed(Pass::Checksum)
            );
            assert_eq!(
                tables.run::<false>(&frame).0,
                Outcome::Answered(Answered::Nxdomain)
            );
        }
        assert_eq!(found, 1, "{family:?}");
    }
}

#[test]
fn an_ipv4_header_checksum_stays_right_for_every_field_that_stays() {
    let tables = cases::tables(&Cluster::standard());
    let question = frame(Family::V4, 9, None);
    for number in 0..=u16::MAX {
        let frame = crate::frames::with_ipv4_header(&question, |header| {
            header[4..6].copy_from_slice(&number.to_be_bytes());
            header[8] = number as u8;
            header[1] = (number >> 8) as u8;
        });
        let (_, after) = tables.run::<false>(&frame);
        let reply = Datagram::parse(&after).expect("a datagram");
        assert!(reply.header_checksum_right, "{number:04x}");
        assert_eq!(
            (after[15], &after[18..22]),
            (frame[15], &frame[18..22]),
            "service, number, flags"
        );
    }
}

/// A reply, whether it is written or adjusted, has the right lengths and sums; a question whose sum may be either is answered
/// only where it cannot be unfinished.
fn judge_reply(tables: &HostTables, frame: &[u8]) {
    let (outcome, written) = tables.run::<false>(frame);
    let (same, adjusted) = tables.run::<true>(frame);
    let Outcome::Answered(_) = outcome else {
        return assert_eq!(outcome, same);
    };
    let mut replies = vec![written];
    if is_ambiguous(frame) {
        assert_eq!(same, Outcome::Passed(Pass::Checksum));
    } else {
        assert_eq!(outcome, same);
        replies.push(adjusted);
    }
    for after in replies {
        let reply = Datagram::parse(&after).expect("whole, of right lengths");
        assert_eq!(reply.checksum, Checksum::Right);
        assert!(reply.header_checksum_right);
        judge::envelope(frame, &after, u16::MAX);
    }
}

#[test]
fn a_question_whose_sum_may_be_either_is_judged_as_such() {
    // One of these IDs makes the sum so.
    let tables = cases::tables(&Cluster::standard());
    for id in 0..=u16::MAX {
        let rest = b"\x04none\x04shop\x03svc\x07cluster\x05local\0\0\x01\0\x01";
        judge_reply(
            &tables,
            &over(Family::V4, &message([id, 0x0100, 1, 0, 0, 0], rest)),
        );
    }
}

proptest! {
    #![proptest_config(settings(1_000))]

    #[test]
    fn a_reply_has_the_right_lengths_and_sums(asked in asked(&Cluster::standard()), random: u32) {
        thread_local! {
            static TABLES: HostTables = cases::tables(&Cluster::standard());
        }
        let mut tables = TABLES.with(Clone::clone);
        tables.random = random;
        judge_reply(&tables, &asked.frame());
    }
}
