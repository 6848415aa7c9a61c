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

/// Whether the kernel gives an answer of this kind for a name.
fn is_told(scene: &Scene, kind: &str, name: &str) -> Result<bool> {
    let before = scene.counted(kind)?;
    scene.resolve(name, RecordType::A)?;
    Ok(scene.counted(kind)? > before)
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
    while !is_told(&scene, "answer", ABSENT)? {
        ensure!(
            !is_told(&scene, "nxdomain", ABSENT)?,
            "denied after {:?}",
            woken.elapsed()
        );
        let asked = began.elapsed();
        let answered = is_told(&scene, "answer", GONE)?;
        ensure!(
            !answered || asked < PERMITTED,
            "answered after {:?}",
            woken.elapsed()
        );
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
