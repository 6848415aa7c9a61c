//! Owners that have to be worked out again, in the order in which they became so.

use std::collections::{BTreeMap, VecDeque};

use dns_core::world::{Affected, Owner};

/// The queue. An owner that is noted again while it waits keeps its place.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    queue: VecDeque<Owner>,
    /// Of each owner in the queue: until when all that the source had told was noted, when this owner became dirty.
    since: BTreeMap<Owner, u64>,
    /// How many owners have left the queue.
    taken: u64,
}

impl Dirty {
    /// Takes in owners; all that the source had told by `since` is noted already.
    pub(super) fn note(&mut self, owners: Affected, since: u64) {
        for owner in owners {
            if !self.since.contains_key(&owner) {
                self.since.insert(owner.clone(), since);
                self.queue.push_back(owner);
            }
        }
    }

    /// The next owner, and since when it is dirty.
    pub(super) fn take(&mut self) -> Option<(Owner, u64)> {
        let owner = self.queue.pop_front()?;
        self.taken += 1;
        self.since.remove_entry(&owner)
    }

    /// Whether this owner is in the queue.
    pub(super) fn has(&self, owner: &Owner) -> bool {
        self.since.contains_key(owner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// All that the source had told by then has left the queue; none if nothing is in it.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.since.get(self.queue.front()?).copied()
    }

    /// How many owners have left the queue when all that are in it now have.
    pub(super) fn end(&self) -> u64 {
        self.taken + self.queue.len() as u64
    }

    /// Whether so many owners have left the queue.
    pub(super) fn has_passed(&self, end: u64) -> bool {
        self.taken >= end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::service("n", name)
    }

    #[test]
    fn an_owner_that_is_noted_again_waits_no_longer_and_counts_from_its_first_time() {
        let mut dirty = Dirty::default();
        dirty.note([owner("a"), owner("b")].into(), 10);
        dirty.note([owner("a"), owner("c")].into(), 20);
        assert_eq!(dirty.oldest(), Some(10));
        assert_eq!(dirty.take(), Some((owner("a"), 10)));
        assert_eq!(dirty.take(), Some((owner("b"), 10)));
        assert_eq!(dirty.oldest(), Some(20));
        dirty.note([owner("a")].into(), 30);
        assert_eq!(dirty.take(), Some((owner("c"), 20)));
        assert_eq!(
            (dirty.has(&owner("a")), dirty.has(&owner("c"))),
            (true, false)
        );
        assert_eq!(dirty.take(), Some((owner("a"), 30)));
        assert_eq!((dirty.oldest(), dirty.take()), (None, None));
    }

    #[test]
    fn the_end_of_the_queue_passes_when_all_that_was_in_it_has_left() {
        let mut dirty = Dirty::default();
        dirty.note([owner("a"), owner("b")].into(), 10);
        let end = dirty.end();
        dirty.note([owner("c")].into(), 20);
        dirty.take();
        assert!(!dirty.has_passed(end));
        dirty.take();
        assert!(dirty.has_passed(end));
    }
}
