//! Nodes of every kind of record and denial, whether or not the projection makes them of some object.

use std::net::IpAddr;

use dns_core::{
    policy::Zone,
    records::{Denial, Node, RecordSet},
    world::Owner,
};
use tests::hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, CNAME, SRV},
};

/// TTL of all records.
const LIFETIME: u32 = 30;

/// The owner of these nodes.
pub(crate) fn owner() -> Owner {
    Owner::service("made", "nodes")
}

/// A name below the zone.
pub(crate) fn below(zone: &Zone, labels: &str) -> Name {
    let name = Name::from_ascii(format!("{labels}.made.svc.")).expect("labels");
    let mut name = Name::from_labels(name.iter()).expect("labels");
    name.set_fqdn(false);
    name.append_domain(&zone.name).expect("a name")
}

/// A record.
pub(crate) fn record(owner: &Name, data: RData) -> Record {
    Record::from_rdata(owner.clone(), LIFETIME, data)
}

/// An address as the data of its record.
pub(crate) fn address(text: &str) -> RData {
    match text.parse().expect("an address") {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

/// An SRV record's data.
pub(crate) fn service(weight: u16, port: u16, target: &Name) -> RData {
    RData::SRV(SRV::new(0, weight, port, target.clone()))
}

/// An alias' data.
pub(crate) fn alias(target: &Name) -> RData {
    RData::CNAME(CNAME(target.clone()))
}

/// A record set in the order given.
pub(crate) fn set(query_type: RecordType, answers: Vec<Record>) -> RecordSet {
    RecordSet {
        query_type,
        answers,
        additional: Vec::new(),
        rotate: false,
        ends: 0,
        optional: false,
    }
}

/// SRV records with addresses of their targets.
pub(crate) fn services(answers: Vec<Record>, additional: Vec<Record>) -> RecordSet {
    RecordSet {
        additional,
        ..set(RecordType::SRV, answers)
    }
}

/// A node that exists, and denies what is below it.
pub(crate) fn node(name: &Name, zone: usize, sets: Vec<RecordSet>) -> Node {
    Node {
        name: name.clone(),
        zone,
        sets,
        here: Denial::Exists,
        below: Denial::Absent,
        of_endpoints: false,
    }
}

/// All of these nodes of a zone.
pub(crate) fn of(zone: &Zone, index: usize) -> Vec<Node> {
    let mut nodes = vec![Node {
        here: Denial::Empty,
        ..node(&below(zone, "x").base_name(), index, Vec::new())
    }];
    nodes.extend(cluster_address(zone, index));
    nodes.extend(endpoints(zone, index));
    nodes.extend(aliases(zone, index));
    nodes
}

/// A service with a cluster address of each family and two ports, and names of its ports.
fn cluster_address(zone: &Zone, index: usize) -> Vec<Node> {
    let name = below(zone, "web");
    let addresses = [
        record(&name, address("10.9.0.1")),
        record(&name, address("fd00:9::1")),
    ];
    let [v4, v6] = addresses.clone();
    let port = |owner: &Name, port| record(owner, service(50, port, &name));
    let mut nodes = vec![node(
        &name,
        index,
        vec![
            set(RecordType::A, vec![v4.clone()]),
            set(RecordType::AAAA, vec![v6.clone()]),
            services(
                vec![port(&name, 80), port(&name, 443)],
                addresses.clone().into(),
            ),
        ],
    )];
    for labels in [
        "_http._tcp",
        "http._tcp",
        "_http.tcp",
        "http.tcp",
        "_._",
        "_.tcp",
    ] {
        let owner = below(zone, &format!("{labels}.web"));
        let sets = vec![
            set(RecordType::A, vec![record(&owner, v4.data.clone())]),
            services(vec![port(&owner, 80)], addresses.clone().into()),
        ];
        nodes.push(node(&owner, index, sets));
    }
    // No additional records (`minimal`).
    let bare = below(zone, "bare");
    nodes.push(node(
        &bare,
        index,
        vec![services(vec![port(&bare, 80)], Vec::new())],
    ));
    nodes
}

/// Services of endpoints with names of their own: few in the letter case of their objects, several of one
/// name, and as many as a section holds.
fn endpoints(zone: &Zone, index: usize) -> Vec<Node> {
    let head = below(zone, "head");
    let target = |label: &str| below(zone, &format!("{label}.head"));
    let (one, two) = (target("Pod-One"), target("pod-2"));
    let few = services(
        vec![
            record(&head, service(33, 8080, &one)),
            record(&head, service(33, 8080, &two)),
        ],
        vec![
            record(&two, address("fd00:9::2")),
            record(&one, address("10.9.1.1")),
            record(&two, address("10.9.1.2")),
            record(&two, address("10.9.1.3")),
        ],
    );
    let many = below(zone, "many");
    let targets: Vec<Name> = (1..=10)
        .map(|number| below(zone, &format!("pod-{number}.many")))
        .collect();
    let many_of = |at: &Name| {
        let glue = targets.iter().enumerate();
        services(
            (targets.iter())
                .map(|target| record(at, service(8, 5432, target)))
                .collect(),
            glue.map(|(number, target)| record(target, address(&format!("10.9.2.{number}"))))
                .collect(),
        )
    };
    let named = below(zone, "_sql._tcp.many");
    // As many addresses of one target as the kernel points at it.
    let wide = below(zone, "wide");
    let same = services(
        vec![record(&wide, service(1, 80, &wide))],
        (1..=64)
            .map(|number| record(&wide, address(&format!("10.9.3.{number}"))))
            .collect(),
    );
    vec![
        node(&head, index, vec![few]),
        node(&many, index, vec![many_of(&many)]),
        node(&named, index, vec![many_of(&named)]),
        node(&wide, index, vec![same]),
    ]
}

/// Chains of aliases, a set that ends, and types that are left to the DNS service.
fn aliases(zone: &Zone, index: usize) -> Vec<Node> {
    let (near, middle, end) = (
        below(zone, "near"),
        below(zone, "middle"),
        below(zone, "web"),
    );
    let external = |text: &str| Name::from_ascii(text).expect("a name");
    let (far, target) = (below(zone, "far"), external("Database.MyCompany.com."));
    let chain = [record(&near, alias(&middle)), record(&middle, alias(&end))];
    let with = |data: &[&str]| {
        let ends = data.iter().map(|text| record(&end, address(text)));
        chain.iter().cloned().chain(ends).collect()
    };
    // The external server spells the name in its own way, and calls it by another name.
    let resolved = RecordSet {
        ends: u64::MAX,
        ..set(
            RecordType::A,
            vec![
                record(&far, alias(&target)),
                record(
                    &external("database.mycompany.com."),
                    alias(&external("db1.cdn.example.")),
                ),
                record(&external("db1.cdn.example."), address("192.0.2.7")),
                record(&external("db1.cdn.example."), address("192.0.2.8")),
            ],
        )
    };
    let partly = below(zone, "partly");
    vec![
        node(
            &near,
            index,
            vec![
                set(RecordType::A, with(&["10.9.0.1"])),
                set(RecordType::CNAME, vec![chain[0].clone()]),
                set(RecordType::AAAA, with(&["fd00:9::1", "fd00:9::2"])),
            ],
        ),
        node(
            &far,
            index,
            vec![
                resolved,
                set(RecordType::CNAME, vec![record(&far, alias(&target))]),
                RecordSet::left(RecordType::AAAA),
            ],
        ),
        node(
            &partly,
            index,
            vec![
                RecordSet::left(RecordType::A),
                set(
                    RecordType::AAAA,
                    vec![record(&partly, address("fd00:9::3"))],
                ),
                RecordSet::left(RecordType::SRV),
            ],
        ),
    ]
}
