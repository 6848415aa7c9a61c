//! Kubernetes objects and a policy into the records of the cluster's zones.
//!
//! Pure and total: equal input gives equal output, and what cannot be expressed is skipped with a
//! reason. A name for which no node is made is denied by the node above it, so wherever an
//! object's meaning is in doubt there is a node that passes.

mod dns_service;
mod name;
mod service;
#[cfg(test)]
mod tests;

pub use dns_service::dns_addresses;
pub use service::service_nodes;

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::Name;

use crate::{
    objects::Skipped,
    policy::Policy,
    records::{Denial, Node},
    world::{Owner, World},
};

/// The nodes of any owner, by the state of all objects. An owner that is gone has none.
#[must_use]
pub fn nodes_of(policy: &Policy, world: &World, owner: &Owner) -> (Vec<Node>, Vec<Skipped>) {
    match owner {
        Owner::Zone => zone_nodes(policy),
        Owner::Namespace(namespace) if world.namespace_exists(namespace) => {
            namespace_nodes(policy, namespace)
        }
        Owner::Namespace(_) => (Vec::new(), Vec::new()),
        Owner::Service { namespace, name } => service_nodes(policy, world, namespace, name),
    }
}

/// The nodes that every zone has, whatever the cluster holds.
#[must_use]
pub fn zone_nodes(policy: &Policy) -> (Vec<Node>, Vec<Skipped>) {
    let shape: [(&[&str], Denial, Denial); 5] = [
        (&[], Denial::Apex, Denial::Absent),
        (&["svc"], Denial::Empty, Denial::Absent),
        // Any address in any namespace is a name below `pod`.
        (&["pod"], Denial::Empty, Denial::Pass),
        // `ns.dns` holds the addresses of the DNS service.
        (&["dns"], Denial::Pass, Denial::Pass),
        (&["dns-version"], Denial::Pass, Denial::Pass),
    ];
    let mut nodes = Vec::new();
    let mut skipped = Vec::new();
    for (labels, here, below) in shape {
        let empty = |name, zone| Node {
            name,
            zone,
            sets: Vec::new(),
            here,
            below,
        };
        name::in_every_zone(policy, labels, "zone", &mut skipped, |name, zone| {
            nodes.push(empty(name, zone));
        });
    }
    nodes.extend(between_zones(policy, &nodes));
    (nodes, skipped)
}

/// Nodes without a statement for the names above a zone, from the shallowest zone's depth on: the walk
/// towards a deeper zone leads over them.
fn between_zones(policy: &Policy, known: &[Node]) -> Vec<Node> {
    let names = policy.zones.iter().map(|zone| &zone.name);
    let shallowest = names.map(Name::num_labels).min().unwrap_or(0);
    let known: BTreeSet<&Name> = known.iter().map(|node| &node.name).collect();
    let mut between = BTreeMap::new();
    for (zone, deep) in policy.zones.iter().enumerate() {
        let above =
            (shallowest..deep.name.num_labels()).map(|labels| deep.name.trim_to(labels.into()));
        for name in above.filter(|name| !known.contains(name)) {
            between.entry(name.clone()).or_insert(Node {
                name,
                zone,
                sets: Vec::new(),
                here: Denial::Pass,
                below: Denial::Pass,
            });
        }
    }
    between.into_values().collect()
}

/// The node of a namespace that exists.
#[must_use]
pub fn namespace_nodes(policy: &Policy, namespace: &str) -> (Vec<Node>, Vec<Skipped>) {
    let object = format!("Namespace {namespace}");
    let mut nodes = Vec::new();
    let mut skipped = Vec::new();
    let labels = [namespace, "svc"];
    name::in_every_zone(policy, &labels, &object, &mut skipped, |name, zone| {
        nodes.push(Node {
            name,
            zone,
            sets: Vec::new(),
            here: Denial::Empty,
            below: Denial::Absent,
        });
    });
    (nodes, skipped)
}
