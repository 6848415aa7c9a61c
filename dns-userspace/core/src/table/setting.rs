//! Making one owner hold what it shall, in pieces: an owner may have tens of thousands of names.
//!
//! First every name that it shall have is put, deeper ones first; then those that it has no more are removed. Other
//! owners may be set between two pieces. Meanwhile names above say what they said before, so whoever sets an owner in
//! pieces first sees to it that its own nodes deny nothing: see [`crate::entries::Writing`].

use std::{
    collections::{BTreeMap, BTreeSet},
    mem, vec,
};

use super::{
    Changed, Held, Maps, Names, Table, ancestors, asks_for_any, is_shared, limited, may_be_optional,
};
use crate::{
    encode::{Draft, WireName},
    world::Owner,
};

/// An owner that is being set. Until [`Table::end`] it must not be set in another way.
#[derive(Debug)]
pub struct Setting {
    owner: Owner,
    /// What it has held and no draft was put for yet, by name, with the hash of what is in the maps.
    before: BTreeMap<WireName, u64>,
    /// What it shall hold, deeper names first.
    wanted: Vec<Draft>,
    /// How many of these are done.
    done: usize,
    /// What it holds of these.
    now: Vec<Held>,
    /// Marks of the sections that these refer to.
    in_use: BTreeSet<u64>,
    /// Drafts above refused names, by their index: they deny nothing below.
    silent: BTreeSet<usize>,
    /// Names that were refused or left out.
    stale: Vec<(WireName, u64)>,
    /// Optional names without an entry.
    left_out: usize,
    /// Whether only some of the owner's names are set.
    partial: bool,
    changed: Changed,
    removing: Option<vec::IntoIter<Removed>>,
}

/// A name that has to leave the maps.
#[derive(Debug)]
struct Removed {
    name: WireName,
    hash: u64,
    /// Whether it does not exist any more.
    is_gone: bool,
}

impl Table {
    /// Begins to make `owner` hold exactly `wanted`, but for optional names for which there is no room.
    pub(crate) fn begin(&mut self, maps: &impl Maps, owner: &Owner, wanted: Vec<Draft>) -> Setting {
        self.begin_some(maps, owner, wanted, |_| true)
    }

    /// Makes `owner` hold exactly these drafts of its names that `chosen` chooses. Its other names stay as they are.
    pub(crate) fn replace(
        &mut self,
        maps: &mut impl Maps,
        owner: &Owner,
        wanted: Vec<Draft>,
        chosen: impl Fn(&WireName) -> bool,
    ) -> Changed {
        let mut setting = self.begin_some(maps, owner, wanted, chosen);
        setting.partial = true;
        while !self.go_on(maps, &mut setting, usize::MAX) {}
        self.end(maps, setting)
    }

    fn begin_some(
        &mut self,
        maps: &impl Maps,
        owner: &Owner,
        wanted: Vec<Draft>,
        chosen: impl Fn(&WireName) -> bool,
    ) -> Setting {
        let holding = self.held.get_mut(owner);
        let held = holding.map(|holding| mem::take(&mut holding.names));
        let (before, now): (Vec<Held>, Vec<Held>) =
            (held.unwrap_or_default().iter()).partition(|held| chosen(&held.name));
        let before: BTreeMap<WireName, u64> = (before.into_iter())
            .map(|held| (held.name, held.hash))
            .collect();
        let count = wanted.len();
        let room = maps.optional_entries().saturating_sub(self.optional);
        let mut wanted = if may_be_optional(owner) {
            limited(wanted, &before, room)
        } else {
            wanted
        };
        // A node that denies comes after the names below it.
        wanted.sort_by(|one, other| order(&other.name).cmp(&order(&one.name)));
        if is_shared(owner) {
            for draft in &wanted {
                self.expect(owner, draft);
            }
        }
        Setting {
            owner: owner.clone(),
            before,
            done: 0,
            now,
            in_use: BTreeSet::new(),
            silent: BTreeSet::new(),
            stale: Vec::new(),
            left_out: count - wanted.len(),
            wanted,
            partial: false,
            changed: Changed::default(),
            removing: None,
        }
    }

