//! What happens to a cluster between two rounds of questions.

use serde_json::{Value, json};

use super::{Cluster, Oddity, namespace, service, slice};
use crate::{
    api::{Key, Resource, key_of},
    random::Random,
};

/// One change.
#[derive(Debug, Clone)]
pub enum Change {
    /// The object is created or replaced.
    Put(Value),
    /// The object is deleted.
    Delete(Key),
}

impl Cluster {
    /// Some changes, already made to this cluster, in their order.
    pub fn change(&mut self, random: &mut Random, oddity: Oddity) -> Vec<Change> {
        let mut changes = Vec::new();
        for _ in 0..random.between(3, 20) {
            let before = self.objects.clone();
            self.change_once(random, oddity);
            for (key, object) in &self.objects {
                if before.get(key) != Some(object) {
                    changes.push(Change::Put(object.clone()));
                }
            }
            let gone = before.keys().filter(|key| !self.objects.contains_key(*key));
            changes.extend(gone.cloned().map(Change::Delete));
        }
        changes
    }

    fn change_once(&mut self, random: &mut Random, oddity: Oddity) {
        let kind = random.weighted(&[15, 25, 12, 25, 10, 3, 6, 4]);
        let resource = match kind {
            0..=2 => Resource::Services,
            3 | 4 => Resource::EndpointSlices,
            _ => Resource::Namespaces,
        };
        let Some(key) = self.any(random, resource) else {
            return;
        };
        let (_, space, name) = &key;
        match kind {
            0 => self.add_service(random, oddity),
            1 => self.put(service::service(random, oddity, space, name)),
            3 => {
                let service =
                    self.objects[&key]["metadata"]["labels"]["kubernetes.io/service-name"]
                        .as_str()
                        .unwrap_or("web")
                        .to_owned();
                match random.percent(50) {
                    true => self.put(slice::slice(random, oddity, space, &service, name)),
                    false => self.turn_readiness(random, &key),
                }
            }
            6 => self.put(namespace(random, name)),
            7 => self.put(namespace(random, random_namespace(self, name))),
            // A real server keeps a namespace until all in it is gone.
            5 if oddity == Oddity::Accepted => {}
            _ => {
                self.objects.remove(&key);
            }
        }
    }

    /// An object of a kind; one whose deletion would end the run, the service of the DNS server, too.
    fn any(&self, random: &mut Random, resource: Resource) -> Option<Key> {
        let keys: Vec<_> = self.of_kind(resource).filter_map(key_of).collect();
        (!keys.is_empty()).then(|| random.one_of(&keys).clone())
    }

    fn turn_readiness(&mut self, random: &mut Random, key: &Key) {
        let Some(slice) = self.objects.get_mut(key) else {
            return;
        };
        let endpoints = slice["endpoints"].as_array_mut();
        for endpoint in endpoints.into_iter().flatten() {
            if random.percent(50) {
                endpoint["conditions"] = json!({"ready": random.percent(50)});
            }
        }
    }
}

/// A namespace that may have been deleted and comes back.
fn random_namespace<'a>(cluster: &Cluster, other: &'a str) -> &'a str {
    let missing = super::names::NAMESPACES.into_iter().find(|name| {
        let key = (Resource::Namespaces, String::new(), (*name).to_owned());
        !cluster.objects.contains_key(&key)
    });
    missing.unwrap_or(other)
}
