//! Events in, affected owners out.

use super::*;
use crate::objects::{
    Namespace, ObjectReference,
    written::{Written, WrittenEndpointSlice, WrittenService},
};

fn namespace(name: &str) -> Object {
    Object::Namespace(Namespace::named(name))
}

fn address(text: &str) -> Owner {
    Owner::Address(text.parse().unwrap())
}

fn service(namespace: &str, name: &str, address: &str) -> Object {
    let yaml = format!(
        "{{metadata: {{namespace: {namespace}, name: {name}}}, spec: {{clusterIP: {address}}}}}"
    );
    let written: WrittenService = serde_saphyr::from_str(&yaml).unwrap();
    written.into_object().unwrap().0
}

fn slice(namespace: &str, name: &str, service: &str, address: &str) -> Object {
    let yaml = format!(
        "{{metadata: {{namespace: {namespace}, name: {name}, labels: {{kubernetes.io/service-name: {service}}}}},
          endpoints: [{{addresses: [{address}]}}]}}"
    );
    let written: WrittenEndpointSlice = serde_saphyr::from_str(&yaml).unwrap();
    written.into_object().unwrap().0
}

fn listed(kind: Kind, objects: &[Object]) -> Vec<Event> {
    let applied = objects.iter().cloned().map(Event::Applied);
    [Event::Relisting(kind)]
        .into_iter()
        .chain(applied)
        .chain([Event::Listed(kind)])
        .collect()
}

fn feed(world: &mut World, events: Vec<Event>) -> Vec<String> {
    let mut affected = Affected::new();
    for event in events {
        affected.extend(world.apply(event));
    }
    affected.iter().map(|owner| format!("{owner:?}")).collect()
}

fn small_world() -> World {
    let mut world = World::default();
    feed(
        &mut world,
        listed(Kind::Namespace, &[namespace("a"), namespace("b")]),
    );
    feed(
        &mut world,
        listed(
            Kind::Service,
            &[service("a", "web", "10.0.0.1"), service("b", "db", "None")],
        ),
    );
    feed(
        &mut world,
        listed(
            Kind::EndpointSlice,
            &[
                slice("b", "db-1", "db", "10.1.0.1"),
                slice("b", "db-2", "db", "10.1.0.2"),
            ],
        ),
    );
    world
}

fn lost(kind: Kind) -> Event {
    Event::Lost {
        kind,
        reason: "away".to_owned(),
    }
}

#[test]
fn the_world_is_complete_when_every_kind_has_been_listed() {
    let mut world = World::default();
    for kind in Kind::ALL {
        assert!(!world.complete() && !world.fresh());
        feed(&mut world, listed(kind, &[]));
    }
    assert!(world.complete() && world.fresh());
}

#[test]
fn the_world_is_not_fresh_while_a_kind_is_lost_or_listed_again() {
    let mut world = small_world();
    world.apply(lost(Kind::Service));
    assert!(world.complete() && !world.fresh());
    world.apply(Event::Applied(service("a", "new", "10.0.0.9")));
    assert!(
        !world.fresh(),
        "one change does not prove that none is missing"
    );
    world.apply(Event::Heard(Kind::Namespace));
    assert!(!world.fresh());
    world.apply(Event::Heard(Kind::Service));
    assert!(world.fresh());
    world.apply(Event::Relisting(Kind::Service));
    assert!(world.complete() && !world.fresh());
    world.apply(lost(Kind::Service));
    world.apply(Event::Heard(Kind::Service));
    assert!(!world.fresh(), "the list is still not complete");
    world.apply(Event::Listed(Kind::Service));
    assert!(world.fresh());
}

#[test]
fn objects_that_a_new_list_does_not_hold_are_gone_at_its_end_and_not_before() {
    let mut world = small_world();
    assert!(world.apply(Event::Relisting(Kind::Service)).is_empty());
    assert!(
        world
            .apply(Event::Applied(service("b", "db", "None")))
            .is_empty()
    );
    assert!(world.service("a", "web").is_some());
    let affected = world.apply(Event::Listed(Kind::Service));
    let owners = [Owner::service("a", "web"), address("10.0.0.1")];
    assert_eq!(affected, Affected::from(owners));
    assert!(world.service("a", "web").is_none());
    assert_eq!(world.slices_of("b", "db").count(), 2);
}

