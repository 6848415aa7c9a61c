//! Objects that are of no use for DNS, told in few words however many there are.

use std::{collections::BTreeMap, fmt};

use dns_core::objects::printable;

/// How many kinds are named.
const KINDS_MAX: usize = 10;
/// How many objects of a kind are named.
const NAMES_MAX: usize = 3;

/// How many objects there are of each kind, and the names of the first ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Others(BTreeMap<String, (usize, Vec<String>)>);

impl Others {
    /// Takes in an object; its namespace may be empty.
    pub(super) fn add(&mut self, kind: &str, api_version: &str, namespace: &str, name: &str) {
        let kind = match api_version {
            "" => kind.to_owned(),
            _ => format!("{kind} ({api_version})"),
        };
        let (count, names) = self.0.entry(kind).or_default();
        *count += 1;
        if names.len() < NAMES_MAX {
            names.push(match namespace {
                "" => name.to_owned(),
                _ => format!("{namespace}/{name}"),
            });
        }
    }

    /// Whether there are none.
    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Others {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (kind, (count, names))) in self.0.iter().take(KINDS_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let named = printable(&format!("{kind} {}", names.join(", ")));
            write!(formatter, "{separator}{named}")?;
            match count - names.len() {
                0 => {}
                more => write!(formatter, " and {more} more")?,
            }
        }
        match self.0.len().saturating_sub(KINDS_MAX) {
            0 => Ok(()),
            more => write!(formatter, "; and {more} more kinds"),
        }
    }
}
