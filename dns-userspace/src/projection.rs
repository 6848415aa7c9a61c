//! Kubernetes objects and a policy into the records of the cluster's zones.
//!
//! Pure and total: equal input gives equal output, and what cannot be expressed is skipped with a
//! reason. A name for which no node is made is denied by the node above it, so wherever an
//! object's meaning is in doubt there is a node that passes.

mod alias;
mod dns_service;
mod doubt;
mod endpoint;
mod fixed;
mod found;
mod name;
mod reverse;
mod service;
mod sets;
#[cfg(test)]
mod tests;

pub use alias::{NothingResolved, Resolution, Resolved, dependents, outside_targets};
pub use dns_service::dns_addresses;
pub use doubt::doubts;

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
    /// What is known of names outside the cluster.
    pub resolved: &'view dyn Resolved,
    /// The serial number of SOA records: any plausible recent Unix time, for CoreDNS's replicas differ in
    /// theirs and clients ignore it.
    pub serial: u32,
}

/// The nodes of any owner, by the state of all objects. An owner that is gone has none.
#[must_use]
pub fn nodes_of(view: View<'_>, owner: &Owner) -> (Vec<Node>, Vec<Skipped>) {
    let mut made = Made::default();
    if let Owner::Address(address) = owner {
        reverse::address_nodes(view, *address, &mut made);
    }
    for index in 0..view.policy.zones.len() {
        let Some(zone) = ZoneView::new(view, index) else {
            continue;
        };
        match owner {
            Owner::Zone => fixed::zone_nodes(&zone, &mut made),
            Owner::Namespace(namespace) => namespace_nodes(&zone, namespace, &mut made),
            Owner::Service { namespace, name } => {
                service::service_nodes(&zone, namespace, name, &mut made);
            }
            // Its name lies in one zone.
            Owner::Address(_) => break,
        }
    }
    if *owner == Owner::Zone {
        fixed::between_zones(view.policy, &mut made);
    } else {
        made.nodes
            .retain(|node| !fixed::is_fixed(&view.policy.zones[node.zone], &node.name));
    }
    (made.nodes, made.skipped)
}

/// What the projection has come to so far.
#[derive(Default)]
struct Made {
    nodes: Vec<Node>,
    skipped: Vec<Skipped>,
}

impl Made {
    fn skip(&mut self, object: &str, reason: String) {
        let skipped = Skipped {
            object: object.to_owned(),
            reason,
        };
        if !self.skipped.contains(&skipped) {
            self.skipped.push(skipped);
        }
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
        made: &mut Made,
        node: impl FnOnce(hickory_proto::rr::Name) -> Node,
    ) {
        match name::in_zone(self.zone, labels) {
            Ok(name) => made.nodes.push(node(name)),
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
        }
    }
}

/// The nodes of a namespace that exists: below `svc` and, if there are names of pods, below `pod`.
fn namespace_nodes(zone: &ZoneView<'_>, namespace: &str, made: &mut Made) {
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
