//! An API server that is away, or unwilling.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use tests::{ApiServer, eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{LIMIT, Scene, denied, records};

const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";
pub(crate) const ABSENT: &str = "absent.default.svc.cluster.local";

/// Asserts that names that are known are answered, and waits until absent ones pass.
pub(crate) fn wait_until_nothing_is_denied(scene: &Scene) -> Result<()> {
    eventually(LIMIT, "absent names to pass", || {
        let answer = scene.ask(KUBERNETES, RecordType::A)?;
        assert_eq!(answer, records(&["10.96.0.1"]));
        let before = scene.passed("no_denial")?;
        let answer = scene.ask(ABSENT, RecordType::A)?;
        ensure!(answer == denied().passed(), "it is {answer:?}");
        assert_eq!(scene.passed("no_denial")?, before + 1);
        Ok(())
    })?;
    let answer = scene.ask(KUBERNETES, RecordType::A)?;
    assert_eq!(answer, records(&["10.96.0.1"]));
    // What exists has its types, and no others, whatever else may have come into being.
    assert_eq!(scene.ask(KUBERNETES, RecordType::AAAA)?, records(&[]));
    Ok(())
}

#[test]
fn without_its_api_server_the_kernel_answers_what_it_knows_and_denies_nothing() -> Result<()> {
    if skipped_without_root(
        "without_its_api_server_the_kernel_answers_what_it_knows_and_denies_nothing",
    ) {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    scene.api.kill();
    wait_until_nothing_is_denied(&scene)?;
    scene.agent.wait_for("cannot reach the API server", LIMIT)?;
    scene.api.start()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    scene.apply_service(
        "default",
        "absent",
        "{clusterIP: 10.96.4.4, ports: [{port: 80}]}",
    )?;
    scene.follow(ABSENT, RecordType::A, &records(&["10.96.4.4"]))
}

#[test]
fn an_api_server_that_comes_and_goes_is_told_of_once() -> Result<()> {
    if skipped_without_root("an_api_server_that_comes_and_goes_is_told_of_once") {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    for _ in 0..3 {
        scene.follow(ABSENT, RecordType::A, &denied())?;
        scene.api.kill();
        wait_until_nothing_is_denied(&scene)?;
        scene.agent.wait_for("cannot reach the API server", LIMIT)?;
        scene.api.start()?;
    }
    let lines = scene.agent.process().lines();
    let said = lines.iter().filter_map(|line| line.split_once(" WARN "));
    let mut said: Vec<&str> = said.map(|(_time, sentence)| sentence).collect();
    said.sort_unstable();
    assert!(said.windows(2).all(|pair| pair[0] != pair[1]), "{said:#?}");
    Ok(())
}

#[test]
fn an_object_that_cannot_be_read_whole_is_told_of_once_however_often_it_changes() -> Result<()> {
    let name = "an_object_that_cannot_be_read_whole_is_told_of_once_however_often_it_changes";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = Scene::new()?;
    let odd = |name: &str, address: &str| {
        scene.api.apply(&format!(
            "{{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {{name: {name}, namespace: default}}, \
             addressType: IPv4, ports: [{{port: 70000}}], endpoints: [{{addresses: [{address}]}}]}}"
        ))
    };
    for last in 1..4 {
        odd("odd", &format!("10.244.9.{last}"))?;
    }
    odd("last", "10.244.9.9")?;
    let of_last = "EndpointSlice default/last";
    scene.agent.wait_for(of_last, LIMIT)?;
    let lines = scene.agent.process().lines();
    let told = lines
        .iter()
        .filter(|line| line.contains("EndpointSlice default/odd"));
    assert_eq!(told.count(), 1, "{lines:#?}");
    Ok(())
}

#[test]
fn an_api_server_that_is_away_at_the_start_is_waited_for() -> Result<()> {
    if skipped_without_root("an_api_server_that_is_away_at_the_start_is_waited_for") {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    let kubeconfig = scene.api.kubeconfig();
    // The names that the first agent has left pinned are answered while its lease lasts, which ends with it.
    scene.agent.terminate()?;
    scene.api.kill();
    scene.restart_agent(&kubeconfig)?;
    let sentence = scene
        .agent
        .wait_for("cannot reach the API server at", LIMIT)?;
    assert!(sentence.contains("check that it runs"), "{sentence}");
    let answer = scene.ask(KUBERNETES, RecordType::A)?;
    assert_eq!(answer, records(&["10.96.0.1"]).passed());
    let answer = scene.ask(ABSENT, RecordType::A)?;
    assert_eq!(answer, denied().passed());
    scene.api.start()?;
    scene.agent.wait_until_ready(LIMIT)?;
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))?;
    scene.follow(ABSENT, RecordType::A, &denied())
}

#[test]
fn nothing_is_answered_before_every_kind_may_be_read() -> Result<()> {
    if skipped_without_root("nothing_is_answered_before_every_kind_may_be_read") {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    let powerless = powerless(&scene.api)?;
    fs::write(&kubeconfig, powerless)?;
    scene.restart_agent(&kubeconfig)?;
    for (kind, resource) in [
        ("Namespace", "on namespaces in the API group \"\""),
        ("Service", "on services in the API group \"\""),
        (
            "EndpointSlice",
            "on endpointslices in the API group discovery.k8s.io",
        ),
    ] {
        let forbidden = format!("forbids the agent to read {kind}s");
        let sentence = scene.agent.wait_for(&forbidden, LIMIT)?;
        assert!(sentence.contains(resource), "{sentence}");
        assert!(
            sentence.contains("ClusterRole with the verbs list and watch"),
            "{sentence}"
        );
    }
    assert_nothing_is_answered(&scene)?;

    permit(&scene.api, "some", "", "namespaces,services")?;
    for kind in ["Namespace", "Service"] {
        let heard = format!("{kind}s are up to date again");
        scene.agent.wait_for(&heard, LIMIT)?;
    }
    assert_nothing_is_answered(&scene)?;

    permit(&scene.api, "others", ".discovery.k8s.io", "endpointslices")?;
    scene.agent.wait_until_ready(LIMIT)?;
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))?;
    scene.follow(ABSENT, RecordType::A, &denied())
}

