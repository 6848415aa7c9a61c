//! The names of one service: its own, those of its ports, and those of its endpoints.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::{Name, RecordType};

use super::{
    Made, ZoneView, alias,
    found::{Asked, Candidates, Found},
    sets,
    targets::{Targets, by_label},
};
use crate::{
    objects::Service,
    records::{Denial, Node, RecordSet},
};

/// A service with more ports than this is left to the DNS service but for its own name: each port has
/// up to nine names.
const PORTS_MAX: usize = 100;

/// Adds the nodes of a service in one zone. It has none if it, or its namespace, does not exist, if it is
/// headless without a ready endpoint, and if its external name is an IP address.
pub(super) fn service_nodes(zone: &ZoneView<'_>, namespace: &str, name: &str, made: &mut Made<'_>) {
    if zone.zone.is_reverse() || !zone.exposes(namespace) {
        return;
    }
    let Some(service) = zone.world().service(namespace, name) else {
        return;
    };
    let place = Place {
        zone,
        service,
        object: format!("Service {namespace}/{name}"),
    };
    let candidates = Candidates::new(zone, service);
    let own = candidates.find(Asked::Service);
    let zonal = zone.zone.services.zonal && service.is_headless();
    let mut endpoints = match own {
        // Whatever its cluster address: one that says "None" does not make it headless.
        _ if service.external_name.is_some() => BTreeMap::new(),
        // With `ignore empty_service` nothing below such a service exists either.
        Found::Absent if !service.is_headless() => BTreeMap::new(),
        _ => place.endpoints(&candidates),
    };
    let ports = match own {
        Found::Alias(_) | Found::Uncertain | Found::Absent => BTreeSet::new(),
        _ => place.ports(made),
    };
    let all_named = endpoints.remove(&None).is_none();
    let certain = all_named && ports.len() <= PORTS_MAX && !matches!(own, Found::Uncertain);
    let below = if certain {
        Denial::Absent
    } else {
        Denial::Pass
    };
    let exists = !matches!(own, Found::Absent);
    let mut shared = Shared::default();
    // The search for the closest encloser of a zonal name leads over the service's.
    if exists || zonal {
        place.add(&[], &own, below, Some(&mut shared), made);
    }
    if zonal {
        zone.add(&place.labels(&["_zone"]), &place.object, made, |name| {
            zone.empty(name, Denial::Absent, Denial::Pass)
        });
    }
    if ports.len() <= PORTS_MAX {
        for (port, protocol) in spellings(&ports) {
            let bare = |label: &str| label.strip_prefix('_').unwrap_or(label).to_owned();
            let found = candidates.find(Asked::Port {
                port: &bare(&port),
                protocol: &bare(&protocol),
            });
            let labels = [&*port, &*protocol];
            place.add(&labels, &found, Denial::Absent, Some(&mut shared), made);
        }
    }
    for (label, targets) in endpoints {
        let found = Found::Targets { service, targets };
        // An endpoint may be called like a protocol, and then the ports' names are below it.
        place.add(&[&label.unwrap_or_default()], &found, below, None, made);
    }
}

/// A service in a zone.
struct Place<'place, 'view> {
    zone: &'place ZoneView<'view>,
    service: &'view Service,
    object: String,
}

/// Record sets of the service's own name and of its ports': nine spellings of a port find the same, and to build it
/// once saves a third of the time that a service with many endpoints takes.
#[derive(Default)]
struct Shared(Vec<Built>);

/// What was built of some targets, and the types of what was too large for that.
struct Built {
    targets: Targets,
    sets: Vec<RecordSet>,
    too_large: Vec<RecordType>,
}

impl Shared {
    /// The record sets of these targets under this name, built only if they were under no other.
    fn sets(
        &mut self,
        owner: &Name,
        targets: &Targets,
        too_large: &mut Vec<RecordType>,
        build: impl FnOnce(&mut Vec<RecordType>) -> Vec<RecordSet>,
    ) -> Vec<RecordSet> {
        if let Some(built) = self.0.iter().find(|built| built.targets.same(targets)) {
            too_large.clone_from(&built.too_large);
            let sets = built.sets.iter().map(|set| sets::under(owner, set));
            return sets.collect();
        }
        let sets = build(too_large);
        self.0.push(Built {
            targets: targets.clone(),
            sets: sets.clone(),
            too_large: too_large.clone(),
        });
        sets
    }
}

