//! The maps. What lies in them is documented in `dns_ebpf::answer`.

use core::{mem::transmute, sync::atomic::AtomicU64};

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    btf_maps::{Array, HashMap, LruHashMap, PerCpuArray},
    helpers::{bpf_get_prandom_u32, bpf_ktime_get_boot_ns, generated::bpf_jiffies64},
    macros::btf_map,
};
use dns_ebpf::{
    COUNTERS as COUNTERS_LEN, Scratch, Tables,
    answer::{
        CLIENTS_MAX, Changes, Client, Control, ControlRecord, Destination, ENTRY_HEAD, Entry,
        FORMS_MAX, Form, Key, PORTS_MAX, SECTION_MAX, STRIPES, Section, ZONE_HEAD, ZONE_LEN,
        ZONES_MAX, Zone, ZoneHead,
    },
};

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;
const MMAPABLE: usize = BPF_F_MMAPABLE as usize;
/// What the agent replaces by its options when it loads the object.
const DEFAULT_ENTRIES: usize = 65_536;

#[btf_map]
static ENTRIES_40: HashMap<Key<40>, Entry, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static ENTRIES_64: HashMap<Key<64>, Entry, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static ENTRIES_256: HashMap<Key<256>, Entry, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static SECTIONS_192: HashMap<u32, Section<192>, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static SECTIONS_448: HashMap<u32, Section<448>, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static SECTIONS_960: HashMap<u32, Section<960>, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static SECTIONS_1472: HashMap<u32, Section<1472>, DEFAULT_ENTRIES, NO_PREALLOC> = HashMap::new();
#[btf_map]
static FORMS: Array<Form, FORMS_MAX> = Array::new();
#[btf_map]
static ZONES: Array<Zone, ZONES_MAX> = Array::new();
#[btf_map]
static DESTINATIONS: HashMap<Destination, u32, 4096, NO_PREALLOC> = HashMap::new();
#[btf_map]
static UNKNOWN: LruHashMap<Destination, u64, 64> = LruHashMap::new();
#[btf_map]
static INTERFACES: HashMap<u32, u32, 4096, NO_PREALLOC> = HashMap::new();
#[btf_map]
static COUNTERS: PerCpuArray<u64, { COUNTERS_LEN as usize }> = PerCpuArray::new();
#[btf_map]
static CONTROL: Array<ControlRecord, 1, MMAPABLE> = Array::new();
#[btf_map]
static CHANGES: Array<Changes, 1, MMAPABLE> = Array::new();
#[btf_map]
static CLIENTS: Array<Client, CLIENTS_MAX, MMAPABLE> = Array::new();
#[btf_map]
static MEMORY: PerCpuArray<Memory, 1> = PerCpuArray::new();

/// Always zero. LLVM may not assume what a volatile read gives, nor the verifier what is in memory that could be written
/// to.
static ZERO: AtomicU64 = AtomicU64::new(0);

/// Zero, of which nobody knows that it is.
#[inline(always)]
pub(super) fn zero() -> usize {
    // SAFETY: the static is valid, and nobody writes to it.
    unsafe { ZERO.as_ptr().read_volatile() as usize }
}

/// See [`Tables::forget`].
#[inline(always)]
pub(super) fn forget(number: usize) -> usize {
    // Added, for LLVM sees through an exclusive or: a mask behind it would become one of the zero.
    number.wrapping_add(zero())
}

/// Memory for one packet, and whether a packet is using it.
#[repr(C)]
pub(super) struct Memory {
    pub(super) busy: u64,
    /// See [`Tables::forget_in_memory`].
    pub(super) cell: u64,
    pub(super) scratch: Scratch,
}

/// This CPU's memory.
#[inline(always)]
pub(super) fn memory() -> Option<*mut Memory> {
    MEMORY.get_ptr_mut(0)
}

