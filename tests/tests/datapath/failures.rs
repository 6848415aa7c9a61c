//! Kernel functions that fail half-way: the question is put back, or the packet is dropped; nothing in between.

use dns_ebpf::{Outcome, Pass, Scratch};

use crate::{
    cases,
    cluster::Cluster,
    crafted,
    frames::{question, to_server},
    generated::{asked, sample},
    host::{HostPacket, HostTables, INTERFACE},
};

/// Runs a frame with so many changes that succeed and so many after them that fail.
fn run(tables: &HostTables, frame: &[u8], good: usize, bad: usize) -> (Outcome, Vec<u8>) {
    let mut packet = HostPacket::<true>::new(frame);
    packet.good_changes = good;
    packet.bad_changes = bad;
    let outcome = dns_ebpf::intercept(&mut packet, tables, &mut Box::new(Scratch::NEW));
    (outcome, packet.octets)
}

/// Questions that are answered.
fn answered(tables: &HostTables) -> Vec<Vec<u8>> {
    let generated = sample(asked(&Cluster::standard()), 300);
    let frames = cases::all()
        .into_iter()
        .map(|case| case.frame)
        .chain(generated.iter().map(crate::generated::Asked::frame));
    let is_answered = |frame: &Vec<u8>| matches!(tables.run::<true>(frame).0, Outcome::Answered(_));
    frames.filter(is_answered).collect()
}

/// Fails the change after `good` ones, for each number until the reply is written whole.
fn fail_each(tables: &HostTables, frame: &[u8]) -> usize {
    for good in 0.. {
        let (outcome, after) = run(tables, frame, good, 1);
        if let Outcome::Answered(_) = outcome {
            return good;
        }
        assert_eq!(
            outcome,
            Outcome::Passed(Pass::Restored),
            "after {good} changes"
        );
        assert_eq!(
            after, frame,
            "the question as it came, after {good} changes"
        );
    }
    unreachable!("a reply takes finitely many changes")
}

#[test]
fn a_failed_change_leaves_the_question_as_it_came() {
    let tables = cases::tables(&Cluster::standard());
    let frames = answered(&tables);
    assert!(frames.len() > 200, "{}", frames.len());
    for frame in &frames {
        let changes = fail_each(&tables, frame);
        assert!(changes >= 3, "{changes} changes");
    }
}

#[test]
fn a_question_that_cannot_be_put_back_is_torn() {
    let tables = cases::tables(&Cluster::standard());
    for frame in answered(&tables) {
        for good in 0..3 {
            let (outcome, _) = run(&tables, &frame, good, usize::MAX);
            assert_eq!(outcome, Outcome::Torn, "after {good} changes");
        }
    }
}

#[test]
fn records_that_reach_past_their_place_pass_as_the_agents_fault() {
    let mut tables = cases::tables(&Cluster::standard());
    crafted::put_overlong(&mut tables);
    tables.set_mtu(INTERFACE, Some(9000));
    for label in ["overlong", "oversized"] {
        let asked = question(&format!("{label}.test"), 1.into()).with_edns(4096);
        let frame = to_server(&asked.encode());
        let outcome = tables.run::<false>(&frame).0;
        assert_eq!(outcome, Outcome::Passed(Pass::Entry), "{label}");
    }
}
