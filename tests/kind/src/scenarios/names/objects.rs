//! The services and pods that are asked about.

use serde_json::{Value, json};

use crate::stage::NAMESPACE;

/// A service with an address of its own.
pub(super) const SERVICE: &str = "shop";
/// A headless service, and the StatefulSet behind it.
pub(super) const HEADLESS: &str = "store";
/// How many pods the StatefulSet has.
pub(super) const MEMBERS: usize = 2;
/// A headless service of pods with a host name and a subdomain, and the first of these host names.
pub(super) const SUBDOMAIN: &str = "querier";
/// A service that leads to another name.
pub(super) const ALIAS: &str = "alias";
/// The zone of the cluster's services, as kubeadm names it unless told otherwise.
pub(super) const ZONE: &str = "svc.cluster.local";
/// The label by which [`SUBDOMAIN`] finds its pods.
pub(super) const QUERIER: &str = "zerohop-test-querier";

/// The name of a service of the tests' namespace, or of what lies below it.
pub(super) fn full_name(name: &str) -> String {
    format!("{name}.{NAMESPACE}.{ZONE}")
}

/// All services, and the StatefulSet with pods of `image`.
pub(super) fn all(image: &str) -> Vec<Value> {
    let ports = json!([
        {"name": "http", "port": 80, "protocol": "TCP"},
        {"name": "metrics", "port": 9100, "protocol": "TCP"},
        {"name": "game", "port": 9999, "protocol": "UDP"},
    ]);
    let selector = json!({"app": HEADLESS});
    vec![
        service(SERVICE, json!({"selector": selector, "ports": ports})),
        service(
            HEADLESS,
            json!({"clusterIP": "None", "selector": selector, "ports": ports}),
        ),
        service(
            SUBDOMAIN,
            json!({
                "clusterIP": "None",
                "selector": {QUERIER: "true"},
                "ports": [{"name": "http", "port": 80}],
            }),
        ),
        json!({
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": HEADLESS, "namespace": NAMESPACE},
            "spec": {
                "serviceName": HEADLESS,
                "replicas": MEMBERS,
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": selector},
                "template": {
                    "metadata": {"labels": selector},
                    "spec": {
                        "terminationGracePeriodSeconds": 0,
                        "tolerations": [{"operator": "Exists"}],
                        "containers": [{
                            "name": "pod",
                            "image": image,
                            "imagePullPolicy": "Never",
                            "command": [crate::pods::PROGRAM, "stay"],
                        }],
                    },
                },
            },
        }),
    ]
}

/// A service that leads to `target`.
pub(super) fn alias_to(target: &str) -> Value {
    service(
        ALIAS,
        json!({"type": "ExternalName", "externalName": target}),
    )
}

/// A service of the tests' namespace.
pub(super) fn service(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    })
}
