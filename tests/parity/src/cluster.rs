//! Random clusters: what Kubernetes would hold, what it might hold, and what it never would.

mod address;
mod change;
mod names;
mod service;
mod slice;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use self::change::Change;
use crate::{
    api::{Key, Resource, key_of},
    random::Random,
};

/// The objects of a cluster.
#[derive(Debug, Clone, Default)]
pub struct Cluster {
    /// Each object under its key.
    pub objects: BTreeMap<Key, Value>,
}

/// How far a cluster is from what a real one holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// What a real API server accepts, as far as is known.
    Accepted,
    /// Anything.
    Any,
}

impl Cluster {
    /// A cluster of 10 to 60 services.
    #[must_use]
    pub fn random(random: &mut Random, oddity: Oddity) -> Self {
        let mut cluster = Self::default();
        for name in names::NAMESPACES {
            if random.percent(90) {
                cluster.put(namespace(random, name));
            }
        }
        // The service that every cluster has; its endpoints make the zone's name server.
        cluster.put(json!({
            "kind": "Service", "metadata": {"namespace": "kube-system", "name": "kube-dns"},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.0.10", "clusterIPs": ["10.96.0.10"], "ports": [
                {"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                {"name": "metrics", "port": 9153, "protocol": "TCP"}]},
        }));
        for _ in 0..random.between(10, 60) {
            cluster.add_service(random, oddity);
        }
        for _ in 0..random.between(0, 4) {
            let namespace = names::namespace(random, oddity);
            let service = names::service(random, oddity);
            cluster.add_slice(random, oddity, &namespace, &service);
        }
        if random.percent(25) {
            cluster.add_chain(random);
        }
        for number in 0..random.between(0, 5) {
            let namespace = names::namespace(random, oddity);
            cluster.put(pod(random, &namespace, number));
        }
        cluster
    }

    /// Adds or replaces an object.
    pub fn put(&mut self, object: Value) {
        if let Some(key) = key_of(&object) {
            self.objects.insert(key, object);
        }
    }

    /// The objects of a kind.
    pub fn of_kind(&self, resource: Resource) -> impl Iterator<Item = &Value> {
        self.objects
            .iter()
            .filter(move |(key, _)| key.0 == resource)
            .map(|(_, object)| object)
    }

    fn add_service(&mut self, random: &mut Random, oddity: Oddity) {
        let namespace = names::namespace(random, oddity);
        let name = names::service(random, oddity);
        self.put(service::service(random, oddity, &namespace, &name));
        for _ in 0..random.weighted(&[15, 60, 15, 10]) {
            self.add_slice(random, oddity, &namespace, &name);
        }
    }

    /// Services of type ExternalName that lead from one to the next; around the most that CoreDNS follows.
    fn add_chain(&mut self, random: &mut Random) {
        let length = *random.one_of(&[2, 3, 6, 7, 8, 9, 10, 11, 12, 13]);
        let end = random.text(&[
            "web.shop.svc.cluster.local",
            "link-0.shop.svc.cluster.local",
            "absent.shop.svc.cluster.local",
            "database.example.org",
            "end.shop.svc.cluster.local",
        ]);
        for number in 0..length {
            let target = match number + 1 < length {
                true => format!("link-{}.shop.svc.cluster.local", number + 1),
                false => end.clone(),
            };
            self.put(json!({
                "kind": "Service", "metadata": {"namespace": "shop", "name": format!("link-{number}")},
                "spec": {"type": "ExternalName", "externalName": target},
            }));
        }
        self.put(json!({
            "kind": "Service", "metadata": {"namespace": "shop", "name": "end"},
            "spec": {"type": "ClusterIP", "clusterIP": "10.96.1.200", "clusterIPs": ["10.96.1.200"],
                "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
        }));
    }

    fn add_slice(&mut self, random: &mut Random, oddity: Oddity, namespace: &str, service: &str) {
        let number = random.below(8);
        let name = format!("{service}-{number}");
        self.put(slice::slice(random, oddity, namespace, service, &name));
    }
}

fn namespace(random: &mut Random, name: &str) -> Value {
    let mut namespace = json!({
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, "team": random.text(&["a", "b"])}},
        "status": {"phase": "Active"},
    });
    if random.percent(8) {
        namespace["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        namespace["status"]["phase"] = json!("Terminating");
    }
    namespace
}

fn pod(random: &mut Random, namespace: &str, number: usize) -> Value {
    let address = address::endpoint(random, Oddity::Accepted, false);
    json!({
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": format!("pod-{number}")},
        "spec": {"containers": [{"name": "main", "image": "main"}]},
        "status": {"podIP": address, "podIPs": [{"ip": address}], "phase": random.text(&["Running", "Running", "Failed"])},
    })
}
