//! What the maps hold for whom, and what must be done to them so that they hold something else.
//!
//! Pure. Absence is a statement: below a complete node a name without an entry does not exist. So the
//! order of operations is a rule of correctness. A name that stays is replaced by one update; names that
//! are new are put before names that vanish are removed; a section is put before the entry that refers
//! to it and removed after. If a name cannot be put, its nearest ancestor stops denying what is below it.

mod operation;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

pub use self::operation::{Maps, Operation, Refused};
use crate::{
    encode::{Draft, WireName},
    world::Owner,
};

/// What an owner holds of a name.
#[derive(Clone, Debug)]
struct Held {
    name: WireName,
    /// Hash of the draft; zero if the map refused it. Of a parent it only says whether it is in the maps.
    hash: u64,
    sections: Box<[(u8, u32)]>,
}

/// A node that other names are below.
#[derive(Clone, Debug)]
struct Parent {
    draft: Draft,
    /// Hash of the draft that is in the maps; zero if none is.
    hash: u64,
    /// How many refused names have this node as their nearest parent. While there are any, it is silent: it
    /// denies nothing below it.
    refused: usize,
}

/// What every owner holds.
#[derive(Debug, Default)]
pub struct Table {
    held: BTreeMap<Owner, Vec<Held>>,
    /// Nodes that other names are below, in the maps or refused: they are few.
    parents: BTreeMap<WireName, Parent>,
    /// Names that the maps refused, with the owner that has to try again.
    refused: BTreeMap<WireName, Owner>,
    /// Parents whose entries are not as they should be.
    unsettled: BTreeSet<WireName>,
    sections: u32,
    entries: usize,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Entries put or replaced.
    pub put: usize,
    /// Entries removed.
    pub removed: usize,
    /// Names that the maps refused.
    pub refused: usize,
    /// Whether in the end the parent of a refused name denies, as it could not be told to stop: then nothing may
    /// be denied.
    pub deaf: bool,
}

impl Table {
    /// A table of maps whose section keys below `first_section` may be in use.
    #[must_use]
    pub fn new(first_section: u32) -> Self {
        Self {
            sections: first_section,
            ..Self::default()
        }
    }

    /// The number of names in the maps.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Names that the maps refused; the DNS service answers them.
    pub fn refused(&self) -> impl Iterator<Item = &WireName> {
        self.refused.keys()
    }

    /// Owners with refused names, which are worth another try.
    #[must_use]
    pub fn to_retry(&self) -> BTreeSet<Owner> {
        self.refused.values().cloned().collect()
    }

    /// Every name in the maps.
    #[must_use]
    pub fn names(&self) -> BTreeSet<WireName> {
        self.held
            .values()
            .flatten()
            .filter(|held| held.hash != 0)
            .map(|held| held.name.clone())
            .collect()
    }

    /// Every section in use, by class and key.
    #[must_use]
    pub fn sections(&self) -> BTreeSet<(u8, u32)> {
        self.held
            .values()
            .flatten()
            .flat_map(|held| held.sections.iter().copied())
            .collect()
    }

    /// Makes `owner` hold exactly `wanted`.
    pub fn set(&mut self, maps: &mut impl Maps, owner: &Owner, mut wanted: Vec<Draft>) -> Changed {
        let mut changed = Changed::default();
        // Deeper names first: a node that denies comes after the names below it.
        wanted.sort_by_key(|draft| std::cmp::Reverse(draft.name.len()));
        let mut before: BTreeMap<WireName, Held> = self
            .held
            .remove(owner)
            .unwrap_or_default()
            .into_iter()
            .map(|held| (held.name.clone(), held))
            .collect();
        if !matches!(owner, Owner::Service { .. }) {
            for draft in &wanted {
                self.expect(draft);
            }
        }
        let mut now = Vec::with_capacity(wanted.len());
        for draft in wanted {
            let old = before.remove(&draft.name);
            now.push(self.put(maps, owner, draft, old, &mut changed));
        }
        for held in before.into_values() {
            self.remove(maps, held, &mut changed);
        }
        now.shrink_to_fit();
        if !now.is_empty() {
            self.held.insert(owner.clone(), now);
        }
        changed.deaf = self.settle(maps);
        changed
    }

