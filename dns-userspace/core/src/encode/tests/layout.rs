//! The map layout read octet by octet as `dns_ebpf::answer` documents it, with hickory-proto as the
//! judge of the records.

use dns_ebpf::answer::ENTRY_LEN;
use hickory_proto::{
    op::Message,
    rr::{Name, Record},
};

use crate::encode::{Section, wire_name};

/// An entry.
pub(super) struct ReadEntry {
    pub(super) zone: u8,
    pub(super) here: u8,
    pub(super) below: u8,
    pub(super) slots: Vec<ReadSlot>,
}

/// A slot with its records.
pub(super) struct ReadSlot {
    pub(super) query_type: u16,
    pub(super) flags: u8,
    pub(super) answers: u8,
    pub(super) additional: u8,
    pub(super) rotated: u8,
    pub(super) record_len: u8,
    pub(super) additional_at: usize,
    pub(super) sum: [u8; 2],
    pub(super) placed: Placed,
    pub(super) records: Vec<u8>,
}

/// Where records lie.
pub(super) enum Placed {
    Here { offset: usize },
    Section { class: u8, key: u32 },
    Nowhere,
}

pub(super) fn read(entry: &[u8; ENTRY_LEN], sections: &[(u32, Section)]) -> ReadEntry {
    let count = usize::from(entry[3] & 0x0f);
    let mut used = 4 + 12 * count;
    let slots = entry[4..].chunks_exact(12).take(count);
    let slots: Vec<ReadSlot> = slots.map(|slot| read_slot(slot, entry, sections)).collect();
    // The records in the entry lie one after the other behind the slots, and nothing lies behind them.
    let mut here: Vec<(usize, usize)> = slots
        .iter()
        .filter_map(|slot| match slot.placed {
            Placed::Here { offset } => Some((offset, slot.records.len())),
            Placed::Section { .. } | Placed::Nowhere => None,
        })
        .collect();
    here.sort_unstable();
    for (offset, len) in here {
        assert_eq!(offset, used);
        used += len;
    }
    assert!(entry[used..].iter().all(|octet| *octet == 0));
    ReadEntry {
        zone: entry[0],
        here: entry[1],
        below: entry[2],
        slots,
    }
}

fn read_slot(slot: &[u8], entry: &[u8; ENTRY_LEN], sections: &[(u32, Section)]) -> ReadSlot {
    let class = slot[2] & 0x07;
    let (placed, record_len, additional_at, records) = if class == 7 {
        assert_eq!(slot[3..12], [0; 9], "all else of a slot that is left");
        (Placed::Nowhere, 0, 0, Vec::new())
    } else if class == 0 {
        let (offset, len) = (usize::from(slot[8]), usize::from(slot[9]));
        let records = entry[offset..offset + len].to_vec();
        (
            Placed::Here { offset },
            slot[10],
            usize::from(slot[11]),
            records,
        )
    } else {
        let key = u32::from_be_bytes(slot[8..12].try_into().unwrap());
        let found = sections.iter().find(|(other, _)| *other == key);
        let section = &found.expect("the section is there").1;
        assert_eq!(section.class, class);
        let octets = &section.octets;
        let len = usize::from(u16::from_be_bytes([octets[0], octets[1]]));
        assert_eq!((octets[3], [octets[6], octets[7]]), (0, [0; 2]));
        let additional_at = usize::from(u16::from_be_bytes([octets[4], octets[5]]));
        assert!(octets[16 + len..].iter().all(|octet| *octet == 0));
        let records = octets[16..16 + len].to_vec();
        (
            Placed::Section { class, key },
            octets[2],
            additional_at,
            records,
        )
    };
    ReadSlot {
        query_type: u16::from_be_bytes([slot[0], slot[1]]),
        flags: slot[2],
        answers: slot[3],
        additional: slot[4],
        rotated: slot[5],
        record_len,
        additional_at,
        sum: [slot[6], slot[7]],
        placed,
        records,
    }
}

impl ReadSlot {
    /// The records, parsed in a reply to a question for `name`.
    pub(super) fn records_at(&self, name: &Name) -> Vec<Record> {
        let mut reply = vec![
            0,
            1,
            0x84,
            0,
            0,
            1,
            0,
            self.answers,
            0,
            0,
            0,
            self.additional,
        ];
        reply.extend(&*wire_name(name).unwrap());
        reply.extend(self.query_type.to_be_bytes());
        reply.extend([0, 1]);
        let before = reply.len() as u16;
        let records = reply.len()..;
        reply.extend(&self.records);
        if self.flags & 0x08 != 0 {
            let mut rest = &mut reply[records][self.additional_at..];
            for _ in 0..self.additional {
                let pointer = u16::from_be_bytes([rest[0], rest[1]]) + before;
                rest[..2].copy_from_slice(&pointer.to_be_bytes());
                let length = usize::from(u16::from_be_bytes([rest[10], rest[11]]));
                rest = &mut rest[12 + length..];
            }
            assert!(rest.is_empty(), "nothing behind the additional records");
        }
        let message = Message::from_vec(&reply).expect("the records parse");
        message
            .answers
            .into_iter()
            .chain(message.additionals)
            .collect()
    }
}
