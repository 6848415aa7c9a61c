//! Endpoints in place of EndpointSlices, and services of which endpoints are missing.

use dns_core::{
    objects::Kind,
    policy::{Policy, Zone},
    projection::{NothingResolved, View, nodes_of},
    records::Denial,
    world::{Event, Owner, World},
};
use proptest::prelude::*;

use super::*;

const HEADLESS: &str =
    "kind: Service\nmetadata: {name: db, namespace: n}\nspec: {clusterIP: None}\n";
const SELECTING: &str = "kind: Service\nmetadata: {name: db, namespace: n}\nspec: {clusterIP: None, selector: {app: db}}\n";

fn endpoints(metadata: &str, subsets: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Endpoints\nmetadata: {{name: db, namespace: n{metadata}}}\nsubsets: {subsets}\n"
    )
}

fn slice(version: &str, address: &str) -> String {
    format!(
        "apiVersion: discovery.k8s.io/{version}\nkind: EndpointSlice\naddressType: IPv4\n\
         metadata: {{name: db-1, namespace: n, labels: {{kubernetes.io/service-name: db}}}}\n\
         endpoints: [{{addresses: [{address}], hostname: h, topology: {{zone: a}}}}]\nports: [{{name: p, port: 80}}]\n"
    )
}

/// What a question for the service's own name gets, and one for an endpoint's that nobody has written, with the
/// addresses of the first type that there are; nothing: both are denied.
type Answered = Option<(Denial, Denial, Vec<String>)>;

const DENIED: Answered = None;
const PASSED: Answered = Some((Denial::Pass, Denial::Pass, Vec::new()));

fn answered(reading: &Reading) -> Answered {
    let mut world = World::default();
    for object in reading.objects() {
        world.apply(Event::Applied(object.clone()));
    }
    let policy = Policy::kubeadm(vec![Zone::parse("cluster.local").unwrap()]);
    let view = View {
        policy: &policy,
        world: &world,
        resolved: &NothingResolved,
        serial: 0,
    };
    let (nodes, _) = nodes_of(view, &Owner::service("n", "db"));
    let node = nodes.first()?;
    let answers = node.sets.first().map_or(&[][..], |set| &set.answers);
    let data = answers.iter().map(|record| record.data.to_string());
    Some((node.here, node.below, data.collect()))
}

fn with(addresses: &[&str]) -> Answered {
    let data = addresses.iter().map(ToString::to_string).collect();
    Some((Denial::Exists, Denial::Absent, data))
}

#[test]
fn endpoints_without_slices_stand_for_the_slices_that_a_cluster_would_make_of_them() {
    let subsets = "\n\
        - addresses: [{ip: 10.1.0.1, hostname: a, targetRef: {kind: Pod, name: pod-1}}, {ip: 'fd00::1'}]\n  \
          notReadyAddresses: [{ip: 10.1.0.9}]\n  ports: [{name: p, port: 80}, {name: q, port: 53, protocol: UDP}]\n\
        - addresses: [{ip: 10.1.0.2}, {ip: 10.1.0.2}]\n\
        - addresses: [{ip: 10.1.0.3}, {ip: 'fd00::1'}]\n  \
          ports: [{name: q, port: 53, protocol: UDP}, {name: p, port: 80, protocol: TCP}]";
    let reading = reading(&format!("{HEADLESS}---\n{}", endpoints("", subsets)));
    assert_eq!(skipped(&reading), [""; 0]);
    let mut written = Vec::new();
    for object in reading.objects() {
        if let Object::EndpointSlice(slice) = object {
            assert_eq!(
                (&*slice.namespace, slice.service.as_deref()),
                ("n", Some("db"))
            );
            assert!(!slice.uncertain);
            let ports = slice.ports.iter();
            let ports: Vec<_> = ports
                .map(|port| format!("{} {} {:?}", port.name, port.protocol.label(), port.port))
                .collect();
            written.push(format!("ports {ports:?}"));
            let endpoints = slice.endpoints.iter();
            written.extend(endpoints.map(|endpoint| {
                let (host, pod) = (endpoint.hostname.as_deref(), endpoint.pod.as_deref());
                format!("{} {host:?} {pod:?} {}", endpoint.address, endpoint.ready)
            }));
        }
    }
    assert_eq!(
        written,
        [
            "ports []",
            "10.1.0.2 None None true",
            "ports [\"p tcp Some(80)\", \"q udp Some(53)\"]",
            "10.1.0.1 Some(\"a\") Some(\"pod-1\") true",
            "10.1.0.3 None None true",
            "10.1.0.9 None None false",
            "fd00::1 None None true",
        ]
    );
    assert_eq!(
        answered(&reading),
        with(&["10.1.0.2", "10.1.0.1", "10.1.0.3"])
    );
}

