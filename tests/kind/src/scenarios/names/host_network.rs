//! Pods in their node's own network: there is no interface of theirs, so they ask CoreDNS.

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Transport;
use tests::hickory_proto::rr::RecordType;

use super::{
    connections::Connections,
    look_up::finds,
    objects::{HEADLESS, SERVICE, full_name},
    scene::{Asker, Scene},
};
use crate::{
    meaning::{all_over_tcp, question, service_says},
    report::Report,
    stage::Stage,
};

/// Asks from the pod in the network of one node.
pub(super) fn check(
    stage: &Stage,
    scene: &Scene,
    asker: &Asker,
    report: &mut Report,
) -> Result<()> {
    let place = format!("on {}", asker.node.name);
    let sentence = format!("a pod in its node's network finds names, {place}");
    report.check(&sentence, || {
        let expected: [(&str, &[&str]); 2] = [
            ("kubernetes.default", &[&scene.kubernetes]),
            (SERVICE, &[&scene.service]),
        ];
        finds(&asker.host, &expected)
    });
    let sentence = format!("a pod in its node's network asks CoreDNS, {place}");
    report.check(&sentence, || asks_core_dns(stage, asker));
    Ok(())
}

/// A connection is the proof: on CoreDNS's own node its replies cross no router either.
fn asks_core_dns(stage: &Stage, asker: &Asker) -> Result<()> {
    let asked = [SERVICE, HEADLESS, "absent"].map(|name| question(&full_name(name), RecordType::A));
    let pod = &asker.host;
    let source = pod.address()?;
    let before = Connections::of(pod, &source)?;
    let replied = pod.ask(&stage.dns_server(), &asked)?;
    let after = Connections::of(pod, &source)?;
    let core_dns = stage.core_dns_servers()?;
    let core_dns = core_dns.first().context("no CoreDNS pod runs")?;
    let core_dns = pod.ask(core_dns, &all_over_tcp(&asked))?;
    for (core_dns, replied) in core_dns.iter().zip(&replied) {
        service_says(core_dns, replied)?;
    }
    let (_, untracked) = after.split(&before, Transport::Udp, &replied, &replied)?;
    ensure!(untracked.is_empty(), "no connection has {untracked:?}");
    Ok(())
}
