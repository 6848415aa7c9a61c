//! One record set as octets, in the form that [`dns_ebpf::answer`] documents.
//!
//! A reply must not be shorter than CoreDNS would make it, for what does not fit the client CoreDNS cuts
//! (specification §5). It compresses names in owner fields and in CNAME, PTR and SOA data, and never the
//! targets of SRV records. What is a pointer here is one there, so no reply of ours is shorter.

use dns_ebpf::answer::{ADDITIONAL_MAX, SECTION_HEAD, SECTION_LENGTHS, TARGETS_MAX};
use hickory_proto::{
    ProtoError,
    rr::{Name, RData, Record, rdata::SOA},
    serialize::binary::{BinEncodable, BinEncoder, NameEncoding},
};

use super::WireName;
use crate::records::{RecordSet, may_fit};

/// Where the question's name begins in a message, behind the header (RFC 1035 §4.1).
pub(super) const QUESTION_NAME: usize = 12;
/// Octets of the question behind its name: type and class.
pub(super) const TYPE_AND_CLASS: usize = 4;

/// The answer to one query type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Slot {
    pub(super) query_type: u16,
    /// What is answered; nothing: the type is left to the DNS service.
    pub(super) content: Option<Content>,
}

/// The records of a slot, and what the kernel must know of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Content {
    pub(super) answers: u8,
    pub(super) additional: u8,
    pub(super) rotated: u8,
    pub(super) stored: Stored,
    /// Whether the answers are SRV records with targets in the zone.
    pub(super) targets: bool,
    /// Whether it is left to the DNS service where it would need a section and room is short.
    pub(super) optional: bool,
}

/// What lies in the entry or in a section.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) record_len: u8,
    /// With targets: where the additional records begin; else zero.
    pub(super) additional_at: u16,
    pub(super) ends: u64,
    pub(super) records: Vec<u8>,
}

/// The name that a record set belongs to, and the zone that holds it, in wire form and lower case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'name> {
    pub(super) name: &'name [u8],
    pub(super) zone: &'name [u8],
}

impl Slot {
    /// A slot that leaves its type to the DNS service.
    pub(super) fn left(query_type: u16) -> Self {
        Self {
            query_type,
            content: None,
        }
    }

    /// The slot of a record set.
    ///
    /// # Errors
    /// Why no reply can hold it, for a person.
    pub(super) fn of(set: &RecordSet, place: Place<'_>) -> Result<Self, String> {
        let query_type = set.query_type.into();
        if set.is_left() {
            return Ok(Self::left(query_type));
        }
        let content = Some(Content::of(set, place)?);
        Ok(Self {
            query_type,
            content,
        })
    }
}

impl Content {
    fn of(set: &RecordSet, place: Place<'_>) -> Result<Self, String> {
        let cannot = |error: ProtoError| format!("cannot be written in wire form: {error}");
        let count = set.answers.len().max(set.additional.len());
        if !may_fit(set.answers.len() + set.additional.len(), 0) {
            return Err(format!(
                "has {count} records, more than a reply here holds; the DNS service answers it"
            ));
        }
        let targets = has_targets(set, place.zone);
        let mut section = SectionWriter::new(place, targets);
        let mut lengths = Vec::with_capacity(set.answers.len());
        for record in &set.answers {
            let before = section.octets.len();
            section.answer(record).map_err(cannot)?;
            lengths.push(section.octets.len() - before);
        }
        let additional_at = section.octets.len();
        for record in &set.additional {
            section.additional(record).map_err(cannot)?;
        }
        let records = section.octets;
        let room = SECTION_LENGTHS[SECTION_LENGTHS.len() - 1] - SECTION_HEAD;
        let too_many =
            targets && (set.answers.len() > TARGETS_MAX || set.additional.len() > ADDITIONAL_MAX);
        if too_many || records.len() + place.name.len() > room {
            return Err(format!(
                "has {count} records in {} octets, more than a reply here holds; the DNS service answers it",
                records.len()
            ));
        }
        if targets && !set.additional.iter().all(is_address) {
            return Err(
                "has additional records that are no addresses; the DNS service answers it"
                    .to_owned(),
            );
        }
        let last = lengths.last().copied().unwrap_or(0);
        // Addresses of one size at the end; the aliases that lead to them stay before them.
        let turned = set
            .answers
            .iter()
            .zip(&lengths)
            .rev()
            .take_while(|(record, length)| is_address(record) && **length == last)
            .count();
        let turns = set.rotate
            && !targets
            && set.additional.is_empty()
            && turned > 1
            && last <= usize::from(u8::MAX);
        Ok(Self {
            answers: set.answers.len() as u8,
            additional: set.additional.len() as u8,
            rotated: if turns { turned as u8 } else { 0 },
            stored: Stored {
                record_len: if turns { last as u8 } else { 0 },
                additional_at: if targets { additional_at as u16 } else { 0 },
                ends: set.ends,
                records,
            },
            targets,
            optional: set.optional,
        })
    }
}

