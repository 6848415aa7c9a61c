//! What an earlier agent has left in the maps: the sections that its entries refer to.
//!
//! They take room beside the new ones, so none is kept for longer than an entry needs it: a section that a name's new
//! entry needs just so is used again, and any other goes with the last entry that refers to it. Nothing of what was left
//! is believed: a section is used again only if it is, octet by octet, what would be put, its end included.

use std::collections::{BTreeMap, BTreeSet};

use dns_ebpf::answer::{ENTRY_LEN, Entry, SECTION_LENGTHS, SLOT_LEN, SLOTS_MAX, WHERE_MASK};
use hickory_proto::{rr::Name, serialize::binary::BinDecodable as _};

use super::{
    ancestors,
    operation::{Maps, Operation},
    parents::service_at,
};
use crate::{
    encode::{Section, WireName},
    world::Owner,
};

/// A section by its class and key.
type Place = (u8, u32);

/// The earlier agent's sections, and its entries that refer to any.
#[derive(Clone, Debug, Default)]
pub struct Adopted {
    /// The entries of each owner, with the sections that they refer to.
    entries: BTreeMap<Owner, BTreeMap<WireName, Vec<Place>>>,
    sections: BTreeMap<Place, Uses>,
    /// How many of these sections no new entry refers to, by class.
    left: [usize; SECTION_LENGTHS.len()],
}

/// What an earlier agent's section is used for.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    /// How many entries of that agent refer to it.
    earlier: u32,
    /// Whether new entries do.
    taken: bool,
}

impl Adopted {
    /// Notes a section that lies in the maps.
    pub fn note_section(&mut self, class: u8, key: u32) {
        self.uses((class, key));
    }

    /// Notes an entry that lies in the maps.
    pub fn note_entry(&mut self, name: WireName, entry: &[u8; ENTRY_LEN]) {
        let sections = sections_of(entry);
        if sections.is_empty() {
            return;
        }
        for place in &sections {
            self.uses(*place).earlier += 1;
        }
        let entries = self.entries.entry(owner_of(&name)).or_default();
        entries.insert(name, sections);
    }

    fn uses(&mut self, place: Place) -> &mut Uses {
        let left = &mut self.left;
        self.sections.entry(place).or_insert_with(|| {
            *of_class(left, place.0) += 1;
            Uses::default()
        })
    }

    /// The greatest key of a section.
    pub(super) fn last_key(&self) -> u32 {
        let keys = self.sections.keys();
        keys.map(|(_, key)| *key).max().unwrap_or(0)
    }

    /// Whether a key is that of an earlier section.
    pub(super) fn has(&self, class: u8, key: u32) -> bool {
        self.sections.contains_key(&(class, key))
    }

    /// How many sections of a class only earlier entries refer to.
    pub(super) fn left(&self, class: u8) -> usize {
        let index = usize::from(class).wrapping_sub(1);
        self.left.get(index).copied().unwrap_or(0)
    }

