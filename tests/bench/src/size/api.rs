//! The API server that a cluster's objects are in: a real one, or a synthetic one that holds any number of them
//! without taking part in the race for the CPUs.

use std::{
    net::Ipv4Addr,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    Api as Objects, Client, Config,
    api::{DynamicObject, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, GroupVersionKind},
};
use parity::api::{Server, Store};
use serde_json::{Value, json};
use tests::{ApiServer, Folder, Namespace, eventually};
use tokio::runtime::Runtime;

use super::cluster::Shape;

/// How many objects are created at once.
const TOGETHER: usize = 64;
/// Generous, because machines are shared.
const LIMIT: Duration = Duration::from_secs(60);

/// After this time another second is written into an object.
const WHOLE_SECONDS: Duration = Duration::from_secs(2);

/// The cluster address of the DNS service.
pub(super) const DNS_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);

/// The DNS service, without which no address is known at which questions are answered.
fn dns_service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}},
        "spec": {
            "clusterIP": DNS_ADDRESS,
            "clusterIPs": [DNS_ADDRESS],
            "selector": {"k8s-app": "kube-dns"},
            "ports": [{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53}],
        },
    })
}

/// The node, without which kube-proxy waits for it.
fn node_object() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE},
        "status": {"addresses": [{"type": "InternalIP", "address": Ipv4Addr::LOCALHOST}]},
    })
}

/// The ConfigMap with the Corefile, as kubeadm makes it.
fn dns_configuration() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "coredns", "namespace": "kube-system"},
        "data": {"Corefile": COREFILE},
    })
}

/// The DNS servers as kubeadm makes them: a pod that has the Corefile, and its workload.
fn dns_servers() -> [Value; 2] {
    let labels = json!({"k8s-app": "kube-dns"});
    let spec = json!({
        "containers": [{
            "name": "coredns",
            "image": "registry.k8s.io/coredns/coredns:v1.15.0",
            "args": ["-conf", "/etc/coredns/Corefile"],
            "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns", "readOnly": true}],
        }],
        "volumes": [{
            "name": "config-volume",
            "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
        }],
    });
    [
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "coredns-1", "namespace": "kube-system", "labels": labels},
            "spec": spec,
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "coredns", "namespace": "kube-system"},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        }),
    ]
}

/// The node's name.
pub(super) const NODE: &str = "node";

/// kubeadm's Corefile.
pub(super) const COREFILE: &str = ".:53 {
    errors
    health {
       lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    prometheus :9153
    forward . /etc/resolv.conf {
       max_concurrent 1000
    }
    cache 30
    loop
    reload
    loadbalance
}
";

/// An API server in a network namespace, with its objects.
pub(super) enum Api {
    Synthetic {
        store: Store,
        kubeconfig: PathBuf,
        _server: Server,
        _folder: Folder,
        // Last, for the server lives in it.
        _runtime: Runtime,
    },
    Real {
        server: Box<ApiServer>,
        runtime: Runtime,
        client: Client,
    },
}