fn is_address(record: &Record) -> bool {
    matches!(record.data, RData::A(_) | RData::AAAA(_))
}

/// Whether a set's answers are SRV records with all targets in the zone, and each additional record is one
/// of a target's. Names of other zones are not spelled by the client, and so are written out.
fn has_targets(set: &RecordSet, zone: &[u8]) -> bool {
    let mut targets = Vec::with_capacity(set.answers.len());
    for record in &set.answers {
        let RData::SRV(service) = &record.data else {
            return false;
        };
        let target = spelled(&service.target);
        if !is_below(&target, zone) {
            return false;
        }
        targets.push(target);
    }
    let mut owners = set.additional.iter().map(|record| spelled(&record.name));
    owners.all(|owner| targets.contains(&owner))
}

/// Whether a name in wire form ends with another one, octet for octet.
fn is_below(mut name: &[u8], zone: &[u8]) -> bool {
    while name.len() > zone.len() {
        let label = name.first().map_or(0, |length| 1 + usize::from(*length));
        name = name.get(label..).unwrap_or_default();
    }
    name == zone
}

/// Records in the order in which they are sent, and the names in them that can be pointed at.
struct SectionWriter<'name> {
    place: Place<'name>,
    targets: bool,
    octets: Vec<u8>,
    /// Targets of CNAME or SRV records, and where they begin.
    known: Vec<(WireName, usize)>,
}

impl<'name> SectionWriter<'name> {
    fn new(place: Place<'name>, targets: bool) -> Self {
        Self {
            place,
            targets,
            octets: Vec::new(),
            known: Vec::new(),
        }
    }

    fn answer(&mut self, record: &Record) -> Result<(), ProtoError> {
        // Behind an alias the question's name is a name like any other, in its own spelling.
        let of_question = self.octets.is_empty()
            || self.targets
            || self.known.is_empty() && *spelled(&record.name) == *self.place.name;
        if of_question {
            self.octets.extend(pointer(QUESTION_NAME));
        } else {
            self.owner(&spelled(&record.name));
        }
        self.fixed(record);
        let data_at = self.octets.len() + 2;
        match &record.data {
            RData::SOA(soa) if of_question => {
                let data = self.soa(soa);
                self.data(&data);
            }
            RData::CNAME(target) => {
                let data = self.suffixed(&spelled(target));
                self.data(&data);
            }
            data => self.data(&uncompressed(data)?),
        }
        match &record.data {
            RData::CNAME(target) => self.known.push((spelled(target), data_at)),
            // RFC 2782: priority, weight and port come before the target.
            RData::SRV(service) if self.targets => {
                self.known.push((spelled(&service.target), data_at + 6));
            }
            _ => {}
        }
        Ok(())
    }

    fn additional(&mut self, record: &Record) -> Result<(), ProtoError> {
        let owner = spelled(&record.name);
        if !self.targets && self.known.is_empty() && *owner == *self.place.name {
            self.octets.extend(pointer(QUESTION_NAME));
        } else {
            self.owner(&owner);
        }
        self.fixed(record);
        self.data(&uncompressed(&record.data)?);
        Ok(())
    }

