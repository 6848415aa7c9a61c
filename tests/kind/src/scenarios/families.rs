//! IPv4 and IPv6: services, headless services and reverse names of both families, and questions over both, as far as
//! the cluster has them.

mod objects;

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Replied};
use tests::{hickory_proto::rr::Name, undo::Undo};

use self::objects::{Family, SERVICES, addresses, apply, service};
use crate::{
    kubectl::eventually,
    meaning::{all_over_tcp, all_service_says, answers, kernel_says, over_tcp, question},
    pods::Pod,
    report::Report,
    stage::Stage,
};

const A: u16 = 1;
const PTR: u16 = 12;
const AAAA: u16 = 28;
const SRV: u16 = 33;

/// How long CoreDNS and the agents may take to know a change.
const KNOWN: Duration = Duration::from_secs(60);

/// Everything that the cluster's families allow.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    apply(&stage.kubectl)?;
    let pod = stage.glibc_pod("families", stage.worker())?;
    let of_services = families(&addresses(&stage.kubectl, "both")?);
    let of_pods = families(&pod.addresses()?);
    name_what_is_missing(report, &of_services, &of_pods);
    let _dual = dual_dns(stage, of_services.len() == 2)?;
    let servers = servers(stage)?;
    until_core_dns_knows(stage, &pod)?;

    let asked = questions(stage)?;
    for server in &servers {
        let family = Family::of(server.ip());
        if !of_pods.contains(&family) {
            let why = format!("the cluster's pods have no {family} address");
            report.not_run(&format!("questions over {family} to {server}"), &why);
            continue;
        }
        let server = server.to_string();
        report.check(
            &format!("over {family}: the kernel answers names, ports and reverse names of both families as CoreDNS does"),
            || eventually(KNOWN, "all of them", || answered(stage, &pod, &server, &asked)),
        );
        report.check(
            &format!(
                "over {family}: what the kernel leaves, and TCP, is answered by the DNS service"
            ),
            || eventually(KNOWN, "the DNS service", || left(stage, &pod, &server)),
        );
    }
    for name in SERVICES {
        stage
            .kubectl
            .run(&["delete", "service", "-n", crate::stage::NAMESPACE, name])?;
    }
    pod.delete()
}

fn families(addresses: &[IpAddr]) -> BTreeSet<Family> {
    addresses.iter().copied().map(Family::of).collect()
}

fn name_what_is_missing(
    report: &mut Report,
    of_services: &BTreeSet<Family>,
    of_pods: &BTreeSet<Family>,
) {
    let have = |families: &BTreeSet<Family>| {
        let names: Vec<String> = families.iter().map(Family::to_string).collect();
        names.join(" and ")
    };
    if of_services.len() < 2 {
        report.not_run(
            "services with a ClusterIP of each family",
            &format!(
                "the cluster's services have {} addresses; deploy/kind/dual-stack.yaml asks for both",
                have(of_services)
            ),
        );
    }
    if of_pods.len() < 2 {
        report.not_run(
            "pods with addresses of both families",
            &format!(
                "the cluster's network plugin gives {} addresses",
                have(of_pods)
            ),
        );
    }
    if of_pods.contains(&Family::IPv4) {
        report.not_run(
            "pods with an IPv6 address only",
            &format!(
                "the cluster's network plugin gives {} addresses; deploy/kind/ipv6.yaml asks for IPv6 alone",
                have(of_pods)
            ),
        );
    }
}

/// Gives the DNS service an address of each family, where the cluster has both.
fn dual_dns(stage: &Stage, possible: bool) -> Result<Option<Undo>> {
    let before =
        service(&stage.kubectl, "kube-system", "kube-dns")?["spec"]["ipFamilyPolicy"].clone();
    if !possible || before != "SingleStack" {
        return Ok(None);
    }
    let kubectl = stage.kubectl.clone();
    let set = move |policy: &str| {
        let patch = serde_json::json!({"spec": {"ipFamilyPolicy": policy}}).to_string();
        kubectl.run(&[
            "patch",
            "service",
            "-n",
            "kube-system",
            "kube-dns",
            "-p",
            &patch,
        ])
    };
    set("RequireDualStack")?;
    Ok(Some(Undo::on_drop(move || {
        if let Err(error) = set("SingleStack") {
            eprintln!("give the DNS service one address again: {error:#}");
        }
    })))
}

