//! NodeLocal DNSCache beside us: pods that name it as their server, and pods whose ClusterIP it has taken over.

mod cache;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Replied};
use serde_json::json;

use self::cache::{ADDRESS, Cache};
use crate::{
    kubectl::eventually,
    meaning::{all_over_tcp, all_service_says, cache_says, kernel_says, question},
    node::Node,
    pods::Pod,
    report::Report,
    stage::Stage,
};

const A: u16 = 1;
const PTR: u16 = 12;
const SRV: u16 = 33;

/// How long the agent may take to know its arguments' addresses.
const KNOWN: Duration = Duration::from_secs(60);

/// What pods of one node are told with the cache beside us.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    if stage.dns.is_ipv6() {
        report.not_run(
            "NodeLocal DNSCache on 169.254.20.10",
            "the cluster's DNS service has an IPv6 address only",
        );
        return Ok(());
    }
    let node = stage.worker();
    let mut manifest = Pod::manifest("cache-client", &stage.images.glibc, node);
    manifest["spec"]["dnsPolicy"] = json!("None");
    manifest["spec"]["dnsConfig"] = json!({"nameservers": [ADDRESS]});
    stage.kubectl.apply(&manifest)?;
    let cache = Cache::start(stage)?;
    let pod = Pod::start(&stage.kubectl, &manifest, node)?;
    let local = format!("{ADDRESS}:53");
    let (kernel, left) = questions(stage);

    report.check(
        "without --dns-address, questions to 169.254.20.10 are the cache's, and counted as unknown",
        || {
            let all = [kernel.clone(), left.clone()].concat();
            let before = counted_unknown(stage, node)?;
            let (replied, answered) = asked_of(stage, &pod, &local, &all)?;
            let counted = counted_unknown(stage, node)?.saturating_sub(before);
            ensure!(answered == 0, "the kernel answered {answered}");
            cache_says(&all, &truth(stage, &pod, &all)?, &replied)?;
            ensure!(
                counted >= all.len() as u64,
                "counted were {counted} of {} questions",
                all.len()
            );
            Ok(())
        },
    );
    report.check(
        "with the ClusterIP taken over, the kernel answers before the cache",
        || answered_by_kernel(stage, &pod, &stage.dns_server(), &kernel),
    );
    report.check(
        "with the ClusterIP taken over, what the kernel leaves is the cache's",
        || answered_by_cache(stage, &pod, &stage.dns_server(), &left),
    );
    {
        let _arguments = stage
            .agents
            .with_arguments(|arguments| arguments.push(format!("--dns-address={local}")))?;
        eventually(KNOWN, "the agent to know the cache's address", || {
            let agent = stage.agents.status(node)?.agent.context("no agent")?;
            ensure!(
                agent.answering && agent.dns_addresses.contains(&local),
                "{agent:?}"
            );
            Ok(())
        })?;
        report.check(
            "with --dns-address, the kernel answers questions to 169.254.20.10",
            || answered_by_kernel(stage, &pod, &local, &kernel),
        );
        report.check(
            "with --dns-address, what the kernel leaves is the cache's",
            || answered_by_cache(stage, &pod, &local, &left),
        );
    }
    drop(cache);
    report.check(
        "without the cache, the node's pods reach the DNS service as before",
        || {
            let replied = pod.ask(&stage.dns_server(), &left)?;
            for replied in &replied {
                ensure!(
                    replied.reply.is_some() && !replied.crossed_no_router(),
                    "{replied:?}"
                );
            }
            all_service_says(&left, &truth(stage, &pod, &left)?, &replied)
        },
    );
    pod.delete()
}

/// Those that the kernel answers, and those that it leaves.
fn questions(stage: &Stage) -> (Vec<Asked>, Vec<Asked>) {
    let reverse = match stage.dns {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        std::net::IpAddr::V6(_) => String::new(),
    };
    let kernel = [
        ("kubernetes.default.svc.cluster.local", A),
        ("kube-dns.kube-system.svc.cluster.local", A),
        ("_dns._udp.kube-dns.kube-system.svc.cluster.local", SRV),
        ("kubernetes.default.svc.cluster.local", SRV),
        ("absent.default.svc.cluster.local", A),
        (&reverse, PTR),
    ];
    let left = [
        ("10-1-2-3.default.pod.cluster.local", A),
        ("10-3-2-1.default.pod.cluster.local", A),
    ];
    let asked = |(name, record_type)| question(name, record_type);
    (kernel.map(asked).into(), left.map(asked).into())
}

/// What a CoreDNS pod says, over TCP.
fn truth(stage: &Stage, pod: &Pod, asked: &[Asked]) -> Result<Vec<Replied>> {
    let servers = stage.core_dns_servers()?;
    let server = servers.first().context("find a CoreDNS pod")?;
    pod.ask(server, &all_over_tcp(asked))
}

/// How many questions to the cache's address are counted as unknown.
fn counted_unknown(stage: &Stage, node: &Node) -> Result<u64> {
    let unknown = stage.agents.status(node)?.unknown_destinations;
    let counted = unknown.iter().find(|one| one.address == ADDRESS);
    Ok(counted.map_or(0, |one| one.questions))
}

/// The replies, and how many of them the kernel gave.
fn asked_of(
    stage: &Stage,
    pod: &Pod,
    server: &str,
    asked: &[Asked],
) -> Result<(Vec<Replied>, u64)> {
    let before = stage.agents.status(&pod.node)?.answered_in_kernel();
    let replied = pod.ask(server, asked)?;
    let after = stage.agents.status(&pod.node)?.answered_in_kernel();
    Ok((replied, after - before))
}

fn answered_by_kernel(stage: &Stage, pod: &Pod, server: &str, asked: &[Asked]) -> Result<()> {
    let (replied, answered) = asked_of(stage, pod, server, asked)?;
    ensure!(
        answered >= asked.len() as u64,
        "the kernel answered {answered} of {} questions: {replied:?}",
        asked.len()
    );
    kernel_says(asked, &truth(stage, pod, asked)?, &replied)
}

/// A server on the node itself is no router away, as the kernel is; the counters tell them apart.
fn answered_by_cache(stage: &Stage, pod: &Pod, server: &str, asked: &[Asked]) -> Result<()> {
    let (replied, answered) = asked_of(stage, pod, server, asked)?;
    ensure!(answered == 0, "the kernel answered {answered}");
    ensure!(
        replied.iter().all(Replied::crossed_no_router),
        "somebody farther away answered: {replied:?}"
    );
    cache_says(asked, &truth(stage, pod, asked)?, &replied)
}
