//! Records, and sections of them.

use std::fmt;

use hickory_proto::rr::Record;

use super::Allowed;
use crate::presentation::{Data, data_of, name_text, record_type_text};

/// The sections of a message after the question.
pub const SECTIONS: [&str; 3] = ["answer", "authority", "additional"];

/// NS.
const NAME_SERVER: u16 = 2;
/// CNAME.
const ALIAS: u16 = 5;
/// PTR.
const POINTER: u16 = 12;
/// SRV, whose name follows three words.
const SERVICE: u16 = 33;
/// IN.
const INTERNET: u16 = 1;

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The owner in wire form, in its own letter case.
    pub owner: Vec<u8>,
    /// The type's number.
    pub record_type: u16,
    /// The class's number.
    pub class: u16,
    /// The lifetime in seconds; none: any.
    pub lifetime: Option<u32>,
    /// The data.
    pub data: Data,
}

impl Entry {
    /// A record of a message.
    pub(super) fn of(record: &Record) -> Result<Self, String> {
        let mut owner = Vec::with_capacity(record.name.len() + 1);
        for label in record.name.iter() {
            owner.push(u8::try_from(label.len()).map_err(|error| error.to_string())?);
            owner.extend(label);
        }
        owner.push(0);
        Ok(Self {
            owner,
            record_type: record.record_type().into(),
            class: record.dns_class.into(),
            lifetime: Some(record.ttl),
            data: data_of(&record.data)?,
        })
    }

    /// Whether it is a CNAME record.
    pub(super) fn is_alias(&self) -> bool {
        self.record_type == ALIAS
    }

    fn matches(&self, got: &Self, allowed: Allowed) -> bool {
        let owner = self.owner == got.owner
            || allowed.cached && self.owner.eq_ignore_ascii_case(&got.owner);
        let lifetime = match (self.lifetime, got.lifetime) {
            (Some(expected), Some(got)) if allowed.cached => expected <= got,
            (Some(expected), got) => Some(expected) == got,
            (None, _) => true,
        };
        let data = match (&self.data, &got.data) {
            (Data::Soa(expected), Data::Soa(got)) => expected.matches(got),
            (Data::Octets(expected), Data::Octets(got)) => {
                expected == got || allowed.cached && same_but_case(self.record_type, expected, got)
            }
            (Data::Soa(_), Data::Octets(_)) | (Data::Octets(_), Data::Soa(_)) => false,
        };
        let kind = (self.record_type, self.class) == (got.record_type, got.class);
        kind && owner && lifetime && data
    }
}

/// Names in data may be in the first asker's spelling. The length of a label is no letter.
fn same_but_case(record_type: u16, expected: &[u8], got: &[u8]) -> bool {
    let fixed = match record_type {
        NAME_SERVER | ALIAS | POINTER => 0,
        SERVICE => 6,
        _ => return false,
    };
    match (
        expected.split_at_checked(fixed),
        got.split_at_checked(fixed),
    ) {
        (Some((fields, name)), Some((got_fields, got_name))) => {
            fields == got_fields && name.eq_ignore_ascii_case(got_name)
        }
        _ => false,
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lifetime = self
            .lifetime
            .map_or_else(|| "*".to_owned(), |lifetime| lifetime.to_string());
        write!(formatter, "{} {lifetime}", name_text(&self.owner))?;
        if self.class != INTERNET {
            write!(formatter, " CLASS{}", self.class)?;
        }
        let kind = record_type_text(self.record_type);
        write!(formatter, " {kind} {}", self.data.text(self.record_type))
    }
}

/// What a section has too little or too much.
pub(super) fn section_differences(
    name: &str,
    expected: &[Entry],
    got: &[Entry],
    allowed: Allowed,
) -> Vec<String> {
    // Records whose lifetime is known choose first, so that the others take what is left.
    let mut order: Vec<&Entry> = expected.iter().collect();
    order.sort_by_key(|entry| entry.lifetime.is_none());
    let mut left: Vec<&Entry> = got.iter().collect();
    let mut differences = Vec::new();
    for entry in order {
        match left.iter().position(|got| entry.matches(got, allowed)) {
            Some(place) => {
                left.remove(place);
            }
            None => differences.push(format!("{name} lacks {entry}")),
        }
    }
    differences.extend(left.iter().map(|entry| format!("{name} also has {entry}")));
    let in_order = || {
        let mut pairs = expected.iter().zip(got);
        pairs.all(|(expected, got)| expected.matches(got, allowed))
    };
    if differences.is_empty() && allowed.exact_order && !in_order() {
        differences.push(format!("{name} has its records in another order"));
    }
    differences
}

/// Whether CNAME records do not come first, each owned by the target of the one before.
pub(super) fn chain_is_broken(question: &[u8], answer: &[Entry]) -> bool {
    let mut owner = question;
    let mut over = false;
    for entry in answer {
        if !entry.is_alias() {
            over = true;
            continue;
        }
        if over || entry.owner != owner {
            return true;
        }
        match &entry.data {
            Data::Octets(target) => owner = target,
            Data::Soa(_) => return true,
        }
    }
    false
}
