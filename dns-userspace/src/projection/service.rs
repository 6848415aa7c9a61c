//! The names of one service: its own, and those of its endpoints if it is headless.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, CNAME},
};

use super::name::in_every_zone;
use crate::{
    objects::{Address, Endpoint, Service, Skipped},
    policy::{Order, Policy},
    records::{Denial, Node, RecordSet},
    world::World,
};

/// What is answered at a name, in every zone alike.
struct Content {
    answers: Answers,
    here: Denial,
}

enum Answers {
    None,
    Addresses(BTreeSet<IpAddr>),
    Target(Name),
}

/// The nodes of a service. It has none if it, or its namespace, does not exist, if it is headless
/// without a ready endpoint, and if its external name is an IP address.
#[must_use]
pub fn service_nodes(
    policy: &Policy,
    world: &World,
    namespace: &str,
    name: &str,
) -> (Vec<Node>, Vec<Skipped>) {
    let mut nodes = Vec::new();
    let mut skipped = Vec::new();
    if !world.namespace_exists(namespace) {
        return (nodes, skipped);
    }
    let Some(service) = world.service(namespace, name) else {
        return (nodes, skipped);
    };
    let object = format!("Service {namespace}/{name}");
    if let Some(content) = content_of(service, world) {
        let labels = [name, namespace, "svc"];
        in_every_zone(policy, &labels, &object, &mut skipped, |name, zone| {
            nodes.push(content.node(policy, name, zone));
        });
    }
    for (label, content) in endpoint_contents(service, world) {
        let labels = [&*label, name, namespace, "svc"];
        in_every_zone(policy, &labels, &object, &mut skipped, |name, zone| {
            nodes.push(content.node(policy, name, zone));
        });
    }
    (nodes, skipped)
}

/// What is answered at the service's own name; nothing if it does not exist.
fn content_of(service: &Service, world: &World) -> Option<Content> {
    if let Some(target) = &service.external_name {
        return external(target);
    }
    if service.is_headless() {
        let mut endpoints = ready_endpoints(service, world).peekable();
        endpoints.peek()?;
        return Some(addresses(endpoints.map(|endpoint| &endpoint.address)));
    }
    if service.cluster_ips.is_empty() {
        return Some(Content::PASS);
    }
    Some(addresses(service.cluster_ips.iter()))
}

/// What is answered at the names below a headless service. Endpoints that share a name are one.
fn endpoint_contents(service: &Service, world: &World) -> BTreeMap<String, Content> {
    if service.external_name.is_some() || !service.is_headless() {
        return BTreeMap::new();
    }
    let mut by_label: BTreeMap<String, Vec<&Address>> = BTreeMap::new();
    for endpoint in ready_endpoints(service, world) {
        if let Some(label) = endpoint_label(endpoint) {
            by_label.entry(label).or_default().push(&endpoint.address);
        }
    }
    by_label
        .into_iter()
        .map(|(label, list)| (label, addresses(list.into_iter())))
        .collect()
}

fn ready_endpoints<'world>(
    service: &Service,
    world: &'world World,
) -> impl Iterator<Item = &'world Endpoint> {
    world
        .slices_of(&service.namespace, &service.name)
        .flat_map(|slice| &slice.endpoints)
        .filter(|endpoint| endpoint.ready)
}

/// The label of an endpoint below its service: its host name, else its address with dashes.
fn endpoint_label(endpoint: &Endpoint) -> Option<String> {
    if let Some(hostname) = &endpoint.hostname {
        return Some(hostname.to_ascii_lowercase());
    }
    match endpoint.address {
        Address::Ip(IpAddr::V4(ip)) => Some(ip.to_string().replace('.', "-")),
        Address::Ip(IpAddr::V6(ip)) => {
            let label = ip.to_string().replace(':', "-");
            // CoreDNS appends a zero here from 1.12.3 on, and none before.
            (!label.ends_with('-')).then_some(label)
        }
        Address::Text(_) => None,
    }
}

fn addresses<'address>(list: impl Iterator<Item = &'address Address>) -> Content {
    let usable = |address: &Address| match address {
        Address::Ip(ip) => Some(*ip),
        Address::Text(_) => None,
    };
    match list.map(usable).collect() {
        Some(addresses) => Content {
            answers: Answers::Addresses(addresses),
            here: Denial::Exists,
        },
        None => Content::PASS,
    }
}

/// The content of a service of type ExternalName. CoreDNS denies one whose target is an address.
fn external(target: &str) -> Option<Content> {
    if target.parse::<IpAddr>().is_ok() {
        return None;
    }
    Some(match domain_name(target) {
        Some(target) => Content {
            answers: Answers::Target(target),
            here: Denial::Exists,
        },
        None => Content::PASS,
    })
}

/// A domain name in its own spelling, fully qualified; none if it is unusual enough for servers
/// to differ on it.
fn domain_name(text: &str) -> Option<Name> {
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    if !labels().all(|label| !label.is_empty() && label.bytes().all(plain)) {
        return None;
    }
    let mut name = Name::from_labels(labels().map(str::as_bytes)).ok()?;
    name.set_fqdn(true);
    Some(name)
}

impl Content {
    /// The name exists, and nothing else is certain.
    const PASS: Self = Self {
        answers: Answers::None,
        here: Denial::Pass,
    };

    fn node(&self, policy: &Policy, name: Name, zone: usize) -> Node {
        Node {
            sets: self.answers.sets(policy, zone, &name),
            name,
            zone,
            here: self.here,
            // Ports and protocols are names below a service, and endpoints of any service.
            below: Denial::Pass,
        }
    }
}

impl Answers {
    fn sets(&self, policy: &Policy, zone: usize, name: &Name) -> Vec<RecordSet> {
        let record = |data| Record::from_rdata(name.clone(), policy.zones[zone].lifetimes.records, data);
        match self {
            Self::None => Vec::new(),
            Self::Target(target) => vec![RecordSet {
                query_type: RecordType::CNAME,
                answers: vec![record(RData::CNAME(CNAME(target.clone())))],
                additional: Vec::new(),
                rotate: false,
                ends: 0,
            }],
            Self::Addresses(addresses) => {
                let (v4, v6): (Vec<_>, Vec<_>) = addresses.iter().partition(|ip| ip.is_ipv4());
                let families = [(RecordType::A, v4), (RecordType::AAAA, v6)];
                families
                    .into_iter()
                    .filter(|(_, family)| !family.is_empty())
                    .map(|(query_type, family)| RecordSet {
                        query_type,
                        rotate: policy.zones[zone].order == Order::Turned && family.len() > 1,
                        answers: family.into_iter().map(|ip| record(address(ip))).collect(),
                        additional: Vec::new(),
                        ends: 0,
                    })
                    .collect()
            }
        }
    }
}

fn address(ip: IpAddr) -> RData {
    match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}
