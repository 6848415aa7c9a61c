//! The maps: which there are, of what types, and what lies in them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Inspector, PINS, number, pinned, text};

/// A map as the layout has it, which `dns_ebpf::answer` documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Laid {
    /// Its name.
    pub(crate) name: &'static str,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// The types of its key and its value.
    pub(crate) types: [&'static str; 2],
    /// What lies in it.
    pub(crate) what: &'static str,
}

/// The maps of the layout, which are pinned.
pub(crate) const LAYOUT: [Laid; 16] = [
    laid(
        "ENTRIES_40",
        "hash",
        ["Key<40>", "Entry"],
        "names of up to 40 octets",
    ),
    laid(
        "ENTRIES_64",
        "hash",
        ["Key<64>", "Entry"],
        "names of 41 to 64 octets",
    ),
    laid("ENTRIES_256", "hash", ["Key<256>", "Entry"], "longer names"),
    laid(
        "SECTIONS_192",
        "hash",
        ["u32", "Section<192>"],
        "records that do not fit the entry",
    ),
    laid(
        "SECTIONS_448",
        "hash",
        ["u32", "Section<448>"],
        "larger ones",
    ),
    laid(
        "SECTIONS_960",
        "hash",
        ["u32", "Section<960>"],
        "larger ones",
    ),
    laid(
        "SECTIONS_1472",
        "hash",
        ["u32", "Section<1472>"],
        "larger ones",
    ),
    laid(
        "FORMS",
        "array",
        ["u32", "Form"],
        "how a query type is denied",
    ),
    laid(
        "ZONES",
        "array",
        ["u32", "Zone"],
        "the authority of denials",
    ),
    laid(
        "DESTINATIONS",
        "hash",
        ["Destination", "u32"],
        "addresses of the cluster's DNS",
    ),
    laid(
        "UNKNOWN",
        "lru_hash",
        ["Destination", "u64"],
        "other addresses that were asked",
    ),
    laid(
        "INTERFACES",
        "hash",
        ["u32", "u32"],
        "MTU of each interface",
    ),
    laid(
        "COUNTERS",
        "percpu_array",
        ["u32", "u64"],
        "answers, and passes by reason",
    ),
    laid(
        "CONTROL",
        "array",
        ["u32", "ControlRecord"],
        "the lease, and what else changes",
    ),
    laid(
        "CHANGES",
        "array",
        ["u32", "Changes"],
        "the last change of each stripe of names",
    ),
    laid(
        "CLIENTS",
        "array",
        ["u32", "Client"],
        "what clients were answered lately",
    ),
];

const fn laid(
    name: &'static str,
    kind: &'static str,
    types: [&'static str; 2],
    what: &'static str,
) -> Laid {
    Laid {
        name,
        kind,
        types,
        what,
    }
}

/// A map as bpftool shows it.
#[derive(Debug)]
pub(crate) struct Map {
    /// Its name.
    pub(crate) name: String,
    /// Its kind.
    pub(crate) kind: String,
    /// The types of its key and its value.
    pub(crate) types: [String; 2],
    /// Octets of its key and its value.
    pub(crate) octets: [u64; 2],
}

impl Inspector {
    /// The maps that zerohop pinned: `bpftool -f map show`, and `bpftool btf dump` for their types.
    ///
    /// # Errors
    ///
    /// A map without BTF.
    pub(crate) fn maps(&self) -> Result<Vec<Map>> {
        let all = self.json(&["-f", "map", "show"])?;
        let mut types = BTreeMap::new();
        let mut maps = Vec::new();
        for (_, map) in pinned(&all) {
            let name = text(map, "name")?;
            let btf = number(map, "btf_id")?;
            if let std::collections::btree_map::Entry::Vacant(vacant) = types.entry(btf) {
                vacant.insert(self.types(btf)?);
            }
            maps.push(Map {
                kind: text(map, "type")?,
                types: types[&btf].of_map(&name)?,
                octets: [number(map, "bytes_key")?, number(map, "bytes_value")?],
                name,
            });
        }
        Ok(maps)
    }

    /// Everything in one of zerohop's maps: `bpftool map dump pinned PATH`.
    pub(crate) fn dump(&self, map: &str) -> Result<Value> {
        self.json(&["map", "dump", "pinned", &path(map)])
    }

    /// One element: `bpftool map lookup pinned PATH key OCTETS`, with its fields by name.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn element(&self, map: &str, key: &[u8]) -> Result<Value> {
        let path = path(map);
        let octets: Vec<String> = key.iter().map(u8::to_string).collect();
        let fixed = ["map", "lookup", "pinned", &path, "key"];
        let octets = octets.iter().map(String::as_str);
        let words: Vec<&str> = fixed.into_iter().chain(octets).collect();
        let element = self.json(&words)?;
        fields(&element).cloned()
    }
}

/// Where a map is pinned.
pub(super) fn path(map: &str) -> String {
    format!("{PINS}/{map}")
}

/// The elements of a dump, their fields by name.
///
/// # Errors
///
/// bpftool knows no types for them.
pub(crate) fn elements(dump: &Value) -> Result<impl Iterator<Item = &Value>> {
    let elements = dump.as_array().context("bpftool shows no elements")?;
    let named: Result<Vec<&Value>> = elements.iter().map(fields).collect();
    Ok(named?.into_iter())
}

fn fields(element: &Value) -> Result<&Value> {
    element
        .get("formatted")
        .context("bpftool shows octets only: the map has no BTF")
}
