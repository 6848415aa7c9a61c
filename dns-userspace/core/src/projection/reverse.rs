//! The names of addresses (specification §13).

use std::{collections::BTreeSet, net::IpAddr};

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::PTR};

use super::{
    Made, View, ZoneView, endpoint,
    name::{is_plain, join},
};
use crate::{
    objects::{Address, EndpointSlice, Service},
    records::{Denial, Node, RecordSet},
    world::{Holder, Key},
};

/// What the name of an address points to.
enum Pointers {
    To(Vec<Name>),
    Uncertain,
}

/// Adds the node of an address's name, in the zone that it lies in, if there is one. An address without a name has
/// none: the zone does not deny it, for a miss may be somebody else's to answer.
pub(super) fn address_nodes(view: View<'_>, address: IpAddr, made: &mut Made<'_>) {
    let name = reverse_name(address);
    let zones = view.policy.zones.iter().enumerate();
    let longest = zones
        .filter(|(_, zone)| zone.name.zone_of(&name))
        .max_by_key(|(_, zone)| zone.name.num_labels());
    let Some(zone) = longest.and_then(|(index, _)| ZoneView::new(view, index)) else {
        return;
    };
    let (pointers, of_endpoints) = pointers(&zone, address);
    let mut node = Node {
        name,
        zone: zone.index,
        sets: Vec::new(),
        here: Denial::Absent,
        below: Denial::Absent,
        of_endpoints,
    };
    match pointers {
        Pointers::Uncertain => node.here = Denial::Pass,
        Pointers::To(names) if names.is_empty() => return,
        Pointers::To(names) => {
            let ttl = zone.zone.lifetimes.records;
            let record =
                |target| Record::from_rdata(node.name.clone(), ttl, RData::PTR(PTR(target)));
            node.sets.push(RecordSet {
                answers: names.into_iter().map(record).collect(),
                ..RecordSet::left(RecordType::PTR)
            });
        }
    }
    made.add(node);
}

/// The name of an address (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse_name(address: IpAddr) -> Name {
    Name::from(address)
}

/// What the name of an address points to, and whether endpoints say so.
fn pointers(zone: &ZoneView<'_>, address: IpAddr) -> (Pointers, bool) {
    let world = zone.world();
    let mut services = Vec::new();
    let mut slices = Vec::new();
    for holder in world.holders(address) {
        match holder {
            Holder::Service(key) if visible(zone, key) => {
                services.extend(world.service(&key.namespace, &key.name));
            }
            Holder::Slice(key) if visible(zone, key) && zone.zone.services.endpoints => {
                slices.extend(world.slice(&key.namespace, &key.name));
            }
            Holder::Service(_) | Holder::Slice(_) => {}
        }
    }
    match services.as_slice() {
        [] => (of_slices(zone, address, &slices), true),
        [service] => (of_service(zone, service), false),
        // CoreDNS gives any one of them.
        _ => (Pointers::Uncertain, false),
    }
}

/// Whether an object's namespace may be named: with the option `namespaces` it must be listed and exist, else any
/// may.
fn visible(zone: &ZoneView<'_>, key: &Key) -> bool {
    zone.zone.services.namespaces.is_none() || zone.exposes(&key.namespace)
}

fn of_service(zone: &ZoneView<'_>, service: &Service) -> Pointers {
    let labels = [&*service.name, &*service.namespace, "svc"];
    match join(&labels, &zone.zone.primary) {
        Some(name) if labels.iter().all(|label| is_plain(label)) => Pointers::To(vec![name]),
        _ => Pointers::Uncertain,
    }
}

/// The names of every ready endpoint with this address, each once.
fn of_slices(zone: &ZoneView<'_>, address: IpAddr, slices: &[&EndpointSlice]) -> Pointers {
    let mut seen = BTreeSet::new();
    let mut names = Vec::new();
    for slice in slices {
        // Without a service CoreDNS makes a name that it cannot send.
        let Some(service) = slice.service.as_deref().filter(|name| is_plain(name)) else {
            return Pointers::Uncertain;
        };
        let held = slice.endpoints.iter().filter(|endpoint| {
            endpoint.ready && matches!(endpoint.address, Address::Ip(ip) if ip == address)
        });
        for endpoint in held {
            match (zone.zone.rules.reverse_needs_hostname, &endpoint.hostname) {
                (Some(false), _) | (_, Some(_)) => {}
                (Some(true), None) => continue,
                (None, None) => return Pointers::Uncertain,
            }
            let Some(label) = endpoint::label(zone, endpoint) else {
                return Pointers::Uncertain;
            };
            let labels = [&*label, service, &*slice.namespace, "svc"];
            let Some(name) = join(&labels, &zone.zone.primary) else {
                return Pointers::Uncertain;
            };
            if seen.insert((label.clone(), service, &slice.namespace)) {
                names.push(name);
            }
        }
    }
    Pointers::To(names)
}
