//! What holds for every sequence of changes to a cluster, from objects to maps.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index};

use super::{
    maps::{Verdict, content_of},
    *,
};
use crate::{
    entries::{Entries, Reconciled, reconcile, write},
    objects::{
        Address, Endpoint, EndpointPort, EndpointSlice, Namespace, Object, Protocol, Service,
    },
    projection::{NothingResolved, View, dependents},
    world::{Affected, Event, World},
};

/// One step: which candidate, whether it is applied or deleted.
pub(super) type Step = (Index, bool);

fn service(namespace: &str, name: &str, ips: &[&str], external: Option<&str>) -> Object {
    Object::Service(Service {
        namespace: namespace.into(),
        name: name.into(),
        external_name: external.map(Into::into),
        cluster_ips: ips.iter().map(|ip| Address::from(*ip)).collect(),
        ports: Box::default(),
        uncertain: false,
    })
}

/// A slice of `count` endpoints, each with a host name if `named`.
fn slice(namespace: &str, service: &str, name: &str, count: u8, named: bool) -> Object {
    let endpoint = |last: u8| Endpoint {
        address: Address::from(&*format!("10.1.0.{last}")),
        // So long that the SRV records of an endpoint's own name do not fit its entry.
        hostname: named.then(|| format!("{}{last}", "h".repeat(50)).into()),
        pod: None,
        ready: true,
    };
    Object::EndpointSlice(EndpointSlice {
        namespace: namespace.into(),
        name: name.into(),
        service: Some(service.into()),
        endpoints: (1..=count).map(endpoint).collect(),
        ports: [EndpointPort {
            name: "p".into(),
            port: Some(80),
            protocol: Protocol::Tcp,
        }]
        .into(),
        uncertain: false,
    })
}

/// Objects of a small cluster, several forms of the same object among them.
fn candidates() -> Vec<Object> {
    let mut all: Vec<Object> = ["a", "b"]
        .map(|name| Object::Namespace(Namespace::named(name)))
        .into();
    for (namespace, name) in [("a", "s"), ("a", "t"), ("b", "s")] {
        all.extend([
            service(namespace, name, &["10.96.0.1"], None),
            service(namespace, name, &["10.96.0.2", "fd00::2"], None),
            service(namespace, name, &["None"], None),
            service(namespace, name, &[], Some("x.example")),
            // Its records are those of another service.
            service(namespace, name, &[], Some("t.a.svc.z")),
            slice(namespace, name, &format!("{name}-1"), 1, true),
            slice(namespace, name, &format!("{name}-1"), 12, false),
            slice(namespace, name, &format!("{name}-2"), 3, true),
        ]);
    }
    all
}

pub(super) fn event((index, applied): &Step) -> Event {
    let object = index.get(&candidates()).clone();
    match applied {
        true => Event::Applied(object),
        false => Event::Deleted(object.reference()),
    }
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((any::<Index>(), prop::bool::weighted(0.7)), 0..40)
}

/// Everything that records are made from.
pub(super) fn view<'view>(policy: &'view Policy, world: &'view World) -> View<'view> {
    View {
        policy,
        world,
        resolved: &NothingResolved,
        serial: 0,
    }
}

/// Every name that shall exist.
pub(super) fn everything(world: &World) -> BTreeMap<WireName, Draft> {
    let (policy, forms) = (policy(), forms());
    let owners = world.owners().into_iter();
    owners
        .flat_map(|owner| Entries::of(&owner, view(&policy, world), &forms).drafts)
        .map(|draft| (draft.name.clone(), draft))
        .collect()
}

/// A draft with all its records, and with none that need a section and are optional.
fn with_and_without_optional(draft: &Draft) -> [Draft; 2] {
    [draft.clone(), draft.limited(|_| false).into_owned()]
}

/// The cluster, the table and its maps.
#[derive(Default)]
pub(super) struct Scene {
    pub(super) world: World,
    pub(super) table: Table,
    pub(super) maps: MemoryMaps,
    pub(super) deaf: bool,
}

impl Scene {
    pub(super) fn new() -> Self {
        let mut scene = Self::default();
        scene.set(&Owner::Zone);
        scene
    }

    pub(super) fn set(&mut self, owner: &Owner) {
        let entries = Entries::of(owner, view(&policy(), &self.world), &forms());
        write(&mut self.table, &mut self.maps, [(owner, entries)]);
    }

    pub(super) fn reconcile(&mut self, owners: Affected) -> Reconciled {
        let policy = policy();
        let view = view(&policy, &self.world);
        reconcile(&mut self.table, &mut self.maps, view, &forms(), owners)
    }

