//! The host's packet and maps: octets in vectors, the same operations as the kernel's maps.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::Range,
};

use dns_core::{
    encode,
    table::{Maps, Operation, Refused},
};
use dns_ebpf::{
    Failed, Outcome, Packet, Scratch, Tables,
    answer::{
        CLIENTS_MAX, Client, Control, Destination, ENTRY_HEAD, ENTRY_LEN, FORMS_MAX, Form, LAYOUT,
        PORTS_MAX, SECTION_MAX, STRIPES, Section, ZONE_HEAD, ZONE_LEN, ZONES_MAX, Zone, ZoneHead,
    },
};
use dns_userspace::datapath::keys::{destination, key, key_length};

use crate::cluster::{Cluster, SERIAL};

/// The interface that packets come in on, as under BPF_PROG_TEST_RUN.
pub(crate) const INTERFACE: u32 = 1;
/// The host's time, in nanoseconds.
pub(crate) const NOW: u64 = 1_000_000_000;

/// A packet in memory. `MARKED` when it keeps its mark, as a socket buffer does.
pub(crate) struct HostPacket<const MARKED: bool> {
    pub(crate) octets: Vec<u8>,
    /// Changes that still succeed, and how many after these fail.
    pub(crate) good_changes: usize,
    pub(crate) bad_changes: usize,
    /// Whether its headers can be looked at where they lie.
    pub(crate) in_one_piece: bool,
    /// Whether a read went beyond the packet's end, and so failed.
    pub(crate) overread: Cell<bool>,
}

impl<const MARKED: bool> HostPacket<MARKED> {
    pub(crate) fn new(octets: &[u8]) -> Self {
        Self {
            octets: octets.to_vec(),
            good_changes: usize::MAX,
            bad_changes: 0,
            in_one_piece: true,
            overread: Cell::new(false),
        }
    }

    fn read(&self, at: usize, len: usize) -> Result<&[u8], Failed> {
        assert!(len > 0, "the kernel refuses to read nothing");
        let octets = at
            .checked_add(len)
            .and_then(|end| self.octets.get(at..end))
            .ok_or(Failed);
        self.overread.set(self.overread.get() || octets.is_err());
        octets
    }

    fn write(&mut self, at: usize, octets: &[u8]) -> Result<(), Failed> {
        assert!(!octets.is_empty(), "the kernel refuses to write nothing");
        self.change()?;
        let place = self.octets.get_mut(at..at + octets.len()).ok_or(Failed)?;
        place.copy_from_slice(octets);
        Ok(())
    }

    fn change(&mut self) -> Result<(), Failed> {
        if self.good_changes > 0 {
            self.good_changes -= 1;
            return Ok(());
        }
        if self.bad_changes > 0 {
            self.bad_changes -= 1;
            return Err(Failed);
        }
        Ok(())
    }
}

impl<const MARKED: bool> Packet for HostPacket<MARKED> {
    const KEEPS_MARK: bool = MARKED;

    fn len(&self) -> usize {
        self.octets.len()
    }

    fn start<const N: usize>(&self) -> Option<&[u8; N]> {
        self.octets.first_chunk().filter(|_| self.in_one_piece)
    }

    fn load(&self, at: usize, octets: &mut [u8], to: usize, len: usize) -> Result<(), Failed> {
        octets[to..to + len].copy_from_slice(self.read(at, len)?);
        Ok(())
    }

    fn resize(&mut self, len: usize) -> Result<(), Failed> {
        self.change()?;
        self.octets.resize(len, 0);
        Ok(())
    }

    fn store(&mut self, at: usize, octets: &[u8], from: usize, len: usize) -> Result<(), Failed> {
        let octets = octets.get(from..from + len).ok_or(Failed)?;
        self.write(at, octets)
    }

    fn interface(&self) -> u32 {
        INTERFACE
    }
}

