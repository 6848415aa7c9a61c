//! A node that hears of endpoints no more, with and without a server of the cluster's DNS that replies.

use anyhow::{Result, ensure};
use nix::sys::signal::Signal;
use tests::{eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    policy::wait_for_report,
    scene::{LIMIT, Scene, records},
};

const HEADLESS: &str = "head.default.svc.cluster.local";
const ADDRESS: &str = "10.244.1.1";

/// A scene with a headless service that is answered.
fn scene_with_endpoints(options: &[&str]) -> Result<Scene> {
    // All that is by chance is small.
    let scene = Scene::prepare_with(&[&["--jitter", "0"], options].concat())?;
    scene.apply_service("default", "head", "{clusterIP: None, ports: [{port: 80}]}")?;
    scene.apply_slice("head", &format!("[{{addresses: [{ADDRESS}]}}]"))?;
    scene.follow(HEADLESS, RecordType::A, &records(&[ADDRESS]))?;
    Ok(scene)
}

#[test]
fn a_node_alone_with_its_pods_answers_addresses_of_endpoints_until_a_dns_server_replies()
-> Result<()> {
    let name =
        "a_node_alone_with_its_pods_answers_addresses_of_endpoints_until_a_dns_server_replies";
    if skipped_without_root(name) {
        return Ok(());
    }
    // Long enough for a round of questions, also where it is half of that.
    let mut scene = scene_with_endpoints(&["--keep-endpoints", "12"])?;
    scene.core_dns.process().signal(Signal::SIGSTOP)?;
    scene.api.kill();
    // It says so when their own time is over.
    wait_for_report(&scene, "the node to be alone", |report| {
        let answer = scene.ask(HEADLESS, RecordType::A);
        // Nobody else would answer.
        answer.is_ok_and(|answer| answer == records(&[ADDRESS])) && report.endpoints.alone
    })?;
    assert_eq!(scene.ask(HEADLESS, RecordType::A)?, records(&[ADDRESS]));
    assert_eq!(scene.passed("endpoints")?, 0, "there was a gap");
    let line = scene
        .agent
        .wait_for("no server of the cluster's DNS replies", LIMIT)?;
    assert!(line.contains("--when-alone"), "{line}");

    scene.core_dns.process().signal(Signal::SIGCONT)?;
    eventually(LIMIT, "addresses of endpoints to be left", || {
        let answer = scene.ask(HEADLESS, RecordType::A)?;
        ensure!(answer == records(&[ADDRESS]).passed(), "it is {answer:?}");
        Ok(())
    })?;
    let report = wait_for_report(&scene, "them to be left", |report| report.endpoints.left)?;
    assert!(!report.endpoints.alone, "{report:?}");
    let lines = scene.agent.process().lines();
    let told = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!(
        told("no server of the cluster's DNS replies"),
        1,
        "{lines:#?}"
    );

    scene.api.start()?;
    scene.follow(HEADLESS, RecordType::A, &records(&[ADDRESS]))
}

#[test]
fn a_node_that_shall_leave_addresses_of_endpoints_when_it_is_alone_does_so() -> Result<()> {
    if skipped_without_root(
        "a_node_that_shall_leave_addresses_of_endpoints_when_it_is_alone_does_so",
    ) {
        return Ok(());
    }
    let mut scene = scene_with_endpoints(&["--keep-endpoints", "2", "--when-alone", "pass"])?;
    scene.core_dns.process().signal(Signal::SIGSTOP)?;
    scene.api.kill();
    wait_for_report(&scene, "them to be left", |report| report.endpoints.left)?;
    let silence = scene.resolve(HEADLESS, RecordType::A);
    assert!(silence.is_err(), "who has answered? {silence:?}");
    assert!(scene.passed("endpoints")? > 0);
    scene.core_dns.process().signal(Signal::SIGCONT)
}
