//! Maps in memory, as the kernel reads them: what is answered at a name, after every operation.

use std::collections::BTreeMap;

use dns_ebpf::answer::{
    ENTRY_HEAD, ENTRY_LEN, Entry, LEFT, SECTION_LENGTHS, SLOT_LEN, SLOTS_MASK, WHERE_MASK,
};

use crate::{
    encode::{Draft, Section, WireName, asks_for_any},
    table::{Adopted, Maps, Operation, Refused, Table, ancestors},
};

/// The maps, with their limits.
#[derive(Default)]
pub(super) struct MemoryMaps {
    pub(super) entries: BTreeMap<WireName, [u8; ENTRY_LEN]>,
    pub(super) sections: BTreeMap<u32, Section>,
    /// Limits; none: never full.
    pub(super) most_entries: Option<usize>,
    pub(super) most_sections: Option<usize>,
    /// How many sections of each class optional records may take; none: as many as they like.
    pub(super) most_optional: Option<usize>,
    /// How many entries optional names may take; none: as many as they like.
    pub(super) most_optional_names: Option<usize>,
    /// Every put is refused, even of a name that is there: the kernel has no memory left.
    pub(super) exhausted: bool,
    /// Nothing may be denied for the moment.
    pub(super) suspended: bool,
    /// An earlier agent has left entries that refer to nothing, so that the maps are not judged.
    pub(super) spoilt: bool,
    /// The one name whose entry is refused.
    pub(super) forbidden: Option<WireName>,
    /// Names that must not be denied at any moment.
    pub(super) live: Vec<WireName>,
    pub(super) log: Vec<Operation>,
}

/// What the kernel does with a question whose type has no form of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The name has an entry.
    Entry,
    /// The name has none, and the question passes.
    Passes,
    /// The name has none, and is denied.
    Denied,
}

impl MemoryMaps {
    /// Walks from the zone, of one label, downwards, as the datapath does.
    pub(super) fn verdict(&self, name: &[u8]) -> Verdict {
        if self.entries.contains_key(name) {
            return Verdict::Entry;
        }
        let mut path: Vec<&[u8]> = ancestors(name).filter(|above| above.len() > 1).collect();
        path.reverse();
        let below = path
            .iter()
            .map_while(|above| self.entries.get(*above))
            .last()
            .map_or(0, |entry| Entry::from_octets(entry).below);
        if below == 0 || self.suspended || asks_for_any(name) {
            Verdict::Passes
        } else {
            Verdict::Denied
        }
    }

    /// The entry of a name with its sections' keys taken out, and those sections.
    pub(super) fn content(&self, name: &[u8]) -> Option<(Vec<u8>, Vec<Section>)> {
        let mut octets = self.entries.get(name)?.to_vec();
        let mut sections = Vec::new();
        for key in take_keys(&mut octets) {
            sections.push(
                self.sections
                    .get(&key)
                    .expect("the section is there")
                    .clone(),
            );
        }
        Some((octets, sections.into_iter().map(said).collect()))
    }

    /// Asserts that the entries of these names are as wanted.
    pub(super) fn assert_holds(&self, drafts: &[Draft]) {
        for draft in drafts {
            assert_eq!(
                self.content(&draft.name),
                Some(content_of(draft)),
                "{:?}",
                draft.name
            );
        }
    }

    /// Everything that is in the maps, as a new agent reads it.
    pub(super) fn adopt(&self) -> Adopted {
        let mut adopted = Adopted::default();
        for (key, section) in &self.sections {
            adopted.note_section(section.class, *key);
        }
        for (name, entry) in &self.entries {
            adopted.note_entry(name.clone(), entry);
        }
        adopted
    }

    /// Removes everything that is not the table's, as an agent does that has set all owners.
    pub(super) fn retain(&mut self, table: &Table) {
        let (names, sections) = (table.names(), table.sections());
        self.entries.retain(|name, _| names.contains(name));
        self.sections
            .retain(|key, section| sections.contains(&(section.class, *key)));
    }