#[test]
fn a_list_that_was_broken_off_removes_nothing() {
    let mut world = small_world();
    feed(
        &mut world,
        vec![Event::Relisting(Kind::Service), lost(Kind::Service)],
    );
    let events = listed(
        Kind::Service,
        &[service("a", "web", "10.0.0.1"), service("b", "db", "None")],
    );
    assert!(feed(&mut world, events).is_empty());
    assert!(world.service("a", "web").is_some());
}

#[test]
fn the_end_of_a_list_that_never_began_removes_nothing() {
    let mut world = small_world();
    assert!(world.apply(Event::Listed(Kind::Service)).is_empty());
    assert!(world.service("a", "web").is_some());
}

#[test]
fn a_list_of_known_objects_affects_nobody() {
    let mut world = small_world();
    let again = listed(
        Kind::EndpointSlice,
        &[
            slice("b", "db-2", "db", "10.1.0.2"),
            slice("b", "db-1", "db", "10.1.0.1"),
        ],
    );
    assert!(feed(&mut world, again).is_empty());
    let again = listed(Kind::Namespace, &[namespace("b"), namespace("a")]);
    assert!(feed(&mut world, again).is_empty());
}

#[test]
fn a_slice_affects_its_service_and_the_one_it_belonged_to() {
    let mut world = small_world();
    let affected = world.apply(Event::Applied(slice("b", "db-1", "db", "10.1.0.9")));
    let (before, now) = (address("10.1.0.1"), address("10.1.0.9"));
    let owners = [Owner::service("b", "db"), before, now.clone()];
    assert_eq!(affected, Affected::from(owners));
    let affected = world.apply(Event::Applied(slice("b", "db-1", "other", "10.1.0.9")));
    let (db, other) = (Owner::service("b", "db"), Owner::service("b", "other"));
    let both = Affected::from([db, other.clone(), now.clone()]);
    assert_eq!(affected, both);
    assert_eq!(world.slices_of("b", "db").count(), 1);
    assert_eq!(world.slices_of("b", "other").count(), 1);
    let gone = ObjectReference {
        kind: Kind::EndpointSlice,
        namespace: "b".into(),
        name: "db-1".into(),
    };
    let affected = world.apply(Event::Deleted(gone.clone()));
    assert_eq!(affected, Affected::from([other, now]));
    assert!(world.apply(Event::Deleted(gone)).is_empty());
}

#[test]
fn a_namespace_affects_the_services_and_addresses_in_it() {
    let mut world = small_world();
    let gone = namespace("b").reference();
    let owners = Affected::from([
        Owner::Namespace("b".into()),
        Owner::service("b", "db"),
        address("10.1.0.1"),
        address("10.1.0.2"),
    ]);
    assert_eq!(world.apply(Event::Deleted(gone)), owners);
    assert!(!world.namespace_exists("b"));
    assert!(world.service("b", "db").is_some());
    assert_eq!(world.apply(Event::Applied(namespace("b"))), owners);
}

#[test]
fn an_object_deleted_during_a_list_stays_deleted() {
    let mut world = small_world();
    let web = service("a", "web", "10.0.0.1");
    world.apply(Event::Relisting(Kind::Service));
    world.apply(Event::Applied(web.clone()));
    world.apply(Event::Deleted(web.reference()));
    world.apply(Event::Listed(Kind::Service));
    assert!(world.service("a", "web").is_none());
}

#[test]
fn nothing_is_kept_of_a_namespace_without_objects() {
    let mut world = small_world();
    for kind in Kind::ALL {
        feed(&mut world, listed(kind, &[]));
    }
    assert!(world.namespaces.is_empty());
    assert_eq!(world.owners(), Affected::from([Owner::Zone]));
}

#[test]
fn an_endpoint_that_changes_affects_no_other_address_of_its_slice() {
    let mut world = small_world();
    let two = |ready: bool| {
        let yaml = format!(
            "{{metadata: {{namespace: b, name: db-1, labels: {{kubernetes.io/service-name: db}}}},
              endpoints: [{{addresses: [10.1.0.1]}}, {{addresses: [10.1.0.7], conditions: {{ready: {ready}}}}}]}}"
        );
        let written: WrittenEndpointSlice = serde_saphyr::from_str(&yaml).unwrap();
        Event::Applied(written.into_object().unwrap().0)
    };
    world.apply(two(false));
    assert_eq!(world.holders("10.1.0.7".parse().unwrap()).count(), 0);
    let affected = world.apply(two(true));
    let owners = [Owner::service("b", "db"), address("10.1.0.7")];
    assert_eq!(affected, Affected::from(owners));
    assert_eq!(world.holders("10.1.0.7".parse().unwrap()).count(), 1);
}