#[test]
fn where_there_are_slices_they_count_and_the_endpoints_are_told_of_as_of_no_use() {
    let same = "[{addresses: [{ip: 10.1.0.1, hostname: h}], ports: [{name: p, port: 80}]}]";
    let endpoints = endpoints("", same);
    for version in ["v1", "v1beta1"] {
        let slice = slice(version, "10.1.0.1");
        let reading = reading(&format!("{HEADLESS}---\n{endpoints}---\n{slice}"));
        assert_eq!(skipped(&reading), [""; 0]);
        assert_eq!(reading.others.to_string(), "Endpoints (v1) n/db");
        assert_eq!(answered(&reading), with(&["10.1.0.1"]));
        let slices = reading
            .objects()
            .filter(|object| object.kind() == Kind::EndpointSlice);
        assert_eq!(slices.count(), 1);
    }
    let other = slice("v1", "10.1.0.2");
    let of_cluster = reading(&format!("{SELECTING}---\n{endpoints}---\n{other}"));
    assert_eq!(
        answered(&of_cluster),
        with(&["10.1.0.2"]),
        "the cluster's own are older"
    );
}

#[test]
fn endpoints_that_say_more_than_the_slices_beside_them_leave_the_service() {
    let slice = slice("v1", "10.1.0.1").replace("hostname: h, ", "hostname: h, conditions: {}, ");
    let same = "[{addresses: [{ip: 10.1.0.1, hostname: h}], notReadyAddresses: [{ip: 10.1.0.9}], ports: [{name: p, port: 80}]}]";
    let of = |subsets: &str, slice: &str| {
        let endpoints = endpoints("", subsets);
        reading(&format!("{HEADLESS}---\n{endpoints}---\n{slice}"))
    };
    let reading = of(same, &slice);
    assert_eq!(answered(&reading), with(&["10.1.0.1"]));
    assert_eq!(skipped(&reading), [""; 0]);
    assert_eq!(reading.others.to_string(), "Endpoints (v1) n/db");
    let with_port = |port: &str| same.replace("{name: p, port: 80}", port);
    let not_ready = slice.replace("conditions: {}", "conditions: {ready: false}");
    let more = "its Endpoints give ready addresses with names or ports that its EndpointSlices do not give";
    for (subsets, slice, reason) in [
        (same.replace("10.1.0.1", "10.1.0.2"), &slice, more),
        (same.replace("hostname: h", "hostname: i"), &slice, more),
        (same.replace(", hostname: h", ""), &slice, more),
        (with_port("{name: q, port: 80}"), &slice, more),
        (with_port("{name: p, port: 81}"), &slice, more),
        (
            with_port("{name: p, port: 80, protocol: UDP}"),
            &slice,
            more,
        ),
        (same.to_owned(), &not_ready, more),
        ("7".to_owned(), &slice, "its Endpoints cannot be used: "),
        (
            with_port("{port: 0}"),
            &slice,
            "its Endpoints cannot be used: port 0",
        ),
    ] {
        let reading = of(&subsets, slice);
        assert_eq!(
            answered(&reading),
            PASSED,
            "a cluster would serve both: {subsets}"
        );
        let told = skipped(&reading);
        assert!(
            told.len() == 1 && told[0].contains(&format!("Service n/db: {reason}")),
            "{told:?}"
        );
        assert!(reading.others.is_empty(), "{}", reading.others);
    }
}

