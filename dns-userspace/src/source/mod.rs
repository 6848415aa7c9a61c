//! Where Kubernetes objects come from. A source turns what it finds into
//! [`Event`]s; the agent's [`World`](dns_core::world::World) is the only
//! store.

pub mod cluster;
pub mod manifests;

use std::path::PathBuf;

use dns_core::world::Event;
use tokio::{sync::mpsc::Sender, task::JoinHandle};

/// A place that objects come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Kubernetes YAML or JSON files, and folders of them.
    Manifests {
        /// Files and folders.
        paths: Vec<PathBuf>,
    },
    /// The Kubernetes API server.
    Cluster {
        /// The kubeconfig file to connect with; none inside a pod, whose service account is used.
        kubeconfig: Option<PathBuf>,
    },
}

impl Source {
    /// Starts telling events into a bounded channel, from a task of its own, until the receiver
    /// is dropped or the task aborted. What is skipped has been logged by the source.
    ///
    /// # Errors
    /// What cannot get better by waiting: paths without a usable object, a kubeconfig that cannot
    /// be read. An API server that is away is no error but [`Event::Lost`], and is tried again.
    pub async fn start(self, events: Sender<Event>) -> anyhow::Result<JoinHandle<()>> {
        match self {
            Self::Manifests { paths } => manifests::start(paths, events).await,
            Self::Cluster { kubeconfig } => cluster::start(kubeconfig, events).await,
        }
    }
}
