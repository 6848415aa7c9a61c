//! What is asked where, and what is kept.

use dns_core::{
    external::Question,
    objects::{
        Object,
        written::{Written, WrittenEndpointSlice, WrittenService},
    },
    world::Event,
};
use hickory_proto::rr::{RData, Record, RecordType, rdata::A};

use super::*;

fn read<W: Written + serde::de::DeserializeOwned>(yaml: &str) -> Event {
    let written: W = serde_saphyr::from_str(yaml).unwrap();
    Event::Applied(written.into_object().unwrap().0)
}

fn service(name: &str, spec: &str) -> Event {
    read::<WrittenService>(&format!(
        "{{metadata: {{namespace: n, name: {name}}}, spec: {spec}}}"
    ))
}

fn slice(service: &str) -> Event {
    read::<WrittenEndpointSlice>(&format!(
        "{{metadata: {{namespace: n, name: s, labels: {{kubernetes.io/service-name: {service}}}}},
          endpoints: [{{addresses: [10.1.1.1]}}], ports: [{{name: dns, protocol: UDP, port: 5353}}]}}"
    ))
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// One target, led to by `n/ext`.
fn wanting(target: &str) -> (External, mpsc::Receiver<Resolved>) {
    let (sender, resolved) = mpsc::channel(1);
    let mut external = External::new(sender);
    let users = BTreeSet::from([Owner::service("n", "ext")]);
    external.want(BTreeMap::from([(name(target), users)]));
    (external, resolved)
}

fn resolved(target: &str, asked: u64) -> Resolved {
    let record = Record::from_rdata(name(target), 300, RData::A(A::new(203, 0, 113, 1)));
    Resolved {
        question: Question {
            target: name(target),
            query_type: RecordType::A,
        },
        records: vec![record],
        lifetime: 300,
        asked,
    }
}

fn is_known(external: &External, target: &str) -> bool {
    external
        .answers()
        .get(&name(target), RecordType::A)
        .is_some()
}

#[tokio::test]
async fn what_was_asked_before_it_starts_over_is_forgotten_and_its_users_are_told() {
    let (mut external, _resolved) = wanting("db.example.com.");
    external.tell_time();
    let before = control::now();
    external.put(resolved("db.example.com.", before));
    assert!(is_known(&external, "db.example.com."));
    external.take_changed();
    external.start_over();
    assert!(!is_known(&external, "db.example.com."));
    let user = Owner::service("n", "ext");
    assert_eq!(external.take_changed(), BTreeSet::from([user]));
    external.put(resolved("db.example.com.", before));
    assert!(!is_known(&external, "db.example.com."), "asked before");
    external.put(resolved("db.example.com.", control::now()));
    assert!(is_known(&external, "db.example.com."));
}

#[tokio::test]
async fn nobody_is_asked_while_nothing_is_wanted() {
    let (mut external, _resolved) = wanting("db.example.com.");
    assert!(external.resolving.is_some());
    external.want(BTreeMap::new());
    assert!(external.resolving.is_none());
    external.start_over();
    assert!(external.resolving.is_none());
    assert_eq!(external.report(), Report::default());
}

#[tokio::test]
async fn only_services_that_lead_or_led_elsewhere_and_namespaces_make_the_targets_dirty() {
    let mut world = World::default();
    let (mut external, _resolved) = wanting("db.example.com.");
    let mut is_dirty = |world: &mut World, event| {
        let affected = world.apply(event);
        external.note(world, &affected);
        std::mem::take(&mut external.dirty)
    };
    let plain = "{clusterIP: 10.0.0.1}";
    let external = "{type: ExternalName, externalName: db.example.com}";
    assert!(!is_dirty(&mut world, service("web", plain)));
    assert!(!is_dirty(&mut world, slice("web")));
    assert!(is_dirty(&mut world, service("other", external)));
    assert!(is_dirty(&mut world, service("ext", plain)), "it led there");
    let namespace = Object::Namespace(dns_core::objects::Namespace::named("n"));
    assert!(is_dirty(&mut world, Event::Applied(namespace)));
}

#[test]
fn the_dns_service_is_asked_at_its_cluster_addresses_before_any_other() {
    let given: [SocketAddr; 1] = ["169.254.20.10:53".parse().unwrap()];
    let dns = ("n".to_owned(), "dns".to_owned());
    let asked = |world: &World| {
        let servers = servers(world, &dns, &given);
        servers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut world = World::default();
    assert_eq!(asked(&world), ["169.254.20.10:53"]);
    let ports = "ports: [{name: dns, protocol: UDP, port: 53}, {name: tcp, port: 54}]";
    world.apply(slice("dns"));
    world.apply(service("dns", &format!("{{clusterIP: None, {ports}}}")));
    assert_eq!(asked(&world), ["10.1.1.1:5353"]);
    world.apply(service(
        "dns",
        &format!("{{clusterIP: 10.0.0.10, clusterIPs: [10.0.0.10, 'fd00::a'], {ports}}}"),
    ));
    assert_eq!(asked(&world), ["10.0.0.10:53", "[fd00::a]:53"]);
}
