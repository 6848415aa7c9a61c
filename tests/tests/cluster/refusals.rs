//! A set-up of the DNS servers that the agent may not read, or that is none: nothing is answered, at once or after a
//! while, and the reason is told.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    policy::{DEPLOYMENT, configure, corefile, replace_pod, scene, scene_with, wait_for_report},
    scene::{LIMIT, Scene, records},
    trouble::{permit, powerless},
};

const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";
/// Less than half of the 20 s that the option says, by the time that it takes to hear of the refusal.
const KEPT_AT_LEAST: Duration = Duration::from_secs(5);

/// Lets the service account read these resources in `kube-system`: all, or those of these names.
fn permit_in_kube_system(scene: &Scene, role: &str, resources: &str, names: &[&str]) -> Result<()> {
    let resources = format!("--resource={resources}");
    let names: Vec<String> = names
        .iter()
        .map(|name| format!("--resource-name={name}"))
        .collect();
    let mut role_words = vec![
        "create",
        "role",
        role,
        "-n",
        "kube-system",
        "--verb=list,watch",
        &resources,
    ];
    role_words.extend(names.iter().map(String::as_str));
    scene.api.kubectl(&role_words, "")?;
    bind_in_kube_system(scene, role)
}

/// Gives the service account this Role of `kube-system`.
fn bind_in_kube_system(scene: &Scene, role: &str) -> Result<()> {
    let role_option = format!("--role={role}");
    let binding = [
        "create",
        "rolebinding",
        role,
        "-n",
        "kube-system",
        &role_option,
        "--serviceaccount=default:agent",
    ];
    scene.api.kubectl(&binding, "").map(drop)
}

/// The kubeconfig, in a folder of its own, of a service account that may read the objects which records are made from, and
/// nothing else yet.
fn who_reads_objects(scene: &Scene) -> Result<(TempDir, PathBuf)> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, powerless(&scene.api)?)?;
    permit(&scene.api, "some", "", "namespaces,services")?;
    permit(&scene.api, "others", ".discovery.k8s.io", "endpointslices")?;
    Ok((folder, kubeconfig))
}

#[test]
fn what_the_agent_may_not_read_of_the_set_up_is_told_with_the_remedy() -> Result<()> {
    if skipped_without_root("what_the_agent_may_not_read_of_the_set_up_is_told_with_the_remedy") {
        return Ok(());
    }
    let mut scene = scene("1", &corefile(""))?;
    scene.agent.wait_until_ready(LIMIT)?;
    let (_folder, kubeconfig) = who_reads_objects(&scene)?;
    scene.restart_agent(&kubeconfig)?;
    let left = records(&["10.96.0.1"]).passed();
    for (kind, resource, role, names) in [
        (
            "Deployment",
            "deployments",
            "deployments.apps,daemonsets.apps",
            &[][..],
        ),
        ("Pod", "pods", "pods", &[]),
        // Each is read by its name.
        (
            "ConfigMap",
            "configmaps",
            "configmaps",
            &["coredns", "coredns-custom"],
        ),
    ] {
        let refused = format!("refuses {kind}s of the namespace kube-system");
        let line = scene.agent.wait_for(&refused, LIMIT)?;
        assert!(
            line.contains(&format!("list and watch on {resource}")),
            "{line}"
        );
        assert!(line.contains("--corefile FILE"), "{line}");
        let report = wait_for_report(&scene, &refused, |report| {
            let reason = report.reason.as_deref().unwrap_or_default();
            reason.contains(&refused)
        })?;
        assert!(!report.answering, "{report:?}");
        assert_eq!(scene.ask(KUBERNETES, RecordType::A)?, left);
        permit_in_kube_system(&scene, resource, role, names)?;
    }
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))
}

#[test]
fn without_a_workload_nothing_is_answered_until_there_is_one() -> Result<()> {
    if skipped_without_root("without_a_workload_nothing_is_answered_until_there_is_one") {
        return Ok(());
    }
    let scene = scene("1", &corefile(""))?;
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))?;
    scene.api.delete("deployment", "kube-system", "coredns")?;
    let delete = [
        "delete",
        "pod",
        "coredns-1",
        "-n",
        "kube-system",
        "--force",
        "--grace-period=0",
    ];
    scene.api.kubectl(&delete, "")?;
    let line = scene.agent.wait_for("has the labels", LIMIT)?;
    assert!(line.contains("k8s-app=kube-dns"), "{line}");
    assert!(line.contains("--dns-service"), "{line}");
    let left = records(&["10.96.0.1"]).passed();
    scene.follow(KUBERNETES, RecordType::A, &left)?;
    scene.api.apply(DEPLOYMENT)?;
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))
}

