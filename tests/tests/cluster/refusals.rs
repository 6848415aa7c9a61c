//! A set-up of the DNS servers that the agent may not read, or that is none: nothing is answered, and the
//! reason is told.

use std::fs;

use anyhow::Result;
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    policy::{DEPLOYMENT, corefile, scene, wait_for_report},
    scene::{LIMIT, Scene, records},
    trouble::{permit, powerless},
};

const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";

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

#[test]
fn what_the_agent_may_not_read_of_the_set_up_is_told_with_the_remedy() -> Result<()> {
    if skipped_without_root("what_the_agent_may_not_read_of_the_set_up_is_told_with_the_remedy") {
        return Ok(());
    }
    let mut scene = scene("1", &corefile(""))?;
    scene.agent.wait_until_ready(LIMIT)?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, powerless(&scene.api)?)?;
    permit(&scene.api, "some", "", "namespaces,services")?;
    permit(&scene.api, "others", ".discovery.k8s.io", "endpointslices")?;
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