    /// Tells parents what they could not be told, or need not be told before all else was done. Returns
    /// whether one denies a refused name.
    pub fn settle(&mut self, maps: &mut impl Maps) -> bool {
        for parent in self.unsettled.clone() {
            self.tell(maps, &parent);
        }
        let denies = |parent: &Parent| parent.refused > 0 && parent.hash != 0;
        let mut unsettled = self.unsettled.iter();
        unsettled.any(|name| self.parents.get(name).is_some_and(denies))
    }

    /// Notes a parent before it is put: refused names that it is nearest to are its own from now on.
    fn expect(&mut self, draft: &Draft) {
        if let Some(parent) = self.parents.get_mut(&draft.name) {
            parent.draft.clone_from(draft);
            return;
        }
        let parent = Parent {
            draft: draft.clone(),
            hash: 0,
            refused: 0,
        };
        self.parents.insert(draft.name.clone(), parent);
        let own = self.refused.keys();
        let own = own
            .filter(|name| self.nearest(name).as_ref() == Some(&draft.name))
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

    fn put(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        draft: Draft,
        old: Option<Held>,
        changed: &mut Changed,
    ) -> Held {
        let parent = self.parents.get(&draft.name);
        let known = match (parent, &old) {
            (Some(parent), _) => parent.hash,
            (None, Some(old)) => old.hash,
            (None, None) => 0,
        };
        let draft = match parent {
            Some(parent) if parent.refused > 0 => draft.passing_below(),
            _ => draft,
        };
        let hash = hash_of(&draft);
        if known == hash
            && let Some(old) = old
        {
            return old;
        }
        match self.write(maps, &draft) {
            Ok(sections) => {
                changed.put += 1;
                self.entries += usize::from(known == 0);
                if let Some(parent) = self.parents.get_mut(&draft.name) {
                    parent.hash = hash;
                }
                self.accept(&draft.name);
                self.remove_sections(maps, old);
                Held {
                    name: draft.name,
                    hash,
                    sections,
                }
            }
            Err(Refused) => {
                changed.refused += 1;
                self.refuse(maps, &draft.name, owner);
                // A stale answer must not stay.
                if let Some(old) = old {
                    self.take_out(maps, old, changed);
                }
                Held {
                    name: draft.name,
                    hash: 0,
                    sections: Box::default(),
                }
            }
        }
    }

    /// Puts the sections and then the entry of a draft.
    fn write(&mut self, maps: &mut impl Maps, draft: &Draft) -> Result<Box<[(u8, u32)]>, Refused> {
        let (entry, sections) = draft.lay_out(|_| {
            self.sections = self.sections.wrapping_add(1);
            self.sections
        });
        let keys: Box<[(u8, u32)]> = sections
            .iter()
            .map(|(key, section)| (section.class, *key))
            .collect();
        let mut written = Ok(());
        for (key, section) in sections {
            written = written.and_then(|()| maps.apply(Operation::PutSection { key, section }));
        }
        let name = draft.name.clone();
        written
            .and_then(|()| {
                maps.apply(Operation::PutEntry {
                    name,
                    entry: Box::new(entry),
                })
            })
            .inspect_err(|Refused| {
                for (class, key) in &keys {
                    // Only some of them may be there.
                    let _ = maps.apply(Operation::RemoveSection {
                        class: *class,
                        key: *key,
                    });
                }
            })?;
        Ok(keys)
    }

    /// Removes a name that does not exist any more.
    fn remove(&mut self, maps: &mut impl Maps, held: Held, changed: &mut Changed) {
        let name = held.name.clone();
        // Refused names below a parent that goes are those of the next one above it.
        if let Some(above) = self.nearest(&name)
            && let Some(orphans) = self.parents.get(&name).map(|parent| parent.refused)
        {
            self.count(&above, |refused| refused + orphans);
            self.tell(maps, &above);
        }
        self.take_out(maps, held, changed);
        self.parents.remove(&name);
        self.unsettled.remove(&name);
        self.accept(&name);
    }

    /// Takes a name out of the maps.
    fn take_out(&mut self, maps: &mut impl Maps, held: Held, changed: &mut Changed) {
        if held.hash == 0 {
            return;
        }
        self.entries -= 1;
        changed.removed += 1;
        // Removing can only fail for a name that is not there.
        let _ = maps.apply(Operation::RemoveEntry {
            name: held.name.clone(),
        });
        if let Some(parent) = self.parents.get_mut(&held.name) {
            parent.hash = 0;
        }
        self.remove_sections(maps, Some(held));
    }

    fn remove_sections(&self, maps: &mut impl Maps, held: Option<Held>) {
        for (class, key) in held.iter().flat_map(|held| held.sections.iter().copied()) {
            // No entry refers to it any more; if it stays, it only takes room.
            let _ = maps.apply(Operation::RemoveSection { class, key });
        }
    }

    /// Notes that a name was refused, and stops its nearest parent from denying what is below it.
    fn refuse(&mut self, maps: &mut impl Maps, name: &WireName, owner: &Owner) {
        let known = self.refused.insert(name.clone(), owner.clone()).is_some();
        let Some(parent) = self.nearest(name) else {
            return;
        };
        if !known {
            self.count(&parent, |refused| refused + 1);
        }
        self.tell(maps, &parent);
    }

    /// Notes that a name is no longer refused. Its parent may deny again when it was the last one, which it
    /// is told when all else was done.
    fn accept(&mut self, name: &WireName) {
        if self.refused.remove(name).is_none() {
            return;
        }
        if let Some(parent) = self.nearest(name) {
            self.count(&parent, |refused| refused.saturating_sub(1));
            self.unsettled.insert(parent);
        }
    }

    /// Brings a parent's entry into line with whether names below it are refused. Parents have no sections.
    fn tell(&mut self, maps: &mut impl Maps, name: &WireName) {
        self.unsettled.remove(name);
        let Some(parent) = self.parents.get(name).filter(|parent| parent.hash != 0) else {
            return;
        };
        let wanted = match parent.refused {
            0 => parent.draft.clone(),
            _ => parent.draft.passing_below(),
        };
        let hash = hash_of(&wanted);
        if parent.hash == hash {
            return;
        }
        let parent_is_silent = parent.refused > 0;
        if self.write(maps, &wanted).is_err() {
            if parent_is_silent {
                maps.suspend_denials();
            }
            self.unsettled.insert(name.clone());
        } else if let Some(parent) = self.parents.get_mut(name) {
            parent.hash = hash;
        }
    }

    /// The nearest parent above a name.
    fn nearest(&self, name: &[u8]) -> Option<WireName> {
        let parent = ancestors(name).find_map(|ancestor| self.parents.get_key_value(ancestor));
        parent.map(|(name, _)| name.clone())
    }

    fn count(&mut self, parent: &WireName, change: impl FnOnce(usize) -> usize) {
        if let Some(parent) = self.parents.get_mut(parent) {
            parent.refused = change(parent.refused);
        }
    }
}

/// The names above a name, nearest first.
fn ancestors(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |name| {
        name.get(1 + usize::from(*name.first()?)..)
            .filter(|rest| !rest.is_empty())
    })
    .skip(1)
}

/// A hash of a draft, never zero.
fn hash_of(draft: &Draft) -> u64 {
    let mut hasher = DefaultHasher::new();
    draft.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests;