/// The DNS service's addresses, once the agent on the worker knows them.
fn servers(stage: &Stage) -> Result<Vec<SocketAddr>> {
    let service = service(&stage.kubectl, "kube-system", "kube-dns")?;
    let servers: Vec<SocketAddr> = objects::cluster_addresses(&service)
        .into_iter()
        .map(|address| SocketAddr::new(address, 53))
        .collect();
    eventually(
        KNOWN,
        "the agent to know the DNS service's addresses",
        || {
            let status = stage.agents.status(stage.worker())?;
            let known = status.agent.context("no agent")?.dns_addresses;
            let all = servers
                .iter()
                .all(|server| known.contains(&server.to_string()));
            ensure!(all, "known are {known:?} of {servers:?}");
            Ok(())
        },
    )?;
    Ok(servers)
}

/// Waits until every CoreDNS pod knows the addresses. A reverse name that is asked earlier is denied, and the denial
/// stays in CoreDNS's cache.
fn until_core_dns_knows(stage: &Stage, pod: &Pod) -> Result<()> {
    let namespace = crate::stage::NAMESPACE;
    let mut names = Vec::new();
    for host in ["first", "second"] {
        names.extend([A, AAAA].map(|record_type| (format!("{host}.hosts"), record_type)));
    }
    for address in addresses(&stage.kubectl, "both")? {
        let record_type = match Family::of(address) {
            Family::IPv4 => A,
            Family::IPv6 => AAAA,
        };
        names.push(("both".to_owned(), record_type));
    }
    let asked: Vec<Asked> = names
        .iter()
        .map(|(name, record_type)| {
            let name = format!("{name}.{namespace}.svc.cluster.local");
            over_tcp(&question(&name, *record_type))
        })
        .collect();
    eventually(KNOWN, "every CoreDNS pod to know the addresses", || {
        for server in stage.core_dns_servers()? {
            for (asked, replied) in asked.iter().zip(&pod.ask(&server, &asked)?) {
                ensure!(
                    !answers(replied)?.is_empty(),
                    "{server} does not know {} type {}",
                    asked.name,
                    asked.record_type
                );
            }
        }
        Ok(())
    })
}

/// Questions about all that was made, each of which the kernel answers.
fn questions(stage: &Stage) -> Result<Vec<Asked>> {
    let namespace = crate::stage::NAMESPACE;
    let mut names = vec![
        "kubernetes.default".to_owned(),
        "kube-dns.kube-system".to_owned(),
    ];
    names.extend(SERVICES.map(|service| format!("{service}.{namespace}")));
    names.extend(["first", "second"].map(|host| format!("{host}.hosts.{namespace}")));
    let mut asked = Vec::new();
    for name in &names {
        for record_type in [A, AAAA, SRV] {
            asked.push(question(&format!("{name}.svc.cluster.local"), record_type));
        }
    }
    for service in SERVICES {
        let name = format!("_http._tcp.{service}.{namespace}.svc.cluster.local");
        asked.push(question(&name, SRV));
    }
    let mut reverse = objects::endpoints();
    for service in SERVICES {
        reverse.extend(addresses(&stage.kubectl, service)?);
    }
    for address in reverse {
        let name = Name::from(address).to_ascii();
        asked.push(question(name.trim_end_matches('.'), PTR));
    }
    Ok(asked)
}

fn answered(stage: &Stage, pod: &Pod, server: &str, asked: &[Asked]) -> Result<()> {
    let replied = pod.ask(server, asked)?;
    for (asked, replied) in asked.iter().zip(&replied) {
        ensure!(
            replied.crossed_no_router(),
            "{} type {} was not answered in the kernel: {:?} {:?}",
            asked.name,
            asked.record_type,
            replied.hop_limit,
            replied.trouble
        );
    }
    let over_tcp = all_over_tcp(asked);
    let servers = stage.core_dns_servers()?;
    let truth = pod.ask(servers.first().context("find a CoreDNS pod")?, &over_tcp)?;
    kernel_says(asked, &truth, &replied)
}

fn left(stage: &Stage, pod: &Pod, server: &str) -> Result<()> {
    let name = question("10-1-2-3.default.pod.cluster.local", A);
    let known = over_tcp(&question("kubernetes.default.svc.cluster.local", A));
    let asked = [name.clone(), over_tcp(&name), known];
    let replied = pod.ask(server, &asked)?;
    let servers = stage.core_dns_servers()?;
    let truth = pod.ask(
        servers.first().context("find a CoreDNS pod")?,
        &asked.each_ref().map(over_tcp),
    )?;
    all_service_says(&asked, &truth, &replied)?;
    ensure!(!Replied::crossed_no_router(&replied[0]), "{:?}", replied[0]);
    Ok(())
}