    /// Takes a step, with every name that exists before and after it as one that must not be denied.
    pub(super) fn step(&mut self, step: &Step) {
        let before = everything(&self.world);
        let affected = self.world.apply(event(step));
        let after = everything(&self.world);
        let live = before.into_keys().filter(|name| after.contains_key(name));
        self.set_all(affected, live.collect());
    }

    /// Sets everything again, as an agent does that starts anew.
    pub(super) fn set_everything(&mut self) {
        self.reconcile(self.world.owners());
    }

    /// Lets an earlier agent have made mistakes: sections that nothing refers to, and entries that refer to each other's.
    fn spoil(&mut self, mistakes: &[(Index, Index)]) {
        let names: Vec<WireName> = self.maps.entries.keys().cloned().collect();
        for (from, to) in mistakes {
            let entry = self.maps.entries[from.get(&names)];
            self.maps.entries.insert(to.get(&names).clone(), entry);
        }
    }

    /// A new agent takes the maps over. Returns how many names were refused before what was left over was removed.
    fn adopt(&mut self) -> usize {
        self.table = Table::adopting(self.maps.adopt());
        // As the agent does: nothing is denied before all is written.
        self.maps.suspended = true;
        let owners = self.world.owners();
        self.table.remove_others(&mut self.maps, &owners);
        let refused = self.reconcile(owners).changed.refused;
        self.maps.retain(&self.table);
        self.table.end_adoption();
        self.retry();
        self.maps.suspended = false;
        refused
    }

    /// Tries again what was refused; to set the zone again shall change nothing by itself.
    pub(super) fn retry(&mut self) {
        let mut again = self.table.to_retry();
        again.insert(Owner::Zone);
        let live = everything(&self.world).into_keys().collect();
        self.set_all(again, live);
    }

    fn set_all(&mut self, owners: Affected, live: Vec<WireName>) {
        self.maps.live = live;
        self.deaf = self.reconcile(owners).deaf;
        self.maps.live.clear();
        // As the agent does: while a parent cannot be told to stop denying, nothing is denied at all.
        self.maps.suspended &= self.deaf;
    }

    /// Asserts that the maps hold nothing that is not wanted, as it is wanted, and deny nothing that is.
    pub(super) fn assert_no_lie(&self) {
        let wanted = everything(&self.world);
        for name in self.maps.entries.keys() {
            let (octets, sections) = self.maps.content(name).unwrap();
            let right = wanted.get(name).is_some_and(|draft| {
                let forms = [draft.clone(), draft.passing_below(), draft.passing()];
                let mut forms = forms.iter().flat_map(with_and_without_optional);
                forms.any(|draft| content_of(&draft) == (octets.clone(), sections.clone()))
            });
            assert!(right, "a stale entry: {}", name.escape_ascii());
        }
        for name in wanted.keys() {
            let denied = self.maps.verdict(name) == Verdict::Denied;
            assert!(self.deaf || !denied, "denied: {}", name.escape_ascii());
        }
        self.assert_counts();
    }

    fn assert_counts(&self) {
        assert_eq!(self.table.entries(), self.maps.entries.len());
        assert_eq!(
            self.table.names(),
            self.maps.entries.keys().cloned().collect()
        );
        let sections = self.maps.sections.iter();
        let sections: BTreeSet<(u8, u32)> = sections
            .map(|(key, section)| (section.class, *key))
            .collect();
        assert_eq!(self.table.sections(), sections);
    }

    /// Asserts that the maps hold exactly what is wanted.
    pub(super) fn assert_exact(&self) {
        let wanted: Vec<Draft> = everything(&self.world).into_values().collect();
        self.maps.assert_holds(&wanted);
        assert_eq!(self.maps.entries.len(), wanted.len());
        assert_eq!(self.table.refused().count(), 0);
        self.assert_counts();
    }
}

