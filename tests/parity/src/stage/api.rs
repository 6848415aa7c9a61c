//! The Kubernetes API of a scene: the small one, or a real one.

use std::{collections::BTreeMap, path::PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::{ApiServer, Folder, Namespace};
use tokio::runtime::Runtime;

use crate::{
    api::{Key, Resource, Server, Store, key_of},
    cluster::{Change, Cluster},
    corefile,
};

/// Which API server a scene has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKind {
    /// The small one, which takes anything.
    Small,
    /// kube-apiserver.
    Real,
}

/// A running API server.
pub(super) enum Api {
    Small {
        store: Store,
        server: Server,
        kubeconfig: PathBuf,
        _folder: Folder,
    },
    Real(Box<ApiServer>),
}

impl Api {
    pub(super) fn start(kind: ApiKind, namespace: &Namespace, runtime: &Runtime) -> Result<Self> {
        if kind == ApiKind::Real {
            let server = ApiServer::start_in(namespace)?;
            return Ok(Self::Real(Box::new(server)));
        }
        let store = Store::default();
        let server = runtime.block_on(Server::start(store.clone()))?;
        let folder = Folder::new()?;
        let kubeconfig = folder.write("kubeconfig", &server.kubeconfig().to_string())?;
        Ok(Self::Small {
            store,
            server,
            kubeconfig,
            _folder: folder,
        })
    }

    /// How CoreDNS gets there.
    pub(super) fn for_core_dns(&self) -> corefile::Api {
        match self {
            Self::Small { server, .. } => corefile::Api::Url(server.url()),
            Self::Real(server) => {
                corefile::Api::Kubeconfig(server.kubeconfig().display().to_string())
            }
        }
    }

    /// How the agent's source gets there.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        match self {
            Self::Small { kubeconfig, .. } => kubeconfig.clone(),
            Self::Real(server) => server.kubeconfig(),
        }
    }

    /// Carries changes out, in their order as far as the server allows it. What a real server does not
    /// accept does not happen: see [`Api::read_back`].
    pub(super) fn carry_out(&self, changes: &[Change]) {
        match self {
            Self::Small { store, .. } => {
                for change in changes {
                    match change {
                        Change::Put(object) => store.put(object.clone()),
                        Change::Delete(key) => store.delete(key),
                    }
                }
            }
            Self::Real(server) => carry_out(server, changes),
        }
    }

    /// Lets the small server forget its changes: whoever has not followed them must list again.
    pub(super) fn forget(&self) {
        if let Self::Small { store, .. } = self {
            store.compact();
        }
    }

    /// What the server's objects are, where that may be something else than it was told.
    pub(super) fn read_back(&self) -> Result<Option<Cluster>> {
        let Self::Real(server) = self else {
            return Ok(None);
        };
        let kinds = "namespaces,services,endpointslices,pods";
        let arguments = ["get", kinds, "--all-namespaces", "--output=json"];
        let text = server.kubectl(&arguments, "")?;
        let list: Value = serde_json::from_str(&text).context("read what kubectl lists")?;
        let mut cluster = Cluster::default();
        for object in list["items"].as_array().into_iter().flatten() {
            cluster.put(object.clone());
        }
        Ok(Some(cluster))
    }
}

/// One call for all objects that are put, one for each that is deleted. Namespaces come first.
fn carry_out(server: &ApiServer, changes: &[Change]) {
    let mut last: BTreeMap<Key, Option<Value>> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Put(object) => {
                if let Some(key) = key_of(object) {
                    last.insert(key, Some(object.clone()));
                }
            }
            Change::Delete(key) => {
                last.insert(key.clone(), None);
            }
        }
    }
    let items: Vec<Value> = last.values().flatten().map(acceptable).collect();
    if !items.is_empty() {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        // An error says that some objects were not accepted; the others were.
        let _ = server.apply(&list.to_string());
    }
    for ((resource, namespace, name), _) in last.iter().filter(|(_, object)| object.is_none()) {
        // Nobody empties a namespace here, so that it would never go.
        if *resource != Resource::Namespaces {
            // It may never have been accepted.
            let _ = server.delete(&resource.kind().to_lowercase(), namespace, name);
        }
    }
}

/// The object as a person would write it.
fn acceptable(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(resource) = Resource::of(&object) {
        object["apiVersion"] = json!(resource.api_version());
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in ["deletionTimestamp", "resourceVersion", "uid"] {
            metadata.remove(name);
        }
    }
    object
}