#[test]
fn where_a_label_says_that_slices_stand_for_endpoints_they_do() {
    let label = ", labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}";
    let endpoints = endpoints(label, "[{addresses: [{ip: 10.1.0.7}]}]");
    let slice = slice("v1", "10.1.0.1");
    let reading = reading(&format!("{HEADLESS}---\n{endpoints}---\n{slice}"));
    assert_eq!(answered(&reading), with(&["10.1.0.1"]));
    assert_eq!(skipped(&reading), [""; 0]);
}

#[test]
fn a_slice_that_belongs_to_no_service_is_told_of() {
    let slice = slice("v1", "10.1.0.1").replace(", labels: {kubernetes.io/service-name: db}", "");
    let reading = reading(&format!("{HEADLESS}---\n{slice}"));
    assert_eq!(answered(&reading), DENIED, "as in a cluster");
    assert_eq!(
        skipped(&reading),
        [
            "f.yaml:4: EndpointSlice n/db-1: it has no label kubernetes.io/service-name, so it gives no service endpoints"
        ]
    );
}

#[test]
fn a_service_of_whose_endpoints_some_are_missing_is_passed_and_told_of() {
    let address = "[{addresses: [{ip: 10.1.0.1}]}]";
    let many: Vec<_> = (0..1001)
        .map(|index| format!("{{ip: 10.1.{}.{}}}", index / 250, index % 250))
        .collect();
    let skip_mirror = ", labels: {endpointslice.kubernetes.io/skip-mirror: 'true'}";
    let truncated = ", annotations: {endpoints.kubernetes.io/over-capacity: truncated}";
    for (objects, reason) in [
        (SELECTING.to_owned(), "it selects pods, and no"),
        (
            SELECTING.replace("None", "10.96.0.1"),
            "it selects pods, and no",
        ),
        (endpoints(skip_mirror, address), "their label skip-mirror"),
        (
            endpoints(truncated, address),
            "their annotation over-capacity",
        ),
        (
            endpoints("", &format!("[{{addresses: [{}]}}]", many.join(", "))),
            "they have 1001 addresses",
        ),
        (
            endpoints("", "[{addresses: [{ip: 10.1.0.1}], ports: [{port: 0}]}]"),
            "port 0 is not between",
        ),
        (endpoints("", "[{addresses: 7}]"), "expected"),
        (
            endpoints("", address).replace("v1", "v2"),
            "its apiVersion \"v2\" is not known; write v1",
        ),
        (slice("v1alpha1", "10.1.0.1"), "write discovery.k8s.io/v1"),
        (
            slice("v1", "10.1.0.1").replace("name: db-1, ", "generateName: db-, "),
            "it has no metadata.name",
        ),
    ] {
        let service = if objects.contains("kind: Service") {
            ""
        } else {
            HEADLESS
        };
        let reading = reading(&format!("{service}---\n{objects}"));
        let told = skipped(&reading);
        assert!(
            told.len() == 1 && told[0].contains(reason),
            "{reason}: {told:?}"
        );
        assert!(
            told[0].contains(" n/") && told[0].starts_with("f.yaml:"),
            "{told:?}"
        );
        assert_eq!(reading.unreadable, None, "nothing else is uncertain");
        let expected = match objects.contains("10.96.0.1") {
            true => Some((Denial::Exists, Denial::Pass, vec!["10.96.0.1".to_owned()])),
            false => PASSED,
        };
        assert_eq!(answered(&reading), expected, "{reason}");
    }
}

