//! A node, which is a container.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// The name of the node and of its container.
    pub(crate) name: String,
    /// Whether it runs the control plane.
    pub(crate) control_plane: bool,
}

impl Node {
    /// Runs a program in the node's container and returns what it printed.
    ///
    /// # Errors
    ///
    /// It ends without success: with the words and what it said.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        let failed = || format!("{} on node {}", words.join(" "), self.name);
        let output = Command::new("docker")
            .args(["exec", &self.name])
            .args(words)
            .output()
            .with_context(failed)?;
        if !output.status.success() {
            bail!(
                "{}: {}",
                failed(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).with_context(failed)
    }
}
