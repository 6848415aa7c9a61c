//! An API server that has forgotten what changed.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use anyhow::{Context, Result};
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    scene::{LIMIT, Scene, denied, records},
    trouble::ABSENT,
};

#[test]
fn an_api_server_that_has_forgotten_what_changed_is_listed_again() -> Result<()> {
    if skipped_without_root("an_api_server_that_has_forgotten_what_changed_is_listed_again") {
        return Ok(());
    }
    let mut scene = Scene::new()?;
    scene.apply_service(
        "default",
        "short",
        "{clusterIP: 10.96.6.6, ports: [{port: 80}]}",
    )?;
    let short = "short.default.svc.cluster.local";
    scene.follow(short, RecordType::A, &records(&["10.96.6.6"]))?;
    // Objects of another kind take the store's revision beyond the last one that the agent has heard of.
    scene
        .api
        .apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: more, namespace: default}}")?;
    scene.agent.pause()?;
    scene.api.delete("service", "default", "short")?;
    scene.api.kill();
    compact(&scene)?;
    scene.api.start()?;
    scene.agent.resume()?;
    scene.agent.wait_for("no longer knows all changes", LIMIT)?;
    scene.follow(short, RecordType::A, &denied())?;
    scene.follow(ABSENT, RecordType::A, &denied())
}

/// Lets the store forget everything but its present state.
fn compact(scene: &Scene) -> Result<()> {
    let range = post(scene, "/v3/kv/range", r#"{"key": "AA=="}"#)?;
    let answer: serde_json::Value = serde_json::from_str(&range).context("read etcd's answer")?;
    let revision = answer["header"]["revision"]
        .as_str()
        .context("the store's revision")?;
    let body = format!(r#"{{"revision": "{revision}", "physical": true}}"#);
    post(scene, "/v3/kv/compaction", &body).map(drop)
}

/// Asks etcd's JSON gateway; returns the answer's body.
fn post(scene: &Scene, path: &str, body: &str) -> Result<String> {
    let request = format!(
        "POST {path} HTTP/1.0\r\nHost: etcd\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = String::new();
    scene.node.enter(|| {
        let mut stream = TcpStream::connect(("127.0.0.1", 2379)).context("connect to etcd")?;
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)?;
        Ok(())
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").context("a whole answer")?;
    anyhow::ensure!(head.contains(" 200 "), "etcd said {answer}");
    Ok(body.to_owned())
}