fn assert_nothing_is_answered(scene: &Scene) -> Result<()> {
    assert_eq!(
        scene.ask(KUBERNETES, RecordType::A)?,
        records(&["10.96.0.1"]).passed()
    );
    assert_eq!(scene.ask(ABSENT, RecordType::A)?, denied().passed());
    Ok(())
}

/// The kubeconfig of a service account without any rights.
pub(crate) fn powerless(api: &ApiServer) -> Result<String> {
    api.kubectl(&["create", "serviceaccount", "agent", "-n", "default"], "")?;
    kubeconfig_of(api, "default", "agent")
}

/// A kubeconfig with a token of this service account.
pub(crate) fn kubeconfig_of(api: &ApiServer, namespace: &str, name: &str) -> Result<String> {
    let token = api.kubectl(&["create", "token", name, "-n", namespace], "")?;
    let text = read(&api.kubeconfig())?;
    let mut kubeconfig: serde_json::Value = serde_json::from_str(&text)?;
    kubeconfig["users"][0]["user"]["token"] = token.trim().into();
    Ok(kubeconfig.to_string())
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

/// Lets the service account list and watch these resources.
pub(crate) fn permit(api: &ApiServer, role: &str, group: &str, resources: &str) -> Result<()> {
    let resources: Vec<String> = resources
        .split(',')
        .map(|resource| format!("{resource}{group}"))
        .collect();
    let resources = format!("--resource={}", resources.join(","));
    api.kubectl(
        &[
            "create",
            "clusterrole",
            role,
            "--verb=list,watch",
            &resources,
        ],
        "",
    )?;
    let role_option = format!("--clusterrole={role}");
    api.kubectl(
        &[
            "create",
            "clusterrolebinding",
            role,
            &role_option,
            "--serviceaccount=default:agent",
        ],
        "",
    )
    .map(drop)
}
