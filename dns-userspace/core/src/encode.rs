//! Records as they shall lie in the kernel: the only writer of wire format.
//!
//! Pure. The layout itself is documented in [`dns_ebpf::answer`].

mod denial;
mod expressible;
mod record_set;

use std::{
    borrow::Cow,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use dns_ebpf::{
    NAME_MAX,
    answer::{
        AUTHORITATIVE, ENDPOINTS, ENTRY_HEAD, ENTRY_LEN, Entry, LEFT, SECTION_HEAD,
        SECTION_LENGTHS, SLOT_LEN, SLOTS_MAX, TARGETS,
    },
    sum_of,
};
use hickory_proto::{ProtoError, rr::Name};

use self::record_set::{Content, Place, Slot, Stored};
pub use self::{
    denial::{Forms, FormsError, denial_of, zones},
    expressible::expressible,
};
use crate::{objects::Skipped, records::Node};

/// A name in wire form, lower case, the root's octet included.
pub type WireName = Box<[u8]>;

/// The form that leaves everything to the DNS service.
const PASS: u8 = 0;

/// What a name's entry shall say; where its records lie is decided by [`Draft::lay_out`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Draft {
    /// The name.
    pub name: WireName,
    zone: u8,
    here: u8,
    below: u8,
    of_endpoints: bool,
    slots: Vec<Slot>,
}

/// Records that do not fit into the entry itself. Names that have the same records may share one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Section {
    /// 1 to 4: index into `SECTION_LENGTHS`, plus one.
    pub class: u8,
    /// The value of the section's map.
    pub octets: Vec<u8>,
    /// Whether its records are optional: see `RecordSet::optional`.
    pub optional: bool,
}

impl Draft {
    /// This name with nothing certain about it: every type, and every name below, is left to the DNS service.
    #[must_use]
    pub fn passing(&self) -> Self {
        Self {
            name: self.name.clone(),
            zone: self.zone,
            here: PASS,
            below: PASS,
            of_endpoints: false,
            slots: Vec::new(),
        }
    }

    /// The same entry, but with nothing certain about names below it.
    #[must_use]
    pub fn passing_below(&self) -> Self {
        Self {
            below: PASS,
            ..self.clone()
        }
    }

    /// The same entry; optional records that need a section for which `has_room` says no are left to the DNS
    /// service.
    #[must_use]
    pub fn limited(&self, mut has_room: impl FnMut(&Section) -> bool) -> Cow<'_, Self> {
        let mut draft = Cow::Borrowed(self);
        for (index, place) in self.places().into_iter().enumerate() {
            let content = self.slots.get(index).and_then(|slot| slot.content.as_ref());
            let goes_without = content.is_some_and(|content| {
                content.optional && place.is_none() && !has_room(&content.section())
            });
            if goes_without && let Some(slot) = draft.to_mut().slots.get_mut(index) {
                slot.content = None;
            }
        }
        draft
    }

    /// The entry's octets, and the sections that it refers to; `number` gives each section its key, the same
    /// to equal ones if they shall be shared.
    ///
    /// Records that fit and never end lie in the entry, smaller ones first and optional ones last.
    #[must_use]
    pub fn lay_out(
        &self,
        mut number: impl FnMut(&Section) -> u32,
    ) -> ([u8; ENTRY_LEN], Vec<(u32, Section)>) {
        let mut entry = Entry {
            zone: self.zone,
            here: self.here,
            below: self.below,
            slots: self.slots.len() as u8 | if self.of_endpoints { ENDPOINTS } else { 0 },
            ..Entry::PASS
        };
        let mut sections = Vec::new();
        let places = self.places();
        let slots = entry.rest.chunks_exact_mut(SLOT_LEN);
        for ((octets, slot), place) in slots.zip(&self.slots).zip(&places) {
            let octets: &mut [u8] = octets;
            octets[..2].copy_from_slice(&slot.query_type.to_be_bytes());
            let Some(content) = &slot.content else {
                octets[2] = LEFT;
                continue;
            };
            let (class, place) = match place {
                Some(at) => (0, content.stored.place(ENTRY_HEAD + at)),
                None => {
                    let section = content.section();
                    let (class, key) = (section.class, number(&section));
                    sections.push((key, section));
                    (class, key.to_be_bytes())
                }
            };
            octets[2..8].copy_from_slice(&content.head(class));
            octets[8..].copy_from_slice(&place);
        }
        for (slot, place) in self.slots.iter().zip(&places) {
            if let (Some(content), Some(at)) = (&slot.content, place) {
                let records = &content.stored.records;
                entry.rest[*at..at + records.len()].copy_from_slice(records);
            }
        }
        (entry.to_octets(), sections)
    }

    /// The sections that the entry refers to.
    pub fn sections(&self) -> impl Iterator<Item = Section> {
        let places = self.places().into_iter();
        self.slots
            .iter()
            .zip(places)
            .filter(|(_, place)| place.is_none())
            .filter_map(|(slot, _)| Some(slot.content.as_ref()?.section()))
    }

    /// Where each slot's records lie behind the entry's head, if they lie in it.
    fn places(&self) -> Vec<Option<usize>> {
        let mut order: Vec<(usize, &Content)> = (0..)
            .zip(&self.slots)
            .filter_map(|(index, slot)| Some((index, slot.content.as_ref()?)))
            .filter(|(_, content)| content.stored.ends == 0)
            .collect();
        order.sort_by_key(|(_, content)| (content.optional, content.stored.records.len()));
        let mut places = vec![None; self.slots.len()];
        let mut at = self.slots.len() * SLOT_LEN;
        for (index, content) in order {
            let len = content.stored.records.len();
            if at + len <= ENTRY_LEN - ENTRY_HEAD {
                places[index] = Some(at);
                at += len;
            }
        }
        places
    }
}

