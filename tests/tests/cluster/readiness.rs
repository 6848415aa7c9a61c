//! Readiness: that an agent has taken its node over, and what does not touch that.

use anyhow::Result;
use tests::{eventually, skipped_without_root};

use crate::{
    policy::{configure, corefile, scene, wait_for_report},
    scene::{LIMIT, Scene},
};

/// The status code and the text at this path of the agent's HTTP server.
fn probe(scene: &Scene, path: &str) -> Result<String> {
    let url = scene.agent.url(LIMIT)?;
    let url = format!("{url}{path}");
    scene.node.run(&["curl", "-s", "-w", "%{http_code}", &url])
}

#[test]
fn a_corefile_that_leaves_everything_keeps_nobody_from_being_ready() -> Result<()> {
    if skipped_without_root("a_corefile_that_leaves_everything_keeps_nobody_from_being_ready") {
        return Ok(());
    }
    let scene = scene("1", &corefile("mystery"))?;
    let report = wait_for_report(&scene, "the agent to be ready", |report| report.ready)?;
    assert!(!report.answering, "{report:?}");
    let ready = probe(&scene, "/readyz")?;
    assert!(
        ready.contains("mystery") && ready.ends_with("200"),
        "{ready}"
    );
    Ok(())
}

#[test]
fn an_agent_that_waits_is_alive_and_gets_ready_once_for_all() -> Result<()> {
    if skipped_without_root("an_agent_that_waits_is_alive_and_gets_ready_once_for_all") {
        return Ok(());
    }
    let mut scene = scene("1", &corefile(""))?;
    // It may be ready a moment earlier, while DNS servers may still answer by a text that it has not seen.
    wait_for_report(&scene, "the agent to be ready and to answer", |report| {
        report.ready && report.answering
    })?;
    assert_eq!(probe(&scene, "/readyz")?, "ok\n200");

    // What happens later is told elsewhere.
    scene.api.delete("configmap", "kube-system", "coredns")?;
    let report = wait_for_report(&scene, "the loss", |report| !report.answering)?;
    assert!(report.ready, "{report:?}");
    let ready = probe(&scene, "/readyz")?;
    assert!(
        ready.contains("nothing is answered") && ready.ends_with("200"),
        "{ready}"
    );

    // One that begins without a set-up waits for it.
    let kubeconfig = scene.api.kubeconfig();
    scene.restart_agent(&kubeconfig)?;
    let report = wait_for_report(&scene, "the reason", |report| {
        let reason = report.reason.as_deref().unwrap_or_default();
        reason.contains("ConfigMap")
    })?;
    assert!(!report.ready, "{report:?}");
    assert!(probe(&scene, "/readyz")?.ends_with("503"));
    assert_eq!(probe(&scene, "/healthz")?, "ok\n200");

    // So does one that begins without an API server.
    configure(&scene.api, "coredns", "Corefile", &corefile(""))?;
    scene.api.kill();
    scene.restart_agent(&kubeconfig)?;
    eventually(LIMIT, "a sign of life", || {
        anyhow::ensure!(probe(&scene, "/healthz")? == "ok\n200");
        Ok(())
    })?;
    assert!(probe(&scene, "/readyz")?.ends_with("503"));
    scene.api.start()?;
    wait_for_report(&scene, "the agent to be ready", |report| report.ready)?;
    Ok(())
}
