//! Objects that are not served, and why.

use std::collections::{BTreeMap, BTreeSet};

use dns_core::{
    objects::{Kind, ObjectReference, Skipped},
    world::{Event, Owner},
};

use crate::told::without_numbers;

/// What is not served now, and has been told.
#[derive(Debug, Default)]
pub(super) struct NotServed {
    /// What the source could not read. One place in a file may hold several objects.
    unread: BTreeSet<Skipped>,
    /// What could not be expressed, by the owner of the names; each object once.
    unexpressed: BTreeMap<Owner, Vec<Skipped>>,
}

impl NotServed {
    /// Takes in what the source tells; it has logged it itself.
    pub(super) fn note(&mut self, event: &Event) {
        match event {
            Event::Skipped(skipped) => {
                self.unread.insert(skipped.clone());
            }
            Event::Applied(object) => self.read(&object.reference()),
            Event::Deleted(reference) => self.read(reference),
            // Places in files, and objects that have gone meanwhile, are not told of again.
            Event::Relisting(kind) => {
                let is_of = |object: &str, kind: Kind| {
                    let rest = object.strip_prefix(kind.name());
                    rest.is_some_and(|rest| rest.starts_with(' '))
                };
                let others = Kind::ALL.into_iter().filter(|other| other != kind);
                self.unread
                    .retain(|skipped| others.clone().any(|other| is_of(&skipped.object, other)));
            }
            Event::Listed(_) | Event::Heard(_) | Event::Quiet { .. } | Event::Lost { .. } => {}
        }
    }

    fn read(&mut self, reference: &ObjectReference) {
        if !self.unread.is_empty() {
            let object = reference.to_string();
            self.unread.retain(|skipped| skipped.object != object);
        }
    }

    /// Takes in what of an owner's objects cannot be expressed, and which of its record sets cannot be written;
    /// tells what is new.
    pub(super) fn set(&mut self, owner: &Owner, skipped: Vec<Skipped>, unwritten: &[Skipped]) {
        let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for Skipped { object, reason } in skipped {
            reasons.entry(object).or_default().push(reason);
        }
        if !unwritten.is_empty() {
            let of_owner = reasons.entry(named(owner)).or_default();
            of_owner.extend(
                unwritten
                    .iter()
                    .map(|Skipped { object, reason }| format!("{object} {reason}")),
            );
        }
        let now: Vec<Skipped> = reasons
            .into_iter()
            .map(|(object, reasons)| Skipped::for_all(object, &reasons))
            .collect();
        let before = self.unexpressed.remove(owner).unwrap_or_default();
        for new in news(&now, &before) {
            let Skipped { object, reason } = new.printable();
            tracing::warn!(%object, "not answered in the kernel: {reason}");
        }
        if !now.is_empty() {
            self.unexpressed.insert(owner.clone(), now);
        }
    }

    /// How many objects are not served, or not as they are written.
    pub(super) fn count(&self) -> usize {
        self.unread.len() + self.unexpressed.values().map(Vec::len).sum::<usize>()
    }

    /// All of them, with reasons.
    pub(super) fn all(&self) -> impl Iterator<Item = Skipped> {
        let unexpressed = self.unexpressed.values().flatten();
        self.unread
            .iter()
            .chain(unexpressed)
            .map(Skipped::printable)
    }
}

/// What was not so before. Owners are recomputed often, and how many endpoints are too many changes with each of them.
fn news<'a>(now: &'a [Skipped], before: &[Skipped]) -> Vec<&'a Skipped> {
    let key = |skipped: &Skipped| (skipped.object.clone(), without_numbers(&skipped.reason));
    let before: BTreeSet<_> = before.iter().map(key).collect();
    let now = now.iter();
    now.filter(|skipped| !before.contains(&key(skipped)))
        .collect()
}

/// What an owner's names are made from, as a person would call it.
fn named(owner: &Owner) -> String {
    match owner {
        Owner::Zone => "the zones".to_owned(),
        Owner::Namespace(name) => format!("Namespace {name}"),
        Owner::Service { namespace, name } => format!("Service {namespace}/{name}"),
        Owner::Address(address) => format!("address {address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(object: &str, reason: &str) -> Skipped {
        Skipped {
            object: object.to_owned(),
            reason: reason.to_owned(),
        }
    }

    #[test]
    fn objects_at_one_place_of_a_file_are_counted_one_by_one_until_the_files_are_read_again() {
        let mut not_served = NotServed::default();
        for name in ["a", "b", "a"] {
            let place = "/some files/list.json:1";
            not_served.note(&Event::Skipped(skipped(
                place,
                &format!("Service n/{name}"),
            )));
        }
        not_served.note(&Event::Skipped(skipped("Service n/c", "odd")));
        assert_eq!(not_served.count(), 3);
        not_served.note(&Event::Relisting(Kind::Namespace));
        let left: Vec<Skipped> = not_served.all().collect();
        assert_eq!(left, [skipped("Service n/c", "odd")]);
    }

    #[test]
    fn a_set_that_is_too_large_is_no_news_when_it_grows() {
        let large = |count: u32| {
            [skipped(
                "Service n/s",
                &format!("has {count} records, too many"),
            )]
        };
        assert_eq!(news(&large(900), &[]).len(), 1);
        assert_eq!(news(&large(901), &large(900)).len(), 0);
        let other = [skipped("Service n/t", "has 900 records, too many")];
        assert_eq!(news(&other, &large(900)).len(), 1);
    }

    #[test]
    fn an_object_is_listed_once_with_all_that_is_left_of_it() {
        let mut not_served = NotServed::default();
        let sets: Vec<Skipped> = (0..9)
            .map(|index| skipped(&format!("_p{index}._tcp.s.n. SRV"), "has too much"))
            .collect();
        let owner = Owner::service("n", "s");
        not_served.set(&owner, vec![skipped("Service n/s", "odd\u{7}")], &sets);
        let all: Vec<Skipped> = not_served.all().collect();
        let reason = "odd\\u{7}; _p0._tcp.s.n. SRV has too much; _p1._tcp.s.n. SRV has too much; and 7 more of the kind";
        assert_eq!(all, [skipped("Service n/s", reason)]);
        assert_eq!(not_served.count(), 1);
        not_served.set(&owner, Vec::new(), &[]);
        assert_eq!(not_served.count(), 0);
    }
}