#[test]
fn a_service_without_endpoints_is_denied_where_that_is_certain() {
    let leader = ", annotations: {control-plane.alpha.kubernetes.io/leader: '{}'}";
    let of_lock = endpoints(leader, "[{addresses: [{ip: 10.1.0.1}]}]");
    for objects in [
        HEADLESS.to_owned(),
        format!("{HEADLESS}---\n{of_lock}"),
        format!("{SELECTING}---\n{}", endpoints("", "null")),
        format!(
            "{SELECTING}---\n{}",
            endpoints("", "[{notReadyAddresses: [{ip: 10.1.0.1}]}]")
        ),
    ] {
        let reading = reading(&objects);
        assert_eq!(answered(&reading), DENIED, "{objects}");
        assert_eq!(skipped(&reading), [""; 0]);
    }
}

#[test]
fn objects_whose_service_cannot_be_told_leave_every_name_uncertain() {
    for object in [
        "kind: Endpoints\nmetadata: {namespace: n}\n",
        "kind: Service\nmetadata: {namespace: n}\n",
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {generateName: x}\n",
    ] {
        assert_eq!(
            reading(object).unreadable.as_deref(),
            Some("f.yaml:1"),
            "{object}"
        );
    }
}

#[test]
fn lists_of_endpoints_and_slices_are_read_with_and_without_their_items_kinds() {
    let address = "subsets: [{addresses: [{ip: 10.1.0.1}]}]";
    let metadata = "metadata: {name: db, namespace: n}";
    let of_slice = "metadata: {name: s, namespace: n, labels: {kubernetes.io/service-name: db}}, endpoints: [{addresses: [10.1.0.1]}]";
    for list in [
        format!("apiVersion: v1\nkind: EndpointsList\nitems: [{{{metadata}, {address}}}]\n"),
        format!(
            "apiVersion: v1\nkind: List\nitems: [{{apiVersion: v1, kind: Endpoints, {metadata}, {address}}}]\n"
        ),
        format!(
            "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSliceList\nitems: [{{{of_slice}}}]\n"
        ),
        format!(
            "apiVersion: v1\nkind: List\nitems: [{{apiVersion: discovery.k8s.io/v1beta1, kind: EndpointSlice, {of_slice}}}]\n"
        ),
    ] {
        let reading = reading(&format!("{list}---\n{HEADLESS}"));
        assert_eq!(answered(&reading), with(&["10.1.0.1"]), "{list}");
        assert!(
            skipped(&reading).is_empty() && reading.others.is_empty(),
            "{list}"
        );
    }
    let empty = reading(
        "kind: List\nitems: null\n---\nkind: List\n---\nkind: ServiceList\nitems: []\n---\nkind: EndpointsList\n",
    );
    assert!(skipped(&empty).is_empty() && empty.others.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn in_whatever_order_objects_are_written_the_same_comes_of_them(
        documents in Just(vec![
            HEADLESS.to_owned(),
            endpoints("", "[{addresses: [{ip: 10.1.0.1}]}, {addresses: [{ip: 10.1.0.2}], ports: [{port: 1}]}]"),
            endpoints("", "[{addresses: [{ip: 10.1.0.3}]}]").replace("name: db", "name: sliced"),
            HEADLESS.replace("name: db", "name: sliced"),
            slice("v1beta1", "10.1.0.3").replace("db", "sliced"),
            SELECTING.replace("name: db", "name: missing"),
            endpoints("", "7").replace("name: db", "name: odd"),
            HEADLESS.replace("name: db", "name: odd"),
        ]).prop_shuffle()
    ) {
        let sorted = |documents: &[String]| {
            let reading = reading(&documents.join("---\n"));
            let objects: Vec<Object> = reading.objects().cloned().collect();
            let mut told = reading.skipped.iter().map(|skipped| skipped.reason.clone()).collect::<Vec<_>>();
            told.sort();
            (objects, told, reading.others)
        };
        let mut in_order = documents.clone();
        in_order.sort();
        prop_assert_eq!(sorted(&documents), sorted(&in_order));
    }
}
