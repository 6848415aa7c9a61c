//! Entries that the encoder does not make, or must never make: written octet by octet.

use dns_core::{
    encode::{Section, WireName},
    table::{Maps, Operation},
};
use dns_ebpf::{
    answer::{
        AUTHORITATIVE, ENTRY_HEAD, Entry, LEFT, SECTION_HEAD, SECTION_LENGTHS, SLOT_LEN, TARGETS,
    },
    sum_of,
};

/// Type A.
const TYPE_A: u16 = 1;
/// Type SRV.
const TYPE_SRV: u16 = 33;
/// An A record of 192.0.2.1 at the question's name.
const ADDRESS: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 192, 0, 2, 1];
/// Keys far above those that the table gives out.
const FIRST_SECTION: u32 = 1_000_000;

/// One slot's octets before the sum: type, flags, counts; and where its records lie.
struct Slot {
    query_type: u16,
    flags: u8,
    counts: [u8; 3],
    records: Vec<u8>,
    place: [u8; 4],
}

impl Slot {
    /// One A record in the entry itself.
    fn here() -> Self {
        Self {
            query_type: TYPE_A,
            flags: AUTHORITATIVE,
            counts: [1, 0, 0],
            records: ADDRESS.to_vec(),
            place: [(ENTRY_HEAD + SLOT_LEN) as u8, ADDRESS.len() as u8, 0, 0],
        }
    }

    /// One A record in the section of a key.
    fn elsewhere(key: u32) -> Self {
        Self {
            flags: AUTHORITATIVE | 1,
            place: key.to_be_bytes(),
            ..Self::here()
        }
    }

    fn entry(&self) -> Entry {
        let octets = [
            &self.query_type.to_be_bytes()[..],
            &[self.flags],
            &self.counts,
            &sum_of(&self.records),
            &self.place,
            &self.records,
        ]
        .concat();
        let mut entry = Entry {
            slots: 1,
            ..Entry::PASS
        };
        entry.rest[..octets.len()].copy_from_slice(&octets);
        entry
    }
}

/// A section of one A record that ends at a time.
fn section(ends: u64) -> Section {
    let mut octets = vec![0; SECTION_LENGTHS[0]];
    octets[..2].copy_from_slice(&(ADDRESS.len() as u16).to_be_bytes());
    octets[8..16].copy_from_slice(&ends.to_le_bytes());
    octets[SECTION_HEAD..][..ADDRESS.len()].copy_from_slice(&ADDRESS);
    Section {
        class: 1,
        octets,
        optional: false,
    }
}

/// `LABEL.test.` in wire form.
fn name(label: &str) -> WireName {
    let length = u8::try_from(label.len()).expect("a label");
    [&[length][..], label.as_bytes(), b"\x04test\0"]
        .concat()
        .into()
}

/// Puts entries into maps whose records reach past the entry's or the section's end.
pub(crate) fn put_overlong(maps: &mut impl Maps) {
    let mut here = Slot::here();
    here.place[1] = 200;
    let key = FIRST_SECTION + 3;
    let mut long = section(0);
    long.octets[..2].copy_from_slice(&1470_u16.to_be_bytes());
    let section = Operation::PutSection { key, section: long };
    maps.apply(section).expect("room for a section");
    for (label, entry) in [
        ("overlong", here.entry()),
        ("oversized", Slot::elsewhere(key).entry()),
    ] {
        let operation = Operation::PutEntry {
            name: name(label),
            entry: Box::new(entry.to_octets()),
        };
        maps.apply(operation).expect("room for an entry");
    }
}

/// Puts the crafted names into maps.
pub(crate) fn put(maps: &mut impl Maps) {
    let mut put_section = |index: u32, ends: u64| {
        let key = FIRST_SECTION + index;
        let section = section(ends);
        maps.apply(Operation::PutSection { key, section })
            .expect("room for a section");
        Slot::elsewhere(key)
    };
    let (expired, lasting) = (put_section(0, 1), put_section(1, u64::MAX));
    let denied = |here: u8, zone: u8| Entry {
        here,
        zone,
        ..Entry::PASS
    };
    let entries = [
        ("expired", expired.entry()),
        ("lasting", lasting.entry()),
        ("nowhere", Slot::elsewhere(FIRST_SECTION + 2).entry()),
        ("plain", Slot::here().entry()),
        ("guest", guest()),
        ("service", service().entry()),
        ("left", left()),
        // Targets that contradict themselves, or the zone, which is `cluster.local`.
        ("alien", targets(|_| {})),
        ("early", targets(|slot| slot.place[3] -= 1)),
        ("late", targets(|slot| slot.place[3] += 1)),
        ("fewer", targets(|slot| slot.counts[1] = 0)),
        ("more", targets(|slot| slot.counts[1] = 2)),
        ("endless", targets(|slot| slot.records[11] = 200)),
        ("short", targets(|slot| slot.place[1] -= 1)),
        // The head of an entry is no place for records.
        ("misplaced", misplaced()),
        // No such section's map.
        ("classless", classless()),
        // The form of `Exists`, and a zone that is not in use.
        ("homeless", denied(1, 31)),
        // No such zone, no such form.
        ("zoneless", denied(1, 200)),
        ("formless", denied(200, 0)),
    ];
    for (label, entry) in entries {
        let operation = Operation::PutEntry {
            name: name(label),
            entry: Box::new(entry.to_octets()),
        };
        maps.apply(operation).expect("room for an entry");
    }
}

fn guest() -> Entry {
    let mut slot = Slot::here();
    slot.flags = 0;
    slot.entry()
}

fn misplaced() -> Entry {
    let mut slot = Slot::here();
    slot.place[0] = 3;
    slot.entry()
}

fn classless() -> Entry {
    let mut slot = Slot::here();
    slot.flags = AUTHORITATIVE | 5;
    slot.entry()
}

/// A type that is left to the DNS service.
fn left() -> Entry {
    let mut entry = Entry {
        slots: 1,
        ..Entry::PASS
    };
    entry.rest[..3].copy_from_slice(&[0, TYPE_A as u8, LEFT]);
    entry
}

/// One SRV record, whose target is `service.test`, and its address in the additional section.
fn service() -> Slot {
    let target = [&b"\x07service\x04test\0"[..]].concat();
    let length = (6 + target.len()) as u16;
    let head = [0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 30];
    let numbers = [0, 0, 0, 100, 0, 80];
    let service = [&head[..], &length.to_be_bytes(), &numbers, &target].concat();
    let records = [&service[..], &ADDRESS].concat();
    Slot {
        query_type: TYPE_SRV,
        flags: AUTHORITATIVE,
        counts: [1, 1, 0],
        place: [(ENTRY_HEAD + SLOT_LEN) as u8, records.len() as u8, 0, 0],
        records,
    }
}

/// The same with a pointer to the target, after a change.
fn targets(change: impl FnOnce(&mut Slot)) -> Entry {
    let mut slot = service();
    let additional_at = slot.records.len() - ADDRESS.len();
    slot.flags |= TARGETS;
    slot.place[3] = additional_at as u8;
    slot.records[additional_at + 1] = 18;
    change(&mut slot);
    slot.entry()
}