/// The maps in memory.
#[derive(Clone)]
pub(crate) struct HostTables {
    pub(crate) control: Control,
    ports: [u16; PORTS_MAX],
    /// What `started` says once the look-ups are done.
    pub(crate) started: u64,
    /// The last change of each stripe.
    changed: [u64; STRIPES],
    pub(crate) random: u32,
    pub(crate) now: u64,
    pub(crate) tick: u64,
    pub(crate) interfaces: BTreeMap<u32, u32>,
    pub(crate) unknown: RefCell<BTreeMap<[u8; 20], u64>>,
    entries: BTreeMap<Vec<u8>, [u8; ENTRY_LEN]>,
    sections: BTreeMap<(u8, u32), Vec<u8>>,
    forms: Vec<Form>,
    zones: Vec<Zone>,
    pub(crate) destinations: BTreeSet<[u8; 20]>,
    pub(crate) clients: Vec<Client>,
}

impl HostTables {
    /// The maps of a cluster, in the state in which everything is answered.
    pub(crate) fn new(cluster: &Cluster, servers: &[SocketAddr]) -> Self {
        let [zone_labels, search_labels] = cluster.policy.search_labels();
        let control = Control {
            layout: LAYOUT,
            lease: NOW + 1,
            denials: u64::MAX,
            endpoints: u64::MAX,
            size_cap: u16::MAX,
            zone_labels,
            search_labels,
            ..Control::default()
        };
        let others = servers
            .iter()
            .map(SocketAddr::port)
            .filter(|port| *port != 53);
        let mut ports = [0; PORTS_MAX];
        for (place, port) in ports.iter_mut().zip(others) {
            *place = port;
        }
        let mut forms: Vec<Form> = cluster.forms.rows().iter().map(form).collect();
        forms.resize(FORMS_MAX, form(&[0; 32]));
        let zones = encode::zones(&cluster.policy, SERIAL).expect("zones");
        let mut zones: Vec<Zone> = zones.iter().map(zone).collect();
        zones.resize(ZONES_MAX, zone(&[0; ZONE_LEN]));
        let mut tables = Self {
            control,
            ports,
            started: 0,
            changed: [0; STRIPES],
            random: 0,
            now: NOW,
            tick: 0,
            interfaces: BTreeMap::new(),
            unknown: RefCell::default(),
            entries: BTreeMap::new(),
            sections: BTreeMap::new(),
            forms,
            zones,
            destinations: servers.iter().map(|server| destination(*server)).collect(),
            clients: vec![Client::default(); CLIENTS_MAX],
        };
        tables.set_mtu(INTERFACE, Some(1500));
        cluster.fill(&mut tables);
        tables
    }

    /// Marks these stripes for the next change.
    pub(crate) fn mark(&mut self, stripes: Range<usize>) {
        self.changed[stripes].fill(self.started + 1);
    }

    /// Begins a change that touches these stripes.
    pub(crate) fn begin(&mut self, stripes: Range<usize>) {
        self.mark(stripes);
        self.started += 1;
    }

    /// Makes forms and zones those of `other`.
    pub(crate) fn take_policy(&mut self, other: &Self) {
        self.forms.clone_from(&other.forms);
        self.zones.clone_from(&other.zones);
    }

    /// Notes an interface's MTU as the agent does.
    pub(crate) fn set_mtu(&mut self, interface: u32, mtu: Option<u32>) {
        match mtu {
            Some(mtu) => self.interfaces.insert(interface, mtu),
            None => self.interfaces.remove(&interface),
        };
        let floor = self.interfaces.values().min().copied().unwrap_or(0);
        self.control.mtu_floor = u16::try_from(floor).unwrap_or(u16::MAX);
    }

    /// Runs the datapath on a frame in fresh memory.
    pub(crate) fn run<const MARKED: bool>(&self, frame: &[u8]) -> (Outcome, Vec<u8>) {
        let mut packet = HostPacket::<MARKED>::new(frame);
        let outcome = dns_ebpf::intercept(&mut packet, self, &mut Box::new(Scratch::NEW));
        (outcome, packet.octets)
    }
}

fn form(octets: &[u8; 32]) -> Form {
    let [otherwise, exceptions, rest @ ..] = *octets;
    Form {
        otherwise,
        exceptions,
        rest,
    }
}

