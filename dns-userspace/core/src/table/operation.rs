//! What can be done to the maps.

use dns_ebpf::answer::ENTRY_LEN;

use crate::encode::{Section, WireName};

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

    /// The octets of a section; none if it is not there, or need not be read because the maps began empty.
    fn read_section(&self, _class: u8, _key: u32) -> Option<Vec<u8>> {
        None
    }

    /// How many entries may be of optional names.
    fn optional_entries(&self) -> usize;

    /// How many sections of a class may be of optional records.
    fn optional_sections(&self, class: u8) -> usize;

    /// Lets no absent name be denied until it is allowed again: a parent denies a name that could not be put,
    /// and could not be told to stop.
    fn suspend_denials(&mut self);
}
