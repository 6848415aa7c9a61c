//! What bpftool shows on every node: programs, where they hang, maps with their types, a service's entry and the
//! counters. `docs/inspection.md` tells people what is checked here.

mod seen;

use std::{net::IpAddr, thread};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde_json::json;
use tests::undo::Undo;

use self::seen::Seen;
use crate::{
    inspection::Inspector,
    node::Node,
    pods::Pod,
    report::Report,
    stage::{NAMESPACE, Stage},
};

/// The service whose entry is looked for.
const SERVICE: &str = "inspected";

/// Looks at every node.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let service = ["service", SERVICE, "-n", NAMESPACE];
    stage.kubectl.apply(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {"ports": [{"name": "http", "port": 80}]},
    }))?;
    let kubectl = stage.kubectl.clone();
    let _service = Undo::on_drop(move || {
        // The namespace goes with the next run; what fails here is no finding.
        let _ = kubectl.run(&[&["delete", "--ignore-not-found"], &service[..]].concat());
    });
    let shown = stage.kubectl.get(&service)?;
    let address: IpAddr = shown["spec"]["clusterIP"]
        .as_str()
        .and_then(|address| address.parse().ok())
        .context("the service has no address")?;
    let IpAddr::V4(address) = address else {
        report.not_run(
            "what bpftool shows on every node",
            "services have IPv6 addresses here, and the entry is read by its A record",
        );
        return Ok(());
    };
    let mut tags = Vec::new();
    let started: Vec<_> = thread::scope(|scope| {
        let nodes = stage.nodes.iter();
        let starting: Vec<_> = nodes
            .map(|node| scope.spawn(move || start(stage, node)))
            .collect();
        starting.into_iter().map(|start| start.join()).collect()
    });
    for (node, started) in stage.nodes.iter().zip(started) {
        let (pod, inspector) =
            started.map_err(|_panic| anyhow!("the start of pods on {} broke off", node.name))??;
        let seen = Seen {
            stage,
            inspector: &inspector,
            node,
            pod: &pod,
            programs: inspector.programs()?,
            name: format!("{SERVICE}.{NAMESPACE}.svc.cluster.local"),
            address,
        };
        seen.check(report);
        tags.push(seen.tags());
        inspector.end()?;
        pod.delete()?;
    }
    report.check("the programs' tags are the same on every node", || {
        ensure!(tags.windows(2).all(|two| two[0] == two[1]), "{tags:?}");
        Ok(())
    });
    Ok(())
}

/// Starts a pod whose questions are answered, and one that looks at them.
fn start(stage: &Stage, node: &Node) -> Result<(Pod, Inspector)> {
    let pod = stage.glibc_pod(&format!("inspected-{}", node.name), node)?;
    Ok((pod, Inspector::start(stage, node)?))
}