#[test]
fn a_refusal_keeps_the_policy_for_a_while_and_it_holds_again_without_new_servers() -> Result<()> {
    let name = "a_refusal_keeps_the_policy_for_a_while_and_it_holds_again_without_new_servers";
    if skipped_without_root(name) {
        return Ok(());
    }
    // Servers that never read again: what they had is known only to who has followed it.
    let text = |more: &str| corefile(more).replace("reload 2s 1s", "");
    let options = [
        "--kubelet-sync",
        "0",
        "--keep-policy",
        "20",
        "--jitter",
        "0",
    ];
    let mut scene = scene_with(&options, &text(""))?;
    replace_pod(&scene)?;
    scene.agent.wait_until_ready(LIMIT)?;
    let (_folder, kubeconfig) = who_reads_objects(&scene)?;
    let workloads = "deployments.apps,daemonsets.apps,configmaps";
    permit_in_kube_system(&scene, "workloads", workloads, &[])?;
    permit_in_kube_system(&scene, "pods", "pods", &[])?;
    scene.restart_agent(&kubeconfig)?;
    let answered = records(&["10.96.0.1"]);
    scene.follow(KUBERNETES, RecordType::A, &answered)?;
    configure(
        &scene.api,
        "coredns",
        "Corefile",
        &text("log . {\n class error\n }"),
    )?;
    wait_for_report(&scene, "both texts", |report| {
        report.answering && report.policy.earlier.len() == 1
    })?;

    let revoke = ["delete", "rolebinding", "pods", "-n", "kube-system"];
    scene.api.kubectl(&revoke, "")?;
    // A watch that has begun goes on. The next one is refused.
    scene.api.kill();
    scene.follow(KUBERNETES, RecordType::A, &answered)?;
    scene.api.start()?;
    // A server that has just started may refuse everything for a moment.
    let line = scene.agent.wait_for("the API server refuses Pods", LIMIT)?;
    let refused = Instant::now();
    assert!(line.contains("the last policy is kept for"), "{line}");
    assert!(line.contains("list and watch on pods"), "{line}");
    let report = wait_for_report(&scene, "the refusal", |report| {
        let refusal = report.policy.refusal.as_ref();
        refusal.is_some_and(|refusal| refusal.reason.contains("refuses Pods"))
    })?;
    assert!(report.answering, "{report:?}");
    let refusal = report.policy.refusal.context("no refusal")?;
    assert!(refusal.reason.contains("refuses Pods"), "{refusal:?}");
    assert!((1..=30).contains(&refusal.seconds_left), "{refusal:?}");
    scene.follow(KUBERNETES, RecordType::A, &answered)?;

    let report = wait_for_report(&scene, "the policy to be left", |report| !report.answering)?;
    // Half of it less, but not at once, as long as it took to look.
    assert!(refused.elapsed() > KEPT_AT_LEAST, "{:?}", refused.elapsed());
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains("refuses Pods"), "{reason}");
    let left = records(&["10.96.0.1"]).passed();
    scene.follow(KUBERNETES, RecordType::A, &left)?;

    bind_in_kube_system(&scene, "pods")?;
    scene.follow(KUBERNETES, RecordType::A, &answered)?;
    scene.agent.wait_for("may be read again", LIMIT)?;
    let lines = scene.agent.process().lines();
    let told = lines
        .iter()
        .filter(|line| line.contains("policy is kept") && line.contains("refuses Pods"));
    assert_eq!(told.count(), 1, "{lines:#?}");
    Ok(())
}

#[test]
fn while_the_api_server_is_away_the_policy_stays() -> Result<()> {
    if skipped_without_root("while_the_api_server_is_away_the_policy_stays") {
        return Ok(());
    }
    let options = ["--kubelet-sync", "1", "--keep-policy", "1", "--jitter", "0"];
    let mut scene = scene_with(&options, &corefile(""))?;
    let answered = records(&["10.96.0.1"]);
    scene.follow(KUBERNETES, RecordType::A, &answered)?;
    scene.api.kill();
    scene.agent.wait_for("cannot reach the API server", LIMIT)?;
    // Several times as long as a refusal would have kept it.
    let away = Instant::now();
    while away.elapsed() < Duration::from_secs(6) {
        let (_, report) = scene.agent.full_status(LIMIT)?;
        assert!(report.answering, "{report:?}");
        assert!(report.policy.refusal.is_none(), "{report:?}");
        thread::sleep(Duration::from_millis(200));
    }
    scene.follow(KUBERNETES, RecordType::A, &answered)
}
