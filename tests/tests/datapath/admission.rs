//! What a question was admitted by serves the next one on the same CPU, until any of it has changed.

use dns_ebpf::{Answered, Outcome, Pass, Scratch};

use crate::{
    cases,
    cluster::Cluster,
    frames::{Family, over, question},
    host::{HostPacket, HostTables, NOW},
};

const ANSWERED: Outcome = Outcome::Answered(Answered::Records);

/// Tables, and the memory of one CPU.
struct Cpu {
    tables: HostTables,
    memory: Box<Scratch>,
}

impl Cpu {
    /// One that has just answered a question over IPv4.
    fn after_an_answer() -> Self {
        let mut cpu = Self {
            tables: cases::tables(&Cluster::standard()),
            memory: Box::new(Scratch::NEW),
        };
        assert_eq!(cpu.ask(Family::V4), ANSWERED);
        cpu
    }

    fn ask(&mut self, family: Family) -> Outcome {
        let asked = question("head-2.data.svc.cluster.local", 1.into()).encode();
        let mut packet = HostPacket::<false>::new(&over(family, &asked));
        dns_ebpf::intercept(&mut packet, &self.tables, &mut self.memory)
    }
}

#[test]
fn a_lease_that_is_ended_ends_at_once() {
    let mut cpu = Cpu::after_an_answer();
    cpu.tables.control.lease = 0;
    assert_eq!(cpu.ask(Family::V4), Outcome::Passed(Pass::Lease));
}

#[test]
fn a_lease_that_runs_out_ends_with_the_tick() {
    let mut cpu = Cpu::after_an_answer();
    cpu.tables.now = NOW + 1;
    assert_eq!(cpu.ask(Family::V4), ANSWERED, "the same tick");
    cpu.tables.tick += 1;
    assert_eq!(cpu.ask(Family::V4), Outcome::Passed(Pass::Lease));
    assert_eq!(cpu.ask(Family::V4), Outcome::Passed(Pass::Lease), "again");
}

#[test]
fn a_destination_that_is_removed_is_unknown_once_the_maps_have_changed() {
    let mut cpu = Cpu::after_an_answer();
    cpu.tables.destinations.clear();
    cpu.tables.control.finished += 1;
    cpu.tables.started += 1;
    let unknown = Outcome::Passed(Pass::UnknownDestination);
    assert_eq!(cpu.ask(Family::V4), unknown);
}

#[test]
fn another_destination_is_looked_up() {
    let mut cpu = Cpu::after_an_answer();
    cpu.tables.destinations.clear();
    let unknown = Outcome::Passed(Pass::UnknownDestination);
    assert_eq!(cpu.ask(Family::V6), unknown);
    assert_eq!(cpu.ask(Family::V4), ANSWERED, "what was admitted still is");
}
