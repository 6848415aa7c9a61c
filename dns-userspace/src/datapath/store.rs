//! The maps: where the table's operations are carried out.

mod listing;

use std::{collections::BTreeSet, io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use aya::{
    Ebpf,
    maps::{Array, HashMap, MapData, MapError},
};
use dns_core::{
    encode::WireName,
    policy::Policy,
    table::{Maps, Operation, Refused},
};
use dns_ebpf::answer::{ENTRY_LEN, FORM_LEN, PORTS_MAX, SECTION_LENGTHS, ZONE_LEN};

use super::{
    control::{ControlMap, Touched},
    counters::{Counters, Counts},
    keys::{destination, key, key_length},
    object,
};

/// The port that the kernel always looks at (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;
/// Of the entries of names of middle length, this part may be optional.
const OPTIONAL_SHARE: usize = 16;
/// How often it is tried to remove an entry, before that is a reason to answer nothing: the kernel may be busy with its
/// bucket (EBUSY).
const REMOVALS: usize = 4;
/// BPF_NOEXIST (bpf(2)): an element that is there is not replaced.
const NEW: u64 = 1;

/// The maps that hold the cluster's names, and whom they are asked of.
pub struct Store {
    control: Arc<ControlMap>,
    entries_40: HashMap<MapData, [u8; 40], [u8; ENTRY_LEN]>,
    entries_64: HashMap<MapData, [u8; 64], [u8; ENTRY_LEN]>,
    entries_256: HashMap<MapData, [u8; 256], [u8; ENTRY_LEN]>,
    sections_192: HashMap<MapData, u32, [u8; 192]>,
    sections_448: HashMap<MapData, u32, [u8; 448]>,
    sections_960: HashMap<MapData, u32, [u8; 960]>,
    sections_1472: HashMap<MapData, u32, [u8; 1472]>,
    forms: Array<MapData, [u8; FORM_LEN]>,
    zones: Array<MapData, [u8; ZONE_LEN]>,
    destinations: HashMap<MapData, [u8; 20], u32>,
    counters: Counters,
    /// Names whose entries must not stay, and that the kernel refused to remove.
    stale: BTreeSet<WireName>,
    /// How many entries optional names may take.
    optional_entries: usize,
    /// How many sections of each class optional records may take.
    optional_sections: [usize; SECTION_LENGTHS.len()],
}

macro_rules! map {
    ($object:expr, $name:literal) => {
        HashMap::try_from(aya::maps::Map::HashMap(object::take($object, $name)?))
            .context(concat!("open the map ", $name))?
    };
}
pub(super) use map;

impl Store {
    /// Takes the maps out of the object.
    ///
    /// # Errors
    /// A map that is missing or of another shape: the object is not this agent's.
    pub fn new(object: &mut Ebpf, control: Arc<ControlMap>) -> anyhow::Result<Self> {
        let mut optional_sections = [0; SECTION_LENGTHS.len()];
        for (most, length) in optional_sections.iter_mut().zip(SECTION_LENGTHS) {
            *most = object::most_elements(object, &format!("SECTIONS_{length}"))? / 2;
        }
        Ok(Self {
            control,
            stale: BTreeSet::new(),
            optional_entries: object::most_elements(object, "ENTRIES_64")? / OPTIONAL_SHARE,
            optional_sections,
            entries_40: map!(object, "ENTRIES_40"),
            entries_64: map!(object, "ENTRIES_64"),
            entries_256: map!(object, "ENTRIES_256"),
            sections_192: map!(object, "SECTIONS_192"),
            sections_448: map!(object, "SECTIONS_448"),
            sections_960: map!(object, "SECTIONS_960"),
            sections_1472: map!(object, "SECTIONS_1472"),
            forms: Array::try_from(aya::maps::Map::Array(object::take(object, "FORMS")?))
                .context("open the map FORMS")?,
            zones: Array::try_from(aya::maps::Map::Array(object::take(object, "ZONES")?))
                .context("open the map ZONES")?,
            destinations: map!(object, "DESTINATIONS"),
            counters: Counters::new(
                object::take(object, "COUNTERS")?,
                object::take(object, "UNKNOWN")?,
            )?,
        })
    }

    /// The control record.
    #[must_use]
    pub fn control(&self) -> &ControlMap {
        &self.control
    }

    /// What the datapath has counted.
    ///
    /// # Errors
    /// The kernel's.
    pub fn counts(&self) -> anyhow::Result<Counts> {
        self.counters.read()
    }

    /// Writes the forms and zones that entries refer to, and what else of the policy the kernel looks at.
    ///
    /// # Errors
    /// The kernel's.
    pub fn put_policy(
        &mut self,
        policy: &Policy,
        forms: &[[u8; FORM_LEN]],
        zones: &[[u8; ZONE_LEN]],
    ) -> anyhow::Result<()> {
        self.control.begin(Touched::All);
        self.control.set_size_cap(policy.size_cap);
        self.control.set_search_labels(policy.search_labels());
        let written = (0..)
            .zip(forms)
            .try_for_each(|(index, form)| self.forms.set(index, form, 0))
            .and_then(|()| {
                (0..)
                    .zip(zones)
                    .try_for_each(|(index, zone)| self.zones.set(index, zone, 0))
            });
        self.control.finish();
        written.context("write the forms and zones")
    }

    /// Makes exactly these the known DNS addresses. Returns those that could not be put: their questions pass.
    ///
    /// # Errors
    /// The kernel's, when the addresses cannot be listed.
    pub fn set_destinations(
        &mut self,
        addresses: &BTreeSet<SocketAddr>,
    ) -> anyhow::Result<Vec<SocketAddr>> {
        let left = self.replace_destinations(addresses);
        // What the datapath has found out of an address it believes until a change is finished, or for a tick.
        self.control.begin(Touched::Admission);
        self.control.finish();
        left
    }

    fn replace_destinations(
        &mut self,
        addresses: &BTreeSet<SocketAddr>,
    ) -> anyhow::Result<Vec<SocketAddr>> {
        let other_ports: BTreeSet<u16> = addresses
            .iter()
            .map(SocketAddr::port)
            // Zero is no port: in the control record it stands for none.
            .filter(|port| ![0, DNS_PORT].contains(port))
            .collect();
        let ports: Vec<u16> = other_ports.into_iter().take(PORTS_MAX).collect();
        self.control.set_ports(&ports);

        let wanted: BTreeSet<[u8; 20]> = addresses.iter().copied().map(destination).collect();
        let present: Vec<[u8; 20]> = self
            .destinations
            .keys()
            .collect::<Result<_, _>>()
            .context("list the DNS addresses")?;
        for key in present.iter().filter(|key| !wanted.contains(*key)) {
            match self.destinations.remove(key) {
                Err(error) if !is_missing(&error) => {
                    return Err(error).context("remove a DNS address");
                }
                _ => {}
            }
        }
        let left = addresses.iter().filter(|address| {
            let port = address.port();
            let known = port == DNS_PORT || ports.contains(&port);
            let key = destination(**address);
            // One that is there stays untouched: while an element is replaced, nobody may find it.
            let is_there = present.contains(&key) || self.destinations.insert(key, 1, 0).is_ok();
            !known || !is_there
        });
        Ok(left.copied().collect())
    }

    /// Removes every entry and section that is not among these: what an earlier agent has left.
    ///
    /// # Errors
    /// The kernel's, when the maps cannot be listed.
    pub fn retain(
        &mut self,
        names: &BTreeSet<WireName>,
        sections: &BTreeSet<(u8, u32)>,
    ) -> anyhow::Result<usize> {
        let present = self.names().context("list the names of the maps")?;
        let mut removed = 0;
        for name in present.into_iter().filter(|name| !names.contains(name)) {
            removed += usize::from(self.apply(Operation::RemoveEntry { name }).is_ok());
        }
        for (class, key) in self.section_keys()? {
            if !sections.contains(&(class, key)) {
                removed += usize::from(self.apply(Operation::RemoveSection { class, key }).is_ok());
            }
        }
        Ok(removed)
    }

    /// How many entries the kernel refused to remove. As long as there are any, nothing may be answered.
    #[must_use]
    pub fn stale(&self) -> usize {
        self.stale.len()
    }

    /// Tries again to remove what the kernel refused to remove.
    pub fn remove_stale(&mut self) {
        for name in self.stale.clone() {
            // It stays among them if it is refused again.
            let _ = self.apply(Operation::RemoveEntry { name });
        }
    }

    /// An entry stays that must not. Its sections are removed nevertheless, and their room is used again, so nothing may
    /// be answered until it is gone.
    fn keep_silent_about(&mut self, name: &WireName, error: &MapError) {
        self.control.suspend_answers(true);
        // Who has looked at the lease already passes.
        self.control.begin(Touched::All);
        self.control.finish();
        // That there are more is told by their number.
        if self.stale.is_empty() {
            tracing::warn!(%error, "the kernel refused to remove an entry; nothing is answered until it does");
        }
        self.stale.insert(name.clone());
    }

    fn put_entry(&mut self, name: &[u8], entry: &[u8; ENTRY_LEN]) -> Result<(), MapError> {
        match key_length(name) {
            40 => self.entries_40.insert(key::<40>(name), entry, 0),
            64 => self.entries_64.insert(key::<64>(name), entry, 0),
            _ => self.entries_256.insert(key::<256>(name), entry, 0),
        }
    }

    fn remove_entry(&mut self, name: &[u8]) -> Result<(), MapError> {
        match key_length(name) {
            40 => self.entries_40.remove(&key::<40>(name)),
            64 => self.entries_64.remove(&key::<64>(name)),
            _ => self.entries_256.remove(&key::<256>(name)),
        }
    }

    /// Removes an entry, if it is there, and tries that [`REMOVALS`] times.
    fn remove_entry_repeatedly(&mut self, name: &[u8]) -> Result<(), MapError> {
        let mut done = Ok(());
        for _ in 0..REMOVALS {
            done = match self.remove_entry(name) {
                Err(error) if is_missing(&error) => Ok(()),
                done => done,
            };
            if done.is_ok() {
                break;
            }
        }
        done
    }

    /// Puts a section under a key that is not in use. Keys begin anew after 2^32 of them, and then one may be.
    fn put_section(&mut self, number: u32, class: u8, octets: &[u8]) -> Result<(), MapError> {
        match class {
            1 => self.sections_192.insert(number, key::<192>(octets), NEW),
            2 => self.sections_448.insert(number, key::<448>(octets), NEW),
            3 => self.sections_960.insert(number, key::<960>(octets), NEW),
            _ => self.sections_1472.insert(number, key::<1472>(octets), NEW),
        }
    }

    fn remove_section(&mut self, number: u32, class: u8) -> Result<(), MapError> {
        match class {
            1 => self.sections_192.remove(&number),
            2 => self.sections_448.remove(&number),
            3 => self.sections_960.remove(&number),
            _ => self.sections_1472.remove(&number),
        }
    }
}

impl Maps for Store {
    fn optional_entries(&self) -> usize {
        self.optional_entries
    }

    fn optional_sections(&self, class: u8) -> usize {
        let index = usize::from(class).wrapping_sub(1);
        self.optional_sections.get(index).copied().unwrap_or(0)
    }

    fn read_section(&self, class: u8, key: u32) -> Option<Vec<u8>> {
        match class {
            1 => self.sections_192.get(&key, 0).map(Vec::from),
            2 => self.sections_448.get(&key, 0).map(Vec::from),
            3 => self.sections_960.get(&key, 0).map(Vec::from),
            _ => self.sections_1472.get(&key, 0).map(Vec::from),
        }
        .ok()
    }

    fn suspend_denials(&mut self) {
        self.control.suspend_denials(true);
    }

    fn apply(&mut self, operation: Operation) -> Result<(), Refused> {
        let done = match &operation {
            Operation::PutEntry { name, entry } => {
                self.control.begin(Touched::Entry(name));
                let done = self.put_entry(name, entry);
                self.control.finish();
                if done.is_ok() {
                    self.stale.remove(name);
                }
                done
            }
            Operation::RemoveEntry { name } => {
                self.control.begin(Touched::Entry(name));
                let done = self.remove_entry_repeatedly(name);
                self.control.finish();
                match &done {
                    Ok(()) => {
                        self.stale.remove(name);
                    }
                    Err(error) => self.keep_silent_about(name, error),
                }
                done
            }
            // No entry refers to them, or nothing is answered: see `dns_ebpf::answer::Changes`.
            Operation::PutSection { key, section } => {
                self.put_section(*key, section.class, &section.octets)
            }
            Operation::RemoveSection { class, key } => self.remove_section(*key, *class),
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => {
                tracing::debug!(%error, ?operation, "the kernel refused to change a map");
                Err(Refused)
            }
        }
    }
}

/// Whether there was nothing to remove: aya hands the kernel's ENOENT on then.
pub(super) fn is_missing(error: &MapError) -> bool {
    match error {
        MapError::KeyNotFound => true,
        MapError::SyscallError(error) => error.io_error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}
