//! By BPF_PROG_TEST_RUN: the same packet many times in a row. It stays as it is, because the program passes it on.

use anyhow::{Context as _, Result, ensure};
use aya::{TestRun as _, TestRunOptions, programs::SchedClassifier};

use super::{Instructions, Pace, Series, bounce, frames};
use crate::{
    progress::Progress,
    scene::{Bounce, Scene},
};

/// TCX_NEXT: the packet goes on.
const NEXT: u32 = u32::MAX;

/// Measures the mean time of a run in each round.
pub(super) fn measure(
    scene: &Scene,
    agent: &SchedClassifier,
    pace: Pace,
    instructions: &mut Instructions,
    progress: &Progress,
) -> Result<Vec<Series>> {
    let empty = bounce(scene, Bounce::Empty)?;
    let mut lanes = [
        (
            empty,
            frames::other_udp(),
            Series::new("empty_repeated", "empty program", ""),
        ),
        (
            agent,
            frames::external(),
            Series::new(
                "pass_repeated",
                "passed on after the look-up",
                "empty_repeated",
            ),
        ),
        (
            agent,
            frames::other_udp(),
            Series::new("udp_repeated", "UDP to another port", "empty_repeated"),
        ),
        (
            agent,
            frames::tcp(),
            Series::new("tcp_repeated", "TCP", "empty_repeated"),
        ),
    ];
    let before = scene.status()?;
    for _ in 0..pace.rounds {
        for (program, frame, series) in &mut lanes {
            let (time, executed) = instructions
                .of(pace.repeat, || run(program, frame, pace.repeat))
                .with_context(|| format!("run on {} (BPF_PROG_TEST_RUN)", series.key))?;
            series.rounds.push(time);
            series.executed.extend(executed);
        }
        progress.advance();
    }
    let count = |status: &tests::Status| status.passed.get("unknown_name").copied().unwrap_or(0);
    let passed = count(&scene.status()?) - count(&before);
    let expected = pace.rounds as u64 * u64::from(pace.repeat);
    ensure!(
        passed >= expected,
        "of {expected} questions for a name that is not known only {passed} got as far as the look-up"
    );
    Ok(lanes.into_iter().map(|(_, _, series)| series).collect())
}

/// Runs the program on the frame, and returns the mean time in nanoseconds.
fn run(program: &SchedClassifier, frame: &[u8], repeat: u32) -> Result<f64> {
    let result = program.test_run(TestRunOptions {
        data_in: Some(frame),
        repeat,
        ..TestRunOptions::default()
    })?;
    ensure!(
        result.return_value == NEXT,
        "the program returns {} and not TCX_NEXT",
        result.return_value
    );
    Ok(result.duration.as_nanos() as f64)
}
