//! A question that the kernel leaves to the DNS service: NSD answers it, whatever program it has met before.

use anyhow::{Context as _, Result};

use super::Pace;
use crate::{
    client::ClosedLoop,
    distribution::histogram,
    machine,
    progress::Progress,
    question::{self, From, Kind},
    results::{Bystander, Ratio},
    scene::Scene,
};

/// Measures the p50 of the round trip with the agent's program, with an empty one, and with none.
pub(super) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<Bystander>> {
    let mut lanes = [From::Zerohop, From::Empty, From::Bare]
        .into_iter()
        .map(|from| {
            let kind = Kind {
                from,
                ..question::external()
            };
            Ok((ClosedLoop::open(scene, &kind)?, Vec::new()))
        })
        .collect::<Result<Vec<(ClosedLoop, Vec<f64>)>>>()?;
    let progress = Progress::start("questions that are passed on", pace.rounds as u64)?;
    machine::on_cpu(machine::cpus()? - 1, || {
        for round in 0..pace.rounds {
            for place in 0..lanes.len() {
                let count = lanes.len();
                let (client, medians) = &mut lanes[(place + round) % count];
                let mut times = histogram()?;
                client.whole_reply()?;
                client.run(pace.slice, &mut times)?;
                medians.push(times.value_at_quantile(0.5) as f64);
            }
            progress.advance();
        }
        Ok(())
    })?;
    progress.finish();
    let rounds: Vec<Vec<f64>> = lanes.into_iter().map(|(_, medians)| medians).collect();
    let [with, empty, without] = &rounds[..] else {
        return Err(anyhow::anyhow!("three kinds were measured")).context("compare them");
    };
    let compared = |key: &str, label: &str, other: &[f64]| Bystander {
        key: key.to_owned(),
        label: label.to_owned(),
        unit: "ns".to_owned(),
        with: median(with),
        without: median(other),
        ratio: Ratio::between(with.iter().copied(), other.iter().copied()),
    };
    Ok(vec![
        compared("passed", "a question that is passed on", without),
        compared(
            "passed_over_empty",
            "the same beside an empty program",
            empty,
        ),
    ])
}

fn median(rounds: &[f64]) -> f64 {
    Ratio::of(rounds.iter().copied()).median
}
