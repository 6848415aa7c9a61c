//! A signal to stop ends the lease before anything else, whatever the agent is at.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use dns_userspace::datapath::reader::lease_left;
use nix::sys::signal::Signal;
use tests::{HeldThread, eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    large_service::{make_large_service, while_touched},
    scene::{LIMIT, Scene, denied},
    trouble::ABSENT,
};

/// How often the agent is stopped under load.
const TIMES: usize = 4;

#[test]
fn a_signal_to_stop_ends_the_lease_while_the_work_on_objects_stands_still() -> Result<()> {
    if skipped_without_root(
        "a_signal_to_stop_ends_the_lease_while_the_work_on_objects_stands_still",
    ) {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    let process = scene.agent.process();
    // The process's first thread is the one that works on objects.
    let held = HeldThread::hold(process.id(), "zerohop")?;
    let left = lease_left(scene.pins())?;
    let lease = stop(&scene)?;
    // By itself it would have lasted until now.
    assert!(lease < left, "{lease:?} of {left:?}");
    assert_eq!(scene.ask(ABSENT, RecordType::A)?, denied().passed());
    assert!(process.is_running(), "{}", process.last_lines());
    drop(held);
    assert!(process.wait(LIMIT)?.success(), "{}", process.last_lines());
    Ok(())
}

/// Waits until the thread that works on objects does so.
fn wait_until_at_work(process: i32) -> Result<()> {
    let path = format!("/proc/{process}/task/{process}/stat");
    eventually(LIMIT, "work on objects", || {
        let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let state = stat.rsplit(") ").next().unwrap_or_default();
        ensure!(state.starts_with('R'), "{stat}");
        Ok(())
    })
}

/// Tells the agent to stop, and how long after that the lease has ended.
fn stop(scene: &Scene) -> Result<Duration> {
    let told = Instant::now();
    scene.agent.process().signal(Signal::SIGTERM)?;
    while !lease_left(scene.pins())?.is_zero() {
        ensure!(told.elapsed() < LIMIT, "the lease does not end");
    }
    Ok(told.elapsed())
}

/// Stops the agent while it is at work: how long after that the lease has ended, and the process.
fn stop_at_work(scene: &Scene) -> Result<[Duration; 2]> {
    let process = scene.agent.process();
    wait_until_at_work(process.id())?;
    let told = Instant::now();
    let lease = stop(scene)?;
    ensure!(process.wait(LIMIT)?.success(), process.last_lines());
    Ok([lease, told.elapsed()])
}

#[test]
fn a_signal_to_stop_ends_the_lease_long_before_the_work_on_the_largest_service_ends() -> Result<()>
{
    let name = "a_signal_to_stop_ends_the_lease_long_before_the_work_on_the_largest_service_ends";
    if skipped_without_root(name) {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    make_large_service(&scene)?;
    let mut all = Vec::new();
    for _ in 0..TIMES {
        let (times, _) = while_touched(&scene, || stop_at_work(&scene))?;
        all.push(times);
        let kubeconfig = scene.api.kubeconfig();
        scene.restart_agent(&kubeconfig)?;
        scene.agent.wait_until_ready(LIMIT)?;
    }
    println!("the lease and the process ended after {all:?}");
    let [lease, process] = [0, 1].map(|part| all.iter().map(|times| times[part]).sum::<Duration>());
    assert!(lease * 2 < process, "{lease:?} of {process:?}");
    Ok(())
}
