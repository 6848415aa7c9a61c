//! Services of type ExternalName: names that stand for other names (specification §9).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use hickory_proto::rr::{Name, RData, Record, RecordType, rdata::CNAME};

use super::{
    View, ZoneView,
    found::{Found, of_name},
    name::domain_name,
    sets,
};
use crate::{
    external::Answers,
    objects::Service,
    policy::{Capping, Order},
    records::RecordSet,
    world::{Affected, Owner},
};

/// What is known of external names, as the DNS service resolves them; looked at by several threads.
pub trait Resolved: Sync {
    /// What the DNS service last said about the addresses of one type at a name, if that is still true.
    fn resolved(&self, target: &Name, query_type: RecordType) -> Option<Resolution<'_>>;
}

/// What the DNS service said of an external name.
#[derive(Debug, Clone, Copy)]
pub struct Resolution<'said> {
    /// The answer section as it came; empty if there is no such name, or nothing of the type at it.
    pub records: &'said [Record],
    /// How many seconds it may still be kept.
    pub remaining: u32,
    /// How many seconds ago it came: the records' lifetimes have fallen by these.
    pub age: u32,
    /// When that ends: CLOCK_BOOTTIME in nanoseconds.
    pub ends: u64,
}

impl Resolved for Answers {
    fn resolved(&self, target: &Name, query_type: RecordType) -> Option<Resolution<'_>> {
        let answer = self.get(target, query_type)?;
        Some(Resolution {
            records: answer.records,
            // The DNS service tells whole seconds, of which some part had passed when it was asked.
            remaining: answer.remaining.saturating_sub(1).max(1),
            age: answer.age.saturating_add(1),
            ends: answer.ends,
        })
    }
}

/// Nothing is known of external names.
#[derive(Debug, Clone, Copy)]
pub struct NothingResolved;

impl Resolved for NothingResolved {
    fn resolved(&self, _target: &Name, _query_type: RecordType) -> Option<Resolution<'_>> {
        None
    }
}

/// The most names that are followed, whatever the DNS server's own limit.
const HOPS_MAX: usize = 16;

/// Where a chain of names leads.
enum End<'view> {
    /// To a name of the zone, with the names that lead there.
    Inside(Vec<Name>, Found<'view>),
    /// Out of the zone.
    External(Vec<Name>),
    /// Nowhere: CoreDNS answers that there is nothing.
    Nowhere,
    /// It is not certain.
    Uncertain,
}

/// The record sets at the name of a service of type ExternalName; none if nothing is certain. The types of those that
/// are too large for a reply go to `too_large`.
///
/// The caller has seen to it that the external name is no IP address.
pub(super) fn sets(
    zone: &ZoneView<'_>,
    service: &Service,
    owner: &Name,
    too_large: &mut Vec<RecordType>,
) -> Option<Vec<RecordSet>> {
    let target = domain_name(service.external_name.as_deref()?)?;
    let ttl = zone.zone.lifetimes.records;
    let mut sets: Vec<RecordSet> = Vec::with_capacity(3);
    let end = follow(zone, owner, target.clone());
    for query_type in [RecordType::A, RecordType::AAAA] {
        sets.extend(addresses(zone, owner, &end, query_type, too_large));
    }
    sets.push(RecordSet {
        answers: vec![alias(owner, &target, ttl)],
        ..RecordSet::left(RecordType::CNAME)
    });
    sets.sort_by_key(|set| u16::from(set.query_type));
    Some(sets)
}

/// Whether the name of a service of type ExternalName stands for endpoints.
pub(super) fn leads_to_endpoints(zone: &ZoneView<'_>, service: &Service, owner: &Name) -> bool {
    let target = service.external_name.as_deref().and_then(domain_name);
    match target.map(|target| follow(zone, owner, target)) {
        Some(End::Inside(_, Found::Targets { service, targets })) => {
            targets.are_endpoints_of(service)
        }
        _ => false,
    }
}

