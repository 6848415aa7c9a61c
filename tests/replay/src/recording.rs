//! The file of recorded cases.
//!
//! What is not needed is not looked at: fields, kinds of groups and kinds of objects that are not known here
//! may be there. What is needed and cannot be read is said with its place.

mod case;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

pub use self::case::Case;
use crate::policy::DEFAULT_VERSION;

/// All groups, and the fixtures that they name.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// The groups, in the order of the file.
    pub groups: Vec<Group>,
    fixtures: BTreeMap<String, Value>,
}

/// Cases that were recorded under one Corefile and with the same objects.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub id: String,
    /// What it holds; or why it is not asked.
    pub content: Result<Content, String>,
    /// The cases as they are written.
    pub cases: Vec<Value>,
}

/// What is needed to ask a group's cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Questions or raw messages.
    pub kind: Kind,
    /// The Corefile.
    pub corefile: String,
    /// The version of CoreDNS.
    pub version: String,
    /// Objects, and what the external DNS says.
    pub fixture: Value,
    /// Watches that have not delivered a first list.
    pub unsynced: Vec<String>,
    /// Whether the order of records counts.
    pub exact_order: bool,
}

/// What a group's cases are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A question and its reply.
    Dns,
    /// A raw message, and its reply's header or the whole of it.
    Packet,
}

impl Recording {
    /// Reads the text of a recording.
    ///
    /// # Errors
    /// In one sentence: no JSON, or no groups in it.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        let value: Value =
            serde_json::from_slice(text).map_err(|error| format!("it is not JSON: {error}"))?;
        let mut recording = Self::default();
        if let Some(Value::Object(fixtures)) = value.get("fixtures") {
            recording.fixtures = fixtures.clone().into_iter().collect();
        }
        let groups = value
            .get("groups")
            .and_then(Value::as_array)
            .ok_or("it holds no list `groups`; it must have the format of coredns-recorded.json")?;
        for (index, group) in groups.iter().enumerate() {
            let group = recording.group(index, group);
            recording.groups.push(group);
        }
        Ok(recording)
    }

    fn group(&self, index: usize, value: &Value) -> Group {
        let empty = Map::new();
        let fields = value.as_object().unwrap_or(&empty);
        let id = match fields.get("id").and_then(Value::as_str) {
            Some(id) => id.to_owned(),
            None => format!("group {index}"),
        };
        let cases = fields.get("cases").and_then(Value::as_array);
        Group {
            id,
            content: match cases {
                Some(_) => self.content(fields),
                None => Err("it has no list of cases".to_owned()),
            },
            cases: cases.cloned().unwrap_or_default(),
        }
    }

    fn content(&self, fields: &Map<String, Value>) -> Result<Content, String> {
        let text = |name: &str| fields.get(name).and_then(Value::as_str);
        let kind = match text("kind") {
            Some("dns") => Kind::Dns,
            Some("packet") => Kind::Packet,
            Some(other) => return Err(format!("its kind {other} is not asked over DNS")),
            None => return Err("it has no kind".to_owned()),
        };
        let fixture = match fields.get("fixture") {
            Some(Value::String(name)) => self
                .fixtures
                .get(name)
                .cloned()
                .ok_or_else(|| format!("its fixture {name:?} is not in the file"))?,
            Some(fixture @ Value::Object(_)) => fixture.clone(),
            Some(_) => return Err("its fixture is neither a name nor an object".to_owned()),
            None => return Err("it has no fixture".to_owned()),
        };
        let unsynced = match fields.get("unsynced") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(watches)) => watches
                .iter()
                .map(|watch| watch.as_str().map(str::to_lowercase))
                .collect::<Option<_>>()
                .ok_or("its unsynced holds something else than names")?,
            Some(_) => return Err("its unsynced is no list".to_owned()),
        };
        Ok(Content {
            kind,
            corefile: text("corefile").ok_or("it has no corefile")?.to_owned(),
            version: text("coredns").unwrap_or(DEFAULT_VERSION).to_owned(),
            fixture,
            unsynced,
            exact_order: text("order").is_some_and(|order| order.contains("exact"))
                || fields.get("exact_order") == Some(&Value::Bool(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: &Value) -> Recording {
        Recording::read(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_group_is_asked_if_its_kind_corefile_and_fixture_are_there() {
        let recording = read(&json!({
            "meta": {"anything": 1},
            "fixtures": {"observed": {"services": []}},
            "groups": [
                {"id": "a", "kind": "dns", "fixture": "observed", "corefile": ".", "cases": [], "new": 1},
                {"id": "b", "kind": "packet", "fixture": {"pods": []}, "corefile": ".", "cases": [],
                 "coredns": "1.11.3", "unsynced": ["Services"], "order": "exact"},
            ],
        }));
        let [Ok(first), Ok(second)] =
            [&recording.groups[0], &recording.groups[1]].map(|group| group.content.as_ref())
        else {
            panic!("{:?}", recording.groups);
        };
        assert_eq!((first.kind, first.version.as_str()), (Kind::Dns, "1.15.0"));
        assert_eq!(first.fixture, json!({"services": []}));
        assert!(!first.exact_order && second.exact_order);
        assert_eq!(
            (second.kind, second.version.as_str()),
            (Kind::Packet, "1.11.3")
        );
        assert_eq!(second.unsynced, ["services"]);
    }

    #[test]
    fn every_other_group_says_why_it_is_not_asked() {
        let recording = read(&json!({"groups": [
            {"id": "a", "kind": "axfr", "cases": [1, 2]},
            {"id": "b", "kind": "dns", "fixture": {}, "cases": [1]},
            {"id": "c", "kind": "dns", "corefile": ".", "fixture": "gone", "cases": []},
            {"id": "d", "kind": "dns", "corefile": ".", "cases": []},
            {"kind": "dns", "corefile": ".", "fixture": {}},
            7,
        ]}));
        let reasons: Vec<String> = recording
            .groups
            .iter()
            .map(|group| format!("{}: {}", group.id, group.content.clone().unwrap_err()))
            .collect();
        assert_eq!(
            reasons,
            [
                "a: its kind axfr is not asked over DNS",
                "b: it has no corefile",
                "c: its fixture \"gone\" is not in the file",
                "d: it has no fixture",
                "group 4: it has no list of cases",
                "group 5: it has no list of cases",
            ]
        );
        assert_eq!(recording.groups[0].cases.len(), 2);
    }

    #[test]
    fn what_is_no_recording_is_refused() {
        assert!(Recording::read(b"{").unwrap_err().contains("not JSON"));
        assert!(Recording::read(b"[]").unwrap_err().contains("groups"));
    }
}
