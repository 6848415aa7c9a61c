//! An entry read from the octets that bpftool shows, as `docs/inspection.md` says to read them. Nothing of zerohop's
//! own reader is used, so that one checks the other.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{Inspector, maps::elements};

/// Octets of an entry before `rest`.
const HEAD: usize = 4;
/// Octets of a slot.
const SLOT: usize = 12;

/// A name's entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The map that it lies in.
    pub(crate) map: &'static str,
    /// Its key: the name's octets and zeros behind them.
    pub(crate) key: Vec<u8>,
    /// Key and value with their fields by name, as bpftool shows them.
    pub(crate) shown: Value,
    /// Its slots, one a query type.
    pub(crate) slots: Vec<Slot>,
}

/// What an entry holds for one query type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    /// QTYPE.
    pub(crate) query_type: u16,
    /// Answer records.
    pub(crate) answers: u8,
    /// The records' octets, if they lie in the entry.
    pub(crate) records: Option<Vec<u8>>,
}

impl Inspector {
    /// Finds a name's entry in what `bpftool map dump` prints.
    ///
    /// # Errors
    ///
    /// There is none, or it lacks one of its fields.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry> {
        let (map, key) = map_and_key(name)?;
        let dump = self.dump(map)?;
        let shown = elements(&dump)?
            .find(|element| octets(&element["key"]["name"]).as_ref() == Some(&key))
            .with_context(|| format!("no entry of {name} in what bpftool dumps of {map}"))?;
        let value = &shown["value"];
        let field = |field: &str| {
            value[field]
                .as_u64()
                .with_context(|| format!("the entry of {name} has no field {field:?}: {value}"))
        };
        for octet in ["zone", "here", "below"] {
            field(octet)?;
        }
        let rest = octets(&value["rest"]);
        let rest = rest.with_context(|| format!("the entry of {name} has no field \"rest\""))?;
        let slots = usize::try_from(field("slots")? & 0x0f)?;
        ensure!(rest.len() >= slots * SLOT, "an entry with {slots} slots");
        Ok(Entry {
            map,
            slots: rest
                .chunks_exact(SLOT)
                .take(slots)
                .map(|octets| slot(octets, &rest))
                .collect(),
            shown: shown.clone(),
            key,
        })
    }
}

impl Entry {
    /// The IPv4 addresses of its A records (RFC 1035 §3.4.1) that lie in the entry.
    pub(crate) fn addresses(&self) -> Vec<std::net::Ipv4Addr> {
        let records = self.slots.iter().filter(|slot| slot.query_type == 1);
        records
            .flat_map(|slot| slot.records.iter().flat_map(|records| records.chunks(16)))
            .filter_map(|record| {
                let data: [u8; 4] = record.get(12..16)?.try_into().ok()?;
                Some(data.into())
            })
            .collect()
    }
}

/// What the twelve octets of a slot say.
fn slot(octets: &[u8], rest: &[u8]) -> Slot {
    let here = octets[2] & 0x07 == 0;
    let from = usize::from(octets[8]).saturating_sub(HEAD);
    let records = rest.get(from..from + usize::from(octets[9]));
    Slot {
        query_type: u16::from_be_bytes([octets[0], octets[1]]),
        answers: octets[3],
        records: records.filter(|_| here).map(<[u8]>::to_vec),
    }
}

/// The map for names of this length, and the key there.
fn map_and_key(name: &str) -> Result<(&'static str, Vec<u8>)> {
    let mut key = wire(name)?;
    let (map, length) = match key.len() {
        ..=40 => ("ENTRIES_40", 40),
        41..=64 => ("ENTRIES_64", 64),
        _ => ("ENTRIES_256", 256),
    };
    key.resize(length, 0);
    Ok((map, key))
}

/// A name in wire form (RFC 1035 §3.1), lower case.
///
/// # Errors
///
/// A label that is empty or too long, or a name that is.
pub(crate) fn wire(name: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    for label in name.trim_end_matches('.').split('.') {
        let length = u8::try_from(label.len()).ok();
        let length = length.filter(|length| (1..64).contains(length));
        octets.push(length.with_context(|| format!("{name:?} is no domain name"))?);
        octets.extend_from_slice(label.to_ascii_lowercase().as_bytes());
    }
    octets.push(0);
    ensure!(octets.len() <= 255, "{name:?} is longer than a domain name");
    Ok(octets)
}

/// The name that a key's octets are.
pub(crate) fn presentation(key: &[u8]) -> String {
    let mut name = String::new();
    let mut rest = key;
    while let [length, behind @ ..] = rest
        && *length > 0
    {
        let (label, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        name.push_str(&String::from_utf8_lossy(label));
        name.push('.');
        rest = behind;
    }
    name
}

/// Octets that bpftool shows as an array of numbers.
fn octets(shown: &Value) -> Option<Vec<u8>> {
    shown
        .as_array()?
        .iter()
        .map(|octet| u8::try_from(octet.as_u64()?).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_lies_in_the_map_of_the_shortest_key_that_holds_it() {
        let of = |name: &str| map_and_key(name).map(|(map, key)| (map, key.len())).ok();
        assert_eq!(
            of("kubernetes.default.svc.cluster.local"),
            Some(("ENTRIES_40", 40))
        );
        assert_eq!(
            of("kubernetes1234.default.svc.cluster.local"),
            Some(("ENTRIES_64", 64))
        );
        assert_eq!(of(&"a.".repeat(127)), Some(("ENTRIES_256", 256)));
        assert_eq!(of("a..b"), None);
        assert_eq!(of(&"a".repeat(64)), None);
    }

    #[test]
    fn a_key_is_read_back_as_its_name() {
        let (_, key) = map_and_key("Web.Default.svc.cluster.local").expect("a name");
        assert_eq!(key.len(), 40);
        assert_eq!(presentation(&key), "web.default.svc.cluster.local.");
        assert_eq!(presentation(&[9, b'a']), "a.");
    }

    #[test]
    fn a_slot_says_where_in_the_entry_its_records_lie() {
        let mut rest = vec![0; 132];
        rest[..12].copy_from_slice(&[0, 1, 16, 1, 0, 0, 0, 0, 16, 16, 0, 0]);
        rest[12..28].copy_from_slice(&[192, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 96, 0, 1]);
        let read = slot(&rest[..12], &rest);
        assert_eq!((read.query_type, read.answers), (1, 1));
        let entry = Entry {
            map: "ENTRIES_40",
            key: Vec::new(),
            shown: Value::Null,
            slots: vec![read],
        };
        assert_eq!(entry.addresses(), [std::net::Ipv4Addr::new(10, 96, 0, 1)]);
        // In a section instead, the entry holds a key.
        rest[2] = 17;
        assert_eq!(slot(&rest[..12], &rest).records, None);
    }
}