    /// An owner that is not the question's name.
    fn owner(&mut self, owner: &WireName) {
        let before = match self.targets {
            true => 0,
            false => QUESTION_NAME + self.place.name.len() + TYPE_AND_CLASS,
        };
        // The root takes less room than a pointer to it.
        let known = self.known.iter().filter(|(name, _)| name.len() > 1);
        match known.into_iter().find(|(name, _)| name == owner) {
            Some((_, at)) => self.octets.extend(pointer(before + at)),
            None => self.octets.extend(owner),
        }
    }

    /// A name that ends in a pointer to the longest end that an earlier target has in common with it. The
    /// question's name is not pointed at, for its spelling is the client's.
    fn suffixed(&self, name: &[u8]) -> Vec<u8> {
        let before = QUESTION_NAME + self.place.name.len() + TYPE_AND_CLASS;
        let mut at = 0;
        while let Some(rest) = name.get(at..).filter(|rest| rest.len() > 1) {
            let shared = self.known.iter().find_map(|(known, known_at)| {
                let from = known.len().checked_sub(rest.len())?;
                (is_below(known, rest)).then_some(known_at + from)
            });
            if let Some(shared) = shared {
                return [&name[..at], &pointer(before + shared)].concat();
            }
            at += 1 + usize::from(name[at]);
        }
        name.to_vec()
    }

    fn fixed(&mut self, record: &Record) {
        self.octets
            .extend(u16::from(record.record_type()).to_be_bytes());
        self.octets
            .extend(u16::from(record.dns_class).to_be_bytes());
        self.octets.extend(record.ttl.to_be_bytes());
    }

    fn data(&mut self, data: &[u8]) {
        self.octets.extend((data.len() as u16).to_be_bytes());
        self.octets.extend(data);
    }

    /// An SOA record's data (RFC 1035 §3.3.13): names at the end of which the question's name is pointed at,
    /// so that they repeat the client's spelling (specification §6).
    fn soa(&self, soa: &SOA) -> Vec<u8> {
        let mut data = Vec::new();
        for name in [&soa.mname, &soa.rname] {
            let name = spelled(name);
            if is_below(&name, self.place.name) && self.place.name.len() > 1 {
                data.extend(&name[..name.len() - self.place.name.len()]);
                data.extend(pointer(QUESTION_NAME));
            } else {
                data.extend(name);
            }
        }
        let words = [
            soa.serial,
            soa.refresh as u32,
            soa.retry as u32,
            soa.expire as u32,
            soa.minimum,
        ];
        data.extend(words.into_iter().flat_map(u32::to_be_bytes));
        data
    }
}

/// A pointer to an offset of the message (RFC 1035 §4.1.4), which is below 2^14.
fn pointer(at: usize) -> [u8; 2] {
    (0xc000 | at as u16).to_be_bytes()
}

/// A name in wire form in its own spelling (RFC 1035 §3.1).
///
/// Written here, for hickory's encoder notes each name to point at it later; that takes most of the time of a
/// large cluster's first list.
pub(super) fn spelled(name: &Name) -> WireName {
    let mut octets = Vec::with_capacity(name.len() + 1);
    for label in name.iter() {
        octets.push(label.len() as u8);
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets.into()
}

/// A record's data without pointers.
fn uncompressed(data: &RData) -> Result<Vec<u8>, ProtoError> {
    match data {
        RData::A(ip) => Ok(ip.octets().into()),
        RData::AAAA(ip) => Ok(ip.octets().into()),
        RData::PTR(name) => Ok(spelled(name).into()),
        // RFC 2782: priority, weight, port, target.
        RData::SRV(service) => {
            let numbers = [service.priority, service.weight, service.port];
            let mut octets: Vec<u8> = numbers.into_iter().flat_map(u16::to_be_bytes).collect();
            octets.extend_from_slice(&spelled(&service.target));
            Ok(octets)
        }
        other => {
            let mut octets = Vec::new();
            let mut encoder = BinEncoder::new(&mut octets);
            encoder.set_name_encoding(NameEncoding::Uncompressed);
            other.emit(&mut encoder)?;
            Ok(octets)
        }
    }
}
