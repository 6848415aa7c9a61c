//! kube-proxy in each of its modes: what is ours stays ours, and what is left to the DNS service gets there.

use std::time::Duration;

use anyhow::{Result, ensure};
use pod::protocol::Transport;
use serde_json::json;
use tests::undo::Undo;

use crate::{
    kubectl::{Kubectl, eventually},
    meaning::{answers, kernel_says_one, over_tcp, question},
    node::Node,
    pods::Pod,
    report::Report,
    stage::{NAMESPACE, ROLLOUT, Stage},
};

const KUBE_SYSTEM: &str = "kube-system";
const WORKLOAD: &str = "daemonset/kube-proxy";
const NAME: &str = "kube-proxy";

/// How long after its pod is ready a kube-proxy may take until its rules are there and it tells its mode.
const BEGINS: Duration = Duration::from_secs(30);

/// Sets each mode, asks from a pod on each node, and sets the mode that was.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let kubectl = &stage.kubectl;
    let text = configuration(kubectl)?;
    let Some(was) = mode_line(&text).map(str::to_owned) else {
        report.not_run(
            "kube-proxy's modes",
            "the cluster's kube-proxy is not set up by kubeadm",
        );
        return Ok(());
    };
    let names = stage
        .nodes
        .iter()
        .map(|node| format!("{NAME}-{}", node.name));
    let pods = names
        .zip(&stage.nodes)
        .map(|(name, node)| {
            let mut manifest = Pod::manifest(&name, &stage.images.glibc, node);
            manifest["metadata"]["labels"]["app"] = NAME.into();
            Pod::start(kubectl, &manifest, node)
        })
        .collect::<Result<Vec<_>>>()?;
    kubectl.apply(&json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"clusterIP": "None", "selector": {"app": NAME}, "ports": [{"port": 80}]},
    }))?;
    {
        let _restored = {
            let (kubectl, text) = (kubectl.clone(), text.clone());
            Undo::on_drop(move || {
                if let Err(error) = configure(&kubectl, &text) {
                    eprintln!("kube-proxy may be left in another mode: {error:#}");
                }
            })
        };
        for mode in ["iptables", "nftables", "ipvs"] {
            if mode == "ipvs"
                && stage
                    .worker()
                    .run(&["test", "-e", "/proc/net/ip_vs"])
                    .is_err()
            {
                report.not_run("kube-proxy in ipvs mode", "the kernel has no ip_vs");
                continue;
            }
            let wanted = text.replace(&was, &format!("mode: {mode}"));
            if wanted != configuration(kubectl)? {
                configure(kubectl, &wanted)?;
            }
            for (node, pod) in stage.nodes.iter().zip(&pods) {
                let sentence = format!("kube-proxy in {mode} mode, {}", node.name);
                report.check(&format!("{sentence}: it has that mode"), || {
                    has_mode(node, mode)
                });
                report.check(
                    &format!("{sentence}: every question is answered, and by whom it shall be"),
                    || ask(stage, pod),
                );
            }
        }
    }
    kubectl.rollout(KUBE_SYSTEM, WORKLOAD, ROLLOUT)?;
    kubectl.run(&["delete", "service", "-n", NAMESPACE, NAME])?;
    pods.into_iter().try_for_each(Pod::delete)
}

/// Asks what is answered in the kernel, and what the DNS service answers.
fn ask(stage: &Stage, pod: &Pod) -> Result<()> {
    let service = "kubernetes.default.svc.cluster.local";
    let headless = format!("{NAME}.{NAMESPACE}.svc.cluster.local");
    let questions = [
        (service, Transport::Udp, true),
        (&headless, Transport::Udp, true),
        ("github.com.default.svc.cluster.local", Transport::Udp, true),
        // Any address may be a pod's, so such names are left.
        ("10-1-2-3.default.pod.cluster.local", Transport::Udp, false),
        (service, Transport::Tcp, false),
        (&headless, Transport::Tcp, false),
    ];
    let asked = questions.map(|(name, transport, _)| {
        let asked = question(name, stage.address_type());
        match transport {
            Transport::Udp => asked,
            Transport::Tcp => over_tcp(&asked),
        }
    });
    let server = stage.dns_server();
    eventually(BEGINS, "every question to be answered", || {
        let replied = pod.ask(&server, &asked)?;
        for ((name, transport, by_kernel), replied) in questions.iter().zip(&replied) {
            ensure!(
                replied.reply.is_some() && replied.crossed_no_router() == *by_kernel,
                "{name} over {transport:?}: {replied:?}"
            );
        }
        for (one, other) in [(0, 4), (1, 5)] {
            let (udp, tcp) = (&replied[one], &replied[other]);
            ensure!(!answers(udp)?.is_empty(), "no records: {udp:?}");
            kernel_says_one(tcp, udp)?;
        }
        Ok(())
    })
}

/// kube-proxy's configuration file.
fn configuration(kubectl: &Kubectl) -> Result<String> {
    let map = kubectl.get(&[
        "configmap",
        "-n",
        KUBE_SYSTEM,
        "kube-proxy",
        "--ignore-not-found",
    ]);
    let text = map
        .ok()
        .and_then(|map| Some(map["data"]["config.conf"].as_str()?.to_owned()));
    Ok(text.unwrap_or_default())
}

/// The line that says the mode.
fn mode_line(text: &str) -> Option<&str> {
    text.lines().find(|line| line.starts_with("mode:"))
}

/// Sets the configuration file and restarts every kube-proxy.
fn configure(kubectl: &Kubectl, text: &str) -> Result<()> {
    let patch = json!({"data": {"config.conf": text}}).to_string();
    let map = ["configmap", "-n", KUBE_SYSTEM, "kube-proxy"];
    kubectl.run(&[&["patch"], &map[..], &["--type=merge", "--patch", &patch]].concat())?;
    kubectl.run(&["rollout", "restart", "-n", KUBE_SYSTEM, WORKLOAD])?;
    kubectl.rollout(KUBE_SYSTEM, WORKLOAD, ROLLOUT)
}

/// Asks kube-proxy itself, which listens on the node's loopback only; bash is in every node, curl need not be.
fn has_mode(node: &Node, mode: &str) -> Result<()> {
    let ask = "exec 3<>/dev/tcp/127.0.0.1/10249; printf 'GET /proxyMode HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3";
    // It listens a little after its pod is ready.
    eventually(BEGINS, "kube-proxy to tell its mode", || {
        let reply = node.run(&["bash", "-c", ask])?;
        ensure!(
            reply.trim_end().ends_with(mode),
            "kube-proxy says {reply:?}"
        );
        Ok(())
    })
}
