//! A hundred new pods ask at once when they start: how many are answered in the kernel.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};
use pod::protocol::Watched;
use serde_json::{Value, json};
use tests::{Latencies, eventually_every, undo::Undo};

use crate::{
    kubectl::Kubectl,
    pods::PROGRAM,
    report::Report,
    stage::{NAMESPACE, Stage, items},
};

const NAME: &str = "first-question";
const PODS: usize = 100;

/// How many of them at a time.
const AT_A_TIME: usize = 20;

/// How long all of them may take.
const ENDED: Duration = Duration::from_secs(180);

/// How long it may take, after all have ended, until their logs are there.
const LOGGED: Duration = Duration::from_secs(10);

/// How long between two looks, so that looking does not slow them down.
const BETWEEN: Duration = Duration::from_secs(1);

/// The share of them that the kernel must answer; the figure says how many it is.
const ANSWERED_MIN: f64 = 0.5;

/// Runs them as a Job and reads their logs.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    let kubectl = &stage.kubectl;
    let service = kubectl.get(&["service", "-n", "default", "kubernetes"])?;
    let right: IpAddr = service["spec"]["clusterIP"]
        .as_str()
        .and_then(|address| address.parse().ok())
        .context("read the address of the Service default/kubernetes")?;
    let _removed = {
        let kubectl = kubectl.clone();
        Undo::on_drop(move || remove(&kubectl))
    };
    kubectl.apply(&job(stage))?;
    until_complete(kubectl)?;
    // A pod's end may be told before its log is written. Who has not logged for so long has not asked.
    let mut first = Vec::new();
    let all = eventually_every(BETWEEN, LOGGED, "the log of every pod", || {
        first = asked(kubectl)?;
        ensure!(first.len() >= PODS, "{} pods have asked", first.len());
        Ok(())
    });
    if let Err(error) = all {
        eprintln!("{error:#}");
    }

    report.check(
        "the first question of every new pod gets its right answer",
        || {
            ensure!(first.len() == PODS, "{} pods have asked", first.len());
            let right = BTreeSet::from([right]);
            let wrong = first.iter().filter(|first| first.seen.addresses != right);
            let wrong: Vec<&Watched> = wrong.collect();
            ensure!(wrong.is_empty(), "{wrong:?}");
            Ok(())
        },
    );
    let by_kernel = first.iter().filter(|first| first.seen.by_kernel).count();
    let share = 100.0 * by_kernel as f64 / first.len().max(1) as f64;
    report.figure(
        "new pods whose first question is answered in the kernel",
        share,
        "%",
    );
    report.check(
        "the kernel answers the first question of at least half of them",
        || {
            ensure!(
                by_kernel as f64 >= ANSWERED_MIN * PODS as f64,
                "{by_kernel} of {PODS}"
            );
            Ok(())
        },
    );
    let times = first
        .iter()
        .map(|first| Duration::from_secs_f64(first.microseconds / 1e6));
    let times = Latencies::new(times.collect());
    for (called, percent) in [("p50", 50), ("p99", 99)] {
        let microseconds = times.percentile(percent).as_secs_f64() * 1e6;
        report.figure(
            &format!("latency of first questions, {called}"),
            microseconds,
            "µs",
        );
    }
    Ok(())
}

/// What the pods have logged of their questions.
fn asked(kubectl: &Kubectl) -> Result<Vec<Watched>> {
    let label = format!("job-name={NAME}");
    let words = ["logs", "-n", NAMESPACE, "-l", &label, "--tail=-1"];
    let logs = kubectl.run(&[&words[..], &["--max-log-requests=100"]].concat())?;
    let lines = logs.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).context("read a pod's log"))
        .collect()
}

/// Waits until all have asked.
///
/// # Errors
///
/// One has failed: with its log. Or they are not done in time.
fn until_complete(kubectl: &Kubectl) -> Result<()> {
    let failed = eventually_every(BETWEEN, ENDED, "all pods to have asked", || {
        let job = kubectl.get(&["job", "-n", NAMESPACE, NAME])?;
        let conditions = job["status"]["conditions"].as_array();
        let is = |wanted: &str| {
            let mut conditions = conditions.into_iter().flatten();
            conditions.any(|one| one["type"] == wanted && one["status"] == "True")
        };
        let failed = is("Failed");
        if !failed && !is("Complete") {
            bail!("the Job says {}", job["status"]);
        }
        Ok(failed)
    })?;
    if !failed {
        return Ok(());
    }
    let label = format!("job-name={NAME}");
    let pods = kubectl.get(&["pods", "-n", NAMESPACE, "-l", &label])?;
    let failed = items(&pods).find(|pod| pod["status"]["phase"] == "Failed");
    let name = failed.and_then(|pod| pod["metadata"]["name"].as_str());
    let name = name.context("the Job failed, and which pod did is not told")?;
    let log = kubectl.run(&["logs", "-n", NAMESPACE, name])?;
    bail!("pod {name} failed: {}", log.trim());
}

fn remove(kubectl: &Kubectl) {
    let words = ["delete", "job", "-n", NAMESPACE, "--ignore-not-found", NAME];
    if let Err(error) = kubectl.run(&words) {
        eprintln!("pods may be left over: {error:#}");
    }
}

fn job(stage: &Stage) -> Value {
    let (image, server) = (&stage.images.glibc, stage.dns_server());
    let record_type = stage.address_type().to_string();
    let name = "kubernetes.default.svc.cluster.local";
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "completions": PODS,
            "parallelism": AT_A_TIME,
            "backoffLimit": 0,
            "template": {
                "metadata": {"labels": {"app": NAME}},
                "spec": {
                    "restartPolicy": "Never",
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
                        "command": [
                            PROGRAM, "watch", "--questions", "1", "--patience", "5000",
                            "--server", server, "--name", name, "--type", record_type,
                        ],
                    }],
                },
            },
        },
    })
}
