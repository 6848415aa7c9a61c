//! Clients over time: what the datapath and the circuit breaker make of who asks when, on the host's clock.

use std::{net::SocketAddr, time::Duration};

use dns_core::breaker::{Breaker, Circuit, Counted, Seen, Source};
use dns_ebpf::{
    Outcome, Pass,
    answer::{Client, units},
};
use tests::hickory_proto::rr::RecordType;

use crate::{
    cases,
    cluster::Cluster,
    frames::{Family, between, question},
    host::{HostTables, INTERFACE},
};

/// Where time begins, in milliseconds.
const BEGIN: u64 = 1_000_000;

/// A node: its datapath, its breaker, its clock.
pub(super) struct Node {
    tables: HostTables,
    breaker: Breaker,
    /// Milliseconds.
    now: u64,
    /// How many questions were answered, and how many passed as repeats and because a circuit is not closed.
    pub(super) answered: u32,
    pub(super) repeats: u32,
    pub(super) unheard: u32,
    /// When a circuit was opened first.
    pub(super) opened: Option<u64>,
}

/// One question.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) source: SocketAddr,
    pub(super) id: u16,
    pub(super) name: &'a str,
    pub(super) record_type: RecordType,
}

impl Ask<'_> {
    /// The pod asks for A records.
    pub(super) fn of(name: &str) -> Ask<'_> {
        Ask {
            source: Family::V4.pod(),
            id: 7,
            name,
            record_type: RecordType::A,
        }
    }
}

impl Node {
    pub(super) fn new() -> Self {
        let mut tables = cases::tables(&Cluster::standard());
        tables.control.lease = u64::MAX;
        let mut node = Self {
            tables,
            breaker: Breaker::default(),
            now: BEGIN,
            answered: 0,
            repeats: 0,
            unheard: 0,
            opened: None,
        };
        node.pass_time(0);
        node
    }

    /// Milliseconds since the beginning.
    pub(super) fn time(&self) -> u64 {
        self.now - BEGIN
    }

    /// Lets time pass up to so many milliseconds since the beginning; the agent's heart beats every second.
    pub(super) fn wait_until(&mut self, time: u64) {
        while self.time() < time {
            let beat = (self.now / 1000 + 1) * 1000;
            let next = beat.min(BEGIN + time);
            self.pass_time(next - self.now);
            if next == beat {
                self.beat();
            }
        }
    }

    pub(super) fn wait(&mut self, milliseconds: u64) {
        self.wait_until(self.time() + milliseconds);
    }

    fn pass_time(&mut self, milliseconds: u64) {
        self.now += milliseconds;
        self.tables.now = self.now * 1_000_000;
        self.tables.tick = self.now / 4;
    }

    fn beat(&mut self) {
        let seen: Vec<Seen> = self.seen().collect();
        for switch in self.breaker.beat(Duration::from_millis(self.now), &seen) {
            let client = &self.tables.clients[switch.place];
            client.ration.set(switch.circuit.ration);
            client.rationed_at.set(switch.circuit.since);
            client.times.set(switch.circuit.times);
            let is_open = switch.circuit.half_open_in(Duration::ZERO).is_some();
            self.opened = self.opened.or(is_open.then(|| self.time()));
        }
    }

    /// Makes another agent of this one.
    pub(super) fn restart_agent(&mut self) {
        self.breaker = Breaker::default();
    }

    fn seen(&self) -> impl Iterator<Item = Seen> {
        let places = self.tables.clients.iter().enumerate();
        places
            .filter(|(_, client)| client.interface.get() != 0)
            .map(|(place, client)| self.seen_at(place, client))
    }

    /// The circuit of the only client.
    pub(super) fn circuit(&self) -> Circuit {
        let mut seen = self.seen();
        let circuit = seen.next().expect("a client").circuit;
        assert_eq!(seen.next(), None, "one client");
        circuit
    }

    pub(super) fn counted(&self) -> Counted {
        self.seen().next().expect("a client").counted
    }

    pub(super) fn many(&self) -> Option<(usize, usize)> {
        self.breaker.many()
    }

    /// Asks now; says whether the kernel answers.
    pub(super) fn ask(&mut self, ask: Ask<'_>) -> bool {
        let name = format!("{}.shop.svc.cluster.local", ask.name);
        let mut message = question(&name, ask.record_type).encode();
        message[..2].copy_from_slice(&ask.id.to_be_bytes());
        let server = match ask.source {
            SocketAddr::V4(_) => Family::V4.server(),
            SocketAddr::V6(_) => Family::V6.server(),
        };
        self.tables.random = self
            .tables
            .random
            .wrapping_mul(0x0019_660d)
            .wrapping_add(0x3c6e_f35f);
        let (outcome, _) = self
            .tables
            .run::<true>(&between(ask.source, server, &message));
        match outcome {
            Outcome::Answered(_) => self.answered += 1,
            Outcome::Passed(Pass::Repeat) => self.repeats += 1,
            Outcome::Passed(Pass::Unheard) => self.unheard += 1,
            // Once in 65,536 questions.
            Outcome::Passed(Pass::Checksum) => {}
            other => panic!("{other:?}: {ask:?}"),
        }
        matches!(outcome, Outcome::Answered(_))
    }

    fn seen_at(&self, place: usize, client: &Client) -> Seen {
        let address = client
            .source
            .each_ref()
            .map(|word| word.get().to_ne_bytes());
        let octets: [u8; 16] = address.concat().try_into().expect("an address");
        let quiet = units(self.tables.now).wrapping_sub(client.last.get());
        Seen {
            place,
            source: Source {
                interface: INTERFACE,
                address: octets.into(),
            },
            counted: Counted {
                answered: client.answered.get(),
                unrepeated: client.unrepeated.get(),
                paces: client.paces.get(),
                signs: client.signs.each_ref().map(std::cell::Cell::get),
                retracted: client.retracted.each_ref().map(std::cell::Cell::get),
            },
            circuit: Circuit {
                ration: client.ration.get(),
                since: client.rationed_at.get(),
                times: client.times.get(),
            },
            quiet: Duration::from_nanos(u64::from(quiet) << 20),
        }
    }
}
