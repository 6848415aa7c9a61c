//! Kubernetes objects and a policy into the records of the cluster's zones.
//!
//! Pure and total: equal input gives equal output, and what cannot be expressed is skipped with a
//! reason. A name for which no node is made is denied by the node above it, so wherever an
//! object's meaning is uncertain there is a node that passes.

mod alias;
mod dns_service;
mod endpoint;
mod fixed;
mod found;
mod name;
mod reverse;
mod service;
mod sets;
mod targets;
#[cfg(test)]
mod tests;
mod uncertain;

pub use alias::{NothingResolved, Resolution, Resolved, dependents, external_targets};
pub use dns_service::dns_addresses;
pub use uncertain::uncertainties;

use std::collections::BTreeSet;

use crate::{
    objects::Skipped,
    policy::{Pods, Policy, Zone},
    records::{Denial, Node},
    world::{Owner, World},
};

/// Everything that the records of a cluster are made from.
#[derive(Clone, Copy)]
pub struct View<'view> {
    /// What is answered, and how.
    pub policy: &'view Policy,
    /// The objects.
    pub world: &'view World,
    /// What is known of external names.
    pub resolved: &'view dyn Resolved,
    /// The serial number of SOA records: any plausible recent Unix time, for CoreDNS's replicas differ in
    /// theirs and clients ignore it.
    pub serial: u32,
}

/// The nodes of any owner, by the state of all objects. An owner that is gone has none.
#[must_use]
pub fn nodes_of(view: View<'_>, owner: &Owner) -> (Vec<Node>, Vec<Skipped>) {
    let mut nodes = Vec::new();
    let skipped = each_node_of(view, owner, &mut |node| nodes.push(node));
    (nodes, skipped)
}

/// A service's own node in every zone where it may have one, with nothing certain about it or below it. Owners of
/// another kind have none.
#[must_use]
pub(crate) fn own_nodes(view: View<'_>, owner: &Owner) -> Vec<Node> {
    let Owner::Service { namespace, name } = owner else {
        return Vec::new();
    };
    let zones = (0..view.policy.zones.len()).filter_map(|index| ZoneView::new(view, index));
    let zones = zones.filter(|zone| !zone.zone.is_reverse());
    let nodes = zones.filter_map(|zone| {
        let own = name::in_zone(zone.zone, &[name, namespace, "svc"]).ok()?;
        (!fixed::is_fixed(zone.zone, &own)).then(|| zone.empty(own, Denial::Pass, Denial::Pass))
    });
    nodes.collect()
}

/// Gives every node of an owner to `take`, one after the other: a service's can have more records than shall be in memory
/// at once. Returns what cannot be expressed.
#[must_use]
pub(crate) fn each_node_of(
    view: View<'_>,
    owner: &Owner,
    take: &mut dyn FnMut(Node),
) -> Vec<Skipped> {
    let zones = &view.policy.zones;
    let is_zone = *owner == Owner::Zone;
    let mut take = |node: Node| {
        if is_zone || !fixed::is_fixed(&zones[node.zone], &node.name) {
            take(node);
        }
    };
    let mut made = Made {
        take: &mut take,
        skipped: Vec::new(),
    };
    let zones = (0..zones.len()).filter_map(|index| ZoneView::new(view, index));
    match owner {
        Owner::Zone => fixed::nodes(view, &mut made),
        Owner::Namespace(namespace) => {
            zones.for_each(|zone| namespace_nodes(&zone, namespace, &mut made));
        }
        Owner::Service { namespace, name } => {
            zones.for_each(|zone| service::service_nodes(&zone, namespace, name, &mut made));
        }
        // Its name lies in one zone.
        Owner::Address(address) => reverse::address_nodes(view, *address, &mut made),
    }
    let mut skipped = made.skipped;
    // Several zones may hold the same names.
    let mut told = BTreeSet::new();
    skipped.retain(|skipped| told.insert(skipped.clone()));
    skipped
}

/// Where the projection gives what it makes.
struct Made<'take> {
    take: &'take mut dyn FnMut(Node),
    skipped: Vec<Skipped>,
}

impl Made<'_> {
    fn add(&mut self, node: Node) {
        (self.take)(node);
    }

    fn skip(&mut self, object: &str, reason: String) {
        self.skipped.push(Skipped {
            object: object.to_owned(),
            reason,
        });
    }
}

/// One zone of a view.
#[derive(Clone, Copy)]
struct ZoneView<'view> {
    view: View<'view>,
    index: usize,
    zone: &'view Zone,
}

impl<'view> ZoneView<'view> {
    fn new(view: View<'view>, index: usize) -> Option<Self> {
        let zone = view.policy.zones.get(index)?;
        Some(Self { view, index, zone })
    }

    fn world(&self) -> &'view World {
        self.view.world
    }

    /// Whether names in this namespace exist.
    fn exposes(&self, namespace: &str) -> bool {
        let services = &self.zone.services;
        let listed = services
            .namespaces
            .as_ref()
            .is_none_or(|listed| listed.contains(namespace));
        let object = self.world().namespace(namespace);
        listed
            && object.is_some_and(|object| {
                let selector = services.namespace_labels.as_ref();
                selector.is_none_or(|selector| selector.matches(&object.labels))
            })
    }

    /// Makes the node of the name that these labels make in this zone, unless nobody can ask for it.
    fn add(
        &self,
        labels: &[&str],
        object: &str,
        made: &mut Made<'_>,
        node: impl FnOnce(hickory_proto::rr::Name) -> Node,
    ) {
        match name::in_zone(self.zone, labels) {
            Ok(name) => made.add(node(name)),
            Err(reason) => made.skip(object, reason),
        }
    }

    /// A node without records.
    fn empty(&self, name: hickory_proto::rr::Name, here: Denial, below: Denial) -> Node {
        Node {
            name,
            zone: self.index,
            sets: Vec::new(),
            here,
            below,
            of_endpoints: false,
        }
    }
}

/// The nodes of a namespace that exists: below `svc` and, if there are names of pods, below `pod`.
fn namespace_nodes(zone: &ZoneView<'_>, namespace: &str, made: &mut Made<'_>) {
    if zone.zone.is_reverse() || !zone.exposes(namespace) {
        return;
    }
    let object = format!("Namespace {namespace}");
    zone.add(&[namespace, "svc"], &object, made, |name| {
        zone.empty(name, Denial::Empty, Denial::Absent)
    });
    if zone.zone.services.pods != Pods::Disabled {
        zone.add(&[namespace, "pod"], &object, made, |name| {
            zone.empty(name, Denial::Empty, Denial::Pass)
        });
    }
}
