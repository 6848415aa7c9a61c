//! Names that depend on the policy alone: those of the zones themselves, and those that are left to the
//! DNS service by its set-up.

use std::collections::BTreeSet;

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{SOA, TXT},
};

use super::{Made, View, ZoneView, name::in_zone};
use crate::{
    policy::{Policy, Zone},
    records::{Denial, Node, RecordSet},
};

/// The version of the Kubernetes DNS specification that CoreDNS says it serves (specification §8).
const SCHEMA_VERSION: &str = "1.1.0";

/// Adds the nodes that the zones have whatever the cluster holds, and those between them.
pub(super) fn nodes(view: View<'_>, made: &mut Made<'_>) {
    let mut nodes = Vec::new();
    let zones = (0..view.policy.zones.len()).filter_map(|index| ZoneView::new(view, index));
    for zone in zones {
        zone_nodes(&zone, &mut nodes, made);
    }
    between_zones(view.policy, &mut nodes);
    nodes.into_iter().for_each(|node| made.add(node));
}

fn zone_nodes(zone: &ZoneView<'_>, nodes: &mut Vec<Node>, made: &mut Made<'_>) {
    let shape: [(&[&str], Denial, Denial); 6] = [
        (&[], Denial::Apex, Denial::Absent),
        (&["svc"], Denial::Empty, Denial::Absent),
        (&["pod"], Denial::Empty, Denial::Absent),
        (&["dns"], Denial::Absent, Denial::Absent),
        // The addresses of the DNS server itself.
        (&["ns", "dns"], Denial::Pass, Denial::Absent),
        (&["dns-version"], Denial::Absent, Denial::Absent),
    ];
    let first = nodes.len();
    for (labels, here, below) in shape {
        let name = match in_zone(zone.zone, labels) {
            Ok(name) => name,
            Err(reason) => {
                made.skip("zone", reason);
                continue;
            }
        };
        let mut node = zone.empty(name, here, below);
        match labels {
            [] => node
                .sets
                .push(start_of_authority(zone.zone, zone.view.serial)),
            ["dns-version"] => node.sets.push(version(&node.name, zone.zone)),
            _ => {}
        }
        nodes.push(node);
    }
    leave(zone, nodes, first);
}

/// Makes what is left to the DNS service pass, and adds what is not there.
fn leave(zone: &ZoneView<'_>, nodes: &mut Vec<Node>, first: usize) {
    let Zone {
        left_names,
        left_trees,
        ..
    } = zone.zone;
    if left_names.is_empty() && left_trees.is_empty() {
        return;
    }
    let is_tree = |name: &Name| left_trees.iter().any(|tree| tree.zone_of(name));
    for node in &mut nodes[first..] {
        if is_tree(&node.name) {
            (node.here, node.below) = (Denial::Pass, Denial::Pass);
        } else if left_names.contains(&node.name) {
            node.here = Denial::Pass;
        } else {
            continue;
        }
        node.sets.clear();
    }
    let known: BTreeSet<Name> = nodes[first..]
        .iter()
        .map(|node| node.name.clone())
        .collect();
    let in_zone = |name: &&Name| zone.zone.name.zone_of(name);
    let mut more: BTreeSet<Name> = left_names.iter().filter(in_zone).cloned().collect();
    for tree in left_trees.iter().filter(in_zone) {
        more.insert(tree.clone());
        more.extend(above(tree, &zone.zone.name));
    }
    for name in more.difference(&known) {
        nodes.push(zone.empty(name.clone(), Denial::Pass, Denial::Pass));
    }
}

/// Whether this name's node is made with the zone and not with what holds it in the cluster.
pub(super) fn is_fixed(zone: &Zone, name: &Name) -> bool {
    zone.left_names.contains(name)
        || zone
            .left_trees
            .iter()
            .any(|tree| tree.zone_of(name) || name.zone_of(tree))
}

/// The names between a name and the zone that it is in. The search for the name's closest encloser leads
/// over them, so they need nodes.
fn above<'name>(name: &'name Name, zone: &Name) -> impl Iterator<Item = Name> + use<'name> {
    let labels = usize::from(zone.num_labels()) + 1..usize::from(name.num_labels());
    labels.map(|labels| name.trim_to(labels))
}

/// Adds nodes without a statement for the names above a zone, from the shallowest zone's depth on: the search
/// for the closest encloser of a name in a deeper zone leads over them.
fn between_zones(policy: &Policy, nodes: &mut Vec<Node>) {
    let names = policy.zones.iter().map(|zone| &zone.name);
    let shallowest = names.map(Name::num_labels).min().unwrap_or(0);
    for (zone, deep) in policy.zones.iter().enumerate() {
        for labels in usize::from(shallowest)..usize::from(deep.name.num_labels()) {
            let name = deep.name.trim_to(labels);
            if !nodes.iter().any(|node| node.name == name) {
                nodes.push(Node {
                    name,
                    zone,
                    sets: Vec::new(),
                    here: Denial::Pass,
                    below: Denial::Pass,
                    of_endpoints: false,
                });
            }
        }
    }
}

/// The zone's own SOA record (specification §11).
fn start_of_authority(zone: &Zone, serial: u32) -> RecordSet {
    let (server, mailbox) = ("ns.dns", "hostmaster");
    let name = |labels: &str| {
        super::name::join(&labels.split('.').collect::<Vec<_>>(), &zone.name).unwrap_or_default()
    };
    let minimum = zone.lifetimes.minimum;
    let soa = SOA::new(
        name(server),
        name(mailbox),
        serial,
        7_200,
        1_800,
        86_400,
        minimum,
    );
    let record = Record::from_rdata(zone.name.clone(), zone.lifetimes.soa, RData::SOA(soa));
    RecordSet {
        answers: vec![record],
        ..RecordSet::left(RecordType::SOA)
    }
}

fn version(name: &Name, zone: &Zone) -> RecordSet {
    let text = RData::TXT(TXT::new(vec![SCHEMA_VERSION.to_owned()]));
    RecordSet {
        answers: vec![Record::from_rdata(
            name.clone(),
            zone.lifetimes.version,
            text,
        )],
        ..RecordSet::left(RecordType::TXT)
    }
}
