//! The agent goes and comes back in three ways while a pod asks 500 times a second.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    agents,
    kubectl::eventually,
    meaning::{in_kernel, question},
    node::Node,
    report::Report,
    stage::{ROLLOUT, Stage},
    steady::{asked_while, judge},
};

/// Questions a second.
const RATE: u32 = 500;

/// How long a new agent may take to be ready and to answer.
const READY: Duration = Duration::from_secs(60);

const A: u16 = 1;

const NAMES: &[&str] = &[
    "kubernetes.default.svc.cluster.local",
    "kube-dns.kube-system.svc.cluster.local",
];

/// Deletes the agent's pod, restarts the DaemonSet, kills the process.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let node = stage.worker();
    let pod = stage.glibc_pod("agent-restart", node)?;
    let server = stage.dns_server();
    type Happens = fn(&Stage, &Node) -> Result<()>;
    let ways: [(&str, Happens); 3] = [
        ("zerohop's pod deleted", delete),
        ("zerohop's DaemonSet restarted", restart),
        ("zerohop's process killed", kill),
    ];
    for (during, happens) in ways {
        let steadily = asked_while(stage, &pod, RATE, NAMES, || {
            happens(stage, node)?;
            answers(stage, node)
        })
        .context(during)?;
        judge(report, during, &steadily);
        report.check(&format!("{during}: the kernel answers again"), || {
            let asked: Vec<_> = NAMES.iter().map(|name| question(name, A)).collect();
            for (asked, replied) in asked.iter().zip(&pod.ask(&server, &asked)?) {
                in_kernel(replied).with_context(|| asked.name.clone())?;
            }
            Ok(())
        });
    }
    pod.delete()
}

fn delete(stage: &Stage, node: &Node) -> Result<()> {
    let pod = stage.agents.pod(node)?;
    let kubectl = &stage.kubectl;
    kubectl.run(&["delete", "pod", "-n", agents::NAMESPACE, &pod])?;
    kubectl.rollout(agents::NAMESPACE, "daemonset/zerohop", ROLLOUT)
}

fn restart(stage: &Stage, _: &Node) -> Result<()> {
    let kubectl = &stage.kubectl;
    kubectl.run(&[
        "rollout",
        "restart",
        "-n",
        agents::NAMESPACE,
        "daemonset/zerohop",
    ])?;
    kubectl.rollout(agents::NAMESPACE, "daemonset/zerohop", ROLLOUT)
}

fn kill(stage: &Stage, node: &Node) -> Result<()> {
    let pod = stage.agents.pod(node)?;
    let before = container(stage, &pod)?;
    let id = before["containerID"].as_str().unwrap_or_default();
    let id = id.rsplit('/').next().unwrap_or_default();
    ensure!(!id.is_empty(), "pod {pod} does not tell its container");
    // The kernel names the container in its processes' cgroups, whichever version these have.
    let search = format!("grep -l {id} /proc/[0-9]*/cgroup | cut -d/ -f3");
    let processes = node.run(&["bash", "-c", &search])?;
    let processes: Vec<&str> = processes.split_whitespace().collect();
    ensure!(!processes.is_empty(), "no process of container {id} runs");
    node.run(&[&["kill", "-9"], &processes[..]].concat())?;
    eventually(READY, "zerohop's container to be there again", || {
        let now = container(stage, &pod)?;
        ensure!(
            now["ready"] == true && now["containerID"] != before["containerID"],
            "{now}"
        );
        Ok(())
    })
}

/// The status of the agent's container.
fn container(stage: &Stage, pod: &str) -> Result<Value> {
    let pod = stage.kubectl.get(&["pod", "-n", agents::NAMESPACE, pod])?;
    Ok(pod["status"]["containerStatuses"][0].clone())
}

/// Waits until the agent on `node` says that the kernel answers.
fn answers(stage: &Stage, node: &Node) -> Result<()> {
    eventually(READY, "the kernel to answer again", || {
        let status = stage.agents.status(node)?;
        let agent = status.agent.context("the agent does not answer")?;
        ensure!(agent.answering, "{:?}", agent.reason);
        Ok(())
    })
}
