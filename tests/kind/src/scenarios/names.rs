//! What Kubernetes' conformance test of DNS asks (`test/e2e/network/dns.go`), from inside pods on each node, on the
//! ordinary path: pod, DNS service, UDP and TCP. A CoreDNS pod, asked over TCP from the same pod, says what is right.

mod alias;
mod configuration;
mod connections;
mod counters;
mod expected;
mod host_network;
mod look_up;
mod objects;
mod other_server;
mod partial;
mod questions;
mod scene;

use anyhow::Result;

use self::scene::Scene;
use crate::{report::Report, stage::Stage};

/// Asks from a pod on each node.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let scene = Scene::set(stage)?;
    for asker in &scene.askers {
        questions::check(stage, &scene, asker, report)?;
        partial::check(stage, &scene, asker, report)?;
        host_network::check(stage, &scene, asker, report)?;
    }
    configuration::check(stage, &scene, report)?;
    other_server::check(stage, &scene, report)?;
    alias::check(stage, &scene, report)
}
