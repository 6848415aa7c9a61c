//! Names to ask about: those that exist, and those beside them.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::Value;

use super::{Labels, labels_of, reverse};
use crate::{
    api::Resource, cluster::Cluster, corefile::Zones, random::Random, stage::MARKED, upstream,
};

/// Labels that are put where they do not belong.
const STRAY: [&str; 18] = [
    "svc",
    "pod",
    "dns",
    "_tcp",
    "_udp",
    "tcp",
    "_http",
    "http",
    "web",
    "shop",
    "default",
    "*",
    "any",
    "x",
    "_",
    "cluster",
    "local",
    "dns-version",
];

/// Names that are none of the cluster's.
const ELSEWHERE: [&str; 10] = [
    ".",
    "local",
    "localhost",
    "org",
    "version.bind",
    "example",
    "web.shop",
    "web.shop.svc",
    "cluster.local.example",
    "xcluster.local",
];

/// What there is to ask about.
#[derive(Debug, Clone)]
pub struct Subjects {
    zones: Zones,
    namespaces: Vec<String>,
    services: Vec<Service>,
    addresses: Vec<IpAddr>,
}

#[derive(Debug, Clone, Default)]
struct Service {
    namespace: String,
    name: String,
    /// First labels of its endpoints' names.
    endpoints: Vec<String>,
    /// Name and protocol.
    ports: Vec<(String, String)>,
}

impl Subjects {
    /// What a cluster's objects and a Corefile's zones give.
    #[must_use]
    pub fn of(cluster: &Cluster, zones: &Zones) -> Self {
        let mut subjects = Self {
            zones: zones.clone(),
            namespaces: Vec::new(),
            services: Vec::new(),
            addresses: Vec::new(),
        };
        let mut namespaces = BTreeSet::from(MARKED.map(str::to_owned));
        let mut addresses = BTreeSet::new();
        for (resource, space, name) in cluster.objects.keys() {
            namespaces.insert(match resource {
                Resource::Namespaces => name.clone(),
                _ => space.clone(),
            });
        }
        for service in cluster.of_kind(Resource::Services) {
            let spec = &service["spec"];
            addresses.extend(texts(&spec["clusterIPs"]));
            addresses.extend(spec["clusterIP"].as_str().map(str::to_owned));
            subjects.services.push(Service {
                namespace: text(&service["metadata"]["namespace"]),
                name: text(&service["metadata"]["name"]),
                endpoints: Vec::new(),
                ports: ports(spec),
            });
        }
        for slice in cluster.of_kind(Resource::EndpointSlices) {
            let metadata = &slice["metadata"];
            let namespace = text(&metadata["namespace"]);
            let name = text(&metadata["labels"]["kubernetes.io/service-name"]);
            let known = subjects
                .services
                .iter()
                .position(|service| service.namespace == namespace && service.name == name);
            let place = known.unwrap_or_else(|| {
                subjects.services.push(Service {
                    namespace,
                    name,
                    ..Service::default()
                });
                subjects.services.len() - 1
            });
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                let given = texts(&endpoint["addresses"]);
                let labels = [&endpoint["hostname"], &endpoint["targetRef"]["name"]];
                let service = &mut subjects.services[place];
                service
                    .endpoints
                    .extend(given.iter().map(|address| dashed(address)));
                service.endpoints.extend(
                    labels
                        .map(text)
                        .into_iter()
                        .filter(|label| !label.is_empty()),
                );
                addresses.extend(given);
            }
            subjects.services[place].ports.extend(ports(slice));
        }
        subjects.namespaces = namespaces.into_iter().collect();
        let parsed = addresses.iter().filter_map(|address| address.parse().ok());
        subjects.addresses = parsed.collect();
        subjects
    }

    /// A name, and whether it is meant as that of an address.
    pub(super) fn name(&self, random: &mut Random) -> (Labels, bool) {
        let (mut name, is_reverse) = match random.below(100) {
            0..55 => (self.of_service(random), false),
            55..67 => (self.of_zone(random), false),
            67..84 => (reverse::near(random, &self.addresses), true),
            84..90 => (self.elsewhere(random), false),
            _ => (self.near_miss(random), false),
        };
        if random.percent(20) {
            spell(random, &mut name);
        }
        (name, is_reverse)
    }

    fn zone(&self, random: &mut Random) -> &str {
        match random.percent(75) {
            true => self.zones.names.first(),
            false => Some(random.one_of(&self.zones.names)),
        }
        .map_or("cluster.local", String::as_str)
    }

    fn of_service(&self, random: &mut Random) -> Labels {
        let zone = self.zone(random);
        let Some(service) = (!self.services.is_empty()).then(|| random.one_of(&self.services))
        else {
            return labels_of(zone);
        };
        let mut name = match random.below(100) {
            0..45 => Vec::new(),
            45..70 => port_labels(random, service),
            _ => vec![
                match service.endpoints.is_empty() || random.percent(8) {
                    true => random.text(&["10-244-0-1", "web-0", "absent", "fd00-10-244--1"]),
                    false => random.one_of(&service.endpoints).clone(),
                }
                .into_bytes(),
            ],
        };
        name.push(service.name.clone().into_bytes());
        name.push(service.namespace.clone().into_bytes());
        name.push(b"svc".to_vec());
        name.extend(labels_of(zone));
        name
    }

    fn of_zone(&self, random: &mut Random) -> Labels {
        let zone = self.zone(random);
        let space = random.one_of(&self.namespaces);
        let name = match random.below(12) {
            0 => zone.to_owned(),
            1 => format!("svc.{zone}"),
            2 => format!("pod.{zone}"),
            3 => format!("dns.{zone}"),
            4 => format!("ns.dns.{zone}"),
            5 => format!("dns-version.{zone}"),
            6 => format!("{space}.pod.{zone}"),
            7 => format!("10-244-0-{}.{space}.pod.{zone}", random.below(9)),
            8 => format!("x.fd00--1.{space}.pod.{zone}"),
            9 => format!("{space}.{zone}"),
            _ => format!("{space}.svc.{zone}"),
        };
        labels_of(&name)
    }

    fn elsewhere(&self, random: &mut Random) -> Labels {
        let name = match random.below(4) {
            0 => random.text(&upstream::NAMES),
            1 if !self.zones.others.is_empty() => random.one_of(&self.zones.others).clone(),
            2 if !self.zones.others.is_empty() => {
                format!("made.{}", random.one_of(&self.zones.others))
            }
            _ => random.text(&ELSEWHERE),
        };
        labels_of(&name)
    }

    /// A name that differs from an existing one in one or two respects.
    fn near_miss(&self, random: &mut Random) -> Labels {
        let mut name = match random.percent(75) {
            true => self.of_service(random),
            false => self.of_zone(random),
        };
        for _ in 0..random.between(1, 2) {
            let place = random.below(name.len());
            let stray = random.text(&STRAY).into_bytes();
            match random.below(9) {
                0 => name.insert(place, stray),
                1 => name.insert(0, stray),
                2 if name.len() > 1 => {
                    name.remove(place);
                }
                3 if name.len() > 1 => {
                    let other = random.below(name.len());
                    name.swap(place, other);
                }
                4 if !name.is_empty() => name[place] = stray,
                5 if !name.is_empty() => name[place].push(*random.one_of(b"-_0a.\\ \x00\xff")),
                6 if !name.is_empty() => {
                    name[place].pop();
                }
                // What a resolver's search list makes of a name.
                7 => {
                    let space = random.one_of(&self.namespaces).clone();
                    let zone = self.zone(random).to_owned();
                    name.extend(labels_of(&format!("{space}.svc.{zone}")));
                }
                _ => name.insert(0, vec![b'l'; random.between(1, 63)]),
            }
        }
        name
    }
}

