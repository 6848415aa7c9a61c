//! What the maps hold for whom, and what must be done to them so that they hold something else.
//!
//! Pure. Absence is a statement: below a complete node a name without an entry does not exist. So the
//! order of operations is a rule of correctness. A name that stays is replaced by one update; names that
//! are new are put before names that vanish are removed; a section is put before the entry that refers
//! to it and removed after. If a name cannot be put, its nearest ancestor stops denying what is below it.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hash, Hasher},
};

use dns_ebpf::answer::ENTRY_LEN;

use crate::{
    encode::{Draft, Section, WireName},
    world::Owner,
};

/// One operation on the maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Puts a section under a key that is not in use.
    PutSection {
        /// The key.
        key: u32,
        /// Its class and value.
        section: Section,
    },
    /// Puts or replaces the entry of a name.
    PutEntry {
        /// The name.
        name: WireName,
        /// The value.
        entry: Box<[u8; ENTRY_LEN]>,
    },
    /// Removes the entry of a name.
    RemoveEntry {
        /// The name.
        name: WireName,
    },
    /// Removes a section.
    RemoveSection {
        /// Its class.
        class: u8,
        /// Its key.
        key: u32,
    },
}

/// The map said no, most likely because it is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

/// Where operations are carried out.
pub trait Maps {
    /// Carries out one operation; what is not there to be removed is no error.
    ///
    /// # Errors
    /// [`Refused`]; the map is then as it was.
    fn apply(&mut self, operation: Operation) -> Result<(), Refused>;
}

/// What an owner holds of a name.
#[derive(Clone, Debug)]
struct Held {
    name: WireName,
    /// Hash of the draft; zero if the map refused it.
    hash: u64,
    sections: Box<[(u8, u32)]>,
}

/// What every owner holds.
#[derive(Debug, Default)]
pub struct Table {
    held: BTreeMap<Owner, Vec<Held>>,
    /// The drafts of nodes that other names are below: they are few, and may have to stop denying.
    parents: BTreeMap<WireName, Draft>,
    /// Names that the maps refused, with the owner that has to try again and the parent that is silent.
    refused: BTreeMap<WireName, (Owner, Option<WireName>)>,
    /// How many refused names a parent is silent for.
    silent: BTreeMap<WireName, usize>,
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
    /// Whether a parent of a refused name could not be told to stop denying: then nothing may be denied.
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
        self.refused
            .values()
            .map(|(owner, _)| owner.clone())
            .collect()
    }

    /// Whether the table holds a name.
    #[must_use]
    pub fn names(&self) -> BTreeSet<WireName> {
        self.held
            .values()
            .flatten()
            .filter(|held| held.hash != 0)
            .map(|held| held.name.clone())
            .collect()
    }

    /// Whether a section is in use.
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
        changed
    }

    fn put(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        draft: Draft,
        old: Option<Held>,
        changed: &mut Changed,
    ) -> Held {
        if !matches!(owner, Owner::Service { .. }) {
            self.parents.insert(draft.name.clone(), draft.clone());
        }
        let draft = if self.silent.contains_key(&draft.name) {
            draft.passing_below()
        } else {
            draft
        };
        let hash = hash_of(&draft);
        let old = match old {
            Some(old) if old.hash == hash => return old,
            old => old,
        };
        match self.write(maps, &draft) {
            Ok(sections) => {
                changed.put += 1;
                self.entries += usize::from(old.as_ref().is_none_or(|old| old.hash == 0));
                self.accept(maps, &draft.name, changed);
                self.remove_sections(maps, old);
                Held {
                    name: draft.name,
                    hash,
                    sections,
                }
            }
            Err(Refused) => {
                changed.refused += 1;
                changed.deaf |= self.refuse(maps, &draft.name, owner).is_err();
                // A stale answer must not stay.
                if let Some(old) = old.filter(|old| old.hash != 0) {
                    self.remove(maps, old, changed);
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

    fn remove(&mut self, maps: &mut impl Maps, held: Held, changed: &mut Changed) {
        self.parents.remove(&held.name);
        if held.hash != 0 {
            self.entries -= 1;
            changed.removed += 1;
            // Removing can only fail for a name that is not there.
            let _ = maps.apply(Operation::RemoveEntry {
                name: held.name.clone(),
            });
        }
        self.accept(maps, &held.name, changed);
        self.remove_sections(maps, Some(held));
    }

    fn remove_sections(&self, maps: &mut impl Maps, held: Option<Held>) {
        for (class, key) in held.iter().flat_map(|held| held.sections.iter().copied()) {
            // No entry refers to it any more; if it stays, it only takes room.
            let _ = maps.apply(Operation::RemoveSection { class, key });
        }
    }

    /// Notes that a name was refused, and stops its nearest parent from denying what is below it.
    fn refuse(
        &mut self,
        maps: &mut impl Maps,
        name: &WireName,
        owner: &Owner,
    ) -> Result<(), Refused> {
        if self.refused.contains_key(name) {
            return Ok(());
        }
        let parent = ancestors(name)
            .find_map(|ancestor| self.parents.get(ancestor))
            .cloned();
        self.refused.insert(
            name.clone(),
            (
                owner.clone(),
                parent.as_ref().map(|parent| parent.name.clone()),
            ),
        );
        let Some(parent) = parent else { return Ok(()) };
        let count = self.silent.entry(parent.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            Ok(())
        } else {
            self.rewrite(maps, &parent.passing_below())
        }
    }

    /// Notes that a name is no longer refused; its parent may deny again when it was the last one.
    fn accept(&mut self, maps: &mut impl Maps, name: &WireName, changed: &mut Changed) {
        let Some((_, Some(parent))) = self.refused.remove(name) else {
            return;
        };
        let Some(count) = self.silent.get_mut(&parent) else {
            return;
        };
        *count -= 1;
        if *count > 0 {
            return;
        }
        self.silent.remove(&parent);
        let Some(parent) = self.parents.get(&parent).cloned() else {
            return;
        };
        // If it stays silent, its questions pass: that is safe.
        if self.rewrite(maps, &parent).is_ok() {
            changed.put += 1;
        }
    }

    /// Replaces the entry of a parent. Parents have no sections of their own.
    fn rewrite(&mut self, maps: &mut impl Maps, parent: &Draft) -> Result<(), Refused> {
        self.write(maps, parent)?;
        let hash = hash_of(parent);
        for held in self
            .held
            .values_mut()
            .flatten()
            .filter(|held| held.name == parent.name)
        {
            held.hash = hash;
        }
        Ok(())
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
