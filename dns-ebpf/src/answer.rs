//! The map layout, byte for byte: the contract between the agent, which writes, and the kernel.
//!
//! Numbers that the agent writes once are big-endian octets, so that no type has padding or alignment
//! of its own. [`Control`] is the exception: it is shared memory, so its fields are aligned words.
//!
//! ```text
//! ENTRIES_40, ENTRIES_64, ENTRIES_256      hash, not preallocated
//!   key    the name in wire form, lower case, zero-padded to 40, 64 or 256 octets: each name lies
//!          in the map of the shortest key that holds it
//!   value  Entry, 136 octets:
//!     0      zone     index into ZONES
//!     1      here     index into FORMS: query types without a slot at this name
//!     2      below    index into FORMS: absent names below this one
//!     3      slots    bits 0-3 number of slots, at most 8; bit 7 ENDPOINTS
//!     4      slots, 12 octets each:
//!              0  query type
//!              2  flags: bits 0-2 where the records lie (0 here, 1 to 4 SECTIONS_192, 448, 960, 1472;
//!                 7 nowhere: this query type is left to the DNS service, and all else of the slot is
//!                 zero), bit 3 TARGETS, bit 4 AA
//!              3  answer records
//!              4  additional records
//!              5  rotated: how many records at the end, all of one size, may be turned; zero with TARGETS
//!              6  one's-complement sum of the records as 16-bit words, as it lies in memory
//!              8  here:      octet 8 offset of the records in this entry, 9 their length,
//!                            10 size of a rotated record, 11 with TARGETS: offset of the additional
//!                            records from the start of the records; else zero
//!                 elsewhere: key of the section
//!     then   the records that lie here
//!
//! SECTIONS_192, SECTIONS_448, SECTIONS_960, SECTIONS_1472      hash, not preallocated
//!   key    32-bit number, as in the slot
//!   value  Section:
//!     0      length of the records
//!     2      size of a rotated record
//!     3      zero
//!     4      with TARGETS: offset of the additional records from the start of the records; else zero
//!     6      zero (2 octets)
//!     8      when they end: CLOCK_BOOTTIME in nanoseconds, native 64-bit; zero: never. Records that end come
//!            from outside the cluster: they always lie in a section, and are not given to clients that want
//!            DNSSEC records
//!     16     the records
//!
//! Records, wherever they lie, are the answer records and then the additional ones, as they go on the wire
//! (RFC 1035 §4.1.3), behind a question whose name begins at octet 12 of the message:
//!   - The owner of an answer is a pointer to the question's name (0xc00c). Behind a CNAME it is a pointer
//!     to the CNAME's target where it is that name octet for octet, else written out. These pointers
//!     are offsets in the message of a question for this entry's name, so such records belong to names
//!     of one length. Names in an apex's SOA record end with a pointer to the question's name.
//!   - Otherwise names in the data are written out.
//!   - With TARGETS all answers, at most 40, are SRV records whose targets, written out, end with the
//!     zone's name in lower case. The kernel puts the client's spelling of the zone there, if it has upper
//!     case and at most 64 octets. Additional records, at most 64, are of types A and AAAA in any order;
//!     the owner of each is 0xc000 plus the offset of a target from the start of the records, to which the
//!     kernel adds 12, the length of the question's name, and 4. The sum is that of the octets as they are
//!     stored.
//!
//! FORMS     array of Form, 32 octets: how a query type is denied
//!     0      what holds for every other type: 0 pass, 1 NODATA, 2 NXDOMAIN
//!     1      number of exceptions, at most 7
//!     2      exceptions, 4 octets each: query type, what holds for it, zero
//!   FORMS[0] is always "pass" and stays all zero.
//!
//! ZONES     array of Zone, 96 octets: the authority section of a denial
//!     0      length of the zone's name in wire form, the root's octet included
//!     1      length of the section, at most 80
//!     2      one's-complement sum of the section, with its pointers zero
//!     4      number of pointers, at most 3
//!     5      where in the section each two-octet pointer to the zone's name goes (3 octets)
//!     8      octet 8: one (filled); 9 to 15 zero
//!     16     the section: one record; the question's own copy of the zone's name is pointed at,
//!            so that the client's spelling is repeated
//!
//! DESTINATIONS  hash   key Destination (20 octets), value 32-bit number, one: a known DNS address
//! UNKNOWN       LRU    key Destination, value 64-bit count of UDP questions to port 53 of it
//! INTERFACES    hash   key interface index, value MTU in octets (32 bits each, native)
//! COUNTERS      per-CPU array of 64-bit counts, see `Pass`, `Answered` and `TORN`
//! CONTROL       array of one ControlRecord, 128 octets, mapped into the agent's memory
//! CHANGES       array of one Changes, mapped into the agent's memory
//! CLIENTS       array of Client, 256 octets each, mapped into the agent's memory; a client lies at one of two places
//! ```

use core::mem::offset_of;

