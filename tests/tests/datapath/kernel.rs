//! The kernel's four programs give the same octets as the host's function.

use std::collections::BTreeMap;

use dns_core::{
    permission::Permission,
    table::{Maps as _, Operation},
};
use dns_ebpf::{Answered, Outcome, Pass};
use proptest::prelude::*;
use tests::{
    frame::{Checksum, Datagram, with_checksum},
    skipped_without_root,
};

use crate::{
    cases::{self, Condition},
    cluster::Cluster,
    frames::question,
    generated::{asked, mutations, sample},
    host::HostTables,
    judge,
    test_run::{Did, Kernel, Program},
};

/// The host's outcome, and its frame, under the same rules as a program.
fn on_host(tables: &HostTables, program: Program, frame: &[u8]) -> (Outcome, Vec<u8>) {
    match program {
        Program::Peer | Program::Plain | Program::Skb => tables.run::<true>(frame),
        Program::Xdp => tables.run::<false>(frame),
    }
}

/// Compares every program with the host. The kernel's random start is not known, so its reply must be one
/// of those that the host gives for every start.
fn compare(kernel: &Kernel, tables: &HostTables, what: &str, frame: &[u8]) -> Outcome {
    let mut tables = tables.clone();
    for program in Program::ALL {
        let Some((did, after)) = kernel.run(program, frame) else {
            continue;
        };
        let (outcome, first) = on_host(&tables, program, frame);
        match outcome {
            Outcome::Passed(_) => {
                assert_eq!(
                    (did, &*after),
                    (Did::Next, frame),
                    "{what} under {program:?}"
                );
            }
            Outcome::Answered(_) => {
                assert_eq!(did, Did::SentBack, "{what} under {program:?}");
                let reply = Datagram::parse(&first).expect("a datagram").payload;
                let starts = u32::from(judge::word(&reply, 6)).max(1);
                let same = (0..starts).any(|start| {
                    tables.random = start;
                    on_host(&tables, program, frame).1 == after
                });
                assert!(
                    same,
                    "{what} under {program:?}:\n{after:02x?}\n{first:02x?}"
                );
                tables.random = 0;
            }
            Outcome::Torn => panic!("{what}: torn"),
        }
    }
    tables.run::<false>(frame).0
}

#[test]
fn the_kernel_does_with_every_case_of_the_table_what_the_host_does() {
    if skipped_without_root("the_kernel_does_with_every_case_of_the_table_what_the_host_does") {
        return;
    }
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let mut kernel = Kernel::new(&cluster);
    for case in cases::all() {
        kernel.put_under(case.condition);
        let tables = cases::under(&tables, case.condition);
        compare(&kernel, &tables, &case.description, &case.frame);
    }
}

#[test]
fn the_kernel_gives_the_same_octets_for_generated_questions_and_their_mutations() {
    let test = "the_kernel_gives_the_same_octets_for_generated_questions_and_their_mutations";
    if skipped_without_root(test) {
        return;
    }
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let kernel = Kernel::new(&cluster);
    let mut answered = 0;
    for (index, (asked, changes)) in sample((asked(&cluster), mutations()), 2_000)
        .into_iter()
        .enumerate()
    {
        kernel.store.control().permit(Permission::FOREVER);
        let mut frame = asked.frame();
        let outcome = compare(&kernel, &tables, &format!("question {index}"), &frame);
        let unfinished = with_checksum(&frame, Checksum::Unfinished).expect("a datagram");
        let what = format!("question {index} with a sum to be finished");
        compare(&kernel, &tables, &what, &unfinished);
        answered += usize::from(matches!(outcome, Outcome::Answered(_)));
        for change in changes {
            change.mutate(&mut frame);
            compare(
                &kernel,
                &tables,
                &format!("mutation of question {index}"),
                &frame,
            );
        }
    }
    assert!(
        answered >= 500,
        "{answered} of 2000 questions were answered"
    );
}

#[test]
fn the_kernel_gives_the_same_octets_for_any_message() {
    if skipped_without_root("the_kernel_gives_the_same_octets_for_any_message") {
        return;
    }
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let kernel = Kernel::new(&cluster);
    let message = proptest::collection::vec(any::<u8>(), 0..600);
    for octets in sample(message, 200) {
        kernel.store.control().permit(Permission::FOREVER);
        let frame = crate::frames::to_server(&octets);
        compare(&kernel, &tables, "a message of any octets", &frame);
        compare(&kernel, &tables, "any octets", &octets);
    }
}

