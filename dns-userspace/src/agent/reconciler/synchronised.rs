//! How far each kind of objects is known, for people.

use std::collections::BTreeMap;

use dns_core::{objects::Kind, world::Event};

/// What the source has last said of each kind.
#[derive(Debug, Default)]
pub(super) struct Synchronised {
    /// Kinds of which a complete list has come.
    listed: BTreeMap<&'static str, bool>,
    /// Why a kind is not up to date.
    lost: BTreeMap<&'static str, String>,
}

impl Synchronised {
    /// Takes in what the source tells.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Relisting(kind) => {
                self.listed.insert(kind.name(), false);
            }
            Event::Listed(kind) => {
                self.listed.insert(kind.name(), true);
                self.lost.remove(kind.name());
            }
            Event::Heard(kind) => {
                self.lost.remove(kind.name());
            }
            Event::Lost { kind, reason } => {
                self.lost.insert(kind.name(), reason.clone());
            }
            Event::Applied(_) | Event::Deleted(_) | Event::Skipped(_) => {}
        }
    }

    /// Every kind, and why it is not up to date.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        Kind::ALL.into_iter().map(|kind| {
            let name = kind.name();
            let reason = match (self.lost.get(name), self.listed.get(name)) {
                (Some(reason), _) => Some(reason.as_str()),
                (None, Some(true)) => None,
                (None, Some(false)) => Some("a complete list is under way"),
                (None, None) => Some("not listed yet"),
            };
            (name, reason)
        })
    }
}
