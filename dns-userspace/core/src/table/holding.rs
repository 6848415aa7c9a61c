//! What one owner holds: its names, and the sections that these share.

use std::{borrow::Cow, collections::BTreeSet};

use dns_ebpf::answer::SECTION_LENGTHS;

use super::{
    adopted::Adopted,
    names::Names,
    operation::{Maps, Operation, Refused},
};
use crate::encode::{Draft, Section};

/// What is counted over the sections of all owners.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    /// The last key that was given out.
    pub(super) last_key: u32,
    /// Sections of optional records, by class.
    pub(super) optional: [usize; SECTION_LENGTHS.len()],
}

impl Counts {
    /// A key that is not in use.
    fn next_key(&mut self, class: u8, adopted: &Adopted) -> u32 {
        self.last_key = self.last_key.wrapping_add(1);
        while adopted.has(class, self.last_key) {
            self.last_key = self.last_key.wrapping_add(1);
        }
        self.last_key
    }

    fn optional_of(&mut self, class: u8) -> Option<&mut usize> {
        self.optional.get_mut(usize::from(class.checked_sub(1)?))
    }
}

/// A section in the maps, known by what it holds.
#[derive(Clone, Copy, Debug)]
struct Shared {
    mark: u64,
    class: u8,
    key: u32,
    optional: bool,
}

/// Everything of one owner.
#[derive(Clone, Debug, Default)]
pub(super) struct Holding {
    pub(super) names: Names,
    /// By mark.
    sections: Vec<Shared>,
    /// Optional names without an entry.
    pub(super) left_out: u32,
    /// How many names there are.
    pub(super) count: u32,
}

impl Holding {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty() && self.sections.is_empty()
    }

    /// Class and key of every section.
    pub(super) fn sections(&self) -> impl Iterator<Item = (u8, u32)> {
        self.sections
            .iter()
            .map(|section| (section.class, section.key))
    }

    /// The draft, without optional records for which there is no room. What an earlier agent has left counts as optional
    /// until it is taken, so that it does not lack room for others.
    pub(super) fn limited<'draft>(
        &self,
        maps: &impl Maps,
        draft: &'draft Draft,
        mut counts: Counts,
        adopted: &Adopted,
    ) -> Cow<'draft, Draft> {
        draft.limited(|section| {
            if self.find(section.mark()).is_some() {
                return true;
            }
            let left = match adopted.find(maps, &draft.name, section) {
                Some(_) => 0,
                None => adopted.left(section.class),
            };
            let room = maps.optional_sections(section.class).saturating_sub(left);
            let taken = counts
                .optional_of(section.class)
                .filter(|taken| **taken < room);
            taken.map(|taken| *taken += 1).is_some()
        })
    }

    /// Puts the entry of a draft, and before it those of its sections that are not there yet; then what only its earlier
    /// entry referred to goes.
    pub(super) fn write(
        &mut self,
        maps: &mut impl Maps,
        draft: &Draft,
        counts: &mut Counts,
        adopted: &mut Adopted,
    ) -> Result<(), Refused> {
        let mut new: Vec<Shared> = Vec::new();
        let (entry, sections) = draft.lay_out(|section| {
            let mark = section.mark();
            let same = |shared: &&Shared| shared.mark == mark;
            if let Some(known) = self.find(mark).or(new.iter().find(same)) {
                return known.key;
            }
            let earlier = adopted.find(maps, &draft.name, section);
            let key = earlier.unwrap_or_else(|| counts.next_key(section.class, adopted));
            new.push(Shared {
                mark,
                class: section.class,
                key,
                optional: section.optional,
            });
            key
        });
        for shared in new {
            let same = |(key, section): &&(u32, Section)| {
                *key == shared.key && section.class == shared.class
            };
            let Some((key, section)) = sections.iter().find(same).cloned() else {
                continue;
            };
            if adopted.has(shared.class, key) {
                adopted.take(shared.class, key);
            } else {
                maps.apply(Operation::PutSection { key, section })?;
            }
            if let Some(optional) = counts.optional_of(shared.class).filter(|_| shared.optional) {
                *optional += 1;
            }
            let at = self.place(shared.mark).unwrap_or_else(|at| at);
            self.sections.insert(at, shared);
        }
        maps.apply(Operation::PutEntry {
            name: draft.name.clone(),
            entry: Box::new(entry),
        })?;
        adopted.replaced(maps, &draft.name);
        Ok(())
    }

    /// Removes the sections that none of these marks.
    pub(super) fn keep_sections(
        &mut self,
        maps: &mut impl Maps,
        marks: &BTreeSet<u64>,
        counts: &mut Counts,
        adopted: &mut Adopted,
    ) {
        self.sections.retain(|shared| {
            let keeps = marks.contains(&shared.mark);
            if !keeps {
                if adopted.give_back(shared.class, shared.key) {
                    // No entry refers to it any more; if it stays, it only takes room.
                    let _ = maps.apply(Operation::RemoveSection {
                        class: shared.class,
                        key: shared.key,
                    });
                }
                if let Some(optional) = counts.optional_of(shared.class).filter(|_| shared.optional)
                {
                    *optional -= 1;
                }
            }
            keeps
        });
        self.sections.shrink_to_fit();
    }

    fn find(&self, mark: u64) -> Option<&Shared> {
        self.sections.get(self.place(mark).ok()?)
    }

    fn place(&self, mark: u64) -> Result<usize, usize> {
        self.sections
            .binary_search_by_key(&mark, |shared| shared.mark)
    }
}

/// The marks of a draft's sections.
pub(super) fn marks(draft: &Draft) -> impl Iterator<Item = u64> {
    draft.sections().map(|section: Section| section.mark())
}
