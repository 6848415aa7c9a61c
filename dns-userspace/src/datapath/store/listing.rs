//! What lies in the maps, element by element.

use anyhow::Context as _;
use aya::maps::MapError;
use dns_core::{encode::WireName, table::Adopted};

use super::{super::keys::name_of, Store};

impl Store {
    /// Reads what an earlier agent has left.
    ///
    /// # Errors
    /// The kernel's, when the maps cannot be listed.
    pub fn adopt(&self) -> anyhow::Result<Adopted> {
        let mut adopted = Adopted::default();
        for (class, key) in self.section_keys()? {
            adopted.note_section(class, key);
        }
        let short = self.entries_40.iter();
        let short = short.map(|entry| entry.map(|(key, entry)| (name_of(&key), entry)));
        let middle = self.entries_64.iter();
        let middle = middle.map(|entry| entry.map(|(key, entry)| (name_of(&key), entry)));
        let long = self.entries_256.iter();
        let long = long.map(|entry| entry.map(|(key, entry)| (name_of(&key), entry)));
        for entry in short.chain(middle).chain(long) {
            let (name, entry) = entry.context("list the entries of the maps")?;
            adopted.note_entry(name, &entry);
        }
        Ok(adopted)
    }

    pub(super) fn section_keys(&self) -> anyhow::Result<Vec<(u8, u32)>> {
        let keys = (self.sections_192.keys().map(|key| key.map(|key| (1, key))))
            .chain(self.sections_448.keys().map(|key| key.map(|key| (2, key))))
            .chain(self.sections_960.keys().map(|key| key.map(|key| (3, key))))
            .chain(self.sections_1472.keys().map(|key| key.map(|key| (4, key))));
        keys.collect::<Result<_, _>>()
            .context("list the sections of the maps")
    }

    /// Every name in the maps.
    ///
    /// # Errors
    /// The kernel's.
    pub fn names(&self) -> Result<Vec<WireName>, MapError> {
        let short = self
            .entries_40
            .keys()
            .map(|key| key.map(|key| name_of(&key)));
        let middle = self
            .entries_64
            .keys()
            .map(|key| key.map(|key| name_of(&key)));
        let long = self
            .entries_256
            .keys()
            .map(|key| key.map(|key| name_of(&key)));
        short.chain(middle).chain(long).collect()
    }
}
