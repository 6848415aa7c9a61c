//! The objects of a cluster of some size, as their writers leave them in an API server: labels, owners,
//! managed fields and all, for it is these that take most of a list's octets.

use std::ops::Range;

use serde_json::{Value, json};

/// Services in one namespace.
const SERVICES_IN_A_NAMESPACE: u32 = 25;
/// The port's name and its first number; the number changes with the revision.
const PORT: &str = "http";
const FIRST_PORT: u32 = 8_000;
/// Entries of a service's own name and port: its own, at least four spellings of its port, and its address.
const NAMES_OF_A_SERVICE: u64 = 6;
const WRITTEN: &str = "2026-11-02T07:41:09Z";

/// How large a cluster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) services: u32,
    /// Endpoints of each service. With any, every other service is headless and names its endpoints.
    pub(super) endpoints_each: u32,
}

impl Shape {
    pub(super) fn endpoints(self) -> u32 {
        self.services * self.endpoints_each
    }

    /// The numbers of its namespaces.
    pub(super) fn namespaces(self) -> Range<u32> {
        0..self.services.div_ceil(SERVICES_IN_A_NAMESPACE)
    }

    fn is_headless(self, service: u32) -> bool {
        self.endpoints_each > 0 && service % 2 == 1
    }

    /// At least how many names its objects have, reverse names included.
    pub(super) fn names(self) -> u64 {
        // A headless service has no address, and its endpoints' addresses have names; those of a service with
        // an address have names without being asked for by a host name.
        let services = u64::from(self.services) * NAMES_OF_A_SERVICE;
        let headless = u64::from(if self.endpoints_each > 0 {
            self.services / 2
        } else {
            0
        });
        services - headless + u64::from(self.endpoints()) * 2
    }

    /// Every object: namespaces first, as a server wants them.
    pub(super) fn objects(self) -> impl Iterator<Item = Value> {
        let namespaces = self.namespaces().map(namespace);
        let services = (0..self.services).map(move |number| self.service(number, 0));
        let slices = (0..self.services)
            .filter(move |_| self.endpoints_each > 0)
            .map(move |number| self.slice(number, 0));
        namespaces.chain(services).chain(slices)
    }

    /// What a change of a service's records is: of its endpoints where it has some, else of its port.
    pub(super) fn changed(self, service: u32, revision: u32) -> Value {
        match self.endpoints_each {
            0 => self.service(service, revision),
            _ => self.slice(service, revision),
        }
    }

    /// The services whose own name's records change with [`Shape::changed`].
    pub(super) fn changing(self) -> impl Iterator<Item = u32> + Clone {
        (0..self.services)
            .filter(move |number| self.endpoints_each == 0 || self.is_headless(*number))
    }