/// The addresses at the end of a chain, behind the names that lead there. None: there is nothing.
fn addresses(
    zone: &ZoneView<'_>,
    owner: &Name,
    end: &End<'_>,
    query_type: RecordType,
    too_large: &mut Vec<RecordType>,
) -> Option<RecordSet> {
    let left = RecordSet::left(query_type);
    let (chain, records, ttl, ends) = match end {
        End::Nowhere => return None,
        End::Uncertain | End::Inside(_, Found::Uncertain | Found::Alias(_)) => return Some(left),
        End::Inside(_, Found::Absent | Found::Empty) => return None,
        End::Inside(chain, found @ (Found::Targets { .. } | Found::Pod(_))) => {
            let addresses = match found {
                Found::Targets { targets, .. } => {
                    let Ok(addresses) = sets::family(targets.addresses(), query_type) else {
                        too_large.push(query_type);
                        return Some(left);
                    };
                    addresses
                }
                Found::Pod(ip) if ip.is_ipv4() == (query_type == RecordType::A) => vec![*ip],
                _ => Vec::new(),
            };
            if addresses.is_empty() {
                return None;
            }
            if addresses.len() > 1 && zone.zone.order == Order::Uncertain {
                return Some(left);
            }
            let ttl = zone.zone.lifetimes.records;
            let at = chain.last()?;
            let record = |ip: &IpAddr| Record::from_rdata(at.clone(), ttl, sets::address_data(*ip));
            (
                chain,
                addresses.iter().map(record).collect::<Vec<_>>(),
                ttl,
                0,
            )
        }
        End::External(chain) => {
            let target = chain.last()?;
            let known = match zone.view.policy.external {
                Some(_) => zone.view.resolved.resolved(target, query_type),
                None => None,
            };
            let Some(said) = known else {
                return Some(left);
            };
            if has_several(said.records, query_type) && zone.zone.order == Order::Uncertain {
                return Some(left);
            }
            let own = zone.zone.lifetimes.records;
            // The cache gives all records of a reply the lifetime of the shortest one.
            let cached = zone.view.policy.external != Some(Capping::NONE);
            let ttl = match said.records {
                [] => own,
                _ if cached => own.min(said.remaining),
                _ => own,
            };
            // Names stay as they came, which need not be the target's spelling: CoreDNS sends them so.
            let aged = |record: &Record| {
                let mut record = record.clone();
                record.ttl = match cached {
                    true => ttl,
                    false => record.ttl.saturating_sub(said.age),
                };
                record
            };
            let records = said.records.iter().map(aged).collect();
            (chain, records, ttl, said.ends)
        }
    };
    let mut answers = Vec::with_capacity(chain.len() + records.len());
    let mut from = owner;
    for target in chain {
        answers.push(alias(from, target, ttl));
        from = target;
    }
    let rotate = has_several(&records, query_type) && zone.zone.order == Order::Turned;
    answers.extend(records);
    Some(RecordSet {
        answers,
        rotate,
        ends,
        ..left
    })
}

/// Whether there is more than one record of a type.
fn has_several(records: &[Record], record_type: RecordType) -> bool {
    let records = records.iter();
    records
        .filter(|record| record.record_type() == record_type)
        .nth(1)
        .is_some()
}

/// Follows a chain of names as CoreDNS does, from a service's name and its target on.
fn follow<'view>(zone: &ZoneView<'view>, owner: &Name, first: Name) -> End<'view> {
    let mut chain: Vec<Name> = Vec::new();
    let mut target = first;
    for _ in 0..HOPS_MAX {
        let from = chain.last().unwrap_or(owner);
        if from.zone_of(&target) {
            return End::Nowhere;
        }
        let (certain, possible) = (zone.zone.rules.chain, zone.zone.rules.chain_uncertain);
        if chain.len() >= usize::from(possible) {
            return End::Nowhere;
        }
        if chain.len() >= usize::from(certain) {
            return End::Uncertain;
        }
        if chain.iter().any(|earlier| earlier.eq_case(&target)) {
            return End::Nowhere;
        }
        chain.push(target.clone());
        if !zone.zone.name.zone_of(&target) {
            let zones = &zone.view.policy.zones;
            return match zones.iter().any(|other| other.name.zone_of(&target)) || target.is_root() {
                true => End::Uncertain,
                false => End::External(chain),
            };
        }
        match of_name(zone, &target) {
            Found::Alias(next) => {
                let text = next.external_name.as_deref().unwrap_or_default();
                if text.parse::<IpAddr>().is_ok() {
                    return End::Nowhere;
                }
                match domain_name(text) {
                    Some(next) => target = next,
                    None => return End::Uncertain,
                }
            }
            found => return End::Inside(chain, found),
        }
    }
    End::Uncertain
}

