//! The rights that the chart grants: enough, and not one more than is used.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, ensure};
use tests::{ApiServer, Report, Request, eventually, render_chart, skipped_without_root};

use crate::{
    policy::{corefile, scene, wait_for_report},
    scene::{LIMIT, Scene},
    trouble::kubeconfig_of,
};

/// Status codes of a server that does not let the agent do what it asks for (RFC 9110 §15.5).
const UNAUTHORIZED: u16 = 401;
const FORBIDDEN: u16 = 403;

/// Verb, resource, and the namespace or none for all.
type Right = (String, String, Option<String>);

/// Every right of a role, whatever names it is limited to.
fn rights(api: &ApiServer, kind: &str, namespace: Option<&str>) -> Result<BTreeSet<Right>> {
    let mut words = vec!["get", kind, "zerohop", "-o", "json"];
    words.extend(namespace.iter().flat_map(|namespace| ["-n", namespace]));
    let role: serde_json::Value = serde_json::from_str(&api.kubectl(&words, "")?)?;
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().context("no rules")? {
        for verb in texts(&rule["verbs"])? {
            for group in texts(&rule["apiGroups"])? {
                for resource in texts(&rule["resources"])? {
                    let resource = match group.as_str() {
                        "" => resource,
                        group => format!("{resource}.{group}"),
                    };
                    rights.insert((verb.clone(), resource, namespace.map(str::to_owned)));
                }
            }
        }
    }
    Ok(rights)
}

fn texts(value: &serde_json::Value) -> Result<Vec<String>> {
    serde_json::from_value(value.clone()).with_context(|| format!("no list of texts: {value}"))
}

fn used(request: &Request) -> Right {
    let Request {
        verb,
        resource,
        namespace,
        ..
    } = request.clone();
    (verb, resource, namespace)
}

fn wait_until_all_is_read(scene: &Scene) -> Result<()> {
    let is_read = |report: &Report| {
        report.ready && report.answering && report.kinds.iter().all(|kind| kind.up_to_date)
    };
    wait_for_report(scene, "the agent to have read everything", is_read).map(drop)
}

#[test]
fn the_agent_works_with_the_charts_rights_and_uses_each_of_them() -> Result<()> {
    if skipped_without_root("the_agent_works_with_the_charts_rights_and_uses_each_of_them") {
        return Ok(());
    }
    let mut scene = scene("1", &corefile(""))?;
    // An agent that is loading programs ends when it has done so, which takes its time on a busy machine.
    scene.agent.wait_until_ready(LIMIT)?;
    let made = render_chart(&["--show-only", "templates/rbac.yaml"])?;
    scene.api.apply(&made)?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(
        &kubeconfig,
        kubeconfig_of(&scene.api, "kube-system", "zerohop")?,
    )?;
    scene.restart_agent(&kubeconfig)?;
    wait_until_all_is_read(&scene)?;
    // This server streams lists as watches; others have to be asked for them.
    // An agent that meets a server that goes would be refused for that. The server itself would wait a minute for
    // other clients to go.
    scene.agent.terminate()?;
    scene.api.kill();
    scene.api.start_with(&["--feature-gates=WatchList=false"])?;
    scene.restart_agent(&kubeconfig)?;
    wait_until_all_is_read(&scene)?;

    let mut granted = rights(&scene.api, "clusterrole", None)?;
    granted.extend(rights(&scene.api, "role", Some("kube-system"))?);
    ensure!(!granted.is_empty(), "the chart grants nothing");
    eventually(LIMIT, "each right to be used", || {
        let requests = scene.api.requests_of("kube-system", "zerohop")?;
        let refused = requests
            .iter()
            .find(|request| [UNAUTHORIZED, FORBIDDEN].contains(&request.code));
        assert_eq!(refused, None);
        let used: BTreeSet<Right> = requests.iter().map(used).collect();
        let superfluous: Vec<_> = granted.difference(&used).collect();
        ensure!(superfluous.is_empty(), "not used: {superfluous:?}");
        Ok(())
    })
}
