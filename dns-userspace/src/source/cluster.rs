//! Objects from the Kubernetes API server. The only module that knows it.
//!
//! Each kind is followed by a task of its own: a complete list, then a watch from the list's
//! version on. `kube`'s ready-made watcher is not used, because it keeps bookmarks and renewed
//! watches to itself: after a lost connection a quiet kind could not be told from a stale one, and
//! absent names may be denied only where nothing is missed.

pub mod dns_server;
mod list;
mod trouble;
mod unread;
mod watch;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use dns_core::{
    objects::{
        Kind,
        written::{WrittenEndpointSlice, WrittenNamespace, WrittenService},
    },
    world::Event,
};
use futures_util::future::join3;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig, KubeconfigError},
};
use tokio::{
    sync::{Notify, mpsc::Sender},
    task::JoinHandle,
};

use self::watch::Follower;

/// How long a connection to the API server may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Follows Namespaces, Services and EndpointSlices of the whole cluster.
///
/// # Errors
/// If there is no usable configuration. A server that cannot be reached is tried again for ever.
pub async fn start(
    kubeconfig: Option<PathBuf>,
    events: Sender<Event>,
) -> anyhow::Result<JoinHandle<()>> {
    let (client, server) = connect(kubeconfig).await?;
    let reached = Arc::new(Notify::new());
    let follower = |kind| {
        let (client, events) = (client.clone(), events.clone());
        Follower::new(client, &server, kind, events, Arc::clone(&reached))
    };
    let namespaces = follower(Kind::Namespace).run::<WrittenNamespace>();
    let services = follower(Kind::Service).run::<WrittenService>();
    let slices = follower(Kind::EndpointSlice).run::<WrittenEndpointSlice>();
    Ok(tokio::spawn(async move {
        join3(namespaces, services, slices).await;
    }))
}

/// A client, and the server's address for messages.
async fn connect(kubeconfig: Option<PathBuf>) -> anyhow::Result<(Client, Box<str>)> {
    let mut config = configuration(kubeconfig).await?;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // The followers retry by themselves, and say so.
    config.default_retry = false;
    let server = config.cluster_url.to_string().into();
    let client = Client::try_from(config).context("prepare the connection to the API server")?;
    Ok((client, server))
}

async fn configuration(kubeconfig: Option<PathBuf>) -> anyhow::Result<Config> {
    let Some(path) = kubeconfig else {
        return Config::incluster().map_err(|error| {
            anyhow::anyhow!(
                "cannot use a pod's service account ({error}); outside a pod give --kubeconfig FILE, \
                 or --manifests PATH to do without a cluster"
            )
        });
    };
    let unusable = |error: KubeconfigError| {
        let path = path.display();
        // A parser's picture of the place follows its first line.
        let error = error.to_string();
        let first = error.lines().next().unwrap_or_default();
        anyhow::anyhow!("cannot use the kubeconfig {path} ({first}); give one that kubectl accepts")
    };
    let kubeconfig = Kubeconfig::read_from(&path).map_err(unusable)?;
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .map_err(unusable)
}

/// Where the API server keeps the objects of a kind.
const fn path(kind: Kind) -> &'static str {
    match kind {
        Kind::Namespace => "/api/v1/namespaces",
        Kind::Service => "/api/v1/services",
        Kind::EndpointSlice => "/apis/discovery.k8s.io/v1/endpointslices",
    }
}