    fn judge(&self) {
        for name in &self.live {
            assert_ne!(
                self.verdict(name),
                Verdict::Denied,
                "a name that exists throughout is denied: {}; operations so far: {:#?}",
                name.escape_ascii(),
                self.log
            );
        }
        for class in 1..=SECTION_LENGTHS.len() {
            let of_class =
                |section: &&Section| section.optional && usize::from(section.class) == class;
            let optional = self.sections.values().filter(of_class).count();
            assert!(
                optional <= self.optional_sections(class as u8),
                "{optional} optional sections"
            );
        }
        // Port, protocol, service, namespace, `svc`, the zone of one label.
        let is_optional = |name: &&WireName| asks_for_any(name) && ancestors(name).count() == 6;
        let optional = self.entries.keys().filter(is_optional).count();
        assert!(
            optional <= self.optional_entries(),
            "{optional} optional names"
        );
        for (name, entry) in &self.entries {
            for key in take_keys(&mut entry.to_vec()) {
                assert!(
                    self.sections.contains_key(&key),
                    "the entry of {} refers to the section {key}, which is not there",
                    name.escape_ascii()
                );
            }
        }
    }

    fn put_entry(&mut self, name: &WireName, entry: &[u8; ENTRY_LEN]) -> Result<(), Refused> {
        let full = self
            .most_entries
            .is_some_and(|most| self.entries.len() >= most);
        let refused = self.exhausted || self.forbidden.as_ref() == Some(name);
        if refused || (full && !self.entries.contains_key(name)) {
            return Err(Refused);
        }
        self.entries.insert(name.clone(), *entry);
        Ok(())
    }

    fn put_section(&mut self, key: u32, section: &Section) -> Result<(), Refused> {
        let full = self
            .most_sections
            .is_some_and(|most| self.sections.len() >= most);
        if self.exhausted || full {
            return Err(Refused);
        }
        assert_eq!(
            section.octets.len(),
            SECTION_LENGTHS[usize::from(section.class) - 1]
        );
        let before = self.sections.insert(key, section.clone());
        assert!(before.is_none(), "the section's key {key} is in use");
        Ok(())
    }
}

impl Maps for MemoryMaps {
    fn read_section(&self, class: u8, key: u32) -> Option<Vec<u8>> {
        let section = self.sections.get(&key);
        let section = section.filter(|section| section.class == class)?;
        Some(section.octets.clone())
    }

    fn optional_entries(&self) -> usize {
        self.most_optional_names.unwrap_or(usize::MAX)
    }

    fn optional_sections(&self, _: u8) -> usize {
        self.most_optional.unwrap_or(usize::MAX)
    }

    fn suspend_denials(&mut self) {
        self.suspended = true;
    }

    fn apply(&mut self, operation: Operation) -> Result<(), Refused> {
        let done = match &operation {
            Operation::PutSection { key, section } => self.put_section(*key, section),
            Operation::PutEntry { name, entry } => self.put_entry(name, entry),
            Operation::RemoveEntry { name } => {
                self.entries.remove(name);
                Ok(())
            }
            Operation::RemoveSection { key, .. } => {
                self.sections.remove(key);
                Ok(())
            }
        };
        self.log.push(operation);
        if done.is_ok() && !self.spoilt {
            self.judge();
        }
        done
    }
}

/// What a section says, which is the same whether or not it may be left out.
fn said(section: Section) -> Section {
    Section {
        optional: false,
        ..section
    }
}

/// What a draft shall be in the maps, in the form of [`MemoryMaps::content`].
pub(super) fn content_of(draft: &Draft) -> (Vec<u8>, Vec<Section>) {
    let mut number = 0;
    let (entry, mut sections) = draft.lay_out(|_| {
        number += 1;
        number
    });
    let mut octets = entry.to_vec();
    let keys = take_keys(&mut octets);
    // The sections in the order of their slots.
    sections.sort_by_key(|(key, _)| keys.iter().position(|other| other == key));
    (
        octets,
        sections
            .into_iter()
            .map(|(_, section)| said(section))
            .collect(),
    )
}

/// Zeroes the sections' keys in an entry, and returns them in the order of their slots.
fn take_keys(entry: &mut [u8]) -> Vec<u32> {
    let slots = usize::from(entry[3] & SLOTS_MASK);
    entry[ENTRY_HEAD..]
        .chunks_exact_mut(SLOT_LEN)
        .take(slots)
        .filter(|slot| ![0, LEFT].contains(&(slot[2] & WHERE_MASK)))
        .map(|slot| {
            let key: &mut [u8; 4] = slot.last_chunk_mut().expect("a slot has 12 octets");
            u32::from_be_bytes(std::mem::take(key))
        })
        .collect()
}
