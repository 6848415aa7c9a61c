//! docker and kind: what a person installs, for they change the machine.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

/// The release of kind that this was tried with.
const KIND: &str = "v0.33.0";

/// The programs that make clusters.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    /// kind, which calls docker itself.
    pub(super) kind: PathBuf,
}

impl Programs {
    /// Finds them, and asks docker whether its daemon answers.
    ///
    /// # Errors
    ///
    /// One is missing or does not answer: with what to do.
    pub(super) fn find() -> Result<Self> {
        let docker = which::which("docker").ok().context(
            "docker is not installed, and a kind cluster's nodes are its containers. Install it:\n    \
             apt-get install docker.io   # or https://docs.docker.com/engine/install",
        )?;
        let answers = Command::new(&docker)
            .arg("info")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("start {}", docker.display()))?;
        ensure!(
            answers.status.success(),
            "docker's daemon does not answer ({}). Start it, or become a user who may use it:\n    \
             systemctl start docker",
            String::from_utf8_lossy(&answers.stderr).trim()
        );
        let kind = which::which("kind").ok().with_context(|| {
            format!(
                "kind is not installed. Install it, and put the folder that it lands in on PATH:\n    \
                 go install sigs.k8s.io/kind@{KIND}   # or https://kind.sigs.k8s.io/docs/user/quick-start"
            )
        })?;
        Ok(Self { kind })
    }
}
