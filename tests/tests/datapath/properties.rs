//! What holds for every frame whatsoever.

use std::cell::RefCell;

use dns_ebpf::{KEY_LENGTHS, NAME_PLACES, Outcome, Scratch, fold};
use proptest::{collection::vec, prelude::*};
use tests::frame::Datagram;

use crate::{
    cases,
    cluster::Cluster,
    generated::{Mutation, asked, mutations, settings},
    host::{HostPacket, HostTables},
};

thread_local! {
    static TABLES: HostTables = cases::tables(&Cluster::standard());
    static USED: RefCell<Box<Scratch>> = RefCell::new(Box::new(Scratch::NEW));
}

/// Runs a frame in fresh memory, in memory full of ones, and in memory that earlier frames were in; what
/// becomes of it must not depend on that, for then nothing was read that this frame did not load. Nor may it
/// depend on whether the headers can be looked at where they lie.
fn check(frame: &[u8]) -> Outcome {
    TABLES.with(|tables| {
        let mut packet = HostPacket::<false>::new(frame);
        let outcome = dns_ebpf::intercept(&mut packet, tables, &mut Box::new(Scratch::NEW));
        assert_ne!(outcome, Outcome::Torn);
        if let Outcome::Passed(_) = outcome {
            assert_eq!(packet.octets, frame, "a packet that goes on is as it came");
        }
        if let Outcome::Answered(_) = outcome {
            assert!(
                !packet.overread.get(),
                "read beyond a packet that is a question"
            );
        }
        let mut ones = full_of_ones();
        let mut again = HostPacket::<false>::new(frame);
        let same = dns_ebpf::intercept(&mut again, tables, &mut ones);
        assert_eq!(
            (same, &again.octets),
            (outcome, &packet.octets),
            "in used memory"
        );
        USED.with_borrow_mut(|used| {
            let mut again = HostPacket::<false>::new(frame);
            again.in_one_piece = false;
            let same = dns_ebpf::intercept(&mut again, tables, used);
            assert_eq!(
                (same, &again.octets),
                (outcome, &packet.octets),
                "in memory of earlier frames, and not in one piece"
            );
            for (place, length) in NAME_PLACES.into_iter().zip(KEY_LENGTHS) {
                let padding = &used.names[place + length..place + 2 * length];
                let untouched = padding.iter().all(|octet| *octet == 0);
                assert!(untouched, "padding was written to");
            }
        });
        outcome
    })
}

/// Memory in which every octet is 0xff but those that nothing writes to.
fn full_of_ones() -> Box<Scratch> {
    let mut scratch = Box::new(Scratch::NEW);
    scratch.frame.fill(0xff);
    scratch.reply.fill(0xff);
    scratch.labels.fill(0xff);
    for (place, length) in NAME_PLACES.into_iter().zip(KEY_LENGTHS) {
        scratch.names[place..place + length].fill(0xff);
    }
    scratch.opt.fill(0xff);
    scratch.section.octets.fill(0xff);
    scratch.room.fill(0xff);
    scratch
}

/// The frame after mutations.
fn mutated(mut frame: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        mutation.mutate(&mut frame);
    }
    frame
}

#[test]
fn every_case_of_the_table_is_independent_of_what_memory_held() {
    for case in cases::all() {
        check(&case.frame);
    }
}

#[test]
fn every_prefix_of_every_case_is_left_alone_unless_it_is_a_whole_question() {
    for case in cases::all() {
        for length in 0..case.frame.len() {
            let prefix = &case.frame[..length];
            if let Outcome::Answered(_) = check(prefix) {
                let whole = Datagram::parse(prefix).expect("a whole frame");
                assert!(whole.trailing.is_empty(), "{}", case.description);
            }
        }
    }
}

proptest! {
    #![proptest_config(settings(2_000))]

    #[test]
    fn arbitrary_octets_never_panic(frame in vec(any::<u8>(), 0..700)) {
        check(&frame);
    }

    #[test]
    fn mutated_questions_never_panic(asked in asked(&Cluster::standard()), changes in mutations()) {
        check(&mutated(asked.frame(), &changes));
    }

    #[test]
    fn any_message_to_the_dns_service_never_panics(message in vec(any::<u8>(), 0..600), v6: bool) {
        let family = crate::frames::Family::BOTH[usize::from(v6)];
        check(&crate::frames::over(family, &message));
    }

    #[test]
    fn any_name_and_tail_never_panic(rest in vec(0_u8..16, 0..300), additional in 0_u16..2) {
        let header = [1, 0x0100, 1, 0, 0, additional];
        check(&crate::frames::to_server(&crate::frames::message(header, &rest)));
    }

    #[test]
    fn folding_is_lower_casing_of_ascii_alone(octets: [u8; 8]) {
        let folded = fold(u64::from_le_bytes(octets));
        prop_assert_eq!(folded.to_le_bytes(), octets.map(|octet| octet.to_ascii_lowercase()));
        prop_assert_eq!(fold(folded), folded, "folding twice is folding once");
    }
}

#[test]
fn folding_treats_every_octet_at_every_place_as_lower_casing_does() {
    for octet in 0..=u8::MAX {
        for place in 0..8 {
            for other in [0, b'@', b'A', b'Z', b'[', 0x7f, 0x80, 0xff] {
                let mut octets = [other; 8];
                octets[place] = octet;
                let lower = octets.map(|octet| octet.to_ascii_lowercase());
                assert_eq!(fold(u64::from_le_bytes(octets)).to_le_bytes(), lower);
            }
        }
    }
}