impl Content {
    /// Octets 2 to 7 of the slot.
    fn head(&self, class: u8) -> [u8; 6] {
        let targets = if self.targets { TARGETS } else { 0 };
        let [first, second] = sum_of(&self.stored.records);
        [
            class | AUTHORITATIVE | targets,
            self.answers,
            self.additional,
            self.rotated,
            first,
            second,
        ]
    }

    fn section(&self) -> Section {
        let stored = &self.stored;
        let needed = SECTION_HEAD + stored.records.len();
        // Records that fit no class have no slot.
        let class = SECTION_LENGTHS
            .iter()
            .position(|length| needed <= *length)
            .unwrap_or(SECTION_LENGTHS.len() - 1);
        let mut octets = vec![0; SECTION_LENGTHS[class]];
        octets[..2].copy_from_slice(&(stored.records.len() as u16).to_be_bytes());
        octets[2] = stored.record_len;
        octets[4..6].copy_from_slice(&stored.additional_at.to_be_bytes());
        octets[8..16].copy_from_slice(&stored.ends.to_ne_bytes());
        octets[SECTION_HEAD..needed].copy_from_slice(&stored.records);
        Section {
            class: class as u8 + 1,
            octets,
            optional: self.optional,
        }
    }
}

impl Stored {
    /// Octets 8 to 11 of the slot of records that lie in the entry at `at`.
    fn place(&self, at: usize) -> [u8; 4] {
        [
            at as u8,
            self.records.len() as u8,
            self.record_len,
            self.additional_at as u8,
        ]
    }
}

impl Section {
    /// A number that is the same for equal sections, and differs between others.
    #[must_use]
    pub fn mark(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

/// A name as the kernel looks it up.
///
/// # Errors
/// A name of more than 255 octets, which hickory does not make, and one with an octet of zero in a label: the datapath
/// takes a name's first zero for its end.
pub fn wire_name(name: &Name) -> Result<WireName, ProtoError> {
    if name.iter().any(|label| label.contains(&0)) {
        return Err(ProtoError::from("a label with an octet of zero"));
    }
    let mut wire = record_set::spelled(name);
    if wire.len() > NAME_MAX {
        return Err(ProtoError::from("a name of more than 255 octets"));
    }
    // Lengths of labels are no letters: they are at most 63.
    wire.make_ascii_lowercase();
    Ok(wire)
}

/// Whether a name's first or second label is a lone underscore. CoreDNS takes `_._tcp.SERVICE`, `_http._.SERVICE` and the
/// like for any port or any protocol of the service (specification §6). The datapath denies no such name.
#[must_use]
pub fn asks_for_any(name: &[u8]) -> bool {
    const LABEL: &[u8] = b"\x01_";
    let second = name.first().map(|length| 1 + usize::from(*length));
    let second = second.and_then(|at| name.get(at..)).unwrap_or_default();
    name.starts_with(LABEL) || second.starts_with(LABEL)
}

/// Stored records with targets as they are in a reply to a question for a name of `name_len` octets:
/// the kernel's own arithmetic, for people who look into the maps.
#[must_use]
pub fn in_reply(records: &[u8], additional_at: usize, name_len: usize) -> Vec<u8> {
    let mut records = records.to_vec();
    let before = (record_set::QUESTION_NAME + name_len + record_set::TYPE_AND_CLASS) as u16;
    let mut rest = records.get_mut(additional_at..).unwrap_or_default();
    while let Some((&mut [ref mut high, ref mut low, .., length], data)) =
        rest.split_first_chunk_mut::<12>()
    {
        let pointer = u16::from_be_bytes([*high, *low]).wrapping_add(before);
        [*high, *low] = pointer.to_be_bytes();
        rest = data.get_mut(length.into()..).unwrap_or_default();
    }
    records
}

/// Encodes a node of the policy that `forms` were made of. A record set that cannot be encoded, or that no
/// reply could hold, is left to the DNS service and told of.
#[must_use]
pub(crate) fn encode(node: &Node, forms: &Forms) -> (Option<Draft>, Vec<Skipped>) {
    let skipped = |reason: String| {
        let object = format!("name {}", node.name);
        vec![Skipped { object, reason }]
    };
    let name = match wire_name(&node.name) {
        Ok(name) => name,
        Err(error) => {
            return (
                None,
                skipped(format!("cannot be written in wire form: {error}")),
            );
        }
    };
    let Some(zone) = forms.zone(node.zone) else {
        let reason = "lies in a zone that is not in the policy: this is a fault of zerohop";
        return (None, skipped(reason.to_owned()));
    };
    let mut draft = Draft {
        zone: node.zone as u8,
        here: zone.form(node.here),
        below: zone.form(node.below),
        of_endpoints: node.of_endpoints,
        slots: Vec::new(),
        name,
    };
    if node.sets.len() > SLOTS_MAX {
        // A type without a slot would be denied; so nothing of this name is answered.
        draft.here = PASS;
        let types = node.sets.len();
        let reason = format!("has {types} types of records, more than {SLOTS_MAX}");
        return (Some(draft), skipped(reason));
    }
    let place = Place {
        name: &draft.name,
        zone: &zone.name,
    };
    let mut left = Vec::new();
    let mut slots = Vec::with_capacity(node.sets.len());
    for set in &node.sets {
        slots.push(Slot::of(set, place).unwrap_or_else(|reason| {
            let object = format!("{} {}", node.name, set.query_type);
            left.push(Skipped { object, reason });
            Slot::left(set.query_type.into())
        }));
    }
    draft.slots = slots;
    (Some(draft), left)
}

#[cfg(test)]
mod tests;
