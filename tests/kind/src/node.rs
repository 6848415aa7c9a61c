//! A node, which is a container.

use anyhow::Result;

use crate::kubectl::limited;

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
    /// It ends without success, or not at all: with the words and what it said.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        let what = format!("{} on node {}", words.join(" "), self.name);
        let mut command = limited::command("docker");
        command.args(["exec", &self.name]).args(words);
        limited::run(&mut command, &what, "")
    }
}