/// Adds one to a counter, and returns what this CPU had counted before.
#[inline(always)]
pub(super) fn count(index: u32) -> u64 {
    let Some(counter) = COUNTERS.get_ptr_mut(index) else {
        return 0;
    };
    // SAFETY: a per-CPU slot of the map; at worst a nested packet's count is lost.
    let before = unsafe { *counter };
    // SAFETY: as above.
    unsafe { *counter = before + 1 };
    before
}

/// The maps as the datapath sees them.
pub(super) struct Maps {
    /// [`Memory::cell`] of this CPU.
    pub(super) cell: *mut u64,
}

/// Copies `N` words between places that the verifier knows to be `8 * N` octets long.
#[inline(always)]
fn copy<const N: usize>(from: *const u64, to: *mut u64) {
    for index in 0..N {
        // SAFETY: `from` holds N aligned words. They may change while they are read: the datapath
        // finds that out by `Tables::started` and `Tables::changed`, and drops the copy.
        let word = unsafe { from.wrapping_add(index).read_volatile() };
        // SAFETY: `to` holds N aligned words.
        unsafe { to.wrapping_add(index).write(word) }
    }
}

/// The entry of a name in the map for keys of `N` octets.
#[inline(always)]
fn find<const N: usize>(key: &[u8; N]) -> Option<*const Entry> {
    let key: *const [u8; N] = key;
    match N {
        40 => {
            // SAFETY: a key is its octets.
            let key: &Key<40> = unsafe { &*key.cast() };
            ENTRIES_40.get_ptr(key)
        }
        64 => {
            // SAFETY: as above.
            let key: &Key<64> = unsafe { &*key.cast() };
            ENTRIES_64.get_ptr(key)
        }
        256 => {
            // SAFETY: as above.
            let key: &Key<256> = unsafe { &*key.cast() };
            ENTRIES_256.get_ptr(key)
        }
        _ => None,
    }
}

/// The head of an entry.
#[inline(always)]
fn head_of(entry: *const Entry) -> [u8; ENTRY_HEAD] {
    // SAFETY: an element of the map, aligned to 8. It may change while it is read: see `copy`.
    let head = unsafe { entry.cast::<u32>().read_volatile() };
    head.to_ne_bytes()
}

/// Copies a section, if there is one.
#[inline(always)]
fn section<const N: usize, const WORDS: usize>(
    found: Option<*const Section<N>>,
    section: &mut Section<SECTION_MAX>,
) -> Option<usize> {
    const { assert!(N == WORDS * 8 && N <= SECTION_MAX) }
    let found = found?;
    copy::<WORDS>(found.cast(), (section as *mut Section<SECTION_MAX>).cast());
    Some(N)
}

impl Tables for Maps {
    #[inline(always)]
    fn ports(&self) -> [u16; PORTS_MAX] {
        let Some(control) = CONTROL.get_ptr(0) else {
            return [0; PORTS_MAX];
        };
        // SAFETY: the map's one element; only the field's address is taken.
        let from = unsafe { &raw const (*control).ports };
        let mut words = [0_u64; PORTS_MAX / 4];
        copy::<{ PORTS_MAX / 4 }>(from.cast(), words.as_mut_ptr());
        // SAFETY: two types of the same size, without padding.
        unsafe { transmute::<[u64; PORTS_MAX / 4], [u16; PORTS_MAX]>(words) }
    }

    #[inline(always)]
    fn control(&self) -> Option<Control> {
        let from = CONTROL.get_ptr(0)?;
        let mut control = Control::default();
        copy::<{ size_of::<Control>() / 8 }>(from.cast(), (&raw mut control).cast());
        Some(control)
    }

    #[inline(always)]
    fn started(&self) -> u64 {
        let Some(control) = CONTROL.get_ptr(0) else {
            return 0;
        };
        // SAFETY: the map's one element; only the field's address is taken.
        let started = unsafe { &raw const (*control).control.started };
        // SAFETY: as above.
        unsafe { started.read_volatile() }
    }

    #[inline(always)]
    fn changed(&self, stripe: usize) -> u64 {
        // What is not there must not be answered from.
        let Some(changes) = CHANGES.get_ptr(0) else {
            return u64::MAX;
        };
        let first: *const u64 = changes.cast();
        // SAFETY: the map's one element has STRIPES words.
        unsafe { first.wrapping_add(stripe % STRIPES).read_volatile() }
    }

