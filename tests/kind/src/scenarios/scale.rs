//! A Deployment behind a headless service from 0 to 30 and down to 3 pods: how soon the kernel's answer follows.

mod timeline;

use std::{
    collections::BTreeSet,
    net::IpAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Watched;
use serde_json::{Value, json};
use tests::{eventually, undo::Undo};

use self::timeline::{Slices, Timeline, percentile};
use crate::{
    kubectl::Kubectl,
    pods::{PROGRAM, Pod},
    report::Report,
    stage::{NAMESPACE, ROLLOUT, Stage},
};

const NAME: &str = "scale";
const MOST: usize = 30;
const LEAST: usize = 3;

/// How long the kernel's answer may take to follow; a limit for the run, not for the figures.
const FOLLOWS: Duration = Duration::from_secs(60);

/// How long the watching pod waits for a reply, in milliseconds: one that is lost shall not hide what comes after it.
const PATIENCE: &str = "100";

/// Scales up and down, with one eye on the EndpointSlices and one in a pod.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let kubectl = &stage.kubectl;
    kubectl.apply(&service())?;
    let _removed = {
        let kubectl = kubectl.clone();
        Undo::on_drop(move || remove(&kubectl))
    };
    kubectl.apply(&deployment(&stage.images.glibc))?;
    let pod = stage.glibc_pod("scale-watch", stage.worker())?;
    let slices = Slices::follow(kubectl, NAMESPACE, NAME)?;
    let server = stage.dns_server();
    let name = format!("{NAME}.{NAMESPACE}.svc.cluster.local");
    let words = ["--server", &server, "--name", &name, "--until-input-ends"];
    let record_type = stage.address_type().to_string();
    let how = ["--type", &record_type, "--patience", PATIENCE];
    let watch = pod.begin(&[&[PROGRAM, "watch"], &words[..], &how].concat())?;
    watch.wait_until_under_way()?;

    let start = Instant::now();
    scale(kubectl, MOST)?;
    let until_answered = |count| until_answered(&pod, &words[..4], &record_type, count);
    until_answered(MOST)?;
    report.figure(
        "from scaling to 30 until all are answered",
        start.elapsed().as_secs_f64(),
        "s",
    );
    scale(kubectl, LEAST)?;
    until_answered(LEAST)?;
    // The agent may have been told before we were.
    eventually(FOLLOWS, "the EndpointSlices to say so", || {
        let told = slices.last().len();
        ensure!(told == LEAST, "they say {told} addresses");
        Ok(())
    })?;

    let (kernel, without_reply) = timeline(&watch.finish()?)?;
    let slices = slices.finish();
    let ready = slices.all();
    report.check(
        "every endpoint that became ready is answered in the kernel",
        || {
            let missing: BTreeSet<_> = ready.difference(&kernel.all()).copied().collect();
            ensure!(
                ready.len() >= MOST && missing.is_empty(),
                "not answered: {missing:?}"
            );
            Ok(())
        },
    );
    report.check("nothing but ready endpoints is answered", || {
        ensure!(
            kernel.all().is_subset(&ready),
            "{:?}",
            kernel.all().difference(&ready)
        );
        ensure!(kernel.last() == slices.last(), "{:?}", kernel.last());
        Ok(())
    });
    let delays = |moment: fn(&Timeline, IpAddr) -> Option<u64>| -> Vec<f64> {
        let both = ready
            .iter()
            .filter_map(|address| Some((moment(&slices, *address)?, moment(&kernel, *address)?)));
        // Below zero where the agent was told before we were.
        both.map(|(told, answered)| (answered as f64 - told as f64) / 1e6)
            .collect()
    };
    report.figure("questions without a reply", without_reply as f64, "");
    tell(
        report,
        "from the API server's watch telling us that an endpoint is ready to the kernel's answer",
        delays(Timeline::came),
    );
    tell(
        report,
        "from the API server's watch telling us that an endpoint is gone to the kernel's answer without it",
        delays(Timeline::went),
    );
    pod.delete()
}

fn tell(report: &mut Report, what: &str, mut delays: Vec<f64>) {
    delays.sort_by(f64::total_cmp);
    for (called, percent) in [("least", 0), ("p50", 50), ("p99", 99)] {
        let what = format!("{what}, {called} of {}", delays.len());
        report.figure(&what, percentile(&delays, percent), "ms");
    }
}

/// What the kernel answered, by the lines of `pod watch`, and how many questions nobody answered.
fn timeline(lines: &str) -> Result<(Timeline, usize)> {
    let mut without_reply = 0;
    let mut timeline = Timeline::default();
    for line in lines.lines() {
        let watched: Watched = serde_json::from_str(line).context("read a line of pod watch")?;
        if watched.seen.response_code.is_none() {
            without_reply += 1;
        }
        if watched.seen.by_kernel {
            timeline.push(watched.at, watched.seen.addresses);
        }
    }
    Ok((timeline, without_reply))
}

fn scale(kubectl: &Kubectl, replicas: usize) -> Result<()> {
    let replicas = format!("--replicas={replicas}");
    let workload = format!("deployment/{NAME}");
    kubectl.run(&["scale", "-n", NAMESPACE, &workload, &replicas])?;
    kubectl.rollout(NAMESPACE, &workload, ROLLOUT)
}

/// Waits until the kernel answers `count` addresses; `what` is the server and the name.
fn until_answered(pod: &Pod, what: &[&str], record_type: &str, count: usize) -> Result<()> {
    let once = ["--type", record_type, "--questions", "1"];
    let words = [&[PROGRAM, "watch"], what, &once].concat();
    eventually(FOLLOWS, "the kernel to answer the new number", || {
        let watched: Watched = serde_json::from_str(&pod.run(&words)?)?;
        let seen = watched.seen;
        ensure!(seen.by_kernel && seen.addresses.len() == count, "{seen:?}");
        Ok(())
    })
}

fn remove(kubectl: &Kubectl) {
    let (service, deployment) = (format!("service/{NAME}"), format!("deployment/{NAME}"));
    let words = [
        "delete",
        "-n",
        NAMESPACE,
        "--ignore-not-found",
        &service,
        &deployment,
    ];
    if let Err(error) = kubectl.run(&words) {
        eprintln!("pods may be left over: {error:#}");
    }
}

fn service() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {"clusterIP": "None", "selector": {"app": NAME}, "ports": [{"port": 80}]},
    })
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": NAME}},
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "tolerations": [{"operator": "Exists"}],
                    "topologySpreadConstraints": [{
                        "maxSkew": 1,
                        "topologyKey": "kubernetes.io/hostname",
                        "whenUnsatisfiable": "ScheduleAnyway",
                        "labelSelector": {"matchLabels": {"app": NAME}},
                    }],
                    "containers": [{
                        "name": "pod",
                        "image": image,
                        "imagePullPolicy": "Never",
                        "command": [PROGRAM, "stay"],
                    }],
                },
            },
        },
    })
}
