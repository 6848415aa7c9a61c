//! Whose an address is: the index by which reverse names are found.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use super::event::{Affected, Owner};
use crate::objects::{Address, Endpoint, EndpointSlice, Service};

/// Names one object within its kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

/// Something that has an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A service, of which it is a cluster address.
    Service(Arc<Key>),
    /// An endpoint slice, of which it is a ready endpoint's address.
    Slice(Arc<Key>),
}

/// Every address with its holders. The key is shared by all addresses of one object, for a cluster may have
/// 100,000 of them.
#[derive(Debug, Default, Clone)]
pub(super) struct Addresses(BTreeSet<(IpAddr, Holder)>);

impl Addresses {
    pub(super) fn all(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().map(|(address, _)| *address)
    }

    pub(super) fn holders(&self, address: IpAddr) -> impl Iterator<Item = &Holder> {
        let least = Holder::Service(Arc::new(Key {
            namespace: Box::default(),
            name: Box::default(),
        }));
        self.0
            .range((address, least)..)
            .take_while(move |(other, _)| *other == address)
            .map(|(_, holder)| holder)
    }

    /// Takes in that a service changed; returns the addresses whose names may have.
    pub(super) fn replace_service(
        &mut self,
        before: Option<&Service>,
        now: Option<&Service>,
    ) -> Affected {
        let addresses = |service: Option<&Service>| -> BTreeSet<IpAddr> {
            service.into_iter().flat_map(of_service).collect()
        };
        let Some(service) = now.or(before) else {
            return Affected::new();
        };
        let holder = Holder::Service(key(&service.namespace, &service.name));
        self.replace(&addresses(before), &addresses(now), &holder)
    }

    /// Takes in that a slice changed; returns the addresses whose names may have.
    pub(super) fn replace_slice(
        &mut self,
        before: Option<&EndpointSlice>,
        now: Option<&EndpointSlice>,
    ) -> Affected {
        let Some(slice) = now.or(before) else {
            return Affected::new();
        };
        let holder = Holder::Slice(key(&slice.namespace, &slice.name));
        let (old, new) = (endpoints(before), endpoints(now));
        let (before, now) = (old.keys().copied().collect(), new.keys().copied().collect());
        let mut affected = self.replace(&before, &now, &holder);
        let differs = |address: &&IpAddr| old.get(*address) != new.get(*address);
        let changed = before.union(&now).filter(differs).copied();
        affected.extend(changed.map(Owner::Address));
        affected
    }

    fn replace(
        &mut self,
        before: &BTreeSet<IpAddr>,
        now: &BTreeSet<IpAddr>,
        holder: &Holder,
    ) -> Affected {
        for address in before.difference(now) {
            self.0.remove(&(*address, holder.clone()));
        }
        for address in now.difference(before) {
            self.0.insert((*address, holder.clone()));
        }
        before
            .symmetric_difference(now)
            .copied()
            .map(Owner::Address)
            .collect()
    }
}

fn key(namespace: &str, name: &str) -> Arc<Key> {
    Arc::new(Key {
        namespace: namespace.into(),
        name: name.into(),
    })
}

/// The cluster addresses of a service.
pub(super) fn of_service(service: &Service) -> impl Iterator<Item = IpAddr> {
    service.cluster_ips.iter().filter_map(ip)
}

/// The addresses of a slice's ready endpoints.
pub(super) fn of_slice(slice: &EndpointSlice) -> impl Iterator<Item = IpAddr> {
    ready(slice).filter_map(|endpoint| ip(&endpoint.address))
}

/// What an address is named by: its service, and of each endpoint with it the host name and the pod.
type Named<'slice> = (
    Option<&'slice str>,
    Vec<(Option<&'slice str>, Option<&'slice str>)>,
);

/// What decides about the names of each address of a slice.
fn endpoints(slice: Option<&EndpointSlice>) -> BTreeMap<IpAddr, Named<'_>> {
    let mut endpoints = BTreeMap::new();
    let Some(slice) = slice else {
        return endpoints;
    };
    for endpoint in ready(slice) {
        if let Some(address) = ip(&endpoint.address) {
            let (_, labels) = endpoints
                .entry(address)
                .or_insert_with(|| (slice.service.as_deref(), Vec::new()));
            labels.push((endpoint.hostname.as_deref(), endpoint.pod.as_deref()));
        }
    }
    endpoints
}

fn ready(slice: &EndpointSlice) -> impl Iterator<Item = &Endpoint> {
    slice.endpoints.iter().filter(|endpoint| endpoint.ready)
}

fn ip(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(ip) => Some(*ip),
        Address::Text(_) => None,
    }
}
