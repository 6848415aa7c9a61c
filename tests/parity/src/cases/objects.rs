//! Objects in few words.

use serde_json::{Value, json};

use crate::cluster::Cluster;

/// These objects, and the namespace `shop`.
pub(super) fn in_shop<const COUNT: usize>(objects: [Value; COUNT]) -> Cluster {
    let mut cluster = Cluster::default();
    cluster.put(json!({"kind": "Namespace", "metadata": {"name": "shop"}}));
    for object in objects {
        cluster.put(object);
    }
    cluster
}

/// The service `web` of the namespace `shop`.
pub(super) fn web(spec: Value) -> Value {
    json!({"kind": "Service", "metadata": {"namespace": "shop", "name": "web"}, "spec": spec})
}

/// A slice of that service.
pub(super) fn slice_of_web(endpoints: Value, ports: Value) -> Value {
    json!({
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": "shop",
            "name": "web-1",
            "labels": {"kubernetes.io/service-name": "web"},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    })
}
