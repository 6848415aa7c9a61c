//! The state of all watched objects, as far as the source has told.
//!
//! Pure: it is fed by [`Event`]s, in the order of each kind, and says whose records may have
//! changed. Two worlds that were told the same objects are equal in all they answer, in whatever
//! order they were told.

mod addresses;
mod event;
mod large;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use self::addresses::Addresses;
pub use self::{
    addresses::{Holder, Key},
    event::{Affected, Event, Owner},
};
use crate::objects::{EndpointSlice, Kind, Namespace, Object, Service};

/// All objects.
#[derive(Debug, Default, Clone)]
pub struct World {
    /// The contents of namespaces, whether or not the namespace itself exists.
    namespaces: BTreeMap<Box<str>, Contents>,
    addresses: Addresses,
    /// Services of type ExternalName, as namespace and name.
    aliases: BTreeSet<(Box<str>, Box<str>)>,
    progress: [Progress; Kind::ALL.len()],
}

/// What a namespace holds.
#[derive(Debug, Default, Clone)]
struct Contents {
    /// The namespace's own object, if it exists.
    object: Option<Namespace>,
    services: BTreeMap<Box<str>, Service>,
    slices: BTreeMap<Box<str>, EndpointSlice>,
    /// The names of a service's slices.
    slices_of: BTreeMap<Box<str>, BTreeSet<Box<str>>>,
}

/// How far the source is with one kind.
#[derive(Debug, Default, Clone)]
struct Progress {
    /// The first list is complete.
    listed: bool,
    /// Why the source is not up to date.
    lost: Option<Box<str>>,
    /// The source had nothing more to read then.
    quiet: u64,
    /// During a list: the objects seen in it, as namespace and name.
    seen: Option<BTreeSet<(Box<str>, Box<str>)>>,
}

impl World {
    /// Takes one event in and says whose records may have changed by it.
    ///
    /// A list takes effect object by object, each of which is newer than what it replaces, and by
    /// the removal of what was not in it at its end; so no second copy of 100,000 endpoints is held.
    pub fn apply(&mut self, event: Event) -> Affected {
        match event {
            Event::Relisting(kind) => self.progress[kind as usize].seen = Some(BTreeSet::new()),
            Event::Applied(object) => return self.put(object),
            Event::Deleted(reference) => {
                if let Some(seen) = &mut self.progress[reference.kind as usize].seen {
                    seen.remove(&(reference.namespace.clone(), reference.name.clone()));
                }
                return self.remove(reference.kind, &reference.namespace, &reference.name);
            }
            Event::Listed(kind) => return self.finish_list(kind),
            Event::Heard(kind) => self.progress[kind as usize].lost = None,
            Event::Lost { kind, reason } => {
                self.progress[kind as usize].lost = Some(reason.into());
            }
            Event::Quiet { kind, at } => self.progress[kind as usize].quiet = at,
            Event::Skipped(_) => {}
        }
        Affected::new()
    }

