//! Objects of one kind that could not be read, or not whole, as it was told: an object may be touched every second.

use std::{collections::BTreeMap, mem};

use dns_core::objects::{ObjectReference, Skipped};

/// What of each object was skipped when it was last read; objects of which nothing was are not in it.
#[derive(Debug, Default)]
pub(super) struct Unread {
    skipped: BTreeMap<ObjectReference, Vec<Skipped>>,
    /// Until a list has come to its end: what was so before it.
    before: BTreeMap<ObjectReference, Vec<Skipped>>,
}

impl Unread {
    /// Takes in what of an object was skipped, and gives what of it was not skipped the last time.
    pub(super) fn news<'a>(
        &mut self,
        object: &ObjectReference,
        skipped: &'a [Skipped],
    ) -> Vec<&'a Skipped> {
        let last = self.skipped.remove(object);
        let before = self.before.remove(object);
        if skipped.is_empty() {
            return Vec::new();
        }
        self.skipped.insert(object.clone(), skipped.to_vec());
        let told = last.or(before).unwrap_or_default();
        let skipped = skipped.iter();
        skipped.filter(|skipped| !told.contains(skipped)).collect()
    }

    /// A list begins, which may break off.
    pub(super) fn relisting(&mut self) {
        self.before.append(&mut self.skipped);
    }

    /// The list is complete: what was not in it is gone.
    pub(super) fn listed(&mut self) {
        drop(mem::take(&mut self.before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns_core::objects::Kind;

    fn service(name: &str) -> ObjectReference {
        ObjectReference {
            kind: Kind::Service,
            namespace: "shop".into(),
            name: name.into(),
        }
    }

    fn skipped(reason: &str) -> Skipped {
        Skipped {
            object: "Service shop/web".to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn an_object_that_is_touched_or_listed_again_is_told_of_once() {
        let mut unread = Unread::default();
        let (web, odd) = (service("web"), [skipped("odd")]);
        assert_eq!(unread.news(&web, &odd), [&odd[0]]);
        assert!(unread.news(&web, &odd).is_empty());
        unread.relisting();
        // The first list breaks off.
        unread.relisting();
        assert!(unread.news(&web, &odd).is_empty());
        unread.listed();
        assert!(unread.news(&web, &odd).is_empty());
        let more = [skipped("odd"), skipped("even")];
        assert_eq!(unread.news(&web, &more), [&more[1]]);
    }

    #[test]
    fn an_object_that_was_well_or_gone_meanwhile_is_told_of_again() {
        let mut unread = Unread::default();
        let (web, odd) = (service("web"), [skipped("odd")]);
        unread.news(&web, &odd);
        unread.news(&web, &[]);
        assert_eq!(unread.news(&web, &odd), [&odd[0]]);
        unread.relisting();
        unread.listed();
        assert_eq!(unread.news(&web, &odd), [&odd[0]]);
    }
}
