//! The table of cases: what comes in, under which condition, and what becomes of it.

mod answers;
mod envelope;
mod header;
mod kinds;
mod limits;
mod names;
mod options;

use std::collections::BTreeSet;

use dns_core::encode::{WireName, wire_name};
use dns_ebpf::{
    Outcome, Pass,
    answer::{STRIPES, stripe},
};
use dns_userspace::datapath::keys::key;
use tests::{frame::Datagram, hickory_proto::rr::Name};

use crate::{
    cluster::Cluster,
    crafted,
    frames::{SERVERS, address},
    host::{HostTables, INTERFACE},
    judge,
};

/// One frame and what becomes of it.
pub(crate) struct Case {
    pub(crate) description: String,
    pub(crate) frame: Vec<u8>,
    pub(crate) condition: Condition,
    pub(crate) becomes: Becomes,
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// It goes on as it came.
    Passed(Pass),
    /// It is the reply that reads like this; equal addresses are given in their order in the map.
    Reply(String),
}

/// The state that the agent has put the kernel in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Everything is answered, the MTU is 1500.
    Usual,
    /// The lease has run out.
    LeaseOver,
    /// Absent names are not denied.
    DenialsOff,
    /// Endpoints have not been heard of for long.
    EndpointsOld,
    /// A change of the maps that may touch anything has begun and is not finished.
    Changing,
    /// A change of this name's entry has begun and is not finished.
    ChangingAt(&'static str),
    /// The interface's MTU, or that it is unknown, while no other interface is known.
    Mtu(Option<u32>),
    /// Another interface has a small MTU, this one has 1500.
    NarrowNeighbour,
    /// The server's own limit on the size of a reply.
    SizeCap(u16),
}

impl Case {
    /// A case under the usual condition.
    fn usual(description: impl Into<String>, frame: Vec<u8>, becomes: Becomes) -> Self {
        Self {
            description: description.into(),
            frame,
            condition: Condition::Usual,
            becomes,
        }
    }

    fn passed(description: impl Into<String>, frame: Vec<u8>, pass: Pass) -> Self {
        Self::usual(description, frame, Becomes::Passed(pass))
    }

    fn reply(description: impl Into<String>, frame: Vec<u8>, text: impl Into<String>) -> Self {
        Self::usual(description, frame, Becomes::Reply(text.into()))
    }

    fn under(mut self, condition: Condition) -> Self {
        self.condition = condition;
        self
    }
}

/// The SOA record of the zone as it is spelled.
fn soa(zone: &str) -> String {
    let serial = crate::cluster::SERIAL;
    format!("{zone} 30 SOA ns.dns.{zone} hostmaster.{zone} {serial} 7200 1800 86400 30")
}

/// Every case.
pub(crate) fn all() -> Vec<Case> {
    let parts: [fn() -> Vec<Case>; 7] = [
        envelope::cases,
        header::cases,
        options::cases,
        names::cases,
        answers::cases,
        kinds::cases,
        limits::cases,
    ];
    parts.into_iter().flat_map(|part| part()).collect()
}

/// The host's maps of the standard cluster and of the crafted names.
pub(crate) fn tables(cluster: &Cluster) -> HostTables {
    let mut tables = HostTables::new(cluster, &SERVERS.map(address));
    crafted::put(&mut tables);
    tables
}

/// The host's maps under a condition.
pub(crate) fn under(tables: &HostTables, condition: Condition) -> HostTables {
    let mut tables = tables.clone();
    match condition {
        Condition::Usual => {}
        Condition::LeaseOver => tables.control.lease = 0,
        Condition::DenialsOff => tables.control.denials = 0,
        Condition::EndpointsOld => tables.control.endpoints = 0,
        Condition::Changing => tables.begin(0..STRIPES),
        Condition::ChangingAt(name) => {
            let stripe = stripe(&key(&wire(name)));
            tables.begin(stripe..stripe + 1);
        }
        Condition::Mtu(mtu) => tables.set_mtu(INTERFACE, mtu),
        Condition::NarrowNeighbour => tables.set_mtu(INTERFACE + 1, Some(68)),
        Condition::SizeCap(octets) => tables.control.size_cap = octets,
    }
    tables
}

/// A name in wire form.
pub(crate) fn wire(name: &str) -> WireName {
    let name = Name::from_ascii(name).expect("a name");
    wire_name(&name).expect("a name of usual length")
}

/// What became of a frame, as the table says it.
pub(crate) fn became(question: &[u8], outcome: Outcome, after: &[u8]) -> Becomes {
    match outcome {
        Outcome::Passed(pass) => {
            assert_eq!(after, question, "a packet that goes on is as it came");
            Becomes::Passed(pass)
        }
        Outcome::Answered(_) => {
            let reply = Datagram::parse(after).expect("the reply is a datagram");
            Becomes::Reply(judge::text(&reply.payload))
        }
        Outcome::Torn => panic!("torn"),
    }
}

#[test]
fn every_case_ends_as_the_table_says() {
    let cluster = Cluster::standard();
    let tables = tables(&cluster);
    let mut wrong = String::new();
    for case in all() {
        let tables = under(&tables, case.condition);
        let (outcome, after) = tables.run::<false>(&case.frame);
        let became = became(&case.frame, outcome, &after);
        if became != case.becomes {
            let (description, expected) = (&case.description, &case.becomes);
            wrong += &format!("{description}:\n  became {became:?}\n  not    {expected:?}\n");
        }
        if let Outcome::Answered(_) = outcome {
            judge::envelope(&case.frame, &after, tables.control.size_cap);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_table_has_every_reason_that_a_frame_can_give() {
    let reasons: BTreeSet<&str> = all()
        .iter()
        .filter_map(|case| match case.becomes {
            Becomes::Passed(pass) => Some(pass.label()),
            Becomes::Reply(_) => None,
        })
        .collect();
    for pass in Pass::ALL {
        // A frame alone makes no CPU busy, lets no helper fail and repeats nothing; these have tests of their own.
        let needs_more = [Pass::Busy, Pass::Restored, Pass::Repeat, Pass::Unheard];
        if !needs_more.contains(&pass) {
            assert!(
                reasons.contains(pass.label()),
                "no case for {}",
                pass.label()
            );
        }
    }
}

#[test]
fn the_table_has_no_two_cases_of_one_description() {
    let mut seen = BTreeSet::new();
    for case in all() {
        assert!(
            seen.insert(case.description.clone()),
            "{}",
            case.description
        );
    }
}

#[test]
fn questions_to_unknown_addresses_are_counted_by_address() {
    let tables = tables(&Cluster::standard());
    for case in all() {
        tables.run::<false>(&case.frame);
    }
    let counted = tables.unknown.borrow();
    let expected = all()
        .iter()
        .filter(|case| case.becomes == Becomes::Passed(Pass::UnknownDestination))
        .count();
    assert_eq!(counted.values().sum::<u64>(), expected as u64);
    let stranger = address(envelope::STRANGER);
    let key = dns_userspace::datapath::keys::destination(stranger);
    assert_eq!(counted.get(&key), Some(&2), "{stranger}");
}
