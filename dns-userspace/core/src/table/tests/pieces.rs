//! A service that is written in pieces, between which other owners are written.

use proptest::{prelude::*, sample::Index};

use super::{
    properties::{Scene, Step, event, everything, steps, view},
    *,
};
use crate::{
    entries::{Entries, Writing},
    projection::dependents,
};

proptest! {
    #[test]
    fn a_service_that_is_written_in_pieces_while_others_change_denies_nothing_that_exists_and_ends_as_if_at_once(
        earlier in steps(),
        which in any::<Index>(),
        pieces in prop::collection::vec((1_usize..4, any::<Index>(), prop::bool::weighted(0.7)), 0..12),
        entries in prop::option::of(6_usize..20),
    ) {
        let mut scene = Scene::new();
        for step in &earlier {
            scene.step(step);
        }
        let step: Step = (which, true);
        let owners: Vec<Owner> = scene.world.apply(event(&step)).into_iter().collect();
        let services: Vec<&Owner> = (owners.iter())
            .filter(|owner| matches!(owner, Owner::Service { .. }))
            .collect();
        let [service] = services[..] else { return Ok(()) };
        scene.maps.most_entries = entries;
        let (policy, forms) = (policy(), forms());
        let others = dependents(view(&policy, &scene.world), owners.iter().cloned().collect());
        others.iter().filter(|owner| *owner != service).for_each(|owner| scene.set(owner));
        let drafts = Entries::of(service, view(&policy, &scene.world.only(service)), &forms).drafts;
        let alone = Entries::of(service, view(&policy, &scene.world), &forms).drafts;
        let leads_elsewhere = scene.world.aliases().any(|alias| {
            Owner::service(&alias.namespace, &alias.name) == *service
        });
        prop_assert!(leads_elsewhere || drafts == alone);
        let mut writing = Writing::begin(
            &mut scene.table,
            &mut scene.maps,
            view(&policy, &scene.world),
            &forms,
            service,
            drafts,
        );
        let mut again = leads_elsewhere;
        for (most, index, applied) in &pieces {
            let is_last = writing.go_on(&mut scene.table, &mut scene.maps, *most);
            let before = everything(&scene.world);
            let affected = scene.world.apply(event(&(*index, *applied)));
            let mut affected = dependents(view(&policy, &scene.world), affected);
            again |= affected.remove(service);
            let after = everything(&scene.world);
            // What came while the service was written lies below a node that passes.
            let live = before.into_keys().filter(|name| after.contains_key(name));
            scene.maps.live = live.collect();
            affected.iter().for_each(|owner| scene.set(owner));
            if is_last {
                break;
            }
        }
        scene.maps.live = everything(&scene.world).into_keys().collect();
        while !writing.go_on(&mut scene.table, &mut scene.maps, 2) {}
        writing.end(&mut scene.table, &mut scene.maps, !again);
        scene.maps.live.clear();
        if again {
            scene.reconcile([service.clone()].into());
        }
        scene.deaf = scene.table.settle(&mut scene.maps);
        scene.maps.suspended &= scene.deaf;
        scene.assert_no_lie();
        scene.maps.most_entries = None;
        scene.retry();
        scene.set_everything();
        scene.assert_exact();
    }
}