    /// Whether every kind has been listed once: before that, nothing may be answered.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.progress.iter().all(|progress| progress.listed)
    }

    /// Whether the source is up to date with every kind: only then may absent names be denied.
    #[must_use]
    pub fn fresh(&self) -> bool {
        self.complete()
            && self
                .progress
                .iter()
                .all(|progress| progress.lost.is_none() && progress.seen.is_none())
    }

    /// All that the source could read by then, of any kind, has been taken in: a time of [`Event::Quiet`].
    #[must_use]
    pub fn quiet(&self) -> u64 {
        let quiet = self.progress.iter().map(|progress| progress.quiet);
        quiet.min().unwrap_or(0)
    }

    /// Whether the source can no longer tell whether its objects of this kind are up to date.
    #[must_use]
    pub fn is_lost(&self, kind: Kind) -> bool {
        self.progress[kind as usize].lost.is_some()
    }

    /// Every kind, and why it is not up to date.
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, Option<&str>)> {
        Kind::ALL.into_iter().map(|kind| {
            let progress = &self.progress[kind as usize];
            let reason = match (&progress.lost, progress.listed, &progress.seen) {
                (Some(reason), _, _) => Some(&**reason),
                (None, _, Some(_)) => Some("a complete list is under way"),
                (None, true, None) => None,
                (None, false, None) => Some("not listed yet"),
            };
            (kind, reason)
        })
    }

    /// Every owner of records.
    #[must_use]
    pub fn owners(&self) -> Affected {
        let mut owners = Affected::from([Owner::Zone]);
        for (namespace, contents) in &self.namespaces {
            owners.insert(Owner::Namespace(namespace.clone()));
            owners.extend(
                contents
                    .services
                    .keys()
                    .map(|name| Owner::service(namespace, name)),
            );
        }
        owners.extend(self.addresses.all().map(Owner::Address));
        owners
    }

    /// Whether a namespace exists.
    #[must_use]
    pub fn namespace_exists(&self, namespace: &str) -> bool {
        self.namespaces
            .get(namespace)
            .is_some_and(|contents| contents.object.is_some())
    }

    /// A namespace that exists.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.get(name)?.object.as_ref()
    }

    /// Every service of type ExternalName.
    pub fn aliases(&self) -> impl Iterator<Item = &Service> {
        self.aliases
            .iter()
            .filter_map(|(namespace, name)| self.service(namespace, name))
    }

    /// The services whose cluster address this is, and the slices that have it as a ready endpoint's, in
    /// the order of their names.
    pub fn holders(&self, address: IpAddr) -> impl Iterator<Item = &Holder> {
        self.addresses.holders(address)
    }

    /// An endpoint slice.
    #[must_use]
    pub fn slice(&self, namespace: &str, name: &str) -> Option<&EndpointSlice> {
        self.namespaces.get(namespace)?.slices.get(name)
    }

    /// A service, whether or not its namespace exists.
    #[must_use]
    pub fn service(&self, namespace: &str, name: &str) -> Option<&Service> {
        self.namespaces.get(namespace)?.services.get(name)
    }

    /// The endpoint slices of a service, whether or not the service exists, by their names' order.
    pub fn slices_of(
        &self,
        namespace: &str,
        service: &str,
    ) -> impl Iterator<Item = &EndpointSlice> {
        let contents = self.namespaces.get(namespace);
        let names = contents.and_then(|contents| contents.slices_of.get(service));
        names
            .into_iter()
            .flatten()
            .filter_map(move |name| contents?.slices.get(name))
    }

    fn put(&mut self, object: Object) -> Affected {
        let kind = object.kind();
        let (namespace, name) = object.key();
        if let Some(seen) = &mut self.progress[kind as usize].seen {
            seen.insert((namespace.into(), name.into()));
        }
        match object {
            Object::Namespace(namespace) => {
                let name = namespace.name.clone();
                let contents = self.namespaces.entry(name.clone()).or_default();
                if contents.object.as_ref() == Some(&namespace) {
                    return Affected::new();
                }
                contents.object = Some(namespace);
                contents.owners(&name)
            }
            Object::Service(service) => self.put_service(service),
            Object::EndpointSlice(slice) => self.put_slice(slice),
        }
    }

    fn put_service(&mut self, service: Service) -> Affected {
        let contents = self
            .namespaces
            .entry(service.namespace.clone())
            .or_default();
        if contents.services.get(&service.name) == Some(&service) {
            return Affected::new();
        }
        let mut affected = Affected::from([Owner::service(&service.namespace, &service.name)]);
        let key = (service.namespace.clone(), service.name.clone());
        let before = contents.services.insert(service.name.clone(), service);
        let now = contents.services.get(&key.1);
        let (before, now) = (before.as_ref(), now);
        affected.extend(self.addresses.replace_service(before, now));
        match now {
            Some(now) if now.external_name.is_some() => self.aliases.insert(key),
            _ => self.aliases.remove(&key),
        };
        affected
    }

    fn put_slice(&mut self, slice: EndpointSlice) -> Affected {
        let contents = self.namespaces.entry(slice.namespace.clone()).or_default();
        if contents.slices.get(&slice.name) == Some(&slice) {
            return Affected::new();
        }
        let before = contents.slices.get(&slice.name);
        let mut affected = self.addresses.replace_slice(before, Some(&slice));
        affected.extend(contents.put_slice(slice));
        affected
    }

    fn remove(&mut self, kind: Kind, namespace: &str, name: &str) -> Affected {
        let key = if kind == Kind::Namespace {
            name
        } else {
            namespace
        };
        let Some(contents) = self.namespaces.get_mut(key) else {
            return Affected::new();
        };
        let affected = match kind {
            Kind::Namespace => match contents.object.take() {
                Some(_) => contents.owners(name),
                None => Affected::new(),
            },
            Kind::Service => match contents.services.remove(name) {
                Some(service) => {
                    self.aliases.remove(&(namespace.into(), name.into()));
                    let mut affected = self.addresses.replace_service(Some(&service), None);
                    affected.insert(Owner::service(namespace, name));
                    affected
                }
                None => Affected::new(),
            },
            Kind::EndpointSlice => {
                let before = contents.slices.get(name);
                let mut affected = self.addresses.replace_slice(before, None);
                affected.extend(contents.remove_slice(namespace, name));
                affected
            }
        };
        if contents.is_empty() {
            self.namespaces.remove(key);
        }
        affected
    }

    fn finish_list(&mut self, kind: Kind) -> Affected {
        let progress = &mut self.progress[kind as usize];
        // A list that never began says nothing about what is gone.
        let Some(seen) = progress.seen.take() else {
            return Affected::new();
        };
        progress.listed = true;
        progress.lost = None;
        let mut affected = Affected::new();
        for (namespace, name) in self.keys(kind) {
            if !seen.contains(&(namespace.clone(), name.clone())) {
                affected.extend(self.remove(kind, &namespace, &name));
            }
        }
        affected
    }

    /// The namespaces (empty for a Namespace) and names of all objects of a kind.
    fn keys(&self, kind: Kind) -> Vec<(Box<str>, Box<str>)> {
        let mut keys = Vec::new();
        for (namespace, contents) in &self.namespaces {
            let mut push = |namespace: &str, name: &str| keys.push((namespace.into(), name.into()));
            match kind {
                Kind::Namespace if contents.object.is_some() => push("", namespace),
                Kind::Namespace => {}
                Kind::Service => contents
                    .services
                    .keys()
                    .for_each(|name| push(namespace, name)),
                Kind::EndpointSlice => contents
                    .slices
                    .keys()
                    .for_each(|name| push(namespace, name)),
            }
        }
        keys
    }
}

