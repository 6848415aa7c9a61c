//! The agents, one on each node.

mod arguments;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tests::Status;

use crate::{kubectl::Kubectl, node::Node};

/// The namespace of the DaemonSet.
pub(crate) const NAMESPACE: &str = "kube-system";

/// What its pods are found by.
const SELECTOR: &str = "app.kubernetes.io/name=zerohop";

/// The agents, one on each node.
#[derive(Clone, Debug)]
pub(crate) struct Agents {
    kubectl: Kubectl,
}

impl Agents {
    /// Those of the cluster.
    pub(crate) fn new(kubectl: Kubectl) -> Self {
        Self { kubectl }
    }

    /// The name of the agent's running pod on `node`.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(crate) fn pod(&self, node: &Node) -> Result<String> {
        let field = format!("--field-selector=spec.nodeName={}", node.name);
        let pods = self
            .kubectl
            .get(&["pods", "-n", NAMESPACE, "-l", SELECTOR, &field])?;
        pods["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .find_map(|pod| pod["metadata"]["name"].as_str())
            .map(str::to_owned)
            .with_context(|| format!("find zerohop's pod on node {}", node.name))
    }

    /// All of the agents' pods, those that end included.
    pub(crate) fn pods(&self) -> Result<Value> {
        self.kubectl.get(&["pods", "-n", NAMESPACE, "-l", SELECTOR])
    }

    /// Runs `zerohop WORDS` in the agent's pod on `node`.
    pub(crate) fn run(&self, node: &Node, words: &[&str]) -> Result<String> {
        let pod = self.pod(node)?;
        self.kubectl
            .exec(NAMESPACE, &pod, &[&["/zerohop"], words].concat(), "")
    }

    /// `zerohop status` on `node`.
    pub(crate) fn status(&self, node: &Node) -> Result<Status> {
        let text = self.run(node, &["status", "--output", "json"])?;
        serde_json::from_str(&text)
            .with_context(|| format!("read zerohop status of node {}", node.name))
    }

    /// What `zerohop lookup NAME` knows on `node`.
    pub(crate) fn lookup(&self, node: &Node, name: &str) -> Result<Value> {
        let text = self.run(node, &["lookup", name, "--output", "json"])?;
        serde_json::from_str(&text).with_context(|| format!("read zerohop lookup {name}"))
    }
}