mod changes;
mod client;
mod control;

pub use changes::{Changes, STRIPE_KEY, STRIPES, stripe};
pub use client::{
    CLIENTS_MAX, Client, NOTHING, SIGNS, TIME_OUTS, WATCHED_FOR, WATCHED_MAX, units, units_of,
};
pub use control::{Control, ControlRecord};

/// The number of this layout; it lies in [`Control`], and an agent adopts only maps of its own layout. What a map without
/// some entry says is part of it: from 4 on, that names may be absent which ask for any port or protocol; and so is what a
/// reader must look at: from 5 on, [`Changes`], by [`stripe`]; from 6 on, the [`Client`]'s ration; from 7 on, the deadlines of
/// denials and of endpoints.
pub const LAYOUT: u64 = 7;

/// Octets of an [`Entry`].
pub const ENTRY_LEN: usize = 136;
/// Octets of an entry's head, before its slots.
pub const ENTRY_HEAD: usize = 4;
/// Octets of a slot.
pub const SLOT_LEN: usize = 12;
/// The largest number of slots in an entry.
pub const SLOTS_MAX: usize = 8;
/// In an entry's octet of slots: how many there are.
pub const SLOTS_MASK: u8 = 0x0f;
/// In an entry's octet of slots: what this name has and lacks comes from endpoints, and is answered until
/// [`Control::endpoints`].
pub const ENDPOINTS: u8 = 0x80;
/// Octets of a section's head, before its records.
pub const SECTION_HEAD: usize = 16;
/// The sizes of a section's value, smallest first; a slot names a class by its index plus one.
pub const SECTION_LENGTHS: [usize; 4] = [192, 448, 960, 1472];
/// The largest section's value.
pub const SECTION_MAX: usize = 1472;
/// Slot flags: where the records lie.
pub const WHERE_MASK: u8 = 0x07;
/// What [`WHERE_MASK`] says of a query type that is left to the DNS service.
pub const LEFT: u8 = 0x07;
/// Slot flag: the answers are SRV records whose targets end with the zone's name, which is given back as
/// the client spells it; the owners of the additional records are pointers relative to the records' start.
pub const TARGETS: u8 = 0x08;
/// Slot flag: the reply is authoritative (RFC 1035 §4.1.1, AA).
pub const AUTHORITATIVE: u8 = 0x10;
/// The most SRV records of a slot with [`TARGETS`].
pub const TARGETS_MAX: usize = 40;
/// The most additional records of a slot with [`TARGETS`].
pub const ADDITIONAL_MAX: usize = 64;
/// The longest zone, in wire form, whose spelling is repeated in targets.
pub const SPELLED_ZONE_MAX: usize = 64;
/// Octets of a [`Form`].
pub const FORM_LEN: usize = 32;
/// The number of forms.
pub const FORMS_MAX: usize = 64;
/// The largest number of exceptions in a form.
pub const EXCEPTIONS_MAX: usize = 7;
/// Octets of a [`Zone`].
pub const ZONE_LEN: usize = 96;
/// Octets of a zone's head, before its section.
pub const ZONE_HEAD: usize = 16;
/// The number of zones.
pub const ZONES_MAX: usize = 32;
/// The number of ports that a DNS address may have besides 53.
pub const PORTS_MAX: usize = 8;

/// A key of the `ENTRIES_*` maps: a name in wire form, lower case, zero-padded to `N` octets. It may lie anywhere.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key<const N: usize> {
    /// The name and its padding.
    pub name: [u8; N],
}

/// A value of the `ENTRIES_*` maps; see the module's table.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Index into `ZONES`.
    pub zone: u8,
    /// Index into `FORMS`: query types without a slot at this name.
    pub here: u8,
    /// Index into `FORMS`: absent names below this one.
    pub below: u8,
    /// Number of slots, and [`ENDPOINTS`].
    pub slots: u8,
    /// Slots, then the records that lie here.
    pub rest: [u8; ENTRY_LEN - ENTRY_HEAD],
}

impl Entry {
    /// An entry without slots that leaves everything to the DNS service.
    pub const PASS: Entry = Entry {
        zone: 0,
        here: 0,
        below: 0,
        slots: 0,
        rest: [0; ENTRY_LEN - ENTRY_HEAD],
    };
}

/// A section of up to `N` octets, head included; see the module's table.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section<const N: usize> {
    /// Head and records.
    pub octets: [u8; N],
}

/// How query types are denied; see the module's table.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// What holds for every type that is no exception: an [`Action`].
    pub otherwise: u8,
    /// Number of exceptions.
    pub exceptions: u8,
    /// Exceptions, four octets each: query type, [`Action`], zero.
    pub rest: [u8; FORM_LEN - 2],
}

/// What a [`Form`] says of a query type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// The question is left to the DNS service.
    Pass = 0,
    /// NOERROR, no answer, the zone's SOA in authority (RFC 2308 §2.2).
    Nodata = 1,
    /// NXDOMAIN with the zone's SOA in authority (RFC 2308 §2.1).
    Nxdomain = 2,
}