    /// A service. Its port's number follows the revision.
    fn service(self, number: u32, revision: u32) -> Value {
        let name = service_name(number);
        let address = match self.is_headless(number) {
            true => "None".to_owned(),
            false => format!("10.96.{}.{}", 1 + number / 200, 1 + number % 200),
        };
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {
                "name": name,
                "namespace": namespace_name(number),
                "uid": uid(1, number),
                "resourceVersion": "1",
                "creationTimestamp": WRITTEN,
                "labels": {
                    "app.kubernetes.io/instance": name,
                    "app.kubernetes.io/managed-by": "Helm",
                    "app.kubernetes.io/name": "payments-backend",
                    "app.kubernetes.io/version": "4.17.2",
                    "helm.sh/chart": "payments-backend-4.17.2",
                },
                "annotations": {
                    "meta.helm.sh/release-name": name,
                    "meta.helm.sh/release-namespace": namespace_name(number),
                },
                "managedFields": [{
                    "manager": "helm",
                    "operation": "Update",
                    "apiVersion": "v1",
                    "time": WRITTEN,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:metadata": {
                            "f:annotations": {".": {}, "f:meta.helm.sh/release-name": {}, "f:meta.helm.sh/release-namespace": {}},
                            "f:labels": {
                                ".": {}, "f:app.kubernetes.io/instance": {}, "f:app.kubernetes.io/managed-by": {},
                                "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/version": {}, "f:helm.sh/chart": {},
                            },
                        },
                        "f:spec": {
                            "f:internalTrafficPolicy": {},
                            "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {
                                ".": {}, "f:name": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {},
                            }},
                            "f:selector": {},
                            "f:sessionAffinity": {},
                            "f:type": {},
                        },
                    },
                }],
            },
            "spec": {
                "ports": [{
                    "name": PORT,
                    "protocol": "TCP",
                    "port": FIRST_PORT + revision % 1_000,
                    "targetPort": "http",
                }],
                "selector": {
                    "app.kubernetes.io/instance": name,
                    "app.kubernetes.io/name": "payments-backend",
                },
                "clusterIP": address,
                "clusterIPs": [address],
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "ipFamilies": ["IPv4"],
                "ipFamilyPolicy": "SingleStack",
                "internalTrafficPolicy": "Cluster",
            },
            "status": {"loadBalancer": {}},
        })
    }

    /// The endpoints of a service, in one slice. With each revision another one has got a new address, as when a
    /// pod is replaced.
    fn slice(self, number: u32, revision: u32) -> Value {
        let service = service_name(number);
        let headless = self.is_headless(number);
        let endpoints =
            (0..self.endpoints_each).map(|index| self.endpoint(number, index, revision));
        let mut labels = json!({
            "app.kubernetes.io/instance": service,
            "app.kubernetes.io/name": "payments-backend",
            "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            "kubernetes.io/service-name": service,
        });
        if headless {
            labels["service.kubernetes.io/headless"] = json!("");
        }
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{service}-x7k2p"),
                "generateName": format!("{service}-"),
                "namespace": namespace_name(number),
                "uid": uid(2, number),
                "resourceVersion": "1",
                "generation": 1 + revision,
                "creationTimestamp": WRITTEN,
                "labels": labels,
                "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": WRITTEN},
                "ownerReferences": [{
                    "apiVersion": "v1",
                    "kind": "Service",
                    "name": service,
                    "uid": uid(1, number),
                    "controller": true,
                    "blockOwnerDeletion": true,
                }],
                "managedFields": [{
                    "manager": "kube-controller-manager",
                    "operation": "Update",
                    "apiVersion": "discovery.k8s.io/v1",
                    "time": WRITTEN,
                    "fieldsType": "FieldsV1",
                    "fieldsV1": {
                        "f:addressType": {},
                        "f:endpoints": {},
                        "f:metadata": {
                            "f:annotations": {".": {}, "f:endpoints.kubernetes.io/last-change-trigger-time": {}},
                            "f:generateName": {},
                            "f:labels": {
                                ".": {}, "f:app.kubernetes.io/instance": {}, "f:app.kubernetes.io/name": {},
                                "f:endpointslice.kubernetes.io/managed-by": {}, "f:kubernetes.io/service-name": {},
                                "f:service.kubernetes.io/headless": {},
                            },
                            "f:ownerReferences": {".": {}, "k:{\"uid\":\"a\"}": {}},
                        },
                        "f:ports": {},
                    },
                }],
            },
            "addressType": "IPv4",
            "endpoints": endpoints.collect::<Vec<_>>(),
            "ports": [{"name": PORT, "protocol": "TCP", "port": 8080}],
        })
    }

    fn endpoint(self, service: u32, index: u32, revision: u32) -> Value {
        let replaced = match self.endpoints_each {
            0 => 0,
            each => revision / each + u32::from(index < revision % each),
        };
        // Twenty addresses for each of up to ten endpoints, taken in turn.
        let last = 1 + index + 10 * (replaced % 20);
        let pod = format!("{}-{index}", service_name(service));
        let mut endpoint = json!({
            "addresses": [format!("10.{}.{}.{last}", 100 + service / 250, service % 250)],
            "conditions": {"ready": true, "serving": true, "terminating": false},
            "targetRef": {
                "kind": "Pod",
                "namespace": namespace_name(service),
                "name": pod,
                "uid": uid(3, service * 10 + index),
            },
            "nodeName": format!("worker-{}", (service + index) % 500),
            "zone": "europe-west1-b",
        });
        if self.is_headless(service) {
            endpoint["hostname"] = json!(pod);
        }
        endpoint
    }
}

/// The domain name of a service.
pub(super) fn domain_name(service: u32) -> String {
    let (name, namespace) = (service_name(service), namespace_name(service));
    format!("{name}.{namespace}.svc.cluster.local.")
}

/// The name of a service that does not exist, in a namespace that does.
pub(super) fn absent_name(number: u32) -> String {
    format!("absent-{number}.{}.svc.cluster.local.", namespace_name(0))
}

/// The same in wire form (RFC 1035 §3.1).
pub(super) fn wire_name(service: u32) -> Vec<u8> {
    let name = domain_name(service);
    let label = |label: &str| [&[label.len() as u8], label.as_bytes()].concat();
    name.split('.').flat_map(label).collect()
}

fn service_name(number: u32) -> String {
    format!("payments-backend-{number}")
}

fn namespace_name(service: u32) -> String {
    format!("team-{}", service / SERVICES_IN_A_NAMESPACE)
}

fn namespace(number: u32) -> Value {
    let name = format!("team-{number}");
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "uid": uid(0, number),
            "resourceVersion": "1",
            "creationTimestamp": WRITTEN,
            "labels": {"kubernetes.io/metadata.name": name, "team": name},
        },
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    })
}

fn uid(kind: u32, number: u32) -> String {
    format!("{number:08x}-7d1c-4b6e-9a53-{kind:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_wire_form() {
        let name = wire_name(30);
        assert_eq!(
            name,
            b"\x13payments-backend-30\x06team-1\x03svc\x07cluster\x05local\0"
        );
    }

    #[test]
    fn each_revision_replaces_one_endpoint() {
        let shape = Shape {
            services: 2,
            endpoints_each: 10,
        };
        let addresses = |revision| -> Vec<Value> {
            let slice = shape.changed(1, revision);
            let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
            endpoints
                .into_iter()
                .map(|endpoint| endpoint["addresses"][0].clone())
                .collect()
        };
        for revision in 0..40 {
            let (before, after) = (addresses(revision), addresses(revision + 1));
            let replaced = before
                .iter()
                .filter(|address| !after.contains(address))
                .count();
            assert_eq!((replaced, after.len()), (1, 10), "{revision}");
        }
    }

    #[test]
    fn services_alone_change_their_port() {
        let shape = Shape {
            services: 2,
            endpoints_each: 0,
        };
        assert_ne!(
            shape.changed(0, 1)["spec"]["ports"],
            shape.changed(0, 2)["spec"]["ports"]
        );
        assert_eq!(shape.changing().count(), 2);
        assert_eq!(shape.objects().count(), 3);
    }
}
