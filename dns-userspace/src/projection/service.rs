//! The names of one service: its own, those of its ports, and those of its endpoints.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use hickory_proto::rr::Name;

use super::{
    Made, ZoneView, alias, endpoint,
    found::{Asked, Found, Target, of_service},
    sets,
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
pub(super) fn service_nodes(zone: &ZoneView<'_>, namespace: &str, name: &str, made: &mut Made) {
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
    let own = of_service(zone, service, Asked::Service);
    let zonal = zone.zone.services.zonal && service.is_headless();
    let endpoints = match own {
        // Whatever its cluster address: one that says "None" does not make it headless.
        _ if service.external_name.is_some() => Endpoints::default(),
        // With `ignore empty_service` nothing below such a service exists either.
        Found::Absent if !service.is_headless() => Endpoints::default(),
        _ => place.endpoints(),
    };
    let ports = match own {
        Found::Alias(_) => BTreeSet::new(),
        Found::Unsure | Found::Absent => BTreeSet::new(),
        _ => place.ports(made),
    };
    let certain = endpoints.certain && ports.len() <= PORTS_MAX && !matches!(own, Found::Unsure);
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
            let (port_name, protocol_name) = (bare(&port), bare(&protocol));
            let asked = Asked::Port {
                port: &port_name,
                protocol: &protocol_name,
            };
            let found = of_service(zone, service, asked);
            let labels = [&*port, &*protocol];
            place.add(&labels, &found, Denial::Absent, Some(&mut shared), made);
        }
    }
    for (label, found) in endpoints.by_label {
        // An endpoint may be called like a protocol, and then the ports' names are below it.
        place.add(&[&label], &found, below, None, made);
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

/// What was built of some targets, and how many records of a type were not.
struct Built {
    targets: Vec<Target>,
    sets: Vec<RecordSet>,
    unbuilt: usize,
}

impl Shared {
    /// The record sets of these targets under this name, built only if they were under no other.
    fn sets(
        &mut self,
        owner: &Name,
        targets: &[Target],
        build: impl FnOnce(&Name) -> (Vec<RecordSet>, usize),
    ) -> (Vec<RecordSet>, usize) {
        if let Some(built) = self.0.iter().find(|built| built.targets == targets) {
            let sets = built.sets.iter().map(|set| sets::under(owner, set));
            return (sets.collect(), built.unbuilt);
        }
        let (sets, unbuilt) = build(owner);
        self.0.push(Built {
            targets: targets.to_vec(),
            sets: sets.clone(),
            unbuilt,
        });
        (sets, unbuilt)
    }
}

/// The names of endpoints, in lower case, with what is found under each.
struct Endpoints<'view> {
    by_label: BTreeMap<String, Found<'view>>,
    /// Whether these are all.
    certain: bool,
}

impl Default for Endpoints<'_> {
    fn default() -> Self {
        Self {
            by_label: BTreeMap::new(),
            certain: true,
        }
    }
}

impl<'view> Place<'_, 'view> {
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
        made: &mut Made,
    ) {
        let zone = self.zone;
        let labels = self.labels(labels);
        let unbuilt = Cell::new(0);
        zone.add(&labels, &self.object, made, |name| {
            let (sets, here) = match found {
                Found::Absent => (Vec::new(), Denial::Absent),
                Found::Empty => (Vec::new(), Denial::Empty),
                Found::Unsure | Found::Pod(_) => (Vec::new(), Denial::Pass),
                Found::Alias(service) => match alias::sets(zone, service, &name) {
                    Some(sets) => (sets, Denial::Exists),
                    None => (Vec::new(), Denial::Pass),
                },
                Found::Targets { service, targets } => {
                    let build = |owner: &Name| {
                        let sets = sets::of_targets(zone, owner, service, targets, &unbuilt);
                        (sets, unbuilt.get())
                    };
                    let (sets, more) = match shared {
                        Some(shared) => shared.sets(&name, targets, build),
                        None => build(&name),
                    };
                    unbuilt.set(more);
                    (sets, Denial::Exists)
                }
            };
            Node {
                name,
                zone: zone.index,
                sets,
                here,
                below,
            }
        });
        if unbuilt.get() > 0 {
            let reason = format!(
                "{} has {} records of a type, more than a reply here holds; the DNS service answers these",
                labels.join("."),
                unbuilt.get()
            );
            made.skip(&self.object, reason);
        }
    }

    /// The endpoints, by name. Those that share a name are one.
    fn endpoints(&self) -> Endpoints<'view> {
        let mut endpoints = Endpoints::default();
        if self.service.doubtful
            || self.service.cluster_ips.is_empty()
            || endpoint::is_doubtful(self.zone, self.service)
        {
            endpoints.certain = false;
            return endpoints;
        }
        let mut groups: BTreeMap<String, Vec<endpoint::Ready<'view>>> = BTreeMap::new();
        for (slice, ready) in endpoint::ready(self.zone, self.service) {
            match endpoint::label(self.zone, ready) {
                Some(label) => groups
                    .entry(label.to_ascii_lowercase())
                    .or_default()
                    .push((slice, ready)),
                None => endpoints.certain = false,
            }
        }
        for (label, group) in groups {
            let found = super::found::of_group(self.zone, self.service, &group);
            endpoints.by_label.insert(label, found);
        }
        endpoints
    }

    /// The names and protocols of the ports by which the service can be asked for, in lower case.
    fn ports(&self, made: &mut Made) -> BTreeSet<(String, String)> {
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