#[test]
fn the_kernel_starts_with_each_address_of_a_headless_service() {
    if skipped_without_root("the_kernel_starts_with_each_address_of_a_headless_service") {
        return;
    }
    let kernel = Kernel::new(&Cluster::standard());
    let asked = question("head-2.data.svc.cluster.local", 1.into()).encode();
    let frame = crate::frames::to_server(&asked);
    let mut first = BTreeMap::<Vec<u8>, u32>::new();
    for _ in 0..200 {
        let (_, after) = kernel.run(Program::Peer, &frame).expect("a whole frame");
        let reply = Datagram::parse(&after).expect("a datagram").payload;
        *first.entry(reply[reply.len() - 4..].to_vec()).or_default() += 1;
    }
    // Each comes first by chance ½: fewer than 50 of 200 is one in 10^13.
    assert_eq!(first.len(), 2);
    assert!(first.values().all(|count| *count >= 50), "{first:?}");
}

#[test]
fn a_busy_cpu_passes_questions_and_counts_them() {
    if skipped_without_root("a_busy_cpu_passes_questions_and_counts_them") {
        return;
    }
    let mut kernel = Kernel::new(&Cluster::standard());
    let frame =
        crate::frames::to_server(&question("web.shop.svc.cluster.local", 1.into()).encode());
    kernel.set_busy(true);
    for program in Program::ALL {
        assert_eq!(
            kernel.run(program, &frame),
            Some((Did::Next, frame.clone()))
        );
    }
    let counts = kernel.store.counts().expect("counters");
    assert!(
        counts.passed.contains(&(Pass::Busy.label(), 4)),
        "{:?}",
        counts.passed
    );
}

#[test]
fn every_case_is_counted_once_by_its_reason() {
    if skipped_without_root("every_case_is_counted_once_by_its_reason") {
        return;
    }
    let cluster = Cluster::standard();
    let tables = cases::tables(&cluster);
    let kernel = Kernel::new(&cluster);
    let mut expected = BTreeMap::<&str, u64>::new();
    let mut strangers = 0;
    for case in cases::all() {
        if case.condition != Condition::Usual {
            continue;
        }
        kernel.store.control().permit(Permission::FOREVER);
        if kernel.run(Program::Peer, &case.frame).is_none() {
            continue;
        }
        let outcome = tables.run::<false>(&case.frame).0;
        let label = match outcome {
            Outcome::Passed(Pass::NotDns) => continue,
            Outcome::Passed(pass) => pass.label(),
            Outcome::Answered(kind) => kind.label(),
            Outcome::Torn => panic!("torn"),
        };
        strangers += u64::from(outcome == Outcome::Passed(Pass::UnknownDestination));
        *expected.entry(label).or_default() += 1;
    }
    let counts = kernel.store.counts().expect("counters");
    let counted: BTreeMap<&str, u64> = counts
        .passed
        .iter()
        .chain(&counts.answered)
        .filter(|(_, count)| *count > 0)
        .copied()
        .collect();
    assert_eq!(counted, expected);
    assert_eq!(counts.torn, 0);
    assert!(
        Answered::ALL
            .iter()
            .all(|kind| counted.contains_key(kind.label()))
    );
    let unknown: u64 = counts
        .unknown_destinations
        .iter()
        .map(|(_, count)| count)
        .sum();
    assert_eq!(unknown, strangers);
}

#[test]
fn removing_what_is_not_there_is_no_error() {
    if skipped_without_root("removing_what_is_not_there_is_no_error") {
        return;
    }
    let mut kernel = Kernel::new(&Cluster::standard());
    kernel
        .mtus
        .set(77, None)
        .expect("an interface without an MTU is gone");
    let name = (*b"\x06nobody\0").into();
    kernel
        .store
        .apply(Operation::RemoveEntry { name })
        .expect("an absent name");
    let section = Operation::RemoveSection { class: 1, key: 77 };
    kernel.store.apply(section).expect("an absent section");
}
