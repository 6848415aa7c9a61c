//! What of an object cannot be understood is told once for each object.

use super::{policy, world};
use crate::{
    projection::{NothingResolved, View, uncertainties},
    world::Owner,
};

/// What is told of the service `s`.
fn told(yaml: &str) -> Vec<String> {
    let (policy, world) = (policy(), world(yaml));
    let view = View {
        policy: &policy,
        world: &world,
        resolved: &NothingResolved,
        serial: 1,
    };
    let uncertainties = uncertainties(view, &Owner::service("n", "s"));
    uncertainties.iter().map(ToString::to_string).collect()
}

#[test]
fn an_odd_address_or_external_name_of_a_service_is_told() {
    let service = |spec: &str| {
        told(&format!(
            "kind: Service\nmetadata: {{name: s, namespace: n}}\nspec: {spec}\n"
        ))
    };
    for (spec, part) in [
        ("{clusterIP: nonsense}", "clusterIP \"nonsense\""),
        ("{clusterIP: 10.96.0.999}", "clusterIP \"10.96.0.999\""),
        ("{clusterIPs: [10.96.0.1, \"\"]}", "clusterIP \"\""),
        (
            "{type: ExternalName, externalName: a..b}",
            "externalName \"a..b\"",
        ),
    ] {
        let told = service(spec);
        assert_eq!(told.len(), 1, "{spec}: {told:?}");
        assert!(told[0].starts_with("Service n/s: its "), "{told:?}");
        assert!(told[0].contains(part), "{told:?}");
    }
    let long = format!("{{type: ExternalName, externalName: {}}}", "a".repeat(300));
    let told = service(&long);
    assert!(told[0].contains("of 300 octets"), "{told:?}");
    for spec in [
        "{clusterIP: 10.96.0.1}",
        "{clusterIP: None}",
        "{type: ExternalName, externalName: a.b}",
        "{type: ExternalName, externalName: 10.0.0.1}",
    ] {
        assert_eq!(service(spec), [""; 0], "{spec}");
    }
}

#[test]
fn odd_endpoints_are_told_once_for_their_slice() {
    let told = told(
        "kind: Service\nmetadata: {name: s, namespace: n}\nspec: {clusterIP: None}\n---\n\
         kind: EndpointSlice\nmetadata: {name: s-1, namespace: n, labels: {kubernetes.io/service-name: s}}\n\
         endpoints: [{addresses: [nonsense, 10.0.0.1]}, {addresses: [10.0.0.2], hostname: a.b}, \
         {addresses: [worse], conditions: {ready: false}}]\n",
    );
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("EndpointSlice n/s-1: "), "{told:?}");
    for part in ["\"nonsense\"", "\"a.b\""] {
        assert!(told[0].contains(part), "{told:?}");
    }
    assert!(!told[0].contains("worse"), "{told:?}");
}
