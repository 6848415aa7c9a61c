//! What the kernel says rests on proof with an age: an agent that is slow or has lost its source renews nothing
//! by what it knew before.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow, ensure};
use dns_core::permission::{LEASE, Permission};
use dns_userspace::datapath::{
    control,
    object::{self, Sizes},
};
use tests::{eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    large_service::{make_large_service, while_touched},
    scene::{LIMIT, Scene, denied, records},
    trouble::ABSENT,
};

/// How long after a service has come its name may still be denied, as long as the API server tells of it at once.
const DENIED_AFTER: Duration = Duration::from_secs(1);

/// For how long a name is denied by the kernel that exists from now on; it must be answered in the end.
fn denied_for(scene: &Scene, name: &str) -> Result<Duration> {
    let come = Instant::now();
    let mut longest = Duration::ZERO;
    let mut answered = false;
    while !answered || come.elapsed() < 3 * DENIED_AFTER {
        let asked = come.elapsed();
        ensure!(asked < LIMIT, "the kernel never answers for {name}");
        let [answers, denials] = [scene.counted("answer")?, scene.counted("nxdomain")?];
        scene.resolve(name, RecordType::A)?;
        answered |= scene.counted("answer")? > answers;
        if scene.counted("nxdomain")? > denials {
            longest = asked;
        }
    }
    Ok(longest)
}

/// Does something while the agent gets so much time of every 100 ms.
fn with_little_time<T>(
    scene: &Scene,
    time: Duration,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let slowing = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                scene.agent.pause()?;
                thread::sleep(Duration::from_millis(100).saturating_sub(time));
                scene.agent.resume()?;
                thread::sleep(time);
            }
            anyhow::Ok(())
        });
        let done = work();
        over.store(true, Ordering::Relaxed);
        let slowed = slowing.join();
        slowed.map_err(|_| anyhow!("the thread that slows panicked"))??;
        done
    })
}

#[test]
fn an_agent_that_gets_hardly_any_time_denies_nothing_for_long_that_has_come() -> Result<()> {
    const SERVICES: u32 = 300;
    let name = "an_agent_that_gets_hardly_any_time_denies_nothing_for_long_that_has_come";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    let services: Vec<String> = (0..SERVICES)
        .map(|number| {
            format!(
                "{{apiVersion: v1, kind: Service, metadata: {{name: come-{number}, namespace: default}}, \
                 spec: {{ports: [{{port: 80}}]}}}}"
            )
        })
        .collect();
    let last = format!("come-{}.default.svc.cluster.local", SERVICES - 1);
    let longest = with_little_time(&scene, Duration::from_millis(3), || {
        scene.api.apply(&services.join("\n---\n"))?;
        denied_for(&scene, &last)
    })?;
    println!("denied until {longest:?} after it was there");
    assert!(longest < DENIED_AFTER, "{longest:?}");
    Ok(())
}

#[test]
fn the_largest_service_that_changes_all_the_time_lets_nothing_be_denied_for_long() -> Result<()> {
    let name = "the_largest_service_that_changes_all_the_time_lets_nothing_be_denied_for_long";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    make_large_service(&scene)?;
    let (longest, touched) = while_touched(&scene, || {
        let longest = (0..3).map(|number| {
            let name = format!("come-{number}");
            scene.apply_service("default", &name, "{ports: [{port: 80}]}")?;
            denied_for(&scene, &format!("{name}.default.svc.cluster.local"))
        });
        longest.collect::<Result<Vec<Duration>>>()
    })?;
    ensure!(touched > 3, "it was touched {touched} times");
    println!("denied until {longest:?} after they were there");
    assert!(
        longest.iter().all(|longest| *longest < DENIED_AFTER),
        "{longest:?}"
    );
    Ok(())
}

#[test]
fn the_largest_service_that_changes_all_the_time_does_not_silence_a_node_that_gets_little_time()
-> Result<()> {
    const WATCHED: Duration = Duration::from_secs(20);
    let name = "the_largest_service_that_changes_all_the_time_does_not_silence_a_node_that_gets_little_time";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    make_large_service(&scene)?;
    let kubernetes = "kubernetes.default.svc.cluster.local";
    scene.follow(kubernetes, RecordType::A, &records(&["10.96.0.1"]))?;
    let (asked, answered, longest) = with_little_time(&scene, Duration::from_millis(5), || {
        let (counts, _) = while_touched(&scene, || {
            let (begun, before) = (Instant::now(), scene.counted("answer")?);
            let mut asked = 0;
            while begun.elapsed() < WATCHED {
                scene.resolve(kubernetes, RecordType::A)?;
                asked += 1;
            }
            let answered = scene.counted("answer")? - before;
            scene.apply_service("default", "come", "{ports: [{port: 80}]}")?;
            let longest = denied_for(&scene, "come.default.svc.cluster.local")?;
            Ok((asked, answered, longest))
        })?;
        Ok(counts)
    })?;
    println!("{answered} of {asked} were answered; denied until {longest:?} after it was there");
    assert!(answered * 20 > asked * 19, "{answered} of {asked}");
    assert!(longest < DENIED_AFTER, "{longest:?}");
    Ok(())
}

#[test]
fn addresses_of_endpoints_are_left_when_their_source_is_lost_for_long() -> Result<()> {
    let name = "addresses_of_endpoints_are_left_when_their_source_is_lost_for_long";
    if skipped_without_root(name) {
        return Ok(());
    }
    let mut scene = Scene::prepare_with(&["--keep-endpoints", "2", "--jitter", "0"])?;
    let headless = "head.default.svc.cluster.local";
    let kubernetes = "kubernetes.default.svc.cluster.local";
    scene.apply_service("default", "head", "{clusterIP: None, ports: [{port: 80}]}")?;
    scene.apply_slice("head", "[{addresses: [10.244.1.1]}]")?;
    scene.follow(headless, RecordType::A, &records(&["10.244.1.1"]))?;
    scene.api.kill();
    eventually(LIMIT, "addresses of endpoints to be left", || {
        let answer = scene.ask(headless, RecordType::A)?;
        let left = records(&["10.244.1.1"]).passed();
        ensure!(answer == left, "it is {answer:?}");
        Ok(())
    })?;
    assert!(scene.passed("endpoints")? > 0);
    let answer = scene.ask(kubernetes, RecordType::A)?;
    assert_eq!(answer, records(&["10.96.0.1"]));
    scene.api.start()?;
    scene.follow(headless, RecordType::A, &records(&["10.244.1.1"]))
}

#[test]
fn a_lease_that_another_clock_has_given_is_ended() -> Result<()> {
    if skipped_without_root("a_lease_that_another_clock_has_given_is_ended") {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    scene.agent.terminate()?;
    scene.api.kill();
    let hour = control::now() + 3_600_000_000_000;
    let loaded = object::load(scene.pins(), Sizes::default())?;
    loaded.control.permit(Permission {
        answers: hour,
        denials: hour,
        endpoints: hour,
    });
    assert!(loaded.control.lease_left() > LEASE);
    let kubeconfig = scene.api.kubeconfig();
    scene.restart_agent(&kubeconfig)?;
    eventually(LIMIT, "the lease to end", || {
        let left = loaded.control.lease_left();
        ensure!(left.is_zero(), "{left:?} are left");
        Ok(())
    })
}
