//! Types of maps' keys and values, as BTF has them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Inspector;

/// BTF's types, by their number.
pub(crate) struct Types(BTreeMap<u64, Value>);

impl Inspector {
    /// The types with this number: `bpftool btf dump id NUMBER`.
    pub(super) fn types(&self, btf: u64) -> Result<Types> {
        let dump = self.json(&["btf", "dump", "id", &btf.to_string()])?;
        let types = dump["types"]
            .as_array()
            .context("bpftool shows no types in the BTF")?;
        Ok(Types(
            types
                .iter()
                .filter_map(|one| Some((one["id"].as_u64()?, one.clone())))
                .collect(),
        ))
    }
}

impl Types {
    /// The types of the key and the value of a map, as the program's source writes them.
    ///
    /// # Errors
    ///
    /// BTF has no such variable, or it is no map.
    pub(super) fn of_map(&self, map: &str) -> Result<[String; 2]> {
        let missing = || format!("BTF does not say of what types the map {map} is");
        let variable = self
            .0
            .values()
            .find(|one| one["kind"] == "VAR" && one["name"] == map)
            .with_context(missing)?;
        let map = self.at(&variable["type_id"]).with_context(missing)?;
        let member = |name: &str| {
            let mut members = map["members"].as_array()?.iter();
            let member = members.find(|member| member["name"] == name)?;
            let pointer = self.at(&member["type_id"])?;
            let pointed = self.at(&pointer["type_id"])?;
            Some(source_name(pointed["name"].as_str()?))
        };
        Ok([
            member("key").with_context(missing)?,
            member("value").with_context(missing)?,
        ])
    }

    fn at(&self, number: &Value) -> Option<&Value> {
        self.0.get(&number.as_u64()?)
    }
}

/// A type's name with what BTF does not allow in names given back: `Key_3C_40_3E_` is `Key<40>`.
fn source_name(name: &str) -> String {
    // Only these two, for not every `_40_` stands for the character with this code.
    name.replace("_3C_", "<").replace("_3E_", ">")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_types_name_is_given_back_as_the_source_has_it() {
        for (name, source) in [
            ("Key_3C_40_3E_", "Key<40>"),
            ("Section_3C_1472_3E_", "Section<1472>"),
            ("Entry", "Entry"),
            ("u32", "u32"),
            ("bpf_sock", "bpf_sock"),
        ] {
            assert_eq!(source_name(name), source);
        }
    }
}
