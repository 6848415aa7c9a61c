//! What holds for every set of objects.

use proptest::{prelude::*, sample::subsequence};

use super::*;

/// Objects of which any subset is a possible cluster: several forms of the same object too.
fn candidates() -> Vec<Object> {
    let mut all: Vec<Object> = ["n", "m"]
        .map(|name| Object::Namespace(Namespace::named(name)))
        .into();
    for spec in [
        "{clusterIP: None}",
        "{clusterIP: 10.96.0.1}",
        "{type: ExternalName, externalName: x.example}",
    ] {
        all.extend(objects(&service(spec)));
    }
    for (name, endpoints) in [
        ("s-1", "[{addresses: [10.1.0.1], hostname: h}]"),
        ("s-1", "[{addresses: [10.1.0.2]}]"),
        (
            "s-2",
            "[{addresses: [10.1.0.1]}, {addresses: ['fd00::1'], hostname: h}]",
        ),
        ("s-3", "[{addresses: [x.example]}]"),
    ] {
        all.extend(objects(
            slice(name, endpoints).strip_prefix("---\n").unwrap(),
        ));
    }
    all
}

fn everything(world: &World) -> Vec<(Owner, Vec<Node>, Vec<Skipped>)> {
    let owners = world.owners().into_iter();
    owners
        .map(|owner| {
            let (nodes, skipped) = nodes(&policy(), world, &owner);
            (owner, nodes, skipped)
        })
        .collect()
}

proptest! {
    #[test]
    fn objects_told_in_any_order_end_in_the_same_records(
        chosen in subsequence(candidates(), 0..=candidates().len()),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut last_forms: Vec<Object> = Vec::new();
        for object in chosen {
            last_forms.retain(|other| other.reference() != object.reference());
            last_forms.push(object);
        }
        let mut rotated = last_forms.clone();
        if !rotated.is_empty() {
            let middle = seed.index(rotated.len());
            rotated.rotate_left(middle);
            rotated[..middle].reverse();
        }
        let mut one = World::default();
        let mut other = World::default();
        for object in last_forms {
            one.apply(Event::Applied(object));
        }
        for object in rotated {
            other.apply(Event::Applied(object));
        }
        prop_assert_eq!(everything(&one), everything(&other));
    }

    #[test]
    fn recomputing_only_the_affected_owners_gives_what_recomputing_all_gives(
        steps in prop::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 0..40),
    ) {
        let candidates = candidates();
        let mut world = World::default();
        let mut known = std::collections::BTreeMap::new();
        for (index, applied) in steps {
            let object = index.get(&candidates).clone();
            let event = if applied { Event::Applied(object) } else { Event::Deleted(object.reference()) };
            for owner in world.apply(event) {
                let nodes = nodes(&policy(), &world, &owner).0;
                known.insert(owner, nodes);
            }
        }
        known.retain(|_, nodes| !nodes.is_empty());
        let all = everything(&world).into_iter();
        let expected: std::collections::BTreeMap<_, _> = all
            .filter(|(owner, nodes, _)| *owner != Owner::Zone && !nodes.is_empty())
            .map(|(owner, nodes, _)| (owner, nodes))
            .collect();
        prop_assert_eq!(known, expected);
    }
}
