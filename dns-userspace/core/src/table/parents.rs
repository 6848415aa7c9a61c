//! Nodes that deny names of other owners, and how they are kept from denying a name that was refused.
//!
//! The names of a service lie below its own node, and no other owner's name does; so they are looked after
//! when they are set, and no draft of them is held. Zones and namespaces are parents of other owners' names.

use super::{Maps, Table, ancestors, hash_of};
use crate::{
    encode::{Draft, WireName},
    world::Owner,
};

/// A node that names of other owners are below.
#[derive(Clone, Debug)]
pub(super) struct Parent {
    owner: Owner,
    draft: Draft,
    /// Hash of the draft that is in the maps; zero if none is.
    pub(super) hash: u64,
    /// How many refused names have this node as their nearest parent. While there are any, it is silent: it
    /// denies nothing below it.
    pub(super) refused: usize,
}

/// A name that the maps refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    /// Who has to try again.
    pub(super) owner: Owner,
    /// Whether its nearest parent counts it. If not, a node of its own owner is silent instead.
    counted: bool,
}

/// Whether names of other owners lie below this owner's.
pub(super) fn is_shared(owner: &Owner) -> bool {
    matches!(owner, Owner::Zone | Owner::Namespace(_))
}

impl Table {
    /// Tells parents what they could not be told, or need not be told before all else was done. Returns
    /// whether one denies a refused name.
    pub fn settle(&mut self, maps: &mut impl Maps) -> bool {
        for parent in self.unsettled.clone() {
            self.tell(maps, &parent);
        }
        let denies = |parent: &Parent| parent.refused > 0 && parent.hash != 0;
        let mut unsettled = self.unsettled.iter();
        unsettled.any(|name| self.parents.get(name).is_some_and(denies))
            || self.strays.iter().any(|name| self.is_below_service(name))
    }

    /// Notes a parent before it is put: refused names that it is nearest to are its own from now on.
    pub(super) fn expect(&mut self, owner: &Owner, draft: &Draft) {
        if let Some(parent) = self.parents.get_mut(&draft.name) {
            parent.draft.clone_from(draft);
            parent.owner.clone_from(owner);
            return;
        }
        let parent = Parent {
            owner: owner.clone(),
            draft: draft.clone(),
            hash: 0,
            refused: 0,
        };
        self.parents.insert(draft.name.clone(), parent);
        let counted = self.refused.iter().filter(|(_, refusal)| refusal.counted);
        let own = counted
            .filter(|(name, _)| self.nearest(name).as_ref() == Some(&draft.name))
            .count();
        if own == 0 {
            return;
        }
        self.count(&draft.name, |refused| refused + own);
        if let Some(above) = self.nearest(&draft.name) {
            // It stays silent until this one was put.
            self.count(&above, |refused| refused.saturating_sub(own));
            self.unsettled.insert(above);
        }
    }

    /// Before a parent goes, its refused names become those of the next one above it.
    pub(super) fn hand_over(&mut self, maps: &mut impl Maps, name: &WireName) {
        if let Some(above) = self.nearest(name)
            && let Some(orphans) = self.parents.get(name).map(|parent| parent.refused)
        {
            self.count(&above, |refused| refused + orphans);
            self.tell(maps, &above);
        }
    }

    /// Notes that a name was refused; if it shall be counted, its nearest parent stops denying what is below.
    pub(super) fn refuse(
        &mut self,
        maps: &mut impl Maps,
        name: &WireName,
        owner: &Owner,
        counted: bool,
    ) {
        if is_shared(owner) {
            self.strays.insert(name.clone());
        }
        let refusal = Refusal {
            owner: owner.clone(),
            counted,
        };
        let before = self.refused.insert(name.clone(), refusal);
        let Some(parent) = self.nearest(name) else {
            return;
        };
        match (before.is_some_and(|before| before.counted), counted) {
            (false, true) => self.count(&parent, |refused| refused + 1),
            (true, false) => self.release(parent),
            _ => {}
        }
        if counted && let Some(parent) = self.nearest(name) {
            self.tell(maps, &parent);
        }
    }

    /// Notes that a name is no longer refused. Its parent may deny again when it was the last one, which it
    /// is told when all else was done.
    pub(super) fn accept(&mut self, name: &WireName) {
        self.strays.remove(name);
        let counted = self
            .refused
            .remove(name)
            .is_some_and(|refusal| refusal.counted);
        if counted && let Some(parent) = self.nearest(name) {
            self.release(parent);
        }
    }

    fn release(&mut self, parent: WireName) {
        self.count(&parent, |refused| refused.saturating_sub(1));
        self.unsettled.insert(parent);
    }

    /// Brings a parent's entry into line with whether names below it are refused.
    fn tell(&mut self, maps: &mut impl Maps, name: &WireName) {
        self.unsettled.remove(name);
        let Some(parent) = self.parents.get_mut(name).filter(|parent| parent.hash != 0) else {
            return;
        };
        let silent = parent.refused > 0;
        let wanted = match silent {
            false => parent.draft.clone(),
            true => parent.draft.passing_below(),
        };
        let hash = hash_of(&wanted);
        if parent.hash == hash {
            return;
        }
        let holding = self.held.entry(parent.owner.clone()).or_default();
        if holding
            .write(maps, &wanted, &mut self.counts, &mut self.adopted)
            .is_ok()
        {
            parent.hash = hash;
            return;
        }
        if silent {
            maps.suspend_denials();
        }
        self.unsettled.insert(name.clone());
    }

    /// The nearest parent above a name.
    fn nearest(&self, name: &[u8]) -> Option<WireName> {
        let parent = ancestors(name).find_map(|ancestor| self.parents.get_key_value(ancestor));
        parent.map(|(name, _)| name.clone())
    }

    /// Whether a service, of which no draft is held to silence it, lies between a name and its nearest parent.
    fn is_below_service(&self, name: &[u8]) -> bool {
        ancestors(name)
            .take_while(|ancestor| !self.parents.contains_key(*ancestor))
            .filter_map(service_at)
            .any(|service| self.held.contains_key(&service))
    }

    fn count(&mut self, parent: &WireName, change: impl FnOnce(usize) -> usize) {
        if let Some(parent) = self.parents.get_mut(parent) {
            parent.refused = change(parent.refused);
        }
    }
}

/// The service whose own name, in whatever zone, this is.
pub(super) fn service_at(name: &[u8]) -> Option<Owner> {
    let label = |name: &[u8]| -> Option<(String, usize)> {
        let end = 1 + usize::from(*name.first()?);
        let text = std::str::from_utf8(name.get(1..end)?).ok()?;
        Some((text.to_owned(), end))
    };
    let (service, end) = label(name)?;
    let rest = name.get(end..)?;
    let (namespace, end) = label(rest)?;
    let is_service = rest.get(end..)?.starts_with(b"\x03svc");
    is_service.then(|| Owner::service(&namespace, &service))
}
