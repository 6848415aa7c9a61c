//! Connections to the API server that stay open and are dead: nothing tells but the silence. These take longest, and their
//! names let them begin early.

use anyhow::Result;
use tests::{hickory_proto::rr::RecordType, skipped_without_root};

use crate::{
    scene::{LIMIT, Scene, denied},
    trouble::{ABSENT, wait_until_nothing_is_denied},
};

/// Drops what goes to the API server, without a word to anybody.
const DROPPED: [&str; 10] = [
    "INPUT", "-i", "lo", "-p", "tcp", "--dport", "6443", "-j", "DROP", "-w",
];

fn iptables(scene: &Scene, verb: &str) -> Result<()> {
    let words = [&["iptables", verb], &DROPPED[..]].concat();
    scene.node.run(&words).map(drop)
}

#[test]
fn packets_that_vanish_without_a_reset_are_noticed_by_the_silence() -> Result<()> {
    if skipped_without_root("packets_that_vanish_without_a_reset_are_noticed_by_the_silence") {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    iptables(&scene, "-I")?;
    wait_until_nothing_is_denied(&scene)?;
    scene.agent.wait_for("nothing was heard of", LIMIT)?;
    iptables(&scene, "-D")?;
    scene.follow(ABSENT, RecordType::A, &denied())
}

#[test]
fn an_api_server_that_falls_silent_is_noticed_by_its_silence() -> Result<()> {
    if skipped_without_root("an_api_server_that_falls_silent_is_noticed_by_its_silence") {
        return Ok(());
    }
    let scene = Scene::new()?;
    scene.follow(ABSENT, RecordType::A, &denied())?;
    // Connections stay open, and no packet says that they are dead.
    scene.api.pause()?;
    wait_until_nothing_is_denied(&scene)?;
    scene.agent.wait_for("nothing was heard of", LIMIT)?;
    scene.api.resume()?;
    scene.follow(ABSENT, RecordType::A, &denied())
}
