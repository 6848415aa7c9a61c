//! CoreDNS restarted, and scaled to 0: names in the table are answered all the while.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Transport};
use tests::undo::Undo;

use crate::{
    kubectl::Kubectl,
    pods::Pod,
    report::Report,
    stage::{ROLLOUT, Stage},
    steady::{asked_while, judge},
};

/// Questions a second.
const RATE: u32 = 200;

const NAMESPACE: &str = "kube-system";
const WORKLOAD: &str = "deployment/coredns";

/// Names of services that every cluster has.
const NAMES: &[&str] = &[
    "kubernetes.default.svc.cluster.local",
    "kube-dns.kube-system.svc.cluster.local",
];

/// What a search list makes of a name outside: it is absent for certain.
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
    let loaded = asked_while(&pod, &server, RATE, NAMES, || {
        kubectl.run(&["rollout", "restart", "-n", NAMESPACE, WORKLOAD])?;
        kubectl.rollout(NAMESPACE, WORKLOAD, ROLLOUT)
    })
    .context(during)?;
    judge(report, during, &loaded);

    let back = {
        let kubectl = kubectl.clone();
        Undo::on_drop(move || {
            if let Err(error) = scale(&kubectl, replicas) {
                eprintln!("CoreDNS may be left without replicas: {error:#}");
            }
        })
    };
    let during = "CoreDNS scaled to 0 and back";
    let loaded = asked_while(&pod, &server, RATE, NAMES, || {
        scale(kubectl, 0)?;
        let limit = format!("--timeout={}s", ROLLOUT.as_secs());
        let pods = ["pod", "-l", "k8s-app=kube-dns", &limit];
        kubectl.run(&[&["wait", "-n", NAMESPACE, "--for=delete"], &pods[..]].concat())?;
        without_core_dns(report, &pod, &server)?;
        drop(back);
        kubectl.rollout(NAMESPACE, WORKLOAD, ROLLOUT)
    })
    .context(during)?;
    judge(report, during, &loaded);
    report.check("CoreDNS answers again what is left to it", || {
        let all = [
            (ABSENT, Transport::Tcp),
            (OUTSIDE_THE_TABLE, Transport::Udp),
        ];
        let asked = all.map(|(name, transport)| Asked {
            transport,
            ..question(name)
        });
        tests::eventually(Duration::from_secs(10), "CoreDNS's reply", || {
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
        .map(|name| question(name))
        .collect();
    let replied = pod.ask(server, &names)?;
    report.check("without CoreDNS names of the cluster are answered", || {
        for (asked, replied) in names.iter().zip(&replied) {
            ensure!(replied.crossed_no_router(), "{}: {replied:?}", asked.name);
        }
        Ok(())
    });
    let outside = pod.ask(server, &[question(OUTSIDE_THE_TABLE)])?;
    report.check("without CoreDNS nobody answers for it", || {
        ensure!(
            outside.iter().all(|replied| replied.reply.is_none()),
            "{outside:?}"
        );
        Ok(())
    });
    Ok(())
}

fn question(name: &str) -> Asked {
    Asked {
        name: name.to_owned(),
        record_type: 1,
        edns: None,
        transport: Transport::Udp,
    }
}

fn scale(kubectl: &Kubectl, replicas: u64) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    kubectl
        .run(&["scale", "-n", NAMESPACE, WORKLOAD, &replicas])
        .map(drop)
}
