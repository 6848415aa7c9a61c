//! CoreDNS restarted, and scaled to 0: names in the table are answered all the while.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Loaded};
use tests::undo::Undo;

use crate::{
    kubectl::{Kubectl, eventually},
    meaning::{over_tcp, question},
    pods::Pod,
    report::Report,
    stage::{ROLLOUT, Stage, items},
    steady::{asked_while, judge},
};

/// Questions a second.
const RATE: u32 = 200;

const A: u16 = 1;

/// The share of questions that the kernel must answer: CoreDNS's life is nothing to it.
const ANSWERED_MIN: f64 = 0.999;

/// How long a new CoreDNS may take to answer.
const ANSWERS: Duration = Duration::from_secs(60);

const NAMESPACE: &str = "kube-system";
const WORKLOAD: &str = "deployment/coredns";

/// Names of services that every cluster has.
const NAMES: &[&str] = &[
    "kubernetes.default.svc.cluster.local",
    "kube-dns.kube-system.svc.cluster.local",
];

/// What a search list makes of an external name: it is absent for certain.
const ABSENT: &str = "github.com.default.svc.cluster.local";

/// No program of ours ever knows it: any address may be a pod's.
const OUTSIDE_THE_TABLE: &str = "10-1-2-3.default.pod.cluster.local";

/// Restarts it, scales it to 0 and back.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let kubectl = &stage.kubectl;
    let pod = stage.glibc_pod("core-dns", stage.worker())?;
    let server = stage.dns_server();
    let deployment = kubectl.get(&["-n", NAMESPACE, WORKLOAD])?;
    let replicas = deployment["spec"]["replicas"]
        .as_u64()
        .context("read how many CoreDNS there are")?;

    let during = "CoreDNS restarted";
    let steadily = asked_while(stage, &pod, RATE, NAMES, || {
        let old = pods(kubectl)?;
        kubectl.run(&["rollout", "restart", "-n", NAMESPACE, WORKLOAD])?;
        kubectl.rollout(NAMESPACE, WORKLOAD, ROLLOUT)?;
        // They go on for a while after the new ones are ready; their end is part of it.
        until_gone(kubectl, &old)
    })
    .context(during)?;
    judge(report, during, &steadily);
    answered_in_kernel(report, during, &steadily.loaded);

    let back = {
        let kubectl = kubectl.clone();
        Undo::on_drop(move || {
            if let Err(error) = scale(&kubectl, replicas) {
                eprintln!("CoreDNS may be left without replicas: {error:#}");
            }
        })
    };
    let during = "CoreDNS scaled to 0 and back";
    let steadily = asked_while(stage, &pod, RATE, NAMES, || {
        scale(kubectl, 0)?;
        let limit = format!("--timeout={}s", ROLLOUT.as_secs());
        let pods = ["pod", "-l", "k8s-app=kube-dns", &limit];
        kubectl.run(&[&["wait", "-n", NAMESPACE, "--for=delete"], &pods[..]].concat())?;
        without_core_dns(report, &pod, &server)?;
        drop(back);
        kubectl.rollout(NAMESPACE, WORKLOAD, ROLLOUT)
    })
    .context(during)?;
    judge(report, during, &steadily);
    answered_in_kernel(report, during, &steadily.loaded);
    report.check("CoreDNS answers again what is left to it", || {
        let asked = [
            over_tcp(&question(ABSENT, A)),
            question(OUTSIDE_THE_TABLE, A),
        ];
        eventually(ANSWERS, "CoreDNS's reply", || {
            for replied in pod.ask(&server, &asked)? {
                ensure!(replied.reply.is_some(), "{:?}", replied.trouble);
                ensure!(!replied.crossed_no_router(), "{replied:?}");
            }
            Ok(())
        })
    });
    pod.delete()
}

/// While no CoreDNS runs.
fn without_core_dns(report: &mut Report, pod: &Pod, server: &str) -> Result<()> {
    let names: Vec<Asked> = NAMES
        .iter()
        .chain([&ABSENT])
        .map(|name| question(name, A))
        .collect();
    let replied = pod.ask(server, &names)?;
    report.check("without CoreDNS names of the cluster are answered", || {
        for (asked, replied) in names.iter().zip(&replied) {
            ensure!(replied.crossed_no_router(), "{}: {replied:?}", asked.name);
        }
        Ok(())
    });
    let external = pod.ask(server, &[question(OUTSIDE_THE_TABLE, A)])?;
    report.check("without CoreDNS nobody answers for it", || {
        ensure!(
            external.iter().all(|replied| replied.reply.is_none()),
            "{external:?}"
        );
        Ok(())
    });
    Ok(())
}

fn answered_in_kernel(report: &mut Report, during: &str, loaded: &Loaded) {
    let sentence = format!("{during}: names in the table are answered in the kernel");
    report.check(&sentence, || {
        ensure!(
            loaded.by_kernel as f64 >= ANSWERED_MIN * loaded.answered as f64,
            "{} of {} were",
            loaded.by_kernel,
            loaded.answered
        );
        Ok(())
    });
}

/// The names of CoreDNS's pods.
fn pods(kubectl: &Kubectl) -> Result<Vec<String>> {
    let pods = kubectl.get(&["pods", "-n", NAMESPACE, "-l", "k8s-app=kube-dns"])?;
    items(&pods)
        .map(|pod| {
            let name = pod["metadata"]["name"].as_str();
            Ok(name.context("a pod without a name")?.to_owned())
        })
        .collect()
}

/// Waits until these pods are no more.
fn until_gone(kubectl: &Kubectl, pods: &[String]) -> Result<()> {
    let limit = format!("--timeout={}s", ROLLOUT.as_secs());
    let fixed = ["wait", "-n", NAMESPACE, "--for=delete", &limit, "pod"];
    let names = pods.iter().map(String::as_str);
    let words: Vec<&str> = fixed.into_iter().chain(names).collect();
    kubectl.run(&words).map(drop)
}

fn scale(kubectl: &Kubectl, replicas: u64) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    kubectl
        .run(&["scale", "-n", NAMESPACE, WORKLOAD, &replicas])
        .map(drop)
}
