//! Other arguments for the agents, for a while.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::undo::Undo;

use super::{Agents, NAMESPACE};
use crate::{kubectl::Kubectl, stage::ROLLOUT};

/// The DaemonSet.
const WORKLOAD: &str = "daemonset/zerohop";

impl Agents {
    /// Lets the agents run with changed arguments until the result is dropped, or the program is interrupted.
    ///
    /// # Errors
    ///
    /// The DaemonSet is not as the chart makes it, or its pods are not ready in time; then it is put back.
    pub(crate) fn with_arguments(&self, change: impl FnOnce(&mut Vec<String>)) -> Result<Undo> {
        let set = self
            .kubectl
            .get(&["-n", NAMESPACE, WORKLOAD])
            .context("read the DaemonSet of zerohop")?;
        let (container, mut arguments) = agent_of(&set)?;
        let before = (json!(arguments), set["spec"]["updateStrategy"].clone());
        change(&mut arguments);
        // All nodes at once.
        let at_once = json!({"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}});
        let kubectl = self.kubectl.clone();
        let undo = Undo::on_drop(move || {
            let (arguments, strategy) = before;
            // The strategy comes second, so that this, too, is done at once.
            let put_back = patch(&kubectl, container, Some(&arguments), None)
                .and_then(|()| patch(&kubectl, container, None, Some(&strategy)));
            if let Err(error) = put_back {
                eprintln!("put the arguments of zerohop back: {error:#}");
            }
        });
        patch(
            &self.kubectl,
            container,
            Some(&json!(arguments)),
            Some(&at_once),
        )?;
        Ok(undo)
    }
}

/// Which container of the DaemonSet is the agent, and its arguments.
fn agent_of(set: &Value) -> Result<(usize, Vec<String>)> {
    let containers = &set["spec"]["template"]["spec"]["containers"];
    let found = containers
        .as_array()
        .into_iter()
        .flatten()
        .position(|container| container["args"][0] == "run");
    let index = found.context("find the container whose arguments begin with `run`")?;
    let arguments = serde_json::from_value(containers[index]["args"].clone())
        .context("read the arguments of zerohop")?;
    Ok((index, arguments))
}

/// Puts what is given into the DaemonSet and waits until its pods are ready.
fn patch(
    kubectl: &Kubectl,
    container: usize,
    arguments: Option<&Value>,
    strategy: Option<&Value>,
) -> Result<()> {
    let arguments_at = format!("/spec/template/spec/containers/{container}/args");
    let fields = [
        (arguments_at.as_str(), arguments),
        ("/spec/updateStrategy", strategy),
    ];
    let operations: Vec<Value> = fields
        .into_iter()
        .filter_map(|(path, value)| Some(json!({"op": "replace", "path": path, "value": value?})))
        .collect();
    ensure!(!operations.is_empty(), "nothing to put into the DaemonSet");
    let operations = Value::from(operations).to_string();
    kubectl.run(&[
        "patch",
        WORKLOAD,
        "-n",
        NAMESPACE,
        "--type=json",
        "-p",
        &operations,
    ])?;
    kubectl.rollout(NAMESPACE, WORKLOAD, ROLLOUT)
}