fn zone(octets: &[u8; ZONE_LEN]) -> Zone {
    Zone {
        head: ZoneHead {
            name_len: octets[0],
            section_len: octets[1],
            sum: [octets[2], octets[3]],
            pointers: octets[4],
            pointer_at: [octets[5], octets[6], octets[7]],
            used: octets[8],
            reserved: [0; 7],
        },
        section: *octets[ZONE_HEAD..].as_array().expect("the rest of a zone"),
    }
}

/// A name as the key of its map.
fn padded(name: &[u8]) -> Vec<u8> {
    key::<256>(name)[..key_length(name)].to_vec()
}

impl Maps for HostTables {
    fn optional_entries(&self) -> usize {
        usize::MAX
    }

    fn optional_sections(&self, _: u8) -> usize {
        usize::MAX
    }

    fn suspend_denials(&mut self) {
        self.control.denials = 0;
    }

    fn apply(&mut self, operation: Operation) -> Result<(), Refused> {
        match operation {
            Operation::PutSection { key, section } => {
                self.sections.insert((section.class, key), section.octets);
            }
            Operation::PutEntry { name, entry } => {
                self.entries.insert(padded(&name), *entry);
            }
            Operation::RemoveEntry { name } => {
                self.entries.remove(&padded(&name));
            }
            Operation::RemoveSection { class, key } => {
                self.sections.remove(&(class, key));
            }
        }
        Ok(())
    }
}

impl Tables for HostTables {
    fn client(&self, place: usize) -> Option<&Client> {
        self.clients.get(place)
    }

    fn ports(&self) -> [u16; PORTS_MAX] {
        self.ports
    }

    fn control(&self) -> Option<Control> {
        Some(self.control)
    }

    fn started(&self) -> u64 {
        self.started
    }

    fn changed(&self, stripe: usize) -> u64 {
        self.changed[stripe]
    }

    fn entry<const N: usize>(
        &self,
        key: &[u8; N],
        entry: &mut Section<SECTION_MAX>,
    ) -> Option<[u8; ENTRY_HEAD]> {
        let found = self.entries.get(&key[..])?;
        entry.octets[..ENTRY_LEN].copy_from_slice(found);
        found.first_chunk().copied()
    }

    fn entry_head<const N: usize>(&self, key: &[u8; N]) -> Option<[u8; ENTRY_HEAD]> {
        self.entries.get(&key[..])?.first_chunk().copied()
    }

    fn section(&self, class: u8, key: u32, to: &mut Section<SECTION_MAX>) -> Option<usize> {
        let octets = self.sections.get(&(class, key))?;
        to.octets[..octets.len()].copy_from_slice(octets);
        Some(octets.len())
    }

    fn form(&self, index: u8) -> Option<&Form> {
        self.forms.get(usize::from(index))
    }

    fn zone(&self, index: u8, section: &mut Section<SECTION_MAX>) -> Option<ZoneHead> {
        let zone = self.zones.get(usize::from(index))?;
        section.octets[..zone.section.len()].copy_from_slice(&zone.section);
        Some(zone.head)
    }

    fn zone_head(&self, index: u8) -> Option<ZoneHead> {
        self.zones.get(usize::from(index)).map(|zone| zone.head)
    }

    fn is_destination(&self, destination: &Destination) -> bool {
        let octets = [&destination.address[..], &destination.port, &[0, 0]].concat();
        self.destinations.contains(octets.as_slice())
    }

    fn count_unknown(&self, destination: &Destination) {
        let octets = [&destination.address[..], &destination.port, &[0, 0]].concat();
        let octets = *octets.as_array().expect("a destination");
        *self.unknown.borrow_mut().entry(octets).or_default() += 1;
    }

    fn mtu(&self, interface: u32) -> Option<u32> {
        self.interfaces.get(&interface).copied()
    }

    fn now(&self) -> u64 {
        self.now
    }

    fn tick(&self) -> u64 {
        self.tick
    }

    fn random(&self) -> u32 {
        self.random
    }

    fn forget(&self, number: usize) -> usize {
        number
    }

    fn forget_in_memory(&self, number: usize) -> usize {
        number
    }
}
