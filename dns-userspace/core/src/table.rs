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

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

pub use self::{
    adopted::Adopted,
    changed::Changed,
    operation::{Maps, Operation, Refused},
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

    /// Makes `owner` hold exactly `wanted`, but for optional names for which there is no room.
    pub(crate) fn set(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        wanted: Vec<Draft>,
    ) -> Changed {
        let mut changed = Changed::default();
        let holding = self.held.get_mut(owner);
        let before = holding.map(|holding| std::mem::take(&mut holding.names));
        let mut before: BTreeMap<WireName, u64> = before
            .unwrap_or_default()
            .iter()
            .map(|held| (held.name, held.hash))
            .collect();
        let (may_be_optional, count) = (may_be_optional(owner), wanted.len());
        let room = maps.optional_entries().saturating_sub(self.optional);
        let mut wanted = if may_be_optional {
            limited(wanted, &before, room)
        } else {
            wanted
        };
        let mut left_out = count - wanted.len();
        // Deeper names first: a node that denies comes after the names below it.
        wanted.sort_by(|one, other| order(&other.name).cmp(&order(&one.name)));
        if is_shared(owner) {
            for draft in &wanted {
                self.expect(owner, draft);
            }
        }
        let mut now = Vec::with_capacity(wanted.len());
        let mut in_use = BTreeSet::new();
        let mut silent = BTreeSet::new();
        let mut stale = Vec::new();
        for (index, draft) in wanted.iter().enumerate() {
            let known = before.remove(&draft.name).unwrap_or(0);
            let put = self.put(maps, owner, draft, known, silent.contains(&index));
            let hash = if let Ok(put) = put {
                changed.put += usize::from(put.written);
                in_use.extend(put.marks);
                self.accept(&draft.name);
                put.hash
            } else if may_be_optional && asks_for_any(&draft.name) {
                left_out += 1;
                stale.push((draft.name.clone(), known));
                continue;
            } else {
                changed.refused += 1;
                // Names of one owner look after each other: the nearest node above is put later.
                let above = if is_shared(owner) {
                    None
                } else {
                    nearest_among(&wanted, &draft.name)
                };
                self.refuse(maps, &draft.name, owner, above.is_none());
                silent.extend(above);
                stale.push((draft.name.clone(), known));
                0
            };
            now.push(Held {
                name: draft.name.clone(),
                hash,
            });
        }
        self.remove(maps, stale, before, &mut changed);
        self.adopted.remove(maps, owner);
        if !now.is_empty() {
            let holding = self.held.entry(owner.clone()).or_default();
            holding.names = Names::of(&now);
        }
        if let Some(holding) = self.held.get_mut(owner) {
            self.left_out = self.left_out + left_out - holding.left_out as usize;
            holding.left_out = left_out as u32;
            holding.keep_sections(maps, &in_use, &mut self.counts, &mut self.adopted);
            if holding.is_empty() {
                self.held.remove(owner);
            }
        }
        changed.deaf = self.settle(maps);
        changed
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

    /// Removes refused names, for a stale answer must not stay, and names that do not exist any more; each
    /// with its hash. Higher names go first: what denied a refused name goes before it.
    fn remove(
        &mut self,
        maps: &mut impl Maps,
        stale: Vec<(WireName, u64)>,
        gone: BTreeMap<WireName, u64>,
        changed: &mut Changed,
    ) {
        let stale = stale.into_iter().map(|(name, hash)| (name, hash, false));
        let gone = gone.into_iter().map(|(name, hash)| (name, hash, true));
        let mut all: Vec<_> = stale.chain(gone).collect();
        all.sort_by_key(|(name, ..)| name.len());
        for (name, hash, is_gone) in all {
            if is_gone {
                self.hand_over(maps, &name);
            }
            self.take_out(maps, &name, hash, changed);
            if is_gone {
                self.parents.remove(&name);
                self.unsettled.remove(&name);
                self.accept(&name);
            }
        }
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

/// Names above come before names below.
fn order(name: &WireName) -> (usize, &[u8]) {
    (name.len(), name)
}

/// The nearest name above a name among drafts in their order, deepest first.
fn nearest_among(drafts: &[Draft], name: &[u8]) -> Option<usize> {
    ancestors(name).find_map(|above| {
        drafts
            .binary_search_by(|draft| (above.len(), above).cmp(&order(&draft.name)))
            .ok()
    })
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