    /// Does the next piece, of at most so many names. Returns whether it was the last.
    pub(crate) fn go_on(
        &mut self,
        maps: &mut impl Maps,
        setting: &mut Setting,
        most: usize,
    ) -> bool {
        let end = setting.wanted.len().min(setting.done.saturating_add(most));
        let mut left = most - (end - setting.done);
        for index in setting.done..end {
            self.put_next(maps, setting, index);
        }
        setting.done = end;
        if end < setting.wanted.len() {
            return false;
        }
        let mut removing =
            mem::take(&mut setting.removing).unwrap_or_else(|| setting.take_removed());
        while left > 0
            && let Some(removed) = removing.next()
        {
            self.remove(maps, removed, &mut setting.changed);
            left -= 1;
        }
        let is_last = removing.as_slice().is_empty();
        setting.removing = Some(removing);
        is_last
    }

    /// Puts one of the drafts.
    fn put_next(&mut self, maps: &mut impl Maps, setting: &mut Setting, index: usize) {
        let Setting {
            owner,
            before,
            wanted,
            ..
        } = setting;
        let draft = &wanted[index];
        let known = before.remove(&draft.name).unwrap_or(0);
        let put = self.put(maps, owner, draft, known, setting.silent.contains(&index));
        let hash = if let Ok(put) = put {
            setting.changed.put += usize::from(put.written);
            setting.in_use.extend(put.marks);
            self.accept(&draft.name);
            put.hash
        } else if may_be_optional(owner) && asks_for_any(&draft.name) {
            setting.left_out += 1;
            setting.stale.push((draft.name.clone(), known));
            return;
        } else {
            setting.changed.refused += 1;
            // Names of one owner look after each other: the nearest node above is put later.
            let above = if is_shared(owner) {
                None
            } else {
                nearest_among(wanted, &draft.name)
            };
            self.refuse(maps, &draft.name, owner, above.is_none());
            setting.silent.extend(above);
            setting.stale.push((draft.name.clone(), known));
            0
        };
        setting.now.push(Held {
            name: draft.name.clone(),
            hash,
        });
    }

    /// Takes a name out of the maps: one that was refused, for a stale answer must not stay, or one that does not exist
    /// any more.
    fn remove(&mut self, maps: &mut impl Maps, removed: Removed, changed: &mut Changed) {
        let Removed {
            name,
            hash,
            is_gone,
        } = removed;
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

    /// Notes what the owner holds now, after the last piece.
    pub(crate) fn end(&mut self, maps: &mut impl Maps, setting: Setting) -> Changed {
        let Setting {
            owner,
            now,
            in_use,
            left_out,
            partial,
            mut changed,
            ..
        } = setting;
        if !partial {
            self.adopted.remove(maps, &owner);
        }
        if !now.is_empty() {
            self.held.entry(owner.clone()).or_default();
        }
        if let Some(holding) = self.held.get_mut(&owner) {
            holding.names = Names::of(&now);
            holding.count = now.len() as u32;
            if !partial {
                self.left_out = self.left_out + left_out - holding.left_out as usize;
                holding.left_out = left_out as u32;
                holding.keep_sections(maps, &in_use, &mut self.counts, &mut self.adopted);
            }
            if holding.is_empty() {
                self.held.remove(&owner);
            }
        }
        changed.deaf = self.settle(maps);
        if changed.deaf {
            // A parent denies what could not be put.
            maps.suspend_denials();
        }
        changed
    }
}

impl Setting {
    /// What has to leave the maps once all is put. Higher names go first: what denied a refused name goes before it.
    fn take_removed(&mut self) -> vec::IntoIter<Removed> {
        let stale = mem::take(&mut self.stale).into_iter();
        let gone = mem::take(&mut self.before).into_iter();
        let removed = |is_gone| {
            move |(name, hash)| Removed {
                name,
                hash,
                is_gone,
            }
        };
        let mut all: Vec<Removed> = stale
            .map(removed(false))
            .chain(gone.map(removed(true)))
            .collect();
        all.sort_by_key(|removed| removed.name.len());
        all.into_iter()
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
