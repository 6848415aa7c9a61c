//! Where a comparison takes place: a network namespace with the upstream DNS, CoreDNS and a Kubernetes API,
//! and the kernel program with what the agent's own source and projection make of the same objects.

mod api;
mod asker;
mod external;
mod marker;
mod scene;
mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use replay::kernel::Kernel;
use tests::Namespace;
use tokio::runtime::Runtime;

pub use self::{
    api::ApiKind,
    marker::MARKED,
    scene::{Outcome, Scene},
    server::NotStarted,
};
use crate::upstream::Upstream;

/// The CoreDNS to compare with.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The program.
    pub program: PathBuf,
    /// Its version, such as `1.15.0`.
    pub version: String,
}

impl Reference {
    /// The program at a path, which says its version itself.
    ///
    /// # Errors
    /// When it cannot be started or does not tell a version.
    pub fn at(program: &Path) -> Result<Self> {
        let output = std::process::Command::new(program)
            .arg("-version")
            .output()
            .with_context(|| format!("ask {} for its version", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text
            .lines()
            .find_map(|line| line.trim().strip_prefix("CoreDNS-"))
            .with_context(|| format!("{} tells no version of CoreDNS", program.display()))?;
        Ok(Self {
            program: program.to_owned(),
            version: version.to_owned(),
        })
    }
}

/// What the scenes of one thread share. It must be made and used on a thread inside the namespace.
pub struct Stage {
    namespace: Namespace,
    reference: Reference,
    upstream: Upstream,
    runtime: Runtime,
    kernel: Kernel,
}

impl Stage {
    /// Sets up everything that does not depend on objects or Corefile.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn new(namespace: &Namespace, reference: &Reference) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // One is enough, and it begins in this thread's network namespace.
            .worker_threads(1)
            .enable_all()
            .build()
            .context("start the threads of the Kubernetes API")?;
        Ok(Self {
            namespace: namespace.clone(),
            reference: reference.clone(),
            upstream: Upstream::start()?,
            runtime,
            kernel: Kernel::load()?,
        })
    }
}
