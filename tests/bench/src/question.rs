//! What is asked in the bench, of whom and from which pod.

use std::net::{Ipv4Addr, SocketAddr};

use tests::{Pod, Question, hickory_proto::rr::RecordType};

use crate::scene::{
    CACHE_PORT, DATABASE, DNS_SERVICE, EXTERNAL, NAME_60, NAME_200, NODE_LOCAL, NSD, Scene, WEB,
};

/// What a client offers for a reply that is too long for 512 octets, as resolvers do.
const SIZE: u16 = 1232;

/// The pod that asks, and so the program that its question meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// A bounce by a plain redirect.
    FloorPlain,
    /// A bounce into the pod's end.
    FloorPeer,
    /// The agent's.
    Zerohop,
    /// One that does nothing.
    Empty,
    /// None.
    Bare,
}

/// One kind of round trip.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    /// A short name that targets and charts refer to.
    pub(crate) key: &'static str,
    /// What a reader of the table sees.
    pub(crate) label: &'static str,
    pub(crate) from: From,
    pub(crate) server: SocketAddr,
    pub(crate) question: Question,
}

impl Kind {
    /// Whether the reply is the question turned round, and says nothing.
    pub(crate) fn is_bounce(&self) -> bool {
        matches!(self.from, From::FloorPlain | From::FloorPeer)
    }

    /// The pod that asks.
    pub(crate) fn pod<'a>(&self, scene: &'a Scene) -> &'a Pod {
        match self.from {
            From::FloorPlain => &scene.floor_plain,
            From::FloorPeer => &scene.floor_peer,
            From::Zerohop => &scene.zerohop,
            From::Empty => &scene.empty,
            From::Bare => &scene.bare,
        }
    }
}

/// The kind of this key.
pub(crate) fn kind(key: &str) -> Option<Kind> {
    all().into_iter().find(|kind| kind.key == key)
}

/// An external name, asked of NSD by way of the agent's program, which passes it on.
pub(crate) fn external() -> Kind {
    Kind {
        key: "external",
        label: "A of an external name",
        from: From::Zerohop,
        server: SocketAddr::from((NSD, 53)),
        question: Question::new(EXTERNAL, RecordType::A),
    }
}

/// Every kind of round trip, in the order of the table.
pub(crate) fn all() -> Vec<Kind> {
    let ask = |key, label, from, server: Ipv4Addr, name: &str, record_type| Kind {
        key,
        label,
        from,
        server: SocketAddr::from((server, 53)),
        question: Question::new(name, record_type),
    };
    let kernel = |key, label, name: &str, record_type| {
        ask(key, label, From::Zerohop, DNS_SERVICE, name, record_type)
    };
    let hit = |key, label, from, server| ask(key, label, from, server, WEB, RecordType::A);
    let absent = |suffix: &str| format!("{EXTERNAL}.{suffix}");
    let (a, aaaa, srv) = (RecordType::A, RecordType::AAAA, RecordType::SRV);
    let mut service_records = kernel("srv", "SRV with the targets' addresses", CACHE_PORT, srv);
    service_records.question = service_records.question.with_edns(SIZE);
    vec![
        hit(
            "floor_plain",
            "bounce, bpf_redirect",
            From::FloorPlain,
            DNS_SERVICE,
        ),
        hit(
            "floor_peer",
            "bounce, bpf_redirect_peer",
            From::FloorPeer,
            DNS_SERVICE,
        ),
        kernel("hit", "A of a service", WEB, a),
        kernel("nodata", "AAAA of a service: no such records", WEB, aaaa),
        kernel(
            "nxdomain_3",
            "no such name, github.com.default.svc.cluster.local",
            &absent("default.svc.cluster.local"),
            a,
        ),
        kernel(
            "nxdomain_2",
            "no such name, github.com.svc.cluster.local",
            &absent("svc.cluster.local"),
            a,
        ),
        kernel(
            "nxdomain_1",
            "no such name, github.com.cluster.local",
            &absent("cluster.local"),
            a,
        ),
        kernel(
            "rotated",
            "A of a headless service, 20 addresses",
            DATABASE,
            a,
        ),
        service_records,
        kernel("name_60", "A, a name of 60 octets", NAME_60, a),
        kernel("name_200", "A, a name of 200 octets", NAME_200, a),
        hit(
            "core_dns",
            "CoreDNS behind kube-proxy's rules",
            From::Bare,
            DNS_SERVICE,
        ),
        hit(
            "node_local",
            "a cache on the node (NodeLocal DNSCache)",
            From::Bare,
            NODE_LOCAL,
        ),
        hit("nsd", "NSD on the node", From::Bare, NSD),
    ]
}