    /// The key of a section that the earlier entry of a name refers to, that holds exactly this, and that nobody has
    /// taken.
    pub(super) fn find(&self, maps: &impl Maps, name: &[u8], section: &Section) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let sections = self.entries.get(&owner_of(name))?.get(name)?;
        let same = |place: &&Place| {
            place.0 == section.class
                && self.sections.get(*place).is_some_and(|uses| !uses.taken)
                && maps.read_section(place.0, place.1).as_ref() == Some(&section.octets)
        };
        sections.iter().find(same).map(|(_, key)| *key)
    }

    /// A new entry is about to refer to a section.
    pub(super) fn take(&mut self, class: u8, key: u32) {
        if let Some(uses) = self.sections.get_mut(&(class, key))
            && !std::mem::replace(&mut uses.taken, true)
        {
            *of_class(&mut self.left, class) -= 1;
        }
    }

    /// No new entry refers to a section any more. Returns whether no earlier one does, so that it may be removed.
    pub(super) fn give_back(&mut self, class: u8, key: u32) -> bool {
        let Some(uses) = self.sections.get_mut(&(class, key)) else {
            return true;
        };
        uses.taken = false;
        *of_class(&mut self.left, class) += 1;
        false
    }

    /// The earlier entry of a name was replaced or removed: what only it referred to goes.
    pub(super) fn replaced(&mut self, maps: &mut impl Maps, name: &[u8]) {
        if self.entries.is_empty() {
            return;
        }
        let owner = owner_of(name);
        let Some(entries) = self.entries.get_mut(&owner) else {
            return;
        };
        let sections = entries.remove(name).unwrap_or_default();
        if entries.is_empty() {
            self.entries.remove(&owner);
        }
        for place in sections {
            let Some(uses) = self.sections.get_mut(&place) else {
                continue;
            };
            uses.earlier = uses.earlier.saturating_sub(1);
            if uses.earlier == 0 {
                self.forget(maps, place);
            }
        }
    }

    /// No earlier entry refers to a section any more.
    fn forget(&mut self, maps: &mut impl Maps, place: Place) {
        if let Some(Uses { taken: false, .. }) = self.sections.remove(&place) {
            let (class, key) = place;
            *of_class(&mut self.left, class) -= 1;
            // If it stays, it only takes room.
            let _ = maps.apply(Operation::RemoveSection { class, key });
        }
    }

    /// Lets the earlier entries of an owner that are still there say nothing, so that their sections' room is free.
    /// Returns whether there were any.
    pub(super) fn make_room(&mut self, maps: &mut impl Maps, owner: &Owner) -> bool {
        let names = self.names(owner);
        for name in &names {
            let entry = Box::new(Entry::PASS.to_octets());
            let put = Operation::PutEntry {
                name: name.clone(),
                entry,
            };
            if maps.apply(put).is_ok() {
                self.replaced(maps, name);
            }
        }
        !names.is_empty()
    }

    /// Removes the earlier entries of an owner that are still there: such names do not exist any more, or were refused.
    pub(super) fn remove(&mut self, maps: &mut impl Maps, owner: &Owner) {
        for name in self.names(owner) {
            // What cannot be removed is the maps' to look after: see `Store::remove_stale`.
            let _ = maps.apply(Operation::RemoveEntry { name: name.clone() });
            self.replaced(maps, &name);
        }
    }

    /// Removes the entries of all other owners than these, and sections that no entry refers to.
    pub(super) fn remove_others(&mut self, maps: &mut impl Maps, owners: &BTreeSet<Owner>) {
        let gone = self.entries.keys().filter(|owner| !owners.contains(owner));
        for owner in gone.cloned().collect::<Vec<_>>() {
            self.remove(maps, &owner);
        }
        let orphans = self.sections.iter().filter(|(_, uses)| uses.earlier == 0);
        for place in orphans.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.forget(maps, place);
        }
    }

    fn names(&self, owner: &Owner) -> Vec<WireName> {
        let entries = self.entries.get(owner).into_iter().flatten();
        entries.map(|(name, _)| name.clone()).collect()
    }
}

/// The count of a class, which is one that there is: see [`sections_of`].
fn of_class(counts: &mut [usize; SECTION_LENGTHS.len()], class: u8) -> &mut usize {
    let last = counts.len() - 1;
    &mut counts[usize::from(class).saturating_sub(1).min(last)]
}

/// The sections that an entry refers to, each once.
fn sections_of(entry: &[u8; ENTRY_LEN]) -> Vec<Place> {
    let entry = Entry::from_octets(entry);
    let slots = entry.rest.chunks_exact(SLOT_LEN);
    let slots = slots.take(entry.slots_len().min(SLOTS_MAX));
    let classes = 1..=SECTION_LENGTHS.len();
    let mut sections: Vec<Place> = slots
        .filter_map(|slot| {
            let class = slot.get(2)? & WHERE_MASK;
            let key = u32::from_be_bytes(*slot.last_chunk()?);
            classes
                .contains(&usize::from(class))
                .then_some((class, key))
        })
        .collect();
    sections.sort_unstable();
    sections.dedup();
    sections
}

/// Whose name this most likely is: a service's, an address's, else the zones'. Where that is wrong, as it may be in a zone
/// whose name looks like a service's, the DNS service answers the name until its own owner is set.
fn owner_of(name: &[u8]) -> Owner {
    let service = std::iter::once(name).chain(ancestors(name));
    if let Some(service) = service.filter_map(service_at).last() {
        return service;
    }
    let reverse = Name::from_bytes(name).ok();
    let network = reverse.and_then(|name| name.parse_arpa_name().ok());
    network.map_or(Owner::Zone, |network| Owner::Address(network.addr()))
}
