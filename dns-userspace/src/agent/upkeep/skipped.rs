//! Objects that are not served, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    objects::{ObjectReference, Skipped},
    world::{Event, Owner},
};

/// What is not served now, and what has been told of it.
#[derive(Debug, Default)]
pub(super) struct NotServed {
    /// What the source could not read, by object.
    unread: BTreeMap<String, String>,
    /// What could not be expressed, by the owner of the names.
    unexpressed: BTreeMap<Owner, Vec<Skipped>>,
    /// Owners are recomputed often; each reason is told once.
    told: BTreeSet<Skipped>,
}

impl NotServed {
    /// Takes in what the source tells; it has logged it itself.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Skipped(Skipped { object, reason }) => {
                self.unread.insert(object.clone(), reason.clone());
            }
            Event::Applied(object) => self.read(&object.reference()),
            Event::Deleted(reference) => self.read(reference),
            // Places in files, and objects that have gone meanwhile, are not told of again.
            Event::Relisting(kind) => {
                let of_kind = format!("{kind} ");
                self.unread
                    .retain(|object, _| object.contains(' ') && !object.starts_with(&of_kind));
            }
            Event::Listed(_) | Event::Heard(_) | Event::Lost { .. } => {}
        }
    }

    fn read(&mut self, reference: &ObjectReference) {
        if !self.unread.is_empty() {
            self.unread.remove(&reference.to_string());
        }
    }

    /// Takes in what of an owner's names cannot be expressed, and tells what is new.
    pub(super) fn set(&mut self, owner: &Owner, skipped: Vec<Skipped>) {
        for skipped in &skipped {
            if !self.told.contains(skipped) {
                tracing::warn!(object = %skipped.object, "not answered in the kernel: {}", skipped.reason);
                self.told.insert(skipped.clone());
            }
        }
        if skipped.is_empty() {
            self.unexpressed.remove(owner);
        } else {
            self.unexpressed.insert(owner.clone(), skipped);
        }
    }

    /// How many objects are not served.
    pub(super) fn count(&self) -> usize {
        self.unread.len() + self.unexpressed.values().map(Vec::len).sum::<usize>()
    }

    /// All of them, with reasons.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        let unread = self.unread.iter();
        let unread = unread.map(|(object, reason)| (object.as_str(), reason.as_str()));
        let unexpressed = self.unexpressed.values().flatten();
        let unexpressed =
            unexpressed.map(|skipped| (skipped.object.as_str(), skipped.reason.as_str()));
        unread.chain(unexpressed)
    }
}