/// The authority section of a zone's denials; see the module's table.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// What there is to know of the section.
    pub head: ZoneHead,
    /// The section.
    pub section: [u8; ZONE_LEN - ZONE_HEAD],
}

/// The beginning of a [`Zone`].
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneHead {
    /// Length of the zone's name in wire form.
    pub name_len: u8,
    /// Length of the section.
    pub section_len: u8,
    /// One's-complement sum of the section, its pointers zero, as it lies in memory.
    pub sum: [u8; 2],
    /// Number of pointers to the zone's name.
    pub pointers: u8,
    /// Where in the section each pointer goes.
    pub pointer_at: [u8; 3],
    /// One when the zone is in use.
    pub used: u8,
    /// Zero.
    pub reserved: [u8; 7],
}

/// An address and port that may be a DNS server; IPv4 as an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
#[repr(C, align(4))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Destination {
    /// The address in network order.
    pub address: [u8; 16],
    /// The port in network order.
    pub port: [u8; 2],
    /// Zero.
    pub reserved: [u8; 2],
}

impl Destination {
    /// The one that consists of these words, as they lie in memory.
    #[inline(always)]
    #[must_use]
    pub fn of_words([first, second, third, fourth, port]: [u32; 5]) -> Self {
        let words = [first, second, third, fourth];
        let mut address = [0; 16];
        for (octets, word) in address.chunks_exact_mut(4).zip(words) {
            octets.copy_from_slice(&word.to_ne_bytes());
        }
        let [high, low, ..] = port.to_ne_bytes();
        Self {
            address,
            port: [high, low],
            reserved: [0; 2],
        }
    }
}

const _: () = {
    assert!(
        size_of::<Entry>() == ENTRY_LEN
            && size_of::<Form>() == FORM_LEN
            && size_of::<Zone>() == ZONE_LEN
            && size_of::<ZoneHead>() == ZONE_HEAD
    );
    assert!(size_of::<Section<192>>() == 192 && size_of::<Section<448>>() == 448);
    assert!(size_of::<Section<960>>() == 960 && size_of::<Section<1472>>() == SECTION_MAX);
    assert!(size_of::<Destination>() == 20 && size_of::<Control>() == 64);
    // What must not be older than it lies behind it: see `Control`.
    assert!(offset_of!(Control, finished) < offset_of!(Control, lease));
    assert!(offset_of!(Control, finished) < offset_of!(Control, denials));
    assert!(offset_of!(Control, finished) < offset_of!(Control, endpoints));
    assert!(size_of::<ControlRecord>() == 128);
    // The kernel's hash element is a 48-octet head, key and value, each rounded up to 8, and 8 octets
    // of its allocator: 232, 256 and 448 octets, served from kmalloc-256, -256 and -512.
    assert!(48 + 64 + ENTRY_LEN + 8 == 256);
};

impl Entry {
    /// The entry as it lies in the map.
    #[must_use]
    pub fn to_octets(&self) -> [u8; ENTRY_LEN] {
        let mut octets = [0; ENTRY_LEN];
        let (head, rest) = octets.split_at_mut(ENTRY_HEAD);
        head.copy_from_slice(&[self.zone, self.here, self.below, self.slots]);
        rest.copy_from_slice(&self.rest);
        octets
    }

    /// How many slots there are.
    #[must_use]
    pub fn slots_len(&self) -> usize {
        usize::from(self.slots & SLOTS_MASK)
    }

    /// The entry that lies in the map as these octets.
    #[must_use]
    pub fn from_octets(octets: &[u8; ENTRY_LEN]) -> Self {
        let [zone, here, below, slots, rest @ ..] = *octets;
        Self {
            zone,
            here,
            below,
            slots,
            rest,
        }
    }
}

impl Form {
    /// The form as it lies in the map.
    #[must_use]
    pub fn to_octets(&self) -> [u8; FORM_LEN] {
        let mut octets = [0; FORM_LEN];
        let (head, rest) = octets.split_at_mut(2);
        head.copy_from_slice(&[self.otherwise, self.exceptions]);
        rest.copy_from_slice(&self.rest);
        octets
    }
}

impl Zone {
    /// The zone as it lies in the map.
    #[must_use]
    pub fn to_octets(&self) -> [u8; ZONE_LEN] {
        let mut octets = [0; ZONE_LEN];
        let (head, section) = octets.split_at_mut(ZONE_HEAD);
        let [sum_first, sum_second] = self.head.sum;
        let [first, second, third] = self.head.pointer_at;
        let (numbers, _) = head.split_at_mut(9);
        numbers.copy_from_slice(&[
            self.head.name_len,
            self.head.section_len,
            sum_first,
            sum_second,
            self.head.pointers,
            first,
            second,
            third,
            self.head.used,
        ]);
        section.copy_from_slice(&self.section);
        octets
    }
}
