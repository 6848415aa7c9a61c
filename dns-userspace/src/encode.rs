//! Records as they shall lie in the kernel: the only writer of wire format.
//!
//! Pure. The layout itself is documented in [`dns_ebpf::answer`].

mod denial;

use dns_ebpf::{
    answer::{
        AUTHORITATIVE, ENTRY_HEAD, ENTRY_LEN, Entry, SECTION_HEAD, SECTION_LENGTHS, SLOT_LEN,
        SLOTS_MAX,
    },
    sum_of,
};
use hickory_proto::{
    ProtoError,
    rr::{Name, Record},
    serialize::binary::{BinEncodable, BinEncoder, NameEncoding},
};

pub use self::denial::{denial_of, forms, zones};
use crate::{
    objects::Skipped,
    records::{Denial, Node, RecordSet},
};

/// A pointer to the question's name, which follows the header (RFC 1035 §4.1.4).
const QUESTION_NAME: [u8; 2] = [0xc0, 12];
/// The most records of a section that its count in a slot can say.
const RECORDS_MAX: usize = 255;

/// A name in wire form, lower case, the root's octet included.
pub type WireName = Box<[u8]>;

/// What a name's entry shall say; where its records lie is decided by [`Draft::lay_out`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The name.
    pub name: WireName,
    zone: u8,
    here: u8,
    below: u8,
    slots: Vec<Slot>,
}

/// The answer to one query type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Slot {
    query_type: u16,
    answers: u8,
    additional: u8,
    rotated: u8,
    record_len: u8,
    records: Vec<u8>,
}

/// Records that do not fit into the entry itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// 1 to 4: index into `SECTION_LENGTHS`, plus one.
    pub class: u8,
    /// The value of the section's map.
    pub octets: Vec<u8>,
}

impl Draft {
    /// This name with nothing certain about it: every type, and every name below, is left to the DNS service.
    #[must_use]
    pub fn passing(&self) -> Self {
        Self {
            name: self.name.clone(),
            zone: self.zone,
            here: denial::form_of(Denial::Pass),
            below: denial::form_of(Denial::Pass),
            slots: Vec::new(),
        }
    }

    /// The same entry, but with nothing certain about names below it.
    #[must_use]
    pub fn passing_below(&self) -> Self {
        Self {
            below: denial::form_of(Denial::Pass),
            ..self.clone()
        }
    }

    /// The entry's octets, and the sections that it refers to; `number` gives each section its key.
    ///
    /// Records that fit lie in the entry, smaller ones first.
    #[must_use]
    pub fn lay_out(
        &self,
        mut number: impl FnMut(u8) -> u32,
    ) -> ([u8; ENTRY_LEN], Vec<(u32, Section)>) {
        let mut order: Vec<usize> = (0..self.slots.len()).collect();
        order.sort_by_key(|index| self.slots[*index].records.len());
        let mut entry = Entry {
            zone: self.zone,
            here: self.here,
            below: self.below,
            slots: self.slots.len() as u8,
            ..Entry::PASS
        };
        let mut at = self.slots.len() * SLOT_LEN;
        let mut sections = Vec::new();
        for index in order {
            let slot = &self.slots[index];
            let (class, place) = if at + slot.records.len() <= entry.rest.len() {
                entry.rest[at..at + slot.records.len()].copy_from_slice(&slot.records);
                let place = [
                    (at + ENTRY_HEAD) as u8,
                    slot.records.len() as u8,
                    slot.record_len,
                    0,
                ];
                at += slot.records.len();
                (0, place)
            } else {
                let section = slot.section();
                let (class, key) = (section.class, number(section.class));
                sections.push((key, section));
                (class, key.to_be_bytes())
            };
            let head = [
                class | AUTHORITATIVE,
                slot.answers,
                slot.additional,
                slot.rotated,
            ];
            let octets = [
                &slot.query_type.to_be_bytes()[..],
                &head,
                &sum_of(&slot.records),
                &place,
            ]
            .concat();
            entry.rest[index * SLOT_LEN..][..SLOT_LEN].copy_from_slice(&octets);
        }
        (entry.to_octets(), sections)
    }
}

impl Slot {
    fn section(&self) -> Section {
        let needed = SECTION_HEAD + self.records.len();
        // `slot_of` refuses records that fit no class.
        let class = SECTION_LENGTHS
            .iter()
            .position(|length| needed <= *length)
            .unwrap_or(SECTION_LENGTHS.len() - 1);
        let mut octets = vec![0; SECTION_LENGTHS[class]];
        octets[..2].copy_from_slice(&(self.records.len() as u16).to_be_bytes());
        octets[2] = self.record_len;
        octets[SECTION_HEAD..needed].copy_from_slice(&self.records);
        Section {
            class: class as u8 + 1,
            octets,
        }
    }
}

