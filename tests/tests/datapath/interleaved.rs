//! Changes of the maps between any two looks of the datapath at them: what it answers was the whole answer at the
//! beginning of the look-up or at its end.
//!
//! What a change does is recorded step by step from the agent's own table. A look-up then begins at some step, and
//! goes on at a later one from its n-th look on, for every pair of steps and every n.

mod steps;

use std::cell::Cell;

use dns_core::{
    encode::Forms,
    entries::reconcile,
    objects::{
        Address, Endpoint, EndpointSlice, Kind, Namespace, Object, ObjectReference, Service,
    },
    policy::{Policy, Zone},
    projection::{NothingResolved, View},
    table::Table,
    world::{Affected, Event, World},
};
use dns_ebpf::{
    Outcome, Scratch, Tables,
    answer::{ENTRY_LEN, SECTION_MAX, STRIPES, Section},
};
use dns_userspace::datapath::keys::key;
use tests::hickory_proto::rr::RecordType::{self, A, AAAA, SRV};

use self::steps::{Interleaved, Steps};
use crate::{
    cases::wire,
    cluster::{Cluster, SERIAL},
    frames::{SERVERS, address, question, to_server},
    host::{HostPacket, HostTables},
};

/// What the agent has: objects, and what the maps hold of them.
struct Agent {
    policy: Policy,
    world: World,
    table: Table,
    steps: Steps,
}

impl Agent {
    /// The namespace `shop` with the headless services `web`, `other` and `lasting`, all of it in the maps.
    fn new(policy: Policy) -> Self {
        let mut world = World::default();
        let objects = [
            Object::Namespace(Namespace::named("shop")),
            service("web"),
            endpoints("web", 3),
            service("other"),
            endpoints("other", 2),
            service("lasting"),
            endpoints("lasting", 4),
        ];
        for object in objects {
            let _ = world.apply(Event::Applied(object));
        }
        let cluster = Cluster::new(policy.clone(), &world);
        let now = HostTables::new(&cluster, &SERVERS.map(address));
        let all = Vec::new();
        let mut agent = Self {
            policy,
            world,
            table: Table::new(1000),
            steps: Steps { now, all },
        };
        agent.carry(agent.world.owners());
        agent.steps.all = vec![agent.steps.now.clone()];
        agent
    }

    fn carry(&mut self, affected: Affected) {
        let forms = Forms::of(&self.policy).expect("a policy that fits the maps");
        let view = View {
            policy: &self.policy,
            world: &self.world,
            resolved: &NothingResolved,
            serial: SERIAL,
        };
        let _ = reconcile(&mut self.table, &mut self.steps, view, &forms, affected);
        assert_eq!(self.table.refused().next(), None);
    }

    fn apply(&mut self, event: Event) {
        let affected = self.world.apply(event);
        self.carry(affected);
    }

    /// Takes another policy over: nothing is answered until all is written.
    fn follow(&mut self, policy: Policy) {
        let lease = std::mem::take(&mut self.steps.now.control.lease);
        self.steps.note();
        let next = HostTables::new(
            &Cluster::new(policy.clone(), &self.world),
            &SERVERS.map(address),
        );
        self.steps.now.begin(0..STRIPES);
        self.steps.note();
        self.steps.now.take_policy(&next);
        self.steps.note();
        self.steps.finish();
        self.policy = policy;
        self.table = Table::new(2000);
        self.carry(self.world.owners());
        self.steps.now.control.lease = lease;
        self.steps.note();
    }
}

fn service(name: &str) -> Object {
    Object::Service(Service {
        namespace: "shop".into(),
        name: name.into(),
        external_name: None,
        cluster_ips: [Address::from("None")].into(),
        ports: [].into(),
        uncertain: false,
    })
}

fn endpoints(service: &str, count: u8) -> Object {
    let endpoint = |last: u8| Endpoint {
        address: Address::Ip([10, count, 0, last].into()),
        hostname: (last == 1).then(|| "node".into()),
        pod: None,
        ready: true,
    };
    Object::EndpointSlice(EndpointSlice {
        namespace: "shop".into(),
        name: format!("{service}-1").into(),
        service: Some(service.into()),
        endpoints: (1..=count).map(endpoint).collect(),
        ports: [].into(),
        uncertain: false,
    })
}

fn gone(kind: Kind, name: &str) -> Event {
    Event::Deleted(ObjectReference {
        kind,
        namespace: "shop".into(),
        name: name.into(),
    })
}