proptest! {
    #[test]
    fn any_sequence_of_changes_leaves_exactly_what_is_wanted(steps in steps()) {
        let mut scene = Scene::new();
        for step in &steps {
            scene.step(step);
            scene.assert_exact();
        }
    }

    #[test]
    fn any_order_of_the_owners_of_one_change_ends_in_the_same_maps(
        steps in steps(),
        seed in any::<Index>(),
    ) {
        let mut scene = Scene::new();
        let mut affected = Vec::new();
        for step in &steps {
            let changed = scene.world.apply(event(step));
            affected.extend(dependents(view(&policy(), &scene.world), changed));
        }
        if !affected.is_empty() {
            let middle = seed.index(affected.len());
            affected.rotate_left(middle);
            affected[..middle].reverse();
        }
        for owner in &affected {
            scene.set(owner);
        }
        scene.assert_exact();
    }

    #[test]
    fn maps_that_are_full_now_and_then_never_deny_a_name_that_exists_nor_keep_a_stale_one(
        steps in prop::collection::vec(
            ((any::<Index>(), prop::bool::weighted(0.7)), 6_usize..20, 0_usize..3, prop::bool::weighted(0.1)),
            0..40,
        ),
        optional in 0_usize..4,
    ) {
        let mut scene = Scene::new();
        scene.maps.most_optional = Some(optional);
        for (step, entries, sections, exhausted) in &steps {
            scene.maps.most_entries = Some(*entries);
            scene.maps.most_sections = Some(*sections);
            // Even an update may fail then, and what cannot be told is told to the agent.
            scene.maps.exhausted = *exhausted;
            scene.step(step);
            scene.assert_no_lie();
            scene.maps.exhausted = false;
            scene.retry();
            scene.assert_no_lie();
        }
        scene.maps.most_entries = None;
        scene.maps.most_sections = None;
        scene.maps.most_optional = None;
        scene.retry();
        scene.set_everything();
        scene.assert_exact();
    }

    #[test]
    fn a_new_agent_on_any_earlier_state_ends_with_exactly_what_is_wanted(
        earlier in steps(),
        meanwhile in prop::collection::vec((any::<Index>(), prop::bool::weighted(0.7)), 0..4),
        orphans in prop::collection::vec((any::<Index>(), any::<Index>()), 0..4),
        room in 0_usize..4,
    ) {
        let mut scene = Scene::new();
        for step in &earlier {
            scene.step(step);
        }
        scene.spoil(&orphans);
        let unchanged = meanwhile.is_empty() && orphans.is_empty();
        for step in &meanwhile {
            scene.world.apply(event(step));
        }
        let most = scene.maps.sections.len() + room;
        scene.maps.most_sections = Some(most);
        scene.maps.log.clear();
        let refused = scene.adopt();
        if unchanged {
            let of_sections = |operation: &&Operation| matches!(
                operation,
                Operation::PutSection { .. } | Operation::RemoveSection { .. }
            );
            prop_assert_eq!(refused, 0);
            prop_assert_eq!(scene.maps.log.iter().filter(of_sections).count(), 0);
        }
        scene.assert_no_lie();
        scene.maps.most_sections = None;
        scene.retry();
        scene.set_everything();
        scene.assert_exact();
    }

    #[test]
    fn optional_names_take_no_more_room_than_they_may_and_no_other_is_left(
        steps in steps(),
        optional in 0_usize..12,
    ) {
        let mut scene = Scene::new();
        scene.maps.most_optional_names = Some(optional);
        for step in &steps {
            // The maps themselves judge how many there are.
            scene.step(step);
            scene.assert_no_lie();
            prop_assert_eq!(scene.table.refused().count(), 0);
            let wanted = everything(&scene.world);
            let left = wanted.keys().filter(|name| !scene.maps.entries.contains_key(*name));
            for name in left {
                prop_assert!(asks_for_any(name), "left: {}", name.escape_ascii());
            }
        }
        // What became free meanwhile is taken, and then all stays as it is.
        scene.set_everything();
        let wanted = everything(&scene.world);
        let optional_wanted = wanted.keys().filter(|name| asks_for_any(name)).count();
        let held = scene.maps.entries.keys().filter(|name| asks_for_any(name)).count();
        prop_assert_eq!(held, optional_wanted.min(optional));
        prop_assert_eq!(scene.table.left_out(), optional_wanted - held);
        scene.maps.log.clear();
        scene.set_everything();
        prop_assert!(scene.maps.log.is_empty(), "{:?}", scene.maps.log);
    }

    #[test]
    fn optional_records_take_no_more_room_than_they_may_and_nothing_else_is_left_or_refused(
        steps in steps(),
        optional in 0_usize..8,
    ) {
        let mut scene = Scene::new();
        scene.maps.most_optional = Some(optional);
        for step in &steps {
            // The maps themselves judge how many there are.
            scene.step(step);
            scene.assert_no_lie();
            let wanted = everything(&scene.world);
            prop_assert_eq!(scene.table.refused().count(), 0);
            prop_assert_eq!(scene.maps.entries.len(), wanted.len());
            for (name, draft) in &wanted {
                let content = scene.maps.content(name);
                let mut forms = with_and_without_optional(draft).into_iter();
                prop_assert!(forms.any(|draft| content == Some(content_of(&draft))));
            }
        }
        // What became free meanwhile is taken, and then all stays as it is.
        scene.set_everything();
        let left = everything(&scene.world)
            .values()
            .any(|draft| scene.maps.content(&draft.name) != Some(content_of(draft)));
        let taken = scene.maps.sections.values().filter(|section| section.optional).count();
        prop_assert!(!left || taken >= optional, "{taken} of {optional} are taken");
        scene.maps.log.clear();
        scene.set_everything();
        prop_assert!(scene.maps.log.is_empty(), "{:?}", scene.maps.log);
    }
}
