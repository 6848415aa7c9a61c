//! The records of what was found under a name (specification §8).

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, SRV},
};

use super::{
    ZoneView,
    found::{Target, TargetName},
    name,
};
use crate::{
    objects::Service,
    policy::Order,
    records::{RECORDS_MAX, RecordSet},
};

/// The record sets of a name under which these addresses were found. How many records the largest set has that
/// is not built, for no reply could hold it, is put into `unbuilt`.
pub(super) fn of_targets(
    zone: &ZoneView<'_>,
    owner: &Name,
    service: &Service,
    targets: &[Target],
    unbuilt: &Cell<usize>,
) -> Vec<RecordSet> {
    let fits = |count: usize| {
        if count > RECORDS_MAX {
            unbuilt.set(count.max(unbuilt.get()));
        }
        count <= RECORDS_MAX
    };
    let mut sets = Vec::with_capacity(3);
    for query_type in [RecordType::A, RecordType::AAAA] {
        let addresses = family(targets, query_type);
        match addresses.len() {
            0 => {}
            count if fits(count) => {
                sets.push(of_addresses(zone, owner, query_type, &addresses));
            }
            _ => sets.push(RecordSet::left(query_type)),
        }
    }
    if targets.iter().any(|target| target.port.is_some()) {
        let set = fits(service_count(targets))
            .then(|| of_services(zone, owner, service, targets))
            .flatten();
        sets.push(set.unwrap_or(RecordSet::left(RecordType::SRV)));
    }
    sets
}

/// The same records under another name than the one that they were made for. Targets and their addresses stay.
pub(super) fn under(owner: &Name, set: &RecordSet) -> RecordSet {
    let answer =
        |record: &Record| Record::from_rdata(owner.clone(), record.ttl, record.data.clone());
    RecordSet {
        answers: set.answers.iter().map(answer).collect(),
        additional: set.additional.clone(),
        ..*set
    }
}

/// How many SRV records there are for these: one for each port of each name.
fn service_count(targets: &[Target]) -> usize {
    let mut seen = BTreeSet::new();
    for target in targets {
        if let (Some(port), TargetName::Endpoint(label)) = (target.port, &target.name) {
            seen.insert((label.as_str(), port));
        } else if let Some(port) = target.port {
            seen.insert(("", port));
        }
    }
    seen.len()
}

/// The distinct addresses of one family, in their order.
pub(super) fn family(targets: &[Target], query_type: RecordType) -> Vec<IpAddr> {
    let mut seen = BTreeSet::new();
    let wanted = query_type == RecordType::A;
    targets
        .iter()
        .map(|target| target.address)
        .filter(|address| address.is_ipv4() == wanted && seen.insert(*address))
        .collect()
}

fn of_addresses(
    zone: &ZoneView<'_>,
    owner: &Name,
    query_type: RecordType,
    addresses: &[IpAddr],
) -> RecordSet {
    let several = addresses.len() > 1;
    if several && zone.zone.order == Order::Uncertain {
        return RecordSet::left(query_type);
    }
    let ttl = zone.zone.lifetimes.records;
    RecordSet {
        answers: addresses
            .iter()
            .map(|address| Record::from_rdata(owner.clone(), ttl, address_data(*address)))
            .collect(),
        rotate: several && zone.zone.order == Order::Turned,
        ..RecordSet::left(query_type)
    }
}

/// The record data of an address.
pub(super) fn address_data(address: IpAddr) -> RData {
    match address {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    }
}

/// SRV records and the addresses of their targets (specification §8.1); none if a target's name is not
/// certain.
fn of_services(
    zone: &ZoneView<'_>,
    owner: &Name,
    service: &Service,
    targets: &[Target],
) -> Option<RecordSet> {
    let ttl = zone.zone.lifetimes.records;
    let weight = weight(targets.len());
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    let (mut ports, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut answers = Vec::new();
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for Target {
        address,
        port,
        name,
    } in targets
    {
        let Some(port) = *port else {
            continue;
        };
        let label = match name {
            TargetName::Service => "",
            TargetName::Endpoint(label) => label,
            TargetName::Unknown => return None,
        };
        let name = match names.get(label) {
            Some(name) => name,
            None => {
                let name = target_name(zone, service, label)?;
                names.entry(label).or_insert(name)
            }
        };
        if ports.insert((label, port)) {
            let data = RData::SRV(SRV::new(0, weight, port, name.clone()));
            answers.push(Record::from_rdata(owner.clone(), ttl, data));
        }
        if zone.zone.glue && seen.insert((label, *address)) {
            let record = Record::from_rdata(name.clone(), ttl, address_data(*address));
            match address {
                IpAddr::V4(_) => v4.push(record),
                IpAddr::V6(_) => v6.push(record),
            }
        }
    }
    v4.append(&mut v6);
    Some(RecordSet {
        answers,
        additional: v4,
        // An endpoint's own name is looked up for addresses; ports are looked up by the service's.
        spare: (names.iter()).all(|(label, target)| !label.is_empty() && target == owner),
        ..RecordSet::left(RecordType::SRV)
    })
}

/// The name of a target: the endpoint's label as it is stored, service and namespace, and the zone.
fn target_name(zone: &ZoneView<'_>, service: &Service, label: &str) -> Option<Name> {
    let labels = [label, &*service.name, &*service.namespace, "svc"];
    let labels = match label {
        "" => labels.get(1..)?,
        _ => &labels,
    };
    name::join(labels, &zone.zone.name)
}

/// The weight of each of so many targets, worked out as CoreDNS does, in floating point.
fn weight(targets: usize) -> u16 {
    let share = 100.0 / (100 * targets) as f64 * 100.0;
    (share.floor() as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_share_a_weight_of_a_hundred_and_have_one_at_least() {
        for (targets, expected) in [
            (1, 100),
            (2, 50),
            (3, 33),
            (4, 25),
            (7, 14),
            (100, 1),
            (500, 1),
        ] {
            assert_eq!(weight(targets), expected, "{targets}");
        }
    }
}