impl Api {
    /// A synthetic server.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn synthetic(node: &Namespace, shape: Shape) -> Result<Self> {
        let store = Store::default();
        store.put(dns_service());
        store.put(json!({"kind": "Namespace", "metadata": {"name": "kube-system"}}));
        shape.objects().for_each(|object| store.put(object));
        let runtime = runtime_in(node)?;
        let server = inside(&runtime, Server::start(store.clone()))?;
        let folder = Folder::new()?;
        let kubeconfig = folder.write("kubeconfig", &server.kubeconfig().to_string())?;
        Ok(Self::Synthetic {
            store,
            kubeconfig,
            _server: server,
            _folder: folder,
            _runtime: runtime,
        })
    }

    /// kube-apiserver with etcd.
    ///
    /// # Errors
    /// A program is missing, or an object is not accepted.
    pub(super) fn real(node: &Namespace, shape: Shape) -> Result<Self> {
        let server = Box::new(ApiServer::start_in(node)?);
        // The server makes kube-system by itself, in its own time.
        let service = dns_service().to_string();
        eventually(LIMIT, "kube-system to exist", || server.apply(&service))?;
        server.apply(&node_object().to_string())?;
        server.apply(&dns_configuration().to_string())?;
        let configured = Instant::now();
        let runtime = runtime_in(node)?;
        let kubeconfig = server.kubeconfig();
        let client = inside(&runtime, async {
            let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
            let usual = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &usual).await?;
            anyhow::Ok(Client::try_from(config)?)
        });
        let client = client.context("prepare a client of the API server")?;
        let api = Self::Real {
            server,
            runtime,
            client,
        };
        // One kind after the other: a service's namespace must exist.
        let objects: Vec<Value> = shape.objects().collect();
        for of_kind in objects.chunk_by(|one, other| one["kind"] == other["kind"]) {
            api.create(of_kind)?;
        }
        // A pod that is no newer than its ConfigMap may have read an earlier text, for all that their times tell,
        // and the agent would wait until it has read this one. In a cluster that is not made this minute, it has.
        thread::sleep(WHOLE_SECONDS.saturating_sub(configured.elapsed()));
        api.create(&dns_servers())?;
        Ok(api)
    }

    /// What the source is called in tables.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Synthetic { .. } => "synthetic",
            Self::Real { .. } => "kube-apiserver",
        }
    }

    /// How clients reach it.
    pub(super) fn kubeconfig(&self) -> PathBuf {
        match self {
            Self::Synthetic { kubeconfig, .. } => kubeconfig.clone(),
            Self::Real { server, .. } => server.kubeconfig(),
        }
    }

    /// Replaces an object, and returns when the server has taken it.
    ///
    /// # Errors
    /// The server does not take it.
    pub(super) fn replace(&self, object: Value) -> Result<()> {
        match self {
            Self::Synthetic { store, .. } => {
                store.put(object);
                Ok(())
            }
            Self::Real {
                runtime, client, ..
            } => {
                let (objects, object) = acceptable(client, object)?;
                let name = object.metadata.name.clone().unwrap_or_default();
                inside(runtime, async move {
                    let usual = PostParams::default();
                    let replaced = objects.replace(&name, &usual, &object).await;
                    replaced
                        .map(drop)
                        .with_context(|| format!("replace {name}"))
                })
            }
        }
    }

    fn create(&self, objects: &[Value]) -> Result<()> {
        let Self::Real {
            runtime, client, ..
        } = self
        else {
            return Ok(());
        };
        let (client, objects) = (client.clone(), objects.to_vec());
        inside(runtime, async move {
            let created = stream::iter(objects).map(|object| async {
                let (objects, object) = acceptable(&client, object)?;
                let created = objects.create(&PostParams::default(), &object).await;
                let name = object.metadata.name.unwrap_or_default();
                created.map(drop).with_context(|| format!("create {name}"))
            });
            created.buffer_unordered(TOGETHER).try_collect().await
        })
    }
}

/// The object without what only the server writes, and where it goes.
fn acceptable(
    client: &Client,
    mut object: Value,
) -> Result<(Objects<DynamicObject>, DynamicObject)> {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for name in [
            "creationTimestamp",
            "generation",
            "managedFields",
            "resourceVersion",
            "uid",
        ] {
            metadata.remove(name);
        }
    }
    let object: DynamicObject = serde_json::from_value(object).context("read an object")?;
    let types = object.types.clone().context("an object without a kind")?;
    let kind = GroupVersionKind::try_from(&types).context("an object of no known version")?;
    let resource = ApiResource::from_gvk(&kind);
    let objects = match object.metadata.namespace.as_deref() {
        Some(namespace) => Objects::namespaced_with(client.clone(), namespace, &resource),
        None => Objects::all_with(client.clone(), &resource),
    };
    Ok((objects, object))
}

/// A runtime whose one thread, and so whose sockets, are in a network namespace.
fn runtime_in(node: &Namespace) -> Result<Runtime> {
    node.enter(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build();
        runtime.context("start the threads of the API")
    })
}

/// Runs a future on the runtime's own thread, and waits for it.
pub(super) fn inside<T: Send + 'static>(
    runtime: &Runtime,
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let task = runtime.spawn(future);
    runtime
        .block_on(task)
        .context("the runtime's thread has panicked")?
}