fn alias(owner: &Name, target: &Name, ttl: u32) -> Record {
    Record::from_rdata(owner.clone(), ttl, RData::CNAME(CNAME(target.clone())))
}

/// The services of type ExternalName whose answers depend on any of these owners', and the owners themselves.
#[must_use]
pub fn dependents(view: View<'_>, affected: Affected) -> Affected {
    // Most batches change nothing that records are made from, and a cluster may have many aliases.
    if affected.is_empty() {
        return affected;
    }
    let mut users: BTreeMap<Owner, Vec<Owner>> = BTreeMap::new();
    for service in view.world.aliases() {
        let Some(target) = service.external_name.as_deref().and_then(domain_name) else {
            continue;
        };
        for zone in view.policy.zones.iter().filter(|zone| !zone.is_reverse()) {
            for used in owners_of(&zone.name, &target) {
                let own = Owner::service(&service.namespace, &service.name);
                users.entry(used).or_default().push(own);
            }
        }
    }
    if users.is_empty() {
        return affected;
    }
    let mut all = affected;
    let mut new: Vec<Owner> = all.iter().cloned().collect();
    while let Some(owner) = new.pop() {
        for user in users.get(&owner).into_iter().flatten() {
            if all.insert(user.clone()) {
                new.push(user.clone());
            }
        }
    }
    all
}

/// The owners on whose objects it depends what is found under a name of a zone: its namespace, and its service.
fn owners_of(zone: &Name, name: &Name) -> Vec<Owner> {
    if !zone.zone_of(name) {
        return Vec::new();
    }
    let name = name.to_lowercase();
    let count = usize::from(name.num_labels() - zone.num_labels());
    let mut labels = name
        .iter()
        .take(count)
        .rev()
        .map(|label| std::str::from_utf8(label).unwrap_or_default());
    let (Some(kind @ ("svc" | "pod")), Some(namespace)) = (labels.next(), labels.next()) else {
        return Vec::new();
    };
    let service = labels.next().filter(|_| kind == "svc");
    let service = service.map(|service| Owner::service(namespace, service));
    std::iter::once(Owner::Namespace(namespace.into()))
        .chain(service)
        .collect()
}

/// The external names that services of type ExternalName lead to, each with the services that do, in
/// the spelling of the first: CoreDNS asks in a service's spelling, and many servers answer in the question's.
#[must_use]
pub fn external_targets(view: View<'_>) -> BTreeMap<Name, BTreeSet<Owner>> {
    let mut targets: BTreeMap<Name, BTreeSet<Owner>> = BTreeMap::new();
    if view.policy.external.is_none() {
        return targets;
    }
    for index in 0..view.policy.zones.len() {
        let Some(zone) = ZoneView::new(view, index).filter(|zone| !zone.zone.is_reverse()) else {
            continue;
        };
        for service in view
            .world
            .aliases()
            .filter(|service| zone.exposes(&service.namespace))
        {
            let text = service.external_name.as_deref().unwrap_or_default();
            let labels = [&*service.name, &*service.namespace, "svc"];
            let (Some(target), Ok(owner)) = (
                domain_name(text).filter(|_| text.parse::<IpAddr>().is_err()),
                super::name::in_zone(zone.zone, &labels),
            ) else {
                continue;
            };
            if let End::External(chain) = follow(&zone, &owner, target)
                && let Some(target) = chain.last()
            {
                let owner = Owner::service(&service.namespace, &service.name);
                targets.entry(target.clone()).or_default().insert(owner);
            }
        }
    }
    targets
}
