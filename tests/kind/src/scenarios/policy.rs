//! Pods under a default-deny ingress policy, enforced by a stateful filter on the node's end of their veths, which
//! is put before zerohop after the start: with zerohop on TCX and on clsact.

mod order;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Filtered, Replied};
use tests::{AttachedInterface, undo::Undo};

use self::order::reported;
use crate::{
    filter::{Filter, interface_of, node_pod},
    kubectl::eventually,
    meaning::{all_over_tcp, kernel_says, over_tcp, question},
    pods::Pod,
    report::Report,
    stage::Stage,
};

/// What other programs run after is announced on clsact, and looked after every 10 s on TCX.
const FIRST_AGAIN: Duration = Duration::from_secs(30);

/// How long a filter on clsact may stay before ours, whose agent is told of it.
const TOLD: Duration = Duration::from_secs(60);

/// A port that nobody listens on: without a filter, connections to it are refused.
const CLOSED: u16 = 8080;

const A: u16 = 1;
const HOOKS: [&str; 2] = ["tcx", "clsact"];

/// The pods.
struct Cast {
    /// In the node's network; attaches filters.
    host: Pod,
    /// Those under the policy, one for each hook of a filter.
    served: Vec<Pod>,
    /// Wants to connect to them.
    client: Pod,
}

/// Once with each hook of zerohop.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let cast = cast(stage)?;
    report.check("without a filter, a pod refuses connections itself", || {
        for pod in &cast.served {
            let said = connect(&cast.client, pod)?;
            ensure!(
                said.iter().all(|said| said.contains("refused")),
                "{}: {said:?}",
                pod.name
            );
        }
        Ok(())
    });
    for hook in HOOKS {
        let _arguments = with_hook(stage, hook, &cast.served)?;
        under_filters(stage, report, &cast, hook)?;
    }
    cast.host.delete()?;
    cast.client.delete()?;
    cast.served.into_iter().try_for_each(Pod::delete)
}

fn cast(stage: &Stage) -> Result<Cast> {
    let node = stage.worker();
    let names = ["policy-tcx", "policy-clsact", "policy-client"];
    let manifests = names.map(|name| Pod::manifest(name, &stage.images.glibc, node));
    let host = node_pod("policy-host", &stage.images.glibc, node);
    // All of them first, so that they start together.
    for manifest in manifests.iter().chain([&host]) {
        stage.kubectl.apply(manifest)?;
    }
    let start = |manifest| Pod::start(&stage.kubectl, manifest, node);
    Ok(Cast {
        host: start(&host)?,
        served: vec![start(&manifests[0])?, start(&manifests[1])?],
        client: start(&manifests[2])?,
    })
}

/// Has zerohop use `hook` at the interfaces of all `pods`, unless it does.
fn with_hook(stage: &Stage, hook: &str, pods: &[Pod]) -> Result<Option<Undo>> {
    let indices: Vec<u32> = pods.iter().map(interface_of).collect::<Result<_>>()?;
    let uses = || -> Result<bool> {
        let each: Vec<_> = indices
            .iter()
            .map(|index| attached(stage, *index))
            .collect::<Result<_>>()?;
        Ok(each.iter().all(|attached| attached.hook == hook))
    };
    // The pods may be newer than what the agent knows.
    if eventually(TOLD, "zerohop at the pods' interfaces", uses)? {
        return Ok(None);
    }
    let undo = stage.agents.with_arguments(|arguments| {
        arguments.retain(|argument| !argument.starts_with("--hook"));
        arguments.push(format!("--hook={hook}"));
    })?;
    eventually(TOLD, "zerohop to use the hook", || {
        ensure!(uses()?, "zerohop uses another hook than {hook}");
        Ok(())
    })?;
    Ok(Some(undo))
}

/// Filters by both hooks, each before all that hangs there, and what they may not hinder.
fn under_filters(stage: &Stage, report: &mut Report, cast: &Cast, hook: &str) -> Result<()> {
    let mut filters = Vec::new();
    for (pod, by) in cast.served.iter().zip(HOOKS) {
        let interface = interface_of(pod)?;
        let filter = Filter::attach(&stage.kubectl, &cast.host, interface, by)?;
        filters.push((pod, by, interface, filter));
    }
    for (pod, by, interface, filter) in &mut filters {
        report.check(
            &format!("zerohop on {hook}: a filter put before all others on {by} leaves ours first, or is reported"),
            || first_or_reported(stage, pod, by, *interface, filter),
        );
    }
    for (pod, by, _, filter) in &mut filters {
        let case = format!("zerohop on {hook}, the filter on {by}");
        let mut counts = filter.counts()?;
        report.check(
            &format!("{case}: connections to the pod are dropped"),
            || {
                let said = connect(&cast.client, pod)?;
                ensure!(
                    said.iter().all(|said| !said.contains("refused")),
                    "{said:?}"
                );
                let now = filter.counts()?;
                ensure!(
                    now.dropped > counts.dropped && now.entered == counts.entered,
                    "{counts:?}, then {now:?}"
                );
                counts = now;
                Ok(())
            },
        );
        report.check(
            &format!("{case}: the pod's questions are answered in the kernel, past the filter"),
            || answered_past(stage, pod, filter, &mut counts),
        );
        report.check(
            &format!("{case}: what is left to the DNS service passes the filter both ways"),
            || passed_through(stage, pod, filter, &mut counts),
        );
    }
    for (pod, by, interface, filter) in &mut filters {
        let limit = match (hook, *by) {
            ("tcx", "tcx") => FIRST_AGAIN,
            ("clsact", "tcx") => {
                report.check(
                    "zerohop on clsact: a program on TCX, which runs before all of clsact, stays reported",
                    || reported(&attached(stage, *interface)?, by, &filter.counts()?),
                );
                continue;
            }
            _ => TOLD,
        };
        report.check(
            &format!("zerohop on {hook}: ours is before the filter on {by} again, which misses answered questions"),
            || first_again(stage, pod, *interface, filter, limit),
        );
    }
    Ok(())
}