/// The spelling of some letters is changed, of all, or of the zone's.
fn spell(random: &mut Random, name: &mut Labels) {
    match random.below(3) {
        0 => name
            .iter_mut()
            .for_each(|label| label.make_ascii_uppercase()),
        1 => name
            .iter_mut()
            .rev()
            .take(2)
            .for_each(|label| label.make_ascii_uppercase()),
        _ => {
            for octet in name.iter_mut().flatten() {
                if octet.is_ascii_alphabetic() && random.percent(40) {
                    *octet ^= 0x20;
                }
            }
        }
    }
}

fn port_labels(random: &mut Random, service: &Service) -> Labels {
    let (port, protocol) = match service.ports.is_empty() || random.percent(10) {
        true => ("http".to_owned(), "TCP".to_owned()),
        false => random.one_of(&service.ports).clone(),
    };
    let protocol = match random.below(12) {
        0 => "udp".to_owned(),
        1 => String::new(),
        2 => "other".to_owned(),
        _ => protocol.to_lowercase(),
    };
    let port = match random.below(12) {
        0 => String::new(),
        1 => "absent".to_owned(),
        _ => port,
    };
    let underscore = |random: &mut Random, text: &str| match random.below(10) {
        0 | 1 => text.to_owned(),
        2 => format!("__{text}"),
        _ => format!("_{text}"),
    };
    let first = underscore(random, &port).into_bytes();
    let second = underscore(random, &protocol).into_bytes();
    vec![first, second]
}

/// The first label of an endpoint that has only its address, as any version may make it.
fn dashed(address: &str) -> String {
    let dashed = address.replace(['.', ':'], "-");
    match dashed.ends_with('-') && address.len().is_multiple_of(2) {
        true => dashed + "0",
        false => dashed,
    }
}

fn ports(of: &Value) -> Vec<(String, String)> {
    let ports = of["ports"].as_array().into_iter().flatten().take(6);
    ports
        .map(|port| (text(&port["name"]), text(&port["protocol"])))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn texts(value: &Value) -> Vec<String> {
    let values = value.as_array().into_iter().flatten();
    values
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
