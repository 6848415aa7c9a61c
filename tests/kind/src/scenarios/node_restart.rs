//! The worker restarts: how soon after the agent's start the kernel answers there again.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use pod::protocol::Watched;
use serde_json::{Value, json};
use tests::undo::Undo;

use crate::{
    agents,
    kubectl::{Kubectl, eventually},
    pods::{PROGRAM, Pod},
    report::Report,
    stage::{NAMESPACE, ROLLOUT, Stage},
};

const NAME: &str = "node-restart";

/// How long a node may take until its containers run again.
const BACK: Duration = Duration::from_secs(120);

/// The bound, from the agent's start to the kernel's first answer.
const BOUND: Duration = Duration::from_secs(10);

/// Restarts the worker's container, and reads what a pod there saw from its own start on.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let node = stage.worker();
    let kubectl = &stage.kubectl;
    let mut manifest = Pod::manifest(NAME, &stage.images.glibc, node);
    manifest["spec"]["containers"][0]["command"] = json!([
        PROGRAM,
        "watch",
        "--server",
        stage.dns_server(),
        "--pause",
        "2000",
        "--patience",
        "100",
        "--name",
        "kubernetes.default.svc.cluster.local",
    ]);
    let pod = Pod::start(kubectl, &manifest, node)?;
    let agent = stage.agents.pod(node)?;
    let watcher_before = container(kubectl, NAMESPACE, NAME)?;
    let agent_before = container(kubectl, agents::NAMESPACE, &agent)?;

    let _runs = {
        let name = node.name.clone();
        // Of a container that runs this is nothing.
        Undo::on_drop(move || {
            if let Err(error) = docker("start", &name) {
                eprintln!("node {name} may be left stopped: {error:#}");
            }
        })
    };
    let start = Instant::now();
    docker("restart", &node.name)?;
    report.figure(
        "docker restart of the worker",
        start.elapsed().as_secs_f64(),
        "s",
    );
    restarted(kubectl, agents::NAMESPACE, &agent, &agent_before)?;
    restarted(kubectl, NAMESPACE, NAME, &watcher_before)?;
    report.figure(
        "from docker restart until its pods run again",
        start.elapsed().as_secs_f64(),
        "s",
    );

    let seen = eventually(BACK, "the kernel to answer on the worker again", || {
        let seen = watched(&kubectl.run(&["logs", "-n", NAMESPACE, NAME])?)?;
        ensure!(
            seen.iter().any(|watched| watched.seen.by_kernel),
            "{seen:?}"
        );
        Ok(seen)
    })?;
    let began = began(kubectl, &agent)?;
    let asked = asked_at(seen.first().context("the watching pod saw nothing")?);
    let answered = seen.iter().find(|watched| watched.seen.by_kernel);
    let answered = answered.context("the kernel did not answer")?.at;
    let after = |at: u64| (at as f64 - began as f64) / 1e9;
    report.figure(
        "from the agent's start to the first question there",
        after(asked),
        "s",
    );
    report.figure(
        "from the agent's start to the kernel's first answer",
        after(answered),
        "s",
    );
    report.check(
        "the kernel answers within 10 s of the agent's start, or from the first question on",
        || {
            let at_once = seen[0].seen.by_kernel;
            ensure!(
                at_once || after(answered) <= BOUND.as_secs_f64(),
                "{seen:?}"
            );
            Ok(())
        },
    );
    ready(kubectl, &node.name)?;
    pod.delete()
}

/// Waits until the node and what runs on every node are as they were.
fn ready(kubectl: &Kubectl, node: &str) -> Result<()> {
    let limit = format!("--timeout={}s", ROLLOUT.as_secs());
    kubectl.run(&[
        "wait",
        "--for=condition=Ready",
        &limit,
        &format!("node/{node}"),
    ])?;
    for workload in [
        "daemonset/zerohop",
        "daemonset/kube-proxy",
        "deployment/coredns",
    ] {
        kubectl.rollout("kube-system", workload, ROLLOUT)?;
    }
    Ok(())
}

fn docker(verb: &str, container: &str) -> Result<()> {
    let output = Command::new("docker").args([verb, container]).output();
    let output = output.with_context(|| format!("docker {verb} {container}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("docker {verb} {container}: {}", said.trim());
    }
    Ok(())
}

/// The status of a pod's container.
fn container(kubectl: &Kubectl, namespace: &str, pod: &str) -> Result<Value> {
    let pod = kubectl.get(&["pod", "-n", namespace, pod])?;
    Ok(pod["status"]["containerStatuses"][0].clone())
}

/// Waits until a pod's container is another than `before`, and runs.
fn restarted(kubectl: &Kubectl, namespace: &str, pod: &str, before: &Value) -> Result<()> {
    eventually(BACK, &format!("pod {namespace}/{pod} to run again"), || {
        let now = container(kubectl, namespace, pod)?;
        ensure!(
            now["containerID"] != before["containerID"] && !now["state"]["running"].is_null(),
            "{now}"
        );
        Ok(())
    })
}

/// When the agent's container wrote its first line, in nanoseconds of UNIX time: within a few milliseconds of its
/// start, of which the cluster tells whole seconds only.
fn began(kubectl: &Kubectl, agent: &str) -> Result<u64> {
    let words = ["logs", "-n", agents::NAMESPACE, agent, "--timestamps"];
    let log = kubectl.run(&words)?;
    let time = log.split_whitespace().next();
    let time = time.with_context(|| format!("pod {agent} has logged nothing"))?;
    let time: jiff::Timestamp = time
        .parse()
        .with_context(|| format!("read the first time in the log of pod {agent}"))?;
    u64::try_from(time.as_nanosecond()).context("a time before 1970")
}

fn watched(log: &str) -> Result<Vec<Watched>> {
    let lines = log.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).context("read a line of pod watch"))
        .collect()
}

/// When its question was sent.
fn asked_at(watched: &Watched) -> u64 {
    watched
        .at
        .saturating_sub((watched.microseconds * 1e3) as u64)
}