/// The names that the kernel answers, and those that it leaves to CoreDNS.
fn questions() -> (Vec<Asked>, Vec<Asked>) {
    let answered = [
        "kubernetes.default.svc",
        "kube-dns.kube-system.svc",
        "absent.default.svc",
    ];
    let answered: Vec<Asked> = answered
        .map(|name| question(&format!("{name}.cluster.local"), A))
        .into();
    let mut left = vec![question("10-1-2-3.default.pod.cluster.local", A)];
    left.push(over_tcp(&answered[0]));
    (answered, left)
}

fn answered_past(
    stage: &Stage,
    pod: &Pod,
    filter: &mut Filter,
    counts: &mut Filtered,
) -> Result<()> {
    let (asked, _) = questions();
    let replied = pod.ask(&stage.dns_server(), &asked)?;
    ensure!(
        replied.iter().all(Replied::crossed_no_router),
        "{replied:?}"
    );
    let over_tcp = all_over_tcp(&asked);
    // By a pod without a filter, for these replies come by the filter's way.
    let servers = stage.core_dns_servers()?;
    let server = servers.first().context("a CoreDNS pod")?;
    let before = filter.counts()?;
    ensure!(
        before.entered == counts.entered && before.dropped == counts.dropped,
        "replies met the filter: {counts:?}, then {before:?}"
    );
    kernel_says(&asked, &pod.ask(server, &over_tcp)?, &replied)?;
    *counts = filter.counts()?;
    Ok(())
}

fn passed_through(
    stage: &Stage,
    pod: &Pod,
    filter: &mut Filter,
    counts: &mut Filtered,
) -> Result<()> {
    let (_, asked) = questions();
    for (asked, replied) in asked.iter().zip(pod.ask(&stage.dns_server(), &asked)?) {
        ensure!(
            replied.reply.is_some() && !replied.crossed_no_router(),
            "{asked:?}: {replied:?}"
        );
    }
    let now = filter.counts()?;
    ensure!(
        now.left >= counts.left + 2
            && now.entered >= counts.entered + 2
            && now.dropped == counts.dropped,
        "{counts:?}, then {now:?}"
    );
    *counts = now;
    Ok(())
}

fn first_or_reported(
    stage: &Stage,
    pod: &Pod,
    by: &str,
    index: u32,
    filter: &mut Filter,
) -> Result<()> {
    let attached = attached(stage, index)?;
    if attached.first {
        return misses_answered(stage, pod, filter);
    }
    reported(&attached, by, &filter.counts()?)
}

/// Nothing announces a move of ours to the front but the order itself.
fn first_again(
    stage: &Stage,
    pod: &Pod,
    index: u32,
    filter: &mut Filter,
    limit: Duration,
) -> Result<()> {
    eventually(limit, "ours to be first", || {
        let attached = attached(stage, index)?;
        ensure!(attached.first, "{attached:?}");
        Ok(())
    })?;
    misses_answered(stage, pod, filter)
}

/// The filter sees nothing of questions that the kernel answers, since ours is before it.
fn misses_answered(stage: &Stage, pod: &Pod, filter: &mut Filter) -> Result<()> {
    let before = filter.counts()?;
    let replied = pod.ask(&stage.dns_server(), &questions().0)?;
    ensure!(
        replied.iter().all(Replied::crossed_no_router),
        "{replied:?}"
    );
    let after = filter.counts()?;
    ensure!(before == after, "{before:?}, then {after:?}");
    Ok(())
}

fn attached(stage: &Stage, index: u32) -> Result<AttachedInterface> {
    let status = stage.agents.status(stage.worker())?;
    let mut interfaces = status.interfaces.into_iter();
    interfaces
        .find(|interface| interface.index == index)
        .with_context(|| format!("zerohop is not attached to interface {index}"))
}

/// What a connection over TCP and a datagram to a port of the pod end with.
fn connect(client: &Pod, pod: &Pod) -> Result<Vec<String>> {
    let asked = question("nobody.listens", A);
    let server = std::net::SocketAddr::new(
        pod.address()?.parse().context("read a pod's address")?,
        CLOSED,
    );
    let replied = client.ask(&server.to_string(), &[over_tcp(&asked), asked])?;
    let said = replied
        .into_iter()
        .map(|replied| replied.trouble.context("somebody answered"));
    said.collect()
}
