//! Maps that change while they are looked at.

use std::cell::Cell;

use dns_core::table::{Maps, Operation, Refused};
use dns_ebpf::{
    Tables,
    answer::{
        Client, Control, Destination, ENTRY_HEAD, ENTRY_LEN, Form, PORTS_MAX, SECTION_MAX,
        SLOT_LEN, Section, ZoneHead, stripe,
    },
};
use dns_userspace::datapath::keys::key;

use crate::host::HostTables;

/// Of a torn entry, these octets belong to the name that was looked up: its head and its first slot.
const FIRST_PART: usize = ENTRY_HEAD + SLOT_LEN;

/// The maps after each step of a change.
pub(super) struct Steps {
    /// The maps as they are now.
    pub(super) now: HostTables,
    /// The maps after each step, in order.
    pub(super) all: Vec<HostTables>,
}

impl Steps {
    /// A step is done.
    pub(super) fn note(&mut self) {
        self.all.push(self.now.clone());
    }

    /// A change of one name's entry, as [`Store`](dns_userspace::datapath::store::Store) makes it.
    fn change_entry(&mut self, name: &[u8], operation: Operation) -> Result<(), Refused> {
        let stripe = stripe(&key(name));
        self.now.mark(stripe..stripe + 1);
        self.note();
        self.now.begin(stripe..stripe + 1);
        self.note();
        self.now.apply(operation)?;
        self.note();
        self.finish();
        Ok(())
    }

    /// The change that was begun is finished.
    pub(super) fn finish(&mut self) {
        self.now.control.finished = self.now.started;
        self.note();
    }
}

impl Maps for Steps {
    fn optional_entries(&self) -> usize {
        usize::MAX
    }

    fn optional_sections(&self, _: u8) -> usize {
        usize::MAX
    }

    fn suspend_denials(&mut self) {
        self.now.control.denials = 0;
        self.note();
    }

    fn apply(&mut self, operation: Operation) -> Result<(), Refused> {
        match &operation {
            Operation::PutEntry { name, .. } | Operation::RemoveEntry { name } => {
                self.change_entry(&name.clone(), operation)
            }
            Operation::PutSection { .. } | Operation::RemoveSection { .. } => {
                self.now.apply(operation)?;
                self.note();
                Ok(())
            }
        }
    }
}

/// The maps of one step until the `at`-th look, and of another from then on. An element that is changed between the two
/// looks at its halves is used again for another name, as the kernel does.
pub(super) struct Interleaved<'a> {
    pub(super) before: &'a HostTables,
    pub(super) after: &'a HostTables,
    pub(super) at: usize,
    /// Another name's entry.
    pub(super) foreign: &'a [u8; ENTRY_LEN],
    /// How many looks there were.
    pub(super) looks: Cell<usize>,
}

impl Interleaved<'_> {
    fn look(&self) -> &HostTables {
        let look = self.looks.get();
        self.looks.set(look + 1);
        if look < self.at {
            self.before
        } else {
            self.after
        }
    }
}

impl Tables for Interleaved<'_> {
    fn client(&self, _: usize) -> Option<&Client> {
        None
    }

    fn ports(&self) -> [u16; PORTS_MAX] {
        self.look().ports()
    }

    /// The record is read in order: see [`Control`]. What is behind `finished` may be newer.
    fn control(&self) -> Option<Control> {
        let Control {
            layout,
            started,
            finished,
            ..
        } = self.look().control()?;
        let rest = self.look().control()?;
        Some(Control {
            layout,
            started,
            finished,
            ..rest
        })
    }

    fn started(&self) -> u64 {
        self.look().started()
    }

    fn changed(&self, stripe: usize) -> u64 {
        self.look().changed(stripe)
    }

    fn entry<const N: usize>(
        &self,
        key: &[u8; N],
        entry: &mut Section<SECTION_MAX>,
    ) -> Option<[u8; ENTRY_HEAD]> {
        let head = self.look().entry(key, entry)?;
        let mut again = Section {
            octets: [0; SECTION_MAX],
        };
        let is_there = self.look().entry(key, &mut again).is_some();
        if !is_there || again.octets[..ENTRY_LEN] != entry.octets[..ENTRY_LEN] {
            entry.octets[FIRST_PART..ENTRY_LEN].copy_from_slice(&self.foreign[FIRST_PART..]);
        }
        Some(head)
    }

    fn entry_head<const N: usize>(&self, key: &[u8; N]) -> Option<[u8; ENTRY_HEAD]> {
        self.look().entry_head(key)
    }

    fn section(&self, class: u8, key: u32, to: &mut Section<SECTION_MAX>) -> Option<usize> {
        let len = self.look().section(class, key, to)?;
        let mut again = Section {
            octets: [0; SECTION_MAX],
        };
        if self.look().section(class, key, &mut again).is_none() {
            to.octets[len / 2..len].fill(0x42);
        }
        Some(len)
    }

    fn form(&self, index: u8) -> Option<&Form> {
        self.look().form(index)
    }

    fn zone(&self, index: u8, section: &mut Section<SECTION_MAX>) -> Option<ZoneHead> {
        self.look().zone(index, section)
    }

    fn zone_head(&self, index: u8) -> Option<ZoneHead> {
        self.look().zone_head(index)
    }

    fn is_destination(&self, destination: &Destination) -> bool {
        self.look().is_destination(destination)
    }

    fn count_unknown(&self, destination: &Destination) {
        self.look().count_unknown(destination);
    }

    fn mtu(&self, interface: u32) -> Option<u32> {
        self.look().mtu(interface)
    }

    fn now(&self) -> u64 {
        self.before.now()
    }

    fn tick(&self) -> u64 {
        self.before.tick()
    }

    fn random(&self) -> u32 {
        self.before.random()
    }

    fn forget(&self, number: usize) -> usize {
        number
    }

    fn forget_in_memory(&self, number: usize) -> usize {
        number
    }
}
