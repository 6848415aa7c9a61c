//! What the maps hold for whom, and what must be done to them so that they hold something else.
//!
//! Pure. Absence is a statement: below a complete node a name without an entry does not exist. So the
//! order of operations is a rule of correctness. A name that stays is replaced by one update; names that
//! are new are put before names that vanish are removed; a section is put before the first entry that refers
//! to it and removed after the last. If a name cannot be put, its nearest ancestor stops denying what is
//! below it.

mod adopted;
mod changed;
mod holding;
mod names;
mod operation;
mod optional;
mod parents;
mod setting;

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

pub use self::{
    adopted::Adopted,
    changed::Changed,
    operation::{Maps, Operation, Refused},
    setting::Setting,
};
use self::{
    holding::{Counts, Holding, marks},
    names::{Held, Names},
    optional::{limited, may_be_optional},
    parents::{Parent, Refusal, is_shared},
};
use crate::{
    encode::{Draft, WireName, asks_for_any},
    world::Owner,
};

/// What every owner holds.
#[derive(Debug, Default)]
pub struct Table {
    held: BTreeMap<Owner, Holding>,
    /// Nodes that names of other owners are below, in the maps or refused: they are few.
    parents: BTreeMap<WireName, Parent>,
    /// Names that the maps refused.
    refused: BTreeMap<WireName, Refusal>,
    /// Refused names of owners whose nodes are parents.
    strays: BTreeSet<WireName>,
    /// Parents whose entries are not as they should be.
    unsettled: BTreeSet<WireName>,
    counts: Counts,
    entries: usize,
    /// Entries of names that ask for any port or protocol.
    optional: usize,
    /// Such names that go without an entry.
    left_out: usize,
    /// What an earlier agent has left; nothing once the cluster's names were set.
    adopted: Adopted,
}

/// A draft in the maps.
struct Put {
    hash: u64,
    /// Whether it was not there already.
    written: bool,
    /// Its sections' marks.
    marks: Vec<u64>,
}

impl Table {
    /// A table of maps whose section keys below `first_section` may be in use.
    #[must_use]
    pub fn new(first_section: u32) -> Self {
        Self {
            counts: Counts {
                last_key: first_section,
                ..Counts::default()
            },
            ..Self::default()
        }
    }

    /// A table of maps that an earlier agent has filled. All owners are set between [`Self::remove_others`] and
    /// [`Self::end_adoption`].
    #[must_use]
    pub fn adopting(adopted: Adopted) -> Self {
        Self {
            counts: Counts {
                last_key: adopted.last_key(),
                ..Counts::default()
            },
            adopted,
            ..Self::default()
        }
    }

    /// Removes what an earlier agent has left of all other owners than these.
    pub fn remove_others(&mut self, maps: &mut impl Maps, owners: &BTreeSet<Owner>) {
        self.adopted.remove_others(maps, owners);
    }

    /// Forgets what an earlier agent has left: nothing of it is in use any more.
    pub fn end_adoption(&mut self) {
        self.adopted = Adopted::default();
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

    /// The number of optional names without an entry; the DNS service answers these.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// Owners with refused names, which are worth another try.
    #[must_use]
    pub fn to_retry(&self) -> BTreeSet<Owner> {
        let owners = self.refused.values();
        owners.map(|refusal| refusal.owner.clone()).collect()
    }

    /// Who holds anything.
    #[must_use]
    pub fn owners(&self) -> BTreeSet<Owner> {
        self.held.keys().cloned().collect()
    }

    /// Every name in the maps.
    #[must_use]
    pub fn names(&self) -> BTreeSet<WireName> {
        self.held
            .values()
            .flat_map(|holding| holding.names.iter())
            .filter(|held| held.hash != 0)
            .map(|held| held.name)
            .collect()
    }

    /// Every section in use, by class and key.
    #[must_use]
    pub fn sections(&self) -> BTreeSet<(u8, u32)> {
        self.held.values().flat_map(Holding::sections).collect()
    }

    /// How many names an owner holds, whether or not the maps took them.
    #[must_use]
    pub fn held_by(&self, owner: &Owner) -> usize {
        let holding = self.held.get(owner);
        holding.map_or(0, |holding| holding.count as usize)
    }

    /// Makes `owner` hold exactly `wanted`, but for optional names for which there is no room.
    pub(crate) fn set(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        wanted: Vec<Draft>,
    ) -> Changed {
        let mut setting = self.begin(maps, owner, wanted);
        while !self.go_on(maps, &mut setting, usize::MAX) {}
        self.end(maps, setting)
    }

    /// Puts a draft, if need be in the place of what an earlier agent has left of its owner.
    fn put(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        draft: &Draft,
        known: u64,
        silent: bool,
    ) -> Result<Put, Refused> {
        let (known, silent) = match self.parents.get(&draft.name) {
            Some(parent) => (parent.hash, parent.refused > 0),
            None => (known, silent),
        };
        let passing;
        let draft = if silent {
            passing = draft.passing_below();
            &passing
        } else {
            draft
        };
        self.put_frugally(maps, owner, draft, known)
            .or_else(|Refused| match self.adopted.make_room(maps, owner) {
                true => self.put_frugally(maps, owner, draft, known),
                false => Err(Refused),
            })
    }

    /// Puts a draft; without optional records, if there is no room for them.
    fn put_frugally(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        draft: &Draft,
        known: u64,
    ) -> Result<Put, Refused> {
        let nothing = Holding::default();
        let holding = self.held.get(owner).unwrap_or(&nothing);
        let limited = holding.limited(maps, draft, self.counts, &self.adopted);
        self.put_exactly(maps, owner, &limited, known)
            .or_else(|Refused| {
                // Perhaps only a section of optional records was refused.
                let frugal = draft.limited(|_| false);
                match frugal == limited {
                    true => Err(Refused),
                    false => self.put_exactly(maps, owner, &frugal, known),
                }
            })
    }

    /// Puts a draft, unless it is in the maps already.
    fn put_exactly(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        draft: &Draft,
        known: u64,
    ) -> Result<Put, Refused> {
        let hash = hash_of(draft);
        let written = known != hash;
        if written {
            let holding = self.held.entry(owner.clone()).or_default();
            holding.write(maps, draft, &mut self.counts, &mut self.adopted)?;
            self.entries += usize::from(known == 0);
            self.optional += usize::from(known == 0 && asks_for_any(&draft.name));
            if let Some(parent) = self.parents.get_mut(&draft.name) {
                parent.hash = hash;
            }
        }
        Ok(Put {
            hash,
            written,
            marks: marks(draft).collect(),
        })
    }

    /// Takes a name out of the maps, if it is there.
    fn take_out(
        &mut self,
        maps: &mut impl Maps,
        name: &WireName,
        hash: u64,
        changed: &mut Changed,
    ) {
        let parent = self.parents.get_mut(name);
        let hash = match parent {
            Some(parent) => std::mem::take(&mut parent.hash),
            None => hash,
        };
        if hash == 0 {
            return;
        }
        self.entries -= 1;
        self.optional -= usize::from(asks_for_any(name));
        changed.removed += 1;
        // What cannot be removed is the maps' to look after: see `Store::remove_stale`.
        let _ = maps.apply(Operation::RemoveEntry { name: name.clone() });
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
