//! What a fixture's external DNS says, and what the cluster's DNS service makes of it.
//!
//! The agent asks the DNS service for the targets of ExternalName services; here the fixture's list stands in
//! for both.

use std::collections::{BTreeMap, BTreeSet};

use dns_core::{
    policy::Capping,
    projection::{Resolution, Resolved},
};
use hickory_proto::{
    rr::{Name, RData, Record, RecordType},
    serialize::binary::{BinDecodable as _, BinDecoder},
};
use serde_json::Value;

use crate::presentation::{self, Data};

/// A recorded upstream fails for every name that holds this, as the recording's notes say.
const FAILS: &str = "servfail";
/// The most CNAME records that an upstream's reply holds.
const CHAIN_MAX: usize = 16;
/// Seconds for which a denial may be kept where no cache says otherwise: what the notes give its SOA record.
const DENIAL: u32 = 600;
/// Answers do not end while they are replayed.
const NEVER: u64 = 0;

/// The external DNS of a fixture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Upstream {
    /// Records by lower-case owner and type.
    sets: BTreeMap<(Name, RecordType), Vec<Record>>,
}

impl Upstream {
    /// Reads the list `upstream` of a fixture; a fixture without one has an external DNS that knows nothing.
    ///
    /// # Errors
    /// An entry that cannot be read.
    pub fn read(fixture: &Value) -> Result<Self, String> {
        let mut upstream = Self::default();
        let entries = match fixture.get("upstream") {
            None | Some(Value::Null) => return Ok(upstream),
            Some(Value::Array(entries)) => entries,
            Some(_) => return Err("the fixture's upstream is no list".to_owned()),
        };
        for entry in entries {
            upstream
                .add(entry)
                .map_err(|reason| format!("the fixture's upstream holds {entry}: {reason}"))?;
        }
        Ok(upstream)
    }

    fn add(&mut self, entry: &Value) -> Result<(), String> {
        let text = |field: &str| {
            let value = entry.get(field).and_then(Value::as_str);
            value.ok_or_else(|| format!("it has no text {field}"))
        };
        let owner = presentation::name(text("name")?)?;
        let record_type = presentation::record_type(text("type")?)?;
        let lifetime = entry
            .get("ttl")
            .and_then(Value::as_u64)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .ok_or("it has no ttl in seconds")?;
        let data: Vec<&Value> = match entry.get("rdata") {
            Some(Value::Array(data)) => data.iter().collect(),
            Some(data) => vec![data],
            None => return Err("it has no rdata".to_owned()),
        };
        for data in data {
            let data = data.as_str().ok_or("its rdata is no text")?;
            let Data::Octets(data) = Data::parse(record_type, data)? else {
                return Err("a SOA record is of no use here".to_owned());
            };
            let record = record(&owner, record_type, lifetime, &data)?;
            let key = (record.name.to_lowercase(), record.record_type());
            self.sets.entry(key).or_default().push(record);
        }
        Ok(())
    }

    /// The answer section of its reply, without records where there are none; nothing if it fails.
    #[must_use]
    pub fn look_up(&self, name: &Name, query_type: RecordType) -> Option<Vec<Record>> {
        let mut name = name.to_lowercase();
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        while found.len() < CHAIN_MAX && seen.insert(name.clone()) {
            if name.to_ascii().contains(FAILS) {
                return None;
            }
            if let Some(records) = self.sets.get(&(name.clone(), query_type)) {
                found.extend(records.iter().cloned());
                break;
            }
            let alias = self.sets.get(&(name.clone(), RecordType::CNAME));
            let Some(record) = alias.and_then(|records| records.first()) else {
                break;
            };
            found.push(record.clone());
            match &record.data {
                RData::CNAME(target) => name = target.0.to_lowercase(),
                _ => break,
            }
        }
        Some(found)
    }
}

/// A record out of the octets that it would have in a message.
fn record(owner: &[u8], record_type: u16, lifetime: u32, data: &[u8]) -> Result<Record, String> {
    let mut octets = owner.to_vec();
    octets.extend(record_type.to_be_bytes());
    octets.extend([0, 1]);
    octets.extend(lifetime.to_be_bytes());
    let length = u16::try_from(data.len()).map_err(|error| error.to_string())?;
    octets.extend(length.to_be_bytes());
    octets.extend(data);
    Record::read(&mut BinDecoder::new(&octets)).map_err(|error| error.to_string())
}

/// What the DNS service says of external names, having just asked.
#[derive(Clone, Debug, Default)]
pub struct Said {
    replies: BTreeMap<(Name, RecordType), (Vec<Record>, u32)>,
}

