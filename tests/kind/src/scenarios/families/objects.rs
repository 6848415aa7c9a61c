//! Services of both families, without pods: their endpoints are given.

use std::{fmt, net::IpAddr};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{kubectl::Kubectl, stage::NAMESPACE};

/// One with a ClusterIP, and a headless one.
pub(super) const SERVICES: [&str; 2] = ["both", "hosts"];

/// Endpoints of the headless service: host name and addresses.
const ENDPOINTS: [(&str, [&str; 2]); 2] = [
    ("first", ["198.51.100.1", "2001:db8::1"]),
    ("second", ["198.51.100.2", "2001:db8::2"]),
];

/// A family of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    IPv4,
    IPv6,
}

impl Family {
    /// That of an address.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::IPv4,
            IpAddr::V6(_) => Self::IPv6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::IPv4 => "IPv4",
            Self::IPv6 => "IPv6",
        })
    }
}

/// Makes the services and their endpoints.
pub(super) fn apply(kubectl: &Kubectl) -> Result<()> {
    for name in SERVICES {
        let mut service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "ipFamilyPolicy": "PreferDualStack",
                "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
            },
        });
        if name == "hosts" {
            // Without a selector, one may have both families in every cluster.
            service["spec"]["clusterIP"] = json!("None");
            service["spec"]["ipFamilyPolicy"] = json!("RequireDualStack");
        }
        kubectl.apply(&service)?;
    }
    for (family, index) in [(Family::IPv4, 0), (Family::IPv6, 1)] {
        let endpoints = ENDPOINTS.map(|(host, addresses)| {
            json!({
                "addresses": [addresses[index]],
                "hostname": host,
                "conditions": {"ready": true},
            })
        });
        kubectl.apply(&json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("hosts-{}", family.to_string().to_lowercase()),
                "namespace": NAMESPACE,
                "labels": {"kubernetes.io/service-name": "hosts"},
            },
            "addressType": family.to_string(),
            "endpoints": endpoints,
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}],
        }))?;
    }
    Ok(())
}

/// The addresses of the endpoints.
pub(super) fn endpoints() -> Vec<IpAddr> {
    let texts = ENDPOINTS.iter().flat_map(|(_, addresses)| addresses);
    texts.filter_map(|text| text.parse().ok()).collect()
}

/// A service.
pub(super) fn service(kubectl: &Kubectl, namespace: &str, name: &str) -> Result<Value> {
    kubectl
        .get(&["service", "-n", namespace, name])
        .with_context(|| format!("read the Service {namespace}/{name}"))
}

/// The addresses of a service of ours; none for a headless one.
pub(super) fn addresses(kubectl: &Kubectl, name: &str) -> Result<Vec<IpAddr>> {
    Ok(cluster_addresses(&service(kubectl, NAMESPACE, name)?))
}

/// The addresses of a service; none for a headless one.
pub(super) fn cluster_addresses(service: &Value) -> Vec<IpAddr> {
    let addresses = service["spec"]["clusterIPs"].as_array();
    let texts = addresses.into_iter().flatten().filter_map(Value::as_str);
    texts.filter_map(|text| text.parse().ok()).collect()
}