impl Contents {
    fn is_empty(&self) -> bool {
        self.object.is_none() && self.services.is_empty() && self.slices.is_empty()
    }

    /// The namespace's owner, those of its services, whose names exist only with it, and the addresses of
    /// its services and endpoints, whose names may be given only while it exists.
    fn owners(&self, namespace: &str) -> Affected {
        let services = self.services.keys();
        let mut owners: Affected = services
            .map(|name| Owner::service(namespace, name))
            .chain([Owner::Namespace(namespace.into())])
            .collect();
        let of_services = self.services.values().flat_map(addresses::of_service);
        let of_slices = self.slices.values().flat_map(addresses::of_slice);
        owners.extend(of_services.chain(of_slices).map(Owner::Address));
        owners
    }

    fn put_slice(&mut self, slice: EndpointSlice) -> Affected {
        let mut affected = self.remove_slice(&slice.namespace, &slice.name);
        if let Some(service) = &slice.service {
            affected.insert(Owner::service(&slice.namespace, service));
            self.slices_of
                .entry(service.clone())
                .or_default()
                .insert(slice.name.clone());
        }
        self.slices.insert(slice.name.clone(), slice);
        affected
    }

    fn remove_slice(&mut self, namespace: &str, name: &str) -> Affected {
        let Some(service) = self.slices.remove(name).and_then(|slice| slice.service) else {
            return Affected::new();
        };
        if let Some(names) = self.slices_of.get_mut(&service) {
            names.remove(name);
            if names.is_empty() {
                self.slices_of.remove(&service);
            }
        }
        Affected::from([Owner::service(namespace, &service)])
    }
}

#[cfg(test)]
mod tests;
