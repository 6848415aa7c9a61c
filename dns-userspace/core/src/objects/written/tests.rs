//! Objects as Kubernetes writes them, read.

use super::*;

fn read<W: Written + serde::de::DeserializeOwned>(yaml: &str) -> (Object, Vec<Skipped>) {
    serde_saphyr::from_str::<W>(yaml)
        .unwrap()
        .into_object()
        .unwrap()
}

fn service(yaml: &str) -> Service {
    match read::<WrittenService>(yaml).0 {
        Object::Service(service) => service,
        other => panic!("{other:?}"),
    }
}

fn slice(yaml: &str) -> EndpointSlice {
    match read::<WrittenEndpointSlice>(yaml).0 {
        Object::EndpointSlice(slice) => slice,
        other => panic!("{other:?}"),
    }
}

#[test]
fn cluster_ips_come_before_cluster_ip() {
    let both = service(
        "{metadata: {name: a}, spec: {clusterIP: 10.0.0.1, clusterIPs: [10.0.0.2, 'fd00::2']}}",
    );
    assert_eq!(both.cluster_ips.len(), 2);
    assert_eq!(both.cluster_ips[0], Address::from("10.0.0.2"));
    let one = service("{metadata: {name: a}, spec: {clusterIP: 10.0.0.1, clusterIPs: []}}");
    assert_eq!(*one.cluster_ips, [Address::from("10.0.0.1")]);
    for none in ["", "clusterIP: ''", "clusterIP: null, clusterIPs: null"] {
        let none = service(&format!("{{metadata: {{name: a}}, spec: {{{none}}}}}"));
        assert!(none.cluster_ips.is_empty() && !none.is_headless());
    }
}

#[test]
fn a_service_without_a_namespace_is_in_default() {
    assert_eq!(&*service("{metadata: {name: a}}").namespace, "default");
}

#[test]
fn the_text_none_makes_a_service_headless() {
    assert!(service("{metadata: {name: a}, spec: {clusterIP: None}}").is_headless());
}

#[test]
fn an_external_name_counts_only_for_its_type() {
    let spec =
        |kind| format!("{{metadata: {{name: a}}, spec: {{type: {kind}, externalName: B.c}}}}");
    assert_eq!(
        service(&spec("ExternalName")).external_name.as_deref(),
        Some("B.c")
    );
    assert_eq!(service(&spec("ClusterIP")).external_name, None);
    let empty = service("{metadata: {name: a}, spec: {type: ExternalName}}");
    assert_eq!(empty.external_name.as_deref(), Some(""));
}

#[test]
fn ports_that_cannot_be_make_their_service_uncertain_with_a_reason() {
    let (object, skipped) = read::<WrittenService>(
        "{metadata: {name: a}, spec: {ports: [{port: 53, protocol: UDP}, {port: 70000}, {port: 0}, {name: x}, {port: 1, protocol: QUIC}]}}",
    );
    let Object::Service(service) = object else {
        panic!()
    };
    assert_eq!(service.ports.len(), 2);
    assert!(service.uncertain);
    let reasons: Vec<_> = skipped.iter().map(|skip| skip.reason.as_str()).collect();
    assert_eq!(
        reasons,
        [
            "port 70000 is not between 1 and 65535; port 0 is not between 1 and 65535; \
             a port has no number; its names are left to the DNS service"
        ],
        "an object is told of once"
    );
    assert_eq!(skipped[0].object, "Service default/a");
}

#[test]
fn an_endpoint_of_unknown_readiness_is_ready() {
    let slice = slice(
        "{metadata: {name: a-1, labels: {kubernetes.io/service-name: a, other: x}}, addressType: IPv4, endpoints: [
         {addresses: [10.0.0.1]}, {addresses: [10.0.0.2], conditions: {ready: null}},
         {addresses: [10.0.0.3], conditions: {ready: false, serving: true}}, {addresses: [10.0.0.4], conditions: null}]}",
    );
    assert_eq!(slice.service.as_deref(), Some("a"));
    let ready: Vec<_> = slice
        .endpoints
        .iter()
        .map(|endpoint| endpoint.ready)
        .collect();
    assert_eq!(ready, [true, true, false, true]);
}

#[test]
fn every_address_of_an_endpoint_counts() {
    let slice = slice(
        "{metadata: {name: a-1}, endpoints: [{addresses: [10.0.0.1, 10.0.0.2], hostname: h, targetRef: {kind: Pod, name: p}}], ports: null}",
    );
    assert_eq!(slice.endpoints.len(), 2);
    for endpoint in &slice.endpoints {
        assert_eq!(endpoint.hostname.as_deref(), Some("h"));
        assert_eq!(endpoint.pod.as_deref(), Some("p"));
    }
}

#[test]
fn an_object_without_a_name_is_an_error() {
    let service: WrittenService = serde_saphyr::from_str("{metadata: {namespace: n}}").unwrap();
    let skipped = service.into_object().unwrap_err();
    assert_eq!(
        skipped.to_string(),
        "Service in namespace n: it has no metadata.name"
    );
}
