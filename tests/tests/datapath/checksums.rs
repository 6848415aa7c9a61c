//! Checksums over every length and letter, written anew and adjusted.

use dns_ebpf::{Answered, Outcome, Pass};
use proptest::prelude::*;
use tests::frame::{Checksum, Datagram};

use crate::{
    cases,
    cluster::Cluster,
    frames::{Family, message, over},
    generated::{asked, settings},
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
fn a_tail_over_256_octets_passes_where_the_checksum_is_adjusted() {
    // An adjusted checksum needs the sum of what is cut off, and memory for that has 256 octets.
    let tables = cases::tables(&Cluster::standard());
    for padding in [241, 242, 400] {
        let frame = frame(Family::V4, 5, Some(padding));
        let written = tables.run::<false>(&frame).0;
        let adjusted = tables.run::<true>(&frame).0;
        assert_eq!(written, Outcome::Answered(Answered::Nxdomain), "{padding}");
        let expected = if padding > 241 {
            Outcome::Passed(Pass::Opt)
        } else {
            written
        };
        assert_eq!(adjusted, expected, "{padding}");
    }
}

#[test]
fn a_question_without_checksum_gets_a_written_one_and_no_adjusted_one() {
    let tables = cases::tables(&Cluster::standard());
    let mut frame = frame(Family::V4, 5, None);
    frame[40..42].fill(0);
    let checksum = |after: &[u8]| Datagram::parse(after).expect("a datagram").checksum;
    assert_eq!(checksum(&tables.run::<false>(&frame).1), Checksum::Right);
    assert_eq!(checksum(&tables.run::<true>(&frame).1), Checksum::Absent);
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

proptest! {
    #![proptest_config(settings(1_000))]

    #[test]
    fn a_reply_has_the_right_lengths_and_sums(asked in asked(&Cluster::standard()), random: u32) {
        thread_local! {
            static TABLES: crate::host::HostTables = cases::tables(&Cluster::standard());
        }
        let mut tables = TABLES.with(Clone::clone);
        tables.random = random;
        let frame = asked.frame();
        let (outcome, written) = tables.run::<false>(&frame);
        let (same, adjusted) = tables.run::<true>(&frame);
        prop_assert_eq!(outcome, same);
        if let Outcome::Answered(_) = outcome {
            for after in [written, adjusted] {
                let reply = Datagram::parse(&after).expect("whole, of right lengths");
                prop_assert_eq!(reply.checksum, Checksum::Right);
                prop_assert!(reply.header_checksum_right);
                judge::envelope(&frame, &after, u16::MAX);
            }
        }
    }
}
