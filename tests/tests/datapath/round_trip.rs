//! Random record sets through the encoder, the maps and the datapath, and back.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, Ipv6Addr},
};

use dns_core::{
    encode,
    entries::{Entries, write},
    policy::{Policy, Zone},
    records::{Denial, Node, RecordSet},
    table::Table,
    world::{Owner, World},
};
use dns_ebpf::{Answered, Outcome, Pass};
use proptest::{collection::vec, prelude::*, sample::select};
use tests::{
    frame::Datagram,
    hickory_proto::{
        op::Message,
        rr::{
            Name, RData, Record, RecordType,
            rdata::{A, AAAA, CNAME, SRV},
        },
    },
};

use crate::{
    cluster::Cluster,
    frames::{SERVERS, address, message, to_server},
    generated::{settings, spelled},
    host::HostTables,
};

/// A fully qualified name below the zone.
fn name() -> impl Strategy<Value = Name> {
    vec("[a-z][a-z0-9-]{0,30}", 1..6).prop_map(|labels| {
        let text = format!("{}.cluster.local.", labels.join("."));
        Name::from_ascii(text).expect("a name")
    })
}

fn target() -> impl Strategy<Value = Name> {
    vec("[A-Za-z][A-Za-z0-9-]{0,20}", 1..4)
        .prop_map(|labels| Name::from_ascii(format!("{}.", labels.join("."))).expect("a name"))
}

/// The data of one record set: one type, one to some records.
fn data() -> impl Strategy<Value = Vec<RData>> {
    let service = (any::<u16>(), any::<u16>(), any::<u16>(), target());
    prop_oneof![
        vec(any::<u32>(), 1..90).prop_map(|list| {
            list.into_iter()
                .map(|ip| RData::A(A(Ipv4Addr::from(ip))))
                .collect()
        }),
        vec(any::<u128>(), 1..60).prop_map(|list| {
            list.into_iter()
                .map(|ip| RData::AAAA(AAAA(Ipv6Addr::from(ip))))
                .collect()
        }),
        target().prop_map(|target| vec![RData::CNAME(CNAME(target))]),
        vec(service, 1..20).prop_map(|list| {
            list.into_iter()
                .map(|(priority, weight, port, target)| {
                    RData::SRV(SRV::new(priority, weight, port, target))
                })
                .collect()
        }),
    ]
}

/// A node of up to four record sets.
fn node() -> impl Strategy<Value = Node> {
    let sets = vec((data(), any::<u32>(), any::<bool>()), 0..4);
    let here = select(vec![
        Denial::Pass,
        Denial::Exists,
        Denial::Empty,
        Denial::Absent,
    ]);
    (name(), sets, here).prop_map(|(name, sets, here)| {
        let sets: BTreeMap<u16, RecordSet> = sets
            .into_iter()
            .map(|(data, ttl, rotate)| {
                let answers: Vec<Record> = data
                    .into_iter()
                    .map(|data| Record::from_rdata(name.clone(), ttl, data))
                    .collect();
                let query_type = answers[0].record_type();
                let set = RecordSet {
                    query_type,
                    answers,
                    additional: Vec::new(),
                    rotate,
                    ends: 0,
                    optional: false,
                };
                (query_type.into(), set)
            })
            .collect();
        Node {
            name,
            zone: 0,
            sets: sets.into_values().collect(),
            here,
            below: Denial::Pass,
            of_endpoints: false,
        }
    })
}

/// The host's maps with this node alone.
fn tables(node: &Node) -> HostTables {
    let zone = Zone::parse("cluster.local").expect("a zone");
    let cluster = Cluster::new(Policy::kubeadm(vec![zone]), &World::default());
    let mut tables = HostTables::new(&cluster, &SERVERS.map(address));
    tables.set_mtu(crate::host::INTERFACE, Some(9000));
    let entries = Entries::of_nodes([node], &cluster.forms);
    let owner = Owner::service("any", "any");
    write(&mut Table::new(0), &mut tables, [(&owner, entries)]);
    tables
}

/// Whether `got` is `stored` beginning at any place, or at its first one.
fn is_in_order(got: &[Record], stored: &[Record], rotates: bool) -> bool {
    let lines = |records: &[Record]| -> Vec<String> {
        let line = |record: &Record| format!("{} {}", record.ttl, record.data);
        records.iter().map(line).collect()
    };
    let (mut got, stored) = (lines(got), lines(stored));
    let starts = if rotates { stored.len() } else { 1 };
    (0..starts).any(|_| {
        let same = got == stored;
        got.rotate_left(1);
        same
    })
}

proptest! {
    #![proptest_config(settings(500))]

    #[test]
    fn what_is_encoded_is_looked_up_and_read_back(
        node in node(),
        spelling: u64,
        random: u32,
        also in select(vec![1_u16, 28, 5, 33, 16, 255]),
    ) {
        let mut tables = tables(&node);
        tables.random = random;
        let wire = spelled(&encode::wire_name(&node.name).expect("a name"), spelling);
        let types = node.sets.iter().map(|set| set.query_type.into()).chain([also]);
        for number in types {
            let opt = [0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
            let rest = [&wire[..], &u16::to_be_bytes(number), &[0, 1], &opt].concat();
            let frame = to_server(&message([1, 0x0100, 1, 0, 0, 1], &rest));
            let (outcome, after) = tables.run::<false>(&frame);
            let set = node.sets.iter().find(|set| set.query_type == RecordType::from(number));
            match (outcome, set) {
                (Outcome::Answered(Answered::Records), Some(set)) => {
                    let reply = Datagram::parse(&after).expect("a datagram").payload;
                    let got = Message::from_vec(&reply).expect("a message");
                    let owner = got.queries[0].name().to_ascii();
                    prop_assert!(got.answers.iter().all(|record| record.name.to_ascii() == owner));
                    prop_assert!(is_in_order(&got.answers, &set.answers, set.rotate));
                }
                (Outcome::Answered(answered), None) => {
                    prop_assert!(answered != Answered::Records);
                }
                (Outcome::Passed(pass), set) => {
                    // A set that no section holds leaves the whole name to the DNS service.
                    let large = node.sets.iter().any(|set| set.answers.len() > 12);
                    prop_assert_eq!(pass, Pass::QueryType);
                    prop_assert!(large || set.is_none());
                }
                (outcome, set) => prop_assert!(false, "{:?} {:?}", outcome, set),
            }
        }
    }
}