impl Place<'_, '_> {
    /// `labels` and then those of the service, up to its zone.
    fn labels<'label>(&'label self, labels: &[&'label str]) -> Vec<&'label str> {
        let own = [&*self.service.name, &*self.service.namespace, "svc"];
        labels.iter().copied().chain(own).collect()
    }

    /// Adds the node of a name of this service. What is absent needs none. A name that stands for other things than
    /// itself shares record sets with others of the kind.
    fn add(
        &self,
        labels: &[&str],
        found: &Found<'_>,
        below: Denial,
        shared: Option<&mut Shared>,
        made: &mut Made<'_>,
    ) {
        let zone = self.zone;
        let labels = self.labels(labels);
        let mut too_large = Vec::new();
        zone.add(&labels, &self.object, made, |name| {
            let of_endpoints = match found {
                Found::Targets { service, targets } => targets.are_endpoints_of(service),
                Found::Alias(service) => alias::leads_to_endpoints(zone, service, &name),
                _ => false,
            };
            let (sets, here) = match found {
                Found::Absent => (Vec::new(), Denial::Absent),
                Found::Empty => (Vec::new(), Denial::Empty),
                Found::Uncertain | Found::Pod(_) => (Vec::new(), Denial::Pass),
                Found::Alias(service) => match alias::sets(zone, service, &name, &mut too_large) {
                    Some(sets) => (sets, Denial::Exists),
                    None => (Vec::new(), Denial::Pass),
                },
                Found::Targets { service, targets } => {
                    let build = |too_large: &mut Vec<RecordType>| {
                        sets::of_targets(zone, &name, service, targets, too_large)
                    };
                    let sets = match shared {
                        Some(shared) => shared.sets(&name, targets, &mut too_large, build),
                        None => build(&mut too_large),
                    };
                    (sets, Denial::Exists)
                }
            };
            Node {
                name,
                zone: zone.index,
                sets,
                here,
                below,
                of_endpoints,
            }
        });
        if !too_large.is_empty() {
            let types: Vec<String> = too_large.iter().map(RecordType::to_string).collect();
            let reason = format!(
                "{} has more {} records than a reply here holds; the DNS service answers these",
                labels.join("."),
                types.join(" and ")
            );
            made.skip(&self.object, reason);
        }
    }

    /// The endpoints, by their labels in lower case; none stands for what is not certain.
    fn endpoints(&self, candidates: &Candidates<'_, '_>) -> BTreeMap<Option<String>, Targets> {
        let known = !self.service.uncertain && !self.service.cluster_ips.is_empty();
        match candidates.endpoints().filter(|_| known) {
            Some(endpoints) => by_label(endpoints),
            None => BTreeMap::from([(None, Targets::default())]),
        }
    }

    /// The names and protocols of the ports by which the service can be asked for, in lower case.
    fn ports(&self, made: &mut Made<'_>) -> BTreeSet<(String, String)> {
        let mut ports = BTreeSet::new();
        let mut insert = |name: &str, protocol: &str| {
            ports.insert((name.to_ascii_lowercase(), protocol.to_owned()));
        };
        if self.service.is_headless() {
            let (namespace, name) = (&self.service.namespace, &self.service.name);
            for slice in self.zone.world().slices_of(namespace, name) {
                if slice.ports.is_empty() {
                    insert("", "");
                }
                for port in &slice.ports {
                    insert(&port.name, port.protocol.label());
                }
            }
        } else {
            if self.service.ports.is_empty() {
                insert("", "");
            }
            for port in &self.service.ports {
                insert(&port.name, port.protocol.label());
            }
        }
        if ports.len() > PORTS_MAX {
            let reason = format!(
                "has {} ports, more than {PORTS_MAX}; names of its ports and endpoints are left to the DNS service",
                ports.len()
            );
            made.skip(&self.object, reason);
        }
        ports
    }
}

/// Every pair of labels that asks for one of these ports: each with and without its underscore, and the
/// underscore alone for any (specification §6).
fn spellings(ports: &BTreeSet<(String, String)>) -> BTreeSet<(String, String)> {
    let labels = |text: &str| -> Vec<String> {
        let mut labels = vec!["_".to_owned()];
        if !text.is_empty() {
            labels.push(format!("_{text}"));
            if !text.starts_with('_') {
                labels.push(text.to_owned());
            }
        }
        labels
    };
    let mut spellings = BTreeSet::new();
    for (port, protocol) in ports {
        for port in labels(port) {
            for protocol in labels(protocol) {
                spellings.insert((port.clone(), protocol));
            }
        }
    }
    spellings
}
