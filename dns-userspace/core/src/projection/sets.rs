//! The records of what was found under a name (specification §8).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, SRV},
};

use super::{
    ZoneView, name,
    targets::{Chosen, Member, Targets},
};
use crate::{
    objects::Service,
    policy::Order,
    records::{RecordSet, may_fit},
};

/// Octets of an SRV record's data before its target (RFC 2782).
const BEFORE_TARGET: usize = 6;

/// More records than a reply here holds: what has so many is left to the DNS service, and not built.
pub(super) struct TooLarge;

/// The record sets of a name under which these were found. The types of those that are too large go to `too_large`.
pub(super) fn of_targets(
    zone: &ZoneView<'_>,
    owner: &Name,
    service: &Service,
    targets: &Targets,
    too_large: &mut Vec<RecordType>,
) -> Vec<RecordSet> {
    let mut sets = Vec::with_capacity(3);
    for query_type in [RecordType::A, RecordType::AAAA] {
        match family(targets.addresses(), query_type) {
            Ok(addresses) if addresses.is_empty() => {}
            Ok(addresses) => sets.push(of_addresses(zone, owner, query_type, &addresses)),
            Err(TooLarge) => {
                too_large.push(query_type);
                sets.push(RecordSet::left(query_type));
            }
        }
    }
    let mut ports = targets.0.iter().map(|chosen| &chosen.ports);
    if ports.any(|ports| !ports.numbers.is_empty()) {
        let set = of_services(zone, owner, service, targets).unwrap_or_else(|TooLarge| {
            too_large.push(RecordType::SRV);
            None
        });
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

/// The distinct addresses of one family, in their order.
///
/// # Errors
/// [`TooLarge`]
pub(super) fn family(
    addresses: impl Iterator<Item = IpAddr>,
    query_type: RecordType,
) -> Result<Vec<IpAddr>, TooLarge> {
    let wanted = query_type == RecordType::A;
    let octets = if wanted { 4 } else { 16 };
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::new();
    for address in addresses.filter(|address| address.is_ipv4() == wanted) {
        if seen.insert(address) {
            distinct.push(address);
            if !may_fit(distinct.len(), distinct.len() * octets) {
                return Err(TooLarge);
            }
        }
    }
    Ok(distinct)
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
///
/// # Errors
/// [`TooLarge`], before more is built than a reply here holds.
fn of_services(
    zone: &ZoneView<'_>,
    owner: &Name,
    service: &Service,
    targets: &Targets,
) -> Result<Option<RecordSet>, TooLarge> {
    let ttl = zone.zone.lifetimes.records;
    let weight = weight(targets.count());
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    let (mut ports, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let (mut answers, mut data) = (Vec::new(), 0);
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    let with_numbers = |chosen: &&Chosen| !chosen.ports.numbers.is_empty();
    for Chosen {
        members,
        ports: asked,
    } in targets.0.iter().filter(with_numbers)
    {
        for Member { address, label } in &**members {
            let Some(label) = label.as_deref() else {
                return Ok(None);
            };
            let name = match names.get(label) {
                Some(name) => name,
                None => {
                    let Some(name) = target_name(zone, service, label) else {
                        return Ok(None);
                    };
                    // None of its records is there yet.
                    let more = asked.numbers.len();
                    let octets = more * (BEFORE_TARGET + name.len() + 1);
                    if !may_fit(answers.len() + more, data + octets) {
                        return Err(TooLarge);
                    }
                    names.entry(label).or_insert(name)
                }
            };
            for port in &asked.numbers {
                if ports.insert((label, *port)) {
                    let rdata = RData::SRV(SRV::new(0, weight, *port, name.clone()));
                    answers.push(Record::from_rdata(owner.clone(), ttl, rdata));
                    data += BEFORE_TARGET + name.len() + 1;
                }
            }
            if zone.zone.glue && seen.insert((label, *address)) {
                let record = Record::from_rdata(name.clone(), ttl, address_data(*address));
                match address {
                    IpAddr::V4(_) => v4.push(record),
                    IpAddr::V6(_) => v6.push(record),
                }
            }
            if !may_fit(answers.len() + v4.len() + v6.len(), data) {
                return Err(TooLarge);
            }
        }
    }
    v4.append(&mut v6);
    Ok(Some(RecordSet {
        answers,
        additional: v4,
        // An endpoint's own name is looked up for addresses; ports are looked up by the service's.
        optional: (names.iter()).all(|(label, target)| !label.is_empty() && target == owner),
        ..RecordSet::left(RecordType::SRV)
    }))
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