impl Said {
    /// What a DNS service with this cache says of these targets.
    #[must_use]
    pub fn of(
        upstream: &Upstream,
        targets: impl IntoIterator<Item = Name>,
        capping: Option<Capping>,
    ) -> Self {
        let mut said = Self::default();
        for target in targets {
            for query_type in [RecordType::A, RecordType::AAAA] {
                // What the external DNS fails to say, the agent does not keep either.
                let Some(mut records) = upstream.look_up(&target, query_type) else {
                    continue;
                };
                let least = records.iter().map(|record| record.ttl).min();
                let remaining = within(capping, least);
                // A cache gives all records of a reply the same lifetime.
                if capping.is_some_and(|capping| capping != Capping::NONE) {
                    records.iter_mut().for_each(|record| record.ttl = remaining);
                }
                let key = (target.to_lowercase(), query_type);
                said.replies.insert(key, (records, remaining));
            }
        }
        said
    }
}

/// The lifetime that the cache gives a whole reply (specification §11).
fn within(capping: Option<Capping>, least: Option<u32>) -> u32 {
    let lifetime = least.unwrap_or(DENIAL);
    let bounds = capping.map(|capping| match least {
        Some(_) => capping.success,
        None => capping.denial,
    });
    match bounds {
        Some((floor, ceiling)) => lifetime.min(ceiling).max(floor),
        None => lifetime,
    }
}

impl Resolved for Said {
    fn resolved(&self, target: &Name, query_type: RecordType) -> Option<Resolution<'_>> {
        let (records, remaining) = self.replies.get(&(target.to_lowercase(), query_type))?;
        Some(Resolution {
            records,
            remaining: *remaining,
            age: 0,
            ends: NEVER,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn upstream() -> Upstream {
        let fixture = json!({"upstream": [
            {"name": "ext.example.com.", "type": "A", "ttl": 300, "rdata": ["192.0.2.53", "192.0.2.54"]},
            {"name": "UPPER.Example.COM.", "type": "A", "ttl": 2, "rdata": "192.0.2.77"},
            {"name": "chain.example.com.", "type": "CNAME", "ttl": 120, "rdata": ["ext.example.com."]},
            {"name": "loop.example.com.", "type": "CNAME", "ttl": 1, "rdata": ["loop.example.com."]},
        ]});
        Upstream::read(&fixture).unwrap()
    }

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn said(text: &str, query_type: RecordType) -> Option<Vec<String>> {
        let records = upstream().look_up(&name(text), query_type)?;
        Some(
            records
                .iter()
                .map(|record| record.data.to_string())
                .collect(),
        )
    }

    #[test]
    fn it_says_what_the_fixture_lists_whatever_the_letter_case() {
        let two = vec!["192.0.2.53".to_owned(), "192.0.2.54".to_owned()];
        assert_eq!(said("Ext.example.com.", RecordType::A), Some(two));
        assert_eq!(said("ext.example.com.", RecordType::AAAA), Some(vec![]));
        assert_eq!(said("nope.example.com.", RecordType::A), Some(vec![]));
        assert_eq!(
            said("upper.example.com.", RecordType::A),
            Some(vec!["192.0.2.77".to_owned()])
        );
        let chain = ["ext.example.com.", "192.0.2.53", "192.0.2.54"].map(str::to_owned);
        assert_eq!(
            said("chain.example.com.", RecordType::A),
            Some(chain.into())
        );
        let looped = said("loop.example.com.", RecordType::A).unwrap();
        assert_eq!(looped, ["loop.example.com."]);
    }

    #[test]
    fn a_failing_name_leaves_nothing_to_keep() {
        assert_eq!(said("servfail.example.com.", RecordType::A), None);
        let failing = name("servfail.example.com.");
        let said = Said::of(&upstream(), [failing.clone()], None);
        assert!(said.resolved(&failing, RecordType::A).is_none());
    }

    #[test]
    fn the_dns_services_cache_decides_how_long_it_holds() {
        let targets = ["chain.example.com.", "upper.example.com."].map(name);
        let kept = |capping, target: &str, query_type| {
            let said = Said::of(&upstream(), targets.clone(), capping);
            said.resolved(&name(target), query_type).unwrap().remaining
        };
        let cache = Some(Capping::of_seconds(30));
        assert_eq!(kept(None, "chain.example.com.", RecordType::A), 120);
        assert_eq!(kept(cache, "chain.example.com.", RecordType::A), 30);
        assert_eq!(kept(cache, "upper.example.com.", RecordType::A), 5);
        assert_eq!(kept(cache, "upper.example.com.", RecordType::AAAA), 30);
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_named() {
        let fixture = json!({"upstream": [{"name": "a.", "type": "A", "ttl": 1, "rdata": ["x"]}]});
        let error = Upstream::read(&fixture).unwrap_err();
        assert!(error.contains("\"a.\""), "{error}");
    }
}
