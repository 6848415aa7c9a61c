//! An agent, or its machine, that stands still for a while: what the kernel answers and denies after that.

mod machine;

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use dns_core::permission::{LEASE, WAITING};
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    scene::{LIMIT, Scene, denied, records},
    trouble::ABSENT,
};

const GONE: &str = "gone.default.svc.cluster.local";
/// How long what was permitted before may hold.
const PERMITTED: Duration = LEASE.saturating_add(WAITING);

/// What the kernel gives for a name: an answer, a denial, or nothing.
fn told(scene: &Scene, name: &str) -> Result<Option<&'static str>> {
    let counts = || -> Result<_> { Ok([scene.counted("answer")?, scene.counted("nxdomain")?]) };
    let before = counts()?;
    scene.resolve(name, RecordType::A)?;
    let after = counts()?;
    let kinds = ["answered", "denied"]
        .into_iter()
        .zip(before.iter().zip(&after));
    let mut told = kinds.filter(|(_, (before, after))| after > before);
    Ok(told.next().map(|(kind, _)| kind))
}

/// Stops the agent for that long. A service comes meanwhile, and another one goes.
fn stop(name: &str, stopped: Duration) -> Result<()> {
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.apply_service(
        "default",
        "gone",
        "{clusterIP: 10.96.4.5, ports: [{port: 80}]}",
    )?;
    scene.follow(GONE, RecordType::A, &records(&["10.96.4.5"]))?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    scene.agent.pause()?;
    let began = Instant::now();
    let come = "{clusterIP: 10.96.4.4, ports: [{port: 80}]}";
    scene.apply_service("default", "absent", come)?;
    scene.api.delete("service", "default", "gone")?;
    thread::sleep(stopped.saturating_sub(began.elapsed()));
    scene.agent.resume()?;
    let woken = Instant::now();
    loop {
        let come = told(&scene, ABSENT)?;
        ensure!(come != Some("denied"), "denied after {:?}", woken.elapsed());
        if come.is_some() {
            break;
        }
        let asked = began.elapsed();
        let gone = told(&scene, GONE)?;
        let holds = gone != Some("answered") || asked < PERMITTED;
        ensure!(holds, "answered after {:?}", woken.elapsed());
        ensure!(woken.elapsed() < LIMIT, "the kernel does not answer again");
    }
    println!(
        "after {stopped:?} the kernel answers again after {:?}",
        woken.elapsed()
    );
    scene.follow(GONE, RecordType::A, &denied())
}

#[test]
fn an_agent_that_was_stopped_for_60_seconds_renews_nothing_by_what_it_knew_before() -> Result<()> {
    let name = "an_agent_that_was_stopped_for_60_seconds_renews_nothing_by_what_it_knew_before";
    stop(name, Duration::from_secs(60))
}

#[test]
fn an_agent_that_was_stopped_for_8_seconds_renews_nothing_by_what_it_knew_before() -> Result<()> {
    let name = "an_agent_that_was_stopped_for_8_seconds_renews_nothing_by_what_it_knew_before";
    stop(name, Duration::from_secs(8))
}

#[test]
fn an_agent_that_was_stopped_for_3_seconds_renews_nothing_by_what_it_knew_before() -> Result<()> {
    let name = "an_agent_that_was_stopped_for_3_seconds_renews_nothing_by_what_it_knew_before";
    stop(name, Duration::from_secs(3))
}
