//! Pods on every node ask as pods do, with zerohop attached and detached in turns: latency, losses, who answered, what
//! CoreDNS spent on it and what conntrack had to remember. In the middle, connections as an application makes them.
//! Speed is shown and never judged.

mod latencies;
mod results;
mod round;
mod switch;
mod tables;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use self::{
    results::{Results, State},
    round::Crowd,
};
use crate::{
    pods::{PROGRAM, Pod},
    report::Report,
    stage::{NAMESPACE, Stage},
};

/// Pods that ask, on each node.
const PODS: usize = 2;

/// The service that is connected to, and its port.
const SERVICE: &str = "web";
const PORT: u16 = 80;

/// Questions a second of all pods together. The last one may be more than CoreDNS bears beside everything else.
const RATES: [u32; 3] = [400, 4_000, 8_000];

/// The rate at which connections are made besides: half of the highest.
const WITH_CONNECTIONS: u32 = 4_000;

/// At and below this rate nothing may be lost while zerohop is attached.
const LOSSLESS: u32 = 4_000;

/// For how long a rate lasts, without and with connections.
const LENGTH: Duration = Duration::from_secs(3);
const LENGTH_WITH_CONNECTIONS: Duration = Duration::from_secs(4);

/// Attached and detached in turns, so that what else happens on the machine meets both.
const ROUNDS: [State; 4] = [
    State::Attached,
    State::Detached,
    State::Attached,
    State::Detached,
];

/// The share of questions that the kernel answers at least: a question passes if it is looked up while the agent writes
/// that name's entry, or one that shares its stripe.
const SHARE: f64 = 0.999;

/// Runs all rounds and shows what came out.
pub(crate) fn run(stage: &Stage, report: &mut Report) -> Result<()> {
    serve(stage)?;
    let crowd = Crowd::gather(stage, PODS)?;
    let mut results = Results::default();
    let mut detached = None;
    for state in ROUNDS {
        match state {
            State::Attached => {
                if let Some(detached) = detached.take() {
                    switch::attach(stage, detached)?;
                }
                crowd.wait_until_answered_by_kernel()?;
            }
            State::Detached => {
                detached = Some(switch::detach(stage)?);
                crowd.ensure_nothing_is_loaded()?;
            }
        }
        for rate in RATES {
            let connect = rate == WITH_CONNECTIONS;
            let length = match connect {
                true => LENGTH_WITH_CONNECTIONS,
                false => LENGTH,
            };
            results.add(state, crowd.load(rate, length, connect)?);
        }
    }
    if let Some(detached) = detached {
        switch::attach(stage, detached)?;
    }
    results.show(report, crowd.size());
    crowd.disperse()?;
    judge(report, &results);
    Ok(())
}

fn judge(report: &mut Report, results: &Results) {
    report.check("attached, no question is lost at the lower rates", || {
        for phase in results.phases(State::Attached) {
            let lost = phase.lost();
            ensure!(
                phase.rate > LOSSLESS || lost == 0,
                "{lost} of {} at {} questions a second",
                phase.sent(),
                phase.rate
            );
        }
        Ok(())
    });
    report.check("attached, the kernel answers the questions", || {
        for phase in results.phases(State::Attached) {
            let share = phase.kernel_share();
            ensure!(
                phase.rate > LOSSLESS || share >= SHARE,
                "{:.2} % at {} questions a second",
                share * 100.0,
                phase.rate
            );
        }
        Ok(())
    });
    report.check(
        "detached, the kernel answers none, and the DNS service replies",
        || {
            for phase in results.phases(State::Detached) {
                let share = phase.kernel_share();
                ensure!(
                    phase.lost() < phase.sent(),
                    "nothing was answered at {} questions a second",
                    phase.rate
                );
                ensure!(share == 0.0, "the kernel answered {:.2} %", share * 100.0);
            }
            Ok(())
        },
    );
    report.check("attached, every connection that is due is made", || {
        for phase in results.phases(State::Attached) {
            for connected in &phase.connected {
                ensure!(connected.failed.is_empty(), "{:?}", connected.failed);
                let (made, held_up) = (connected.connected.len() as u64, connected.held_up);
                ensure!(
                    made > 0 && made + held_up == phase.connections_due,
                    "{made} of {} were made, and {held_up} left out because the client itself was not let run",
                    phase.connections_due
                );
            }
        }
        Ok(())
    });
}

/// A service whose pod takes connections.
fn serve(stage: &Stage) -> Result<()> {
    stage.kubectl.apply(&json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {"selector": {"app": SERVICE}, "ports": [{"port": PORT}]},
    }))?;
    let node = stage.worker();
    let mut manifest = Pod::manifest(SERVICE, &stage.images.glibc, node);
    let container = &mut manifest["spec"]["containers"][0];
    container["command"] = json!([PROGRAM, "serve", "--port", PORT.to_string()]);
    container["readinessProbe"] = json!({"tcpSocket": {"port": PORT}, "periodSeconds": 1});
    Pod::start(&stage.kubectl, &manifest, node)
        .context("start the pod that is connected to")
        .map(drop)
}