    #[inline(always)]
    fn entry<const N: usize>(
        &self,
        key: &[u8; N],
        entry: &mut Section<SECTION_MAX>,
    ) -> Option<[u8; ENTRY_HEAD]> {
        let found = find(key)?;
        let entry = (entry as *mut Section<SECTION_MAX>).cast();
        copy::<{ size_of::<Entry>() / 8 }>(found.cast(), entry);
        Some(head_of(entry.cast()))
    }

    #[inline(always)]
    fn entry_head<const N: usize>(&self, key: &[u8; N]) -> Option<[u8; ENTRY_HEAD]> {
        find(key).map(head_of)
    }

    #[inline(always)]
    fn section(&self, class: u8, key: u32, to: &mut Section<SECTION_MAX>) -> Option<usize> {
        match class {
            1 => section::<192, 24>(SECTIONS_192.get_ptr(key), to),
            2 => section::<448, 56>(SECTIONS_448.get_ptr(key), to),
            3 => section::<960, 120>(SECTIONS_960.get_ptr(key), to),
            4 => section::<1472, 184>(SECTIONS_1472.get_ptr(key), to),
            _ => None,
        }
    }

    #[inline(always)]
    fn form(&self, index: u8) -> Option<&Form> {
        FORMS.get(index.into())
    }

    #[inline(always)]
    fn zone(&self, index: u8, section: &mut Section<SECTION_MAX>) -> Option<ZoneHead> {
        let zone = ZONES.get(index.into())?;
        let to: *mut Section<SECTION_MAX> = section;
        copy::<{ (ZONE_LEN - ZONE_HEAD) / 8 }>((&raw const zone.section).cast(), to.cast());
        Some(zone.head)
    }

    #[inline(always)]
    fn zone_head(&self, index: u8) -> Option<ZoneHead> {
        ZONES.get(index.into()).map(|zone| zone.head)
    }

    #[inline(always)]
    fn is_destination(&self, destination: &Destination) -> bool {
        DESTINATIONS.get_ptr(destination).is_some()
    }

    #[inline(always)]
    fn count_unknown(&self, destination: &Destination) {
        match UNKNOWN.get_ptr_mut(destination) {
            // SAFETY: an element of the map; a lost count does no harm.
            Some(counter) => unsafe { *counter += 1 },
            None => {
                // A full table drops its least recently used address; a count that is lost to a race does
                // no harm either.
                let _ = UNKNOWN.insert(destination, 1_u64, BPF_ANY.into());
            }
        }
    }

    #[inline(always)]
    fn client(&self, place: usize) -> Option<&Client> {
        let client = CLIENTS.get_ptr(place as u32)?;
        // SAFETY: an element of the map. Its fields are cells of one word: others may write to them at any time.
        Some(unsafe { &*client })
    }

    #[inline(always)]
    fn mtu(&self, interface: u32) -> Option<u32> {
        let mtu = INTERFACES.get_ptr(interface)?;
        // SAFETY: an element of the map.
        Some(unsafe { mtu.read_volatile() })
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_ktime_get_boot_ns() }
    }

    #[inline(always)]
    fn tick(&self) -> u64 {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_jiffies64() }
    }

    #[inline(always)]
    fn random(&self) -> u32 {
        // SAFETY: the helper has no preconditions.
        unsafe { bpf_get_prandom_u32() }
    }

    #[inline(always)]
    fn forget(&self, number: usize) -> usize {
        forget(number)
    }

    #[inline(always)]
    fn forget_in_memory(&self, number: usize) -> usize {
        // Volatile, and no black box: that would take stack for every call.
        // SAFETY: the cell is in this CPU's memory, which nobody else uses meanwhile.
        unsafe { self.cell.write_volatile(number as u64) };
        // SAFETY: as above.
        (unsafe { self.cell.read_volatile() }) as usize
    }
}
