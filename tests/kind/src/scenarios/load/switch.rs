//! zerohop off all nodes and back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::undo::Undo;

use crate::{
    agents::NAMESPACE,
    kubectl::{Kubectl, eventually},
    node::Node,
    stage::{ROLLOUT, Stage, items},
};

/// A label that no node has.
const NOWHERE: &str = "zerohop-test/nowhere";

const DAEMON_SET: &str = "daemonset/zerohop";

/// How long agents may take to end.
const END: Duration = Duration::from_secs(60);

/// zerohop is off all nodes until this is dropped or given to [`attach`].
#[must_use = "dropping it brings zerohop back"]
pub(super) struct Detached(Undo);

/// Ends the agents and removes everything of zerohop's from the kernel, so that what is measured is a cluster without
/// it. An agent that merely stands still would leave its programs in the way of every packet.
pub(super) fn detach(stage: &Stage) -> Result<Detached> {
    let kubectl = stage.kubectl.clone();
    let names: Vec<String> = stage.nodes.iter().map(pod_name).collect();
    let undo = Undo::on_drop(move || {
        // They are gone unless something went wrong, which has been said.
        let _ = delete(&kubectl, &names);
        if let Err(error) = choose_nodes(&kubectl, &Value::Null) {
            eprintln!(
                "zerohop stays off the nodes: {error:#}; remove the node selector {NOWHERE} of {DAEMON_SET} in \
                 {NAMESPACE} by hand"
            );
        }
    });
    choose_nodes(&stage.kubectl, &json!("true"))?;
    eventually(END, "the agents' end", || {
        let pods = stage.agents.pods()?;
        ensure!(items(&pods).count() == 0, "some agents still run");
        Ok(())
    })?;
    let agent = stage
        .kubectl
        .get(&["-n", NAMESPACE, DAEMON_SET])
        .context("read how agents run")?;
    let template = &agent["spec"]["template"]["spec"];
    for node in &stage.nodes {
        stage.kubectl.apply(&detaching(template, node))?;
    }
    for node in &stage.nodes {
        let pod = format!("pod/{}", pod_name(node));
        let limit = format!("--timeout={}s", END.as_secs());
        let ended = "--for=jsonpath={.status.phase}=Succeeded";
        stage
            .kubectl
            .run(&["wait", "-n", NAMESPACE, ended, &limit, &pod])
            .with_context(|| format!("run `zerohop detach` on node {}", node.name))?;
    }
    let names: Vec<String> = stage.nodes.iter().map(pod_name).collect();
    delete(&stage.kubectl, &names)?;
    Ok(Detached(undo))
}

/// Brings the agents back and waits until they answer.
pub(super) fn attach(stage: &Stage, detached: Detached) -> Result<()> {
    drop(detached.0);
    stage.kubectl.rollout(NAMESPACE, DAEMON_SET, ROLLOUT)?;
    for node in &stage.nodes {
        eventually(ROLLOUT, "zerohop to answer again", || {
            let status = stage.agents.status(node)?;
            let answering = status.agent.is_some_and(|agent| agent.answering);
            ensure!(answering, "the agent on {} does not answer yet", node.name);
            Ok(())
        })?;
    }
    Ok(())
}

/// Lets agents run on nodes with our label only (`"true"`), or where they ran before (null).
fn choose_nodes(kubectl: &Kubectl, label: &Value) -> Result<()> {
    let patch = json!({"spec": {"template": {"spec": {"nodeSelector": {NOWHERE: label}}}}});
    let patch = patch.to_string();
    kubectl
        .run(&[
            "patch",
            "-n",
            NAMESPACE,
            DAEMON_SET,
            "--type=merge",
            "-p",
            &patch,
        ])
        .map(drop)
}

/// Removes pods that have ended.
fn delete(kubectl: &Kubectl, names: &[String]) -> Result<()> {
    let fixed = [
        "delete",
        "pod",
        "-n",
        NAMESPACE,
        "--now",
        "--ignore-not-found",
    ];
    let names = names.iter().map(String::as_str);
    let words: Vec<&str> = fixed.into_iter().chain(names).collect();
    kubectl.run(&words).map(drop)
}

fn pod_name(node: &Node) -> String {
    format!("zerohop-detach-{}", node.name)
}

/// A pod that runs `zerohop detach` as an agent would run.
fn detaching(template: &Value, node: &Node) -> Value {
    let mut spec = template.clone();
    spec["nodeName"] = json!(node.name);
    spec["restartPolicy"] = json!("Never");
    if let Some(spec) = spec.as_object_mut() {
        spec.remove("nodeSelector");
        spec.remove("affinity");
    }
    let container = &mut spec["containers"][0];
    container["args"] = json!(["detach"]);
    if let Some(container) = container.as_object_mut() {
        // What only a running agent needs.
        for field in [
            "livenessProbe",
            "readinessProbe",
            "startupProbe",
            "lifecycle",
            "ports",
        ] {
            container.remove(field);
        }
    }
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod_name(node), "namespace": NAMESPACE},
        "spec": spec,
    })
}
