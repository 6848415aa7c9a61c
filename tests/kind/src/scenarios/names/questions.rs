//! Complete names, asked from a pod with the program `pod`: every reply, who made it, what was counted, and which
//! connections it left behind.

use std::{collections::BTreeSet, iter::zip};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Asked, Replied, Transport};

use super::{
    connections::Connections,
    counters::{Counted, counted},
    expected::{self, By, Kind, Look},
    scene::{Asker, Scene},
};
use crate::{
    meaning::{all_over_tcp, in_kernel, kernel_says_one, parsed, service_says},
    report::Report,
    stage::Stage,
};

/// A question with all that was replied to it.
struct Answered {
    look: Look,
    core_dns: Replied,
    udp: Replied,
    tcp: Replied,
}

/// Asks from the pod with glibc on one node.
pub(super) fn check(
    stage: &Stage,
    scene: &Scene,
    asker: &Asker,
    report: &mut Report,
) -> Result<()> {
    let looks = expected::all(stage, scene)?;
    let asked: Vec<Asked> = looks.iter().map(|look| look.asked.clone()).collect();
    let tcp_asked = all_over_tcp(&asked);
    let pod = &asker.glibc;
    let source = pod.address()?;
    let core_dns = stage.core_dns_servers()?;
    let core_dns = core_dns.first().context("no CoreDNS pod runs")?;
    let core_dns = pod.ask(core_dns, &tcp_asked)?;

    let before = Connections::of(&asker.host, &source)?;
    let (udp, moved) = counted(stage, &asker.node, || pod.ask(&stage.dns_server(), &asked))?;
    let tcp = pod.ask(&stage.dns_server(), &tcp_asked)?;
    let after = Connections::of(&asker.host, &source)?;

    let all: Vec<Answered> = zip(zip(looks, core_dns), zip(udp, tcp))
        .map(|((look, core_dns), (udp, tcp))| Answered {
            look,
            core_dns,
            udp,
            tcp,
        })
        .collect();
    let from = format!("from a pod on {}", asker.node.name);
    check_replies(&all, &from, report);
    report.check(&format!("the counters show each answer, {from}"), || {
        check_counters(&all, &moved)
    });
    check_connections(&all, &before, &after, &from, report);
    Ok(())
}

fn check_replies(all: &[Answered], from: &str, report: &mut Report) {
    let subjects: BTreeSet<(&str, bool)> = all
        .iter()
        .map(|one| (one.look.subject, one.look.by == By::Kernel))
        .collect();
    for (subject, by_kernel) in subjects {
        let by = if by_kernel {
            "in the kernel as CoreDNS does"
        } else {
            "by CoreDNS"
        };
        report.check(&format!("{subject} are answered {by}, {from}"), || {
            all.iter()
                .filter(|one| one.look.subject == subject)
                .try_for_each(|one| check_reply(one).with_context(|| one.name()))
        });
    }
    report.check(
        &format!("over TCP the service says the same, {from}"),
        || {
            all.iter().try_for_each(|one| {
                service_says(&one.core_dns, &one.tcp).with_context(|| one.name())
            })
        },
    );
}

fn check_reply(one: &Answered) -> Result<()> {
    has_kind(&one.core_dns, one.look.kind).context("CoreDNS over TCP")?;
    match one.look.by {
        By::Kernel => {
            in_kernel(&one.udp)?;
            kernel_says_one(&one.core_dns, &one.udp)
        }
        By::CoreDns => {
            ensure!(
                !one.udp.crossed_no_router(),
                "the reply crossed no router: {:?}",
                one.udp
            );
            service_says(&one.core_dns, &one.udp)
        }
    }
}

fn has_kind(replied: &Replied, kind: Kind) -> Result<()> {
    let reply = parsed(replied)?;
    let [answer, ..] = &reply.sections;
    match kind {
        Kind::Records(count) => ensure!(
            reply.code == 0 && answer.len() >= count,
            "{} records with code {} instead of {count}",
            answer.len(),
            reply.code
        ),
        Kind::Exists => ensure!(
            reply.code == 0,
            "code {} for a name that exists",
            reply.code
        ),
        Kind::Absent => ensure!(reply.code == 3, "code {} for an absent name", reply.code),
    }
    Ok(())
}

fn check_counters(all: &[Answered], moved: &Counted) -> Result<()> {
    let mut expected = Counted::default();
    for one in all {
        let reply = parsed(&one.core_dns)?;
        let [answer, ..] = &reply.sections;
        match (one.look.by, reply.code, answer.is_empty()) {
            (By::CoreDns, ..) => expected.passed += 1,
            (By::Kernel, 3, _) => expected.nxdomain += 1,
            (By::Kernel, _, true) => expected.nodata += 1,
            (By::Kernel, _, false) => expected.answer += 1,
        }
    }
    // Other pods of the node may have asked meanwhile.
    ensure!(
        moved.answer >= expected.answer
            && moved.nodata >= expected.nodata
            && moved.nxdomain >= expected.nxdomain
            && moved.passed >= expected.passed,
        "counted were {moved:?}, asked {expected:?}"
    );
    Ok(())
}

fn check_connections(
    all: &[Answered],
    before: &Connections,
    after: &Connections,
    from: &str,
    report: &mut Report,
) {
    let udp = || all.iter().map(|one| &one.udp);
    let over_udp = |by| {
        all.iter()
            .filter(move |one| one.look.by == by)
            .map(|one| &one.udp)
    };
    let sentence = format!("answered questions leave no connection behind, {from}");
    report.check(&sentence, || {
        let (tracked, _) = after.split(before, Transport::Udp, udp(), over_udp(By::Kernel))?;
        let count = over_udp(By::Kernel).count();
        ensure!(tracked.is_empty(), "{} of {count} did", tracked.len());
        Ok(())
    });
    let sentence = format!("questions to CoreDNS over UDP are connections, {from}");
    report.check(&sentence, || {
        let (_, untracked) = after.split(before, Transport::Udp, udp(), over_udp(By::CoreDns))?;
        ensure!(untracked.is_empty(), "these are not: {untracked:?}");
        Ok(())
    });
    let sentence = format!("questions over TCP are connections, {from}");
    report.check(&sentence, || {
        let tcp = || all.iter().map(|one| &one.tcp);
        let (_, untracked) = after.split(before, Transport::Tcp, tcp(), tcp())?;
        ensure!(untracked.is_empty(), "{} are not", untracked.len());
        Ok(())
    });
}

impl Answered {
    /// The question for a person.
    fn name(&self) -> String {
        let Asked {
            name,
            record_type,
            edns,
            ..
        } = &self.look.asked;
        let record_type = tests::hickory_proto::rr::RecordType::from(*record_type);
        let edns = edns.map_or_else(String::new, |size| format!(" EDNS {size}"));
        format!("{name} {record_type}{edns}")
    }
}