/// What is asked: names that change, names beside and below them, and absent ones.
const ASKED: [(&str, RecordType); 8] = [
    ("web.shop.svc.cluster.local", A),
    ("web.shop.svc.cluster.local", AAAA),
    ("web.shop.svc.cluster.local", SRV),
    ("node.web.shop.svc.cluster.local", A),
    ("other.shop.svc.cluster.local", A),
    ("nobody.web.shop.svc.cluster.local", A),
    ("github.com.shop.svc.cluster.local", A),
    ("github.com.elsewhere.svc.cluster.local", A),
];

/// The entry of a name that never changes here.
fn foreign(tables: &HostTables) -> [u8; ENTRY_LEN] {
    let mut entry = Section {
        octets: [0; SECTION_MAX],
    };
    let name = wire("lasting.shop.svc.cluster.local.");
    let head = tables.entry(&key::<40>(&name), &mut entry);
    head.expect("the entry of a name that lasts");
    *entry.octets.first_chunk().expect("an entry")
}

/// The reply that the maps give when nothing is changed; none: the question passes.
fn reply(tables: &impl Tables, frame: &[u8]) -> Option<Vec<u8>> {
    let mut packet = HostPacket::<false>::new(frame);
    let mut scratch = Box::new(Scratch::NEW);
    match dns_ebpf::intercept(&mut packet, tables, &mut scratch) {
        Outcome::Answered(_) => Some(packet.octets),
        Outcome::Passed(_) => None,
        Outcome::Torn => panic!("torn"),
    }
}

/// Checks every look-up that begins at one step and ends at a later one. At least so many of them are answered: those for
/// names that do not change.
fn check(steps: &[HostTables], least: usize, what: &str) {
    let mut overlapped = 0;
    let foreign = foreign(&steps[0]);
    for (name, query_type) in ASKED {
        let frame = to_server(&question(name, query_type).encode());
        let at_rest = |tables: &HostTables| {
            let mut tables = tables.clone();
            tables.started = tables.control.finished;
            reply(&tables, &frame)
        };
        let replies: Vec<_> = steps.iter().map(at_rest).collect();
        for begin in 0..steps.len() {
            for end in begin + 1..steps.len() {
                for at in 1.. {
                    let tables = Interleaved {
                        before: &steps[begin],
                        after: &steps[end],
                        at,
                        foreign: &foreign,
                        looks: Cell::new(0),
                    };
                    let seen = reply(&tables, &frame);
                    let looks = tables.looks.get();
                    if seen.is_some() {
                        overlapped += usize::from(looks > at);
                        assert!(
                            seen == replies[begin] || seen == replies[end],
                            "{what}: {query_type} of {name}, begun at step {begin}, from its look {at} on at step {end}"
                        );
                    }
                    if looks <= at {
                        break;
                    }
                }
            }
        }
    }
    assert!(
        overlapped >= least,
        "{what}: {overlapped} look-ups that a change overlapped were answered"
    );
}

fn policy() -> Policy {
    Policy::kubeadm(vec![Zone::parse("cluster.local").expect("a zone")])
}

#[test]
fn a_look_up_that_a_change_of_names_overlaps_gives_a_whole_answer_or_passes() {
    let events = [
        ("more endpoints", vec![Event::Applied(endpoints("web", 30))]),
        ("fewer endpoints", vec![Event::Applied(endpoints("web", 1))]),
        ("no endpoints", vec![gone(Kind::EndpointSlice, "web-1")]),
        (
            "no service",
            vec![
                gone(Kind::EndpointSlice, "web-1"),
                gone(Kind::Service, "web"),
            ],
        ),
        (
            "gone and back with others",
            vec![
                gone(Kind::Service, "web"),
                Event::Applied(endpoints("web", 25)),
                Event::Applied(service("web")),
            ],
        ),
        (
            "another service",
            vec![Event::Applied(endpoints("other", 9))],
        ),
    ];
    for (what, events) in events {
        let mut agent = Agent::new(policy());
        for event in events {
            agent.apply(event);
        }
        assert!(agent.steps.all.len() > 3, "{what} changes nothing");
        check(&agent.steps.all, 100, what);
    }
}

#[test]
fn a_look_up_that_a_change_of_the_policy_overlaps_mixes_no_two_policies() {
    let mut agent = Agent::new(policy());
    let mut next = policy();
    next.zones
        .insert(0, Zone::parse("example.org").expect("a zone"));
    agent.follow(next);
    check(&agent.steps.all, 0, "a zone in front of the others");
}