/// A name as the kernel looks it up.
///
/// # Errors
/// None for a name that hickory made; its encoder's otherwise.
pub fn wire_name(name: &Name) -> Result<WireName, ProtoError> {
    let mut octets = Vec::with_capacity(name.len() + 1);
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::UncompressedLowercase);
    name.emit(&mut encoder)?;
    Ok(octets.into())
}

/// Encodes a node. A record set that cannot be encoded, or that no reply could hold, is left to the DNS
/// service and told of.
#[must_use]
pub fn encode(node: &Node) -> (Option<Draft>, Vec<Skipped>) {
    let skipped = |object: String, reason: String| vec![Skipped { object, reason }];
    let name = match wire_name(&node.name) {
        Ok(name) => name,
        Err(error) => {
            let reason = format!("cannot be written in wire form: {error}");
            return (None, skipped(format!("name {}", node.name), reason));
        }
    };
    let mut draft = Draft {
        name,
        zone: node.zone as u8,
        here: denial::form_of(node.here),
        below: denial::form_of(node.below),
        slots: Vec::with_capacity(node.sets.len()),
    };
    match slots_of(node, draft.name.len()) {
        Ok(slots) => {
            draft.slots = slots;
            (Some(draft), Vec::new())
        }
        Err((object, reason)) => {
            // A type without a slot would be denied; so nothing of this name is answered.
            draft.here = denial::form_of(Denial::Pass);
            (Some(draft), skipped(object, reason))
        }
    }
}

/// The slots of a node, or what of it has none, and why.
fn slots_of(node: &Node, name_len: usize) -> Result<Vec<Slot>, (String, String)> {
    if node.sets.len() > SLOTS_MAX {
        let types = node.sets.len();
        let reason = format!("has {types} types of records, more than {SLOTS_MAX}");
        return Err((format!("name {}", node.name), reason));
    }
    let slot = |set: &RecordSet| {
        let object = || format!("{} {}", node.name, set.query_type);
        slot_of(set, name_len).map_err(|reason| (object(), reason))
    };
    node.sets.iter().map(slot).collect()
}

fn slot_of(set: &RecordSet, name_len: usize) -> Result<Slot, String> {
    let cannot = |error: ProtoError| format!("cannot be written in wire form: {error}");
    let mut records = Vec::new();
    let mut lengths = Vec::new();
    for record in &set.answers {
        let before = records.len();
        write_record(record, &mut records).map_err(cannot)?;
        lengths.push(records.len() - before);
    }
    for record in &set.additional {
        write_record(record, &mut records).map_err(cannot)?;
    }
    let count = set.answers.len().max(set.additional.len());
    let room = SECTION_LENGTHS[SECTION_LENGTHS.len() - 1] - SECTION_HEAD;
    if count > RECORDS_MAX || records.len() + name_len > room {
        return Err(format!(
            "has {count} records in {} octets, more than a datagram holds; the DNS service answers it",
            records.len()
        ));
    }
    let first = lengths.first().copied().unwrap_or(0);
    let turns = set.rotate
        && set.additional.is_empty()
        && lengths.len() > 1
        && first <= usize::from(u8::MAX)
        && lengths.iter().all(|length| *length == first);
    Ok(Slot {
        query_type: set.query_type.into(),
        answers: set.answers.len() as u8,
        additional: set.additional.len() as u8,
        rotated: if turns { lengths.len() as u8 } else { 0 },
        record_len: if turns { first as u8 } else { 0 },
        records,
    })
}

/// Writes a record whose owner is the question's name.
fn write_record(record: &Record, octets: &mut Vec<u8>) -> Result<(), ProtoError> {
    octets.extend(QUESTION_NAME);
    octets.extend(u16::from(record.record_type()).to_be_bytes());
    octets.extend(u16::from(record.dns_class).to_be_bytes());
    octets.extend(record.ttl.to_be_bytes());
    let mut rdata = Vec::new();
    let mut encoder = BinEncoder::new(&mut rdata);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    record.data.emit(&mut encoder)?;
    octets.extend((rdata.len() as u16).to_be_bytes());
    octets.extend(rdata);
    Ok(())
}

#[cfg(test)]
mod tests;
