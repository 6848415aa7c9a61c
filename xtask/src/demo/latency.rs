//! How long a question takes from inside the pod: in the kernel, passed on, and without us.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use tests::{Latencies, Question, hickory_proto::rr::RecordType};

use super::{scene::Scene, zones::EXTERNAL};

/// The three kinds take turns this often, so that a change of the machine's pace meets them all.
const ROUNDS: usize = 10;

/// Each round looks once at the whole answer before it measures.
const QUESTIONS_BEFORE_A_ROUND: usize = 1;

/// Measures `questions` of each kind and prints a line for each.
///
/// # Errors
///
/// When an answer does not come or is not the expected one.
pub(crate) fn show(scene: &Scene, questions: usize) -> Result<()> {
    let service = scene.dns_address();
    let unknown = scene.dns_address_unknown_to_the_agent();
    let hit = Question::new("kubernetes.default.svc.cluster.local", RecordType::A);
    let external = Question::new(EXTERNAL.0, RecordType::A);
    let answered_before = scene.agent.status()?.answered_in_kernel();
    let mut kinds = [
        Kind::new("a hit, answered in the kernel", service, &hit),
        Kind::new("a miss, passed on to the DNS service", service, &external),
        Kind::new("the DNS server asked directly", unknown, &external),
    ];
    let per_round = questions.div_ceil(ROUNDS).max(1);
    for _ in 0..ROUNDS {
        for kind in &mut kinds {
            let client = scene.pod.client(kind.server)?;
            kind.measured
                .push(client.measure(kind.question, per_round)?);
        }
    }
    let answered = scene.agent.status()?.answered_in_kernel();
    let answered = answered.saturating_sub(answered_before);
    let asked = (per_round + QUESTIONS_BEFORE_A_ROUND) * ROUNDS;
    ensure!(
        usize::try_from(answered) == Ok(asked),
        "of the measurement's questions the kernel answered {answered}, and not the {asked} hits"
    );
    println!(
        "\nRound trips from the pod, one after the other, {} of each kind:",
        per_round * ROUNDS
    );
    for kind in kinds {
        let latencies = Latencies::join(kind.measured);
        println!(
            "  {:<38} median {:>8}   99 % within {:>8}",
            kind.label,
            exact(latencies.median()),
            exact(latencies.percentile(99))
        );
    }
    Ok(())
}

/// A median of many is worth a decimal.
fn exact(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

struct Kind<'a> {
    label: &'static str,
    server: SocketAddr,
    question: &'a Question,
    measured: Vec<Latencies>,
}

impl<'a> Kind<'a> {
    fn new(label: &'static str, server: SocketAddr, question: &'a Question) -> Self {
        Self {
            label,
            server,
            question,
            measured: Vec::new(),
        }
    }
}
