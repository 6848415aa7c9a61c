//! Partial names through the search path, by glibc's resolver, musl's, and dig.

use anyhow::{Result, ensure};

use super::{
    counters::counted,
    look_up::{finds, look_up},
    objects::{HEADLESS, SERVICE},
    scene::{Asker, Scene},
};
use crate::{
    pods::Pod,
    report::Report,
    stage::{NAMESPACE, Stage},
};

/// Looks like a name of the internet. It has fewer than five dots, so that the search path comes first; nobody owns
/// its zone (RFC 6761 §6.2).
const EXTERNAL: &str = "www.example.test";

/// How many search domains kubelet writes into a pod's `/etc/resolv.conf` at least.
const SEARCH_DOMAINS: u64 = 3;

/// Each is asked for two types.
const TYPES: u64 = 2;

/// Looks names up in both images on one node.
pub(super) fn check(
    stage: &Stage,
    scene: &Scene,
    asker: &Asker,
    report: &mut Report,
) -> Result<()> {
    for (library, pod) in [("glibc", &asker.glibc), ("musl", &asker.musl)] {
        let place = format!("with {library} on {}", asker.node.name);
        let sentence = format!("partial names lead through the search path, {place}");
        report.check(&sentence, || partial_names(stage, scene, asker, pod));
        let sentence = format!(
            "what the search path makes of an external name is denied in the kernel, {place}"
        );
        report.check(&sentence, || external(stage, asker, pod));
        let sentence = format!("dig finds ports by partial names over UDP and TCP, {place}");
        report.check(&sentence, || ports(scene, pod));
    }
    Ok(())
}

/// The names with how many search domains are tried in vain before.
fn partial_names(stage: &Stage, scene: &Scene, asker: &Asker, pod: &Pod) -> Result<()> {
    let members: Vec<&str> = scene.members.iter().map(String::as_str).collect();
    let kubernetes = [scene.kubernetes.as_str()];
    let service = [scene.service.as_str()];
    let in_namespace = format!("{SERVICE}.{NAMESPACE}");
    let in_services = format!("{SERVICE}.{NAMESPACE}.svc");
    let headless = format!("{HEADLESS}.{NAMESPACE}.svc");
    let member = format!("{HEADLESS}-0.{HEADLESS}");
    let names: [(&str, &[&str], u64); 8] = [
        ("kubernetes.default", &kubernetes, 1),
        ("kubernetes.default.svc", &kubernetes, 2),
        (SERVICE, &service, 0),
        (&in_namespace, &service, 1),
        (&in_services, &service, 2),
        (HEADLESS, &members, 0),
        (&headless, &members, 2),
        (&member, &members[..1], 0),
    ];
    let expected = names.map(|(name, addresses, _)| (name, addresses));
    let in_vain: u64 = names.iter().map(|(.., in_vain)| in_vain).sum();
    let ((), moved) = counted(stage, &asker.node, || finds(pod, &expected))?;
    ensure!(
        moved.nxdomain >= TYPES * in_vain,
        "{in_vain} search domains are tried in vain, yet counted were {moved:?}"
    );
    let found = names.len() as u64;
    ensure!(
        moved.answer + moved.nodata >= TYPES * found,
        "{found} names are found, yet counted were {moved:?}"
    );
    Ok(())
}

fn external(stage: &Stage, asker: &Asker, pod: &Pod) -> Result<()> {
    let (_, moved) = counted(stage, &asker.node, || look_up(pod, &[EXTERNAL]))?;
    ensure!(
        moved.nxdomain >= TYPES * SEARCH_DOMAINS && moved.passed >= TYPES,
        "counted were {moved:?}"
    );
    Ok(())
}

fn ports(scene: &Scene, pod: &Pod) -> Result<()> {
    let name = format!("_http._tcp.{HEADLESS}.{NAMESPACE}.svc");
    for transport in ["+notcp", "+tcp"] {
        let printed = pod.run(&["dig", transport, "+search", "+short", &name, "SRV"])?;
        ensure!(
            printed.lines().count() == scene.members.len(),
            "dig {transport} +search {name} SRV printed {printed:?}"
        );
    }
    Ok(())
}
