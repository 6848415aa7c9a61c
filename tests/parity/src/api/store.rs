//! The objects, their versions and the log of what changed.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

/// A kind of objects under its name in paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1` Namespace.
    Namespaces,
    /// `v1` Service.
    Services,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlices,
    /// `v1` Pod.
    Pods,
    /// `v1` Node.
    Nodes,
}

impl Resource {
    /// Every kind. Namespaces come first, as a person would create them.
    pub const ALL: [Self; 5] = [
        Self::Namespaces,
        Self::Services,
        Self::EndpointSlices,
        Self::Pods,
        Self::Nodes,
    ];

    /// The kind's name in an object.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Namespaces => "Namespace",
            Self::Services => "Service",
            Self::EndpointSlices => "EndpointSlice",
            Self::Pods => "Pod",
            Self::Nodes => "Node",
        }
    }

    /// The `apiVersion` of its objects.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::EndpointSlices => "discovery.k8s.io/v1",
            _ => "v1",
        }
    }

    /// Where all objects of the kind are listed and watched.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Namespaces => "/api/v1/namespaces",
            Self::Services => "/api/v1/services",
            Self::EndpointSlices => "/apis/discovery.k8s.io/v1/endpointslices",
            Self::Pods => "/api/v1/pods",
            Self::Nodes => "/api/v1/nodes",
        }
    }

    /// The kind of an object; none if it is not one of these.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        let kind = object["kind"].as_str()?;
        Self::ALL
            .into_iter()
            .find(|resource| resource.kind() == kind)
    }

    /// Whether its objects lie in no namespace.
    #[must_use]
    pub const fn is_cluster_wide(self) -> bool {
        matches!(self, Self::Namespaces | Self::Nodes)
    }
}

/// What names an object: its kind, namespace (empty if it lies in none) and name.
pub type Key = (Resource, String, String);

/// The key of an object; none if it has no kind of ours or no name.
#[must_use]
pub fn key_of(object: &Value) -> Option<Key> {
    let resource = Resource::of(object)?;
    let metadata = &object["metadata"];
    let namespace = match resource.is_cluster_wide() {
        true => "",
        false => metadata["namespace"].as_str().unwrap_or_default(),
    };
    let name = metadata["name"].as_str()?;
    Some((resource, namespace.to_owned(), name.to_owned()))
}

/// An object as the server gives it: written out once, however many clients read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object(Bytes);

impl Object {
    fn new(value: &Value) -> Self {
        Self(Bytes::from(value.to_string()))
    }

    /// Its JSON.
    pub(super) fn text(&self) -> &[u8] {
        &self.0
    }

    /// What its JSON says: a server that wrote it can read it.
    pub(super) fn value(&self) -> Value {
        serde_json::from_slice(&self.0).unwrap_or_default()
    }
}

/// One change, with the object before and after it.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) resource: Resource,
    pub(super) before: Option<Object>,
    pub(super) after: Option<Object>,
}

/// The changes after a version are no longer known: `410 Gone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// All objects. Clones share them.
#[derive(Debug, Clone)]
pub struct Store {
    state: Arc<Mutex<State>>,
    version: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    version: u64,
    objects: BTreeMap<Key, Object>,
    changes: VecDeque<Change>,
    /// The newest version whose changes are forgotten.
    forgotten: u64,
}

impl Default for Store {
    fn default() -> Self {
        // A version of 0 and an empty one mean something else in a request.
        let first = 1_000;
        let state = State {
            version: first,
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            forgotten: 0,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            version: watch::Sender::new(first),
        }
    }
}

impl Store {
    /// Creates or replaces an object, under a version of its own. An object without a kind of ours or
    /// without a name is not kept, for nobody could ask for it.
    pub fn put(&self, mut object: Value) {
        let Some(key) = key_of(&object) else {
            return;
        };
        let mut state = self.lock();
        state.version += 1;
        let version = state.version;
        object["apiVersion"] = json!(key.0.api_version());
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        object["metadata"]["uid"] = json!(format!("00000000-0000-4000-8000-{version:012}"));
        let after = Object::new(&object);
        let resource = key.0;
        let before = state.objects.insert(key, after.clone());
        self.note(state, resource, before, Some(after));
    }

    /// Deletes an object at once; nothing if there is no such one.
    pub fn delete(&self, key: &Key) {
        let mut state = self.lock();
        let Some(before) = state.objects.remove(key) else {
            return;
        };
        state.version += 1;
        self.note(state, key.0, Some(before), None);
    }

    /// Forgets what changed until now: whoever asks for it is told `410 Gone`.
    pub fn compact(&self) {
        let mut state = self.lock();
        state.changes.clear();
        state.forgotten = state.version;
    }

    /// All objects of a kind, and the version at which they are as they are.
    pub(super) fn list(&self, resource: Resource) -> (u64, Vec<Object>) {
        let state = self.lock();
        let of_kind = state.objects.iter().filter(|(key, _)| key.0 == resource);
        let objects = of_kind.map(|(_, object)| object.clone()).collect();
        (state.version, objects)
    }

    /// The changes of a kind after a version, and the version up to which they reach.
    pub(super) fn since(
        &self,
        resource: Resource,
        version: u64,
    ) -> Result<(u64, Vec<Change>), Gone> {
        let state = self.lock();
        if version < state.forgotten {
            return Err(Gone);
        }
        let first = state
            .changes
            .partition_point(|change| change.version <= version);
        let changes = state.changes.range(first..);
        let changes = changes.filter(|change| change.resource == resource);
        Ok((state.version, changes.cloned().collect()))
    }

    /// Tells each new version.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    fn note(
        &self,
        mut state: MutexGuard<'_, State>,
        resource: Resource,
        before: Option<Object>,
        after: Option<Object>,
    ) {
        let version = state.version;
        state.changes.push_back(Change {
            version,
            resource,
            before,
            after,
        });
        drop(state);
        self.version.send_replace(version);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Value {
        json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop"}})
    }

    #[test]
    fn changes_are_told_from_a_version_on_until_they_are_forgotten() {
        let store = Store::default();
        store.put(service("web"));
        let (version, listed) = store.list(Resource::Services);
        assert_eq!(listed.len(), 1);
        store.put(service("shop"));
        store.delete(&key_of(&service("web")).unwrap());
        let (newest, changes) = store.since(Resource::Services, version).unwrap();
        assert_eq!(changes.len(), 2);
        assert!(changes[1].after.is_none());
        assert_eq!(newest, version + 2);
        store.compact();
        assert_eq!(store.since(Resource::Services, version).err(), Some(Gone));
        assert!(store.since(Resource::Services, newest).is_ok());
    }

    #[test]
    fn an_object_without_a_name_is_not_kept() {
        let store = Store::default();
        store.put(json!({"kind": "Service", "metadata": {}}));
        for resource in Resource::ALL {
            assert!(store.list(resource).1.is_empty());
        }
    }
}
