//! Part 5: what a program costs in the kernel.
//!
//! Over real round trips by the kernel's own statistics (BPF_ENABLE_STATS), which include one reading of its clock; and
//! by BPF_PROG_TEST_RUN, where a program leaves the packet as it was, so that it can be run on it again. Both take the
//! program of the agent where it hangs, on the maps that the agent has filled. Beside the times, what the kernel executes
//! for one packet, where the processor's counter can be reached.

mod frames;
mod instructions;
mod running;
mod test_run;

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aya::programs::SchedClassifier;
use serde_json::Value;

use self::instructions::Instructions;
use crate::{
    machine,
    progress::Progress,
    results::{KernelCost, Program, Ratio},
    scene::{Bounce, Scene},
};

/// The agent's programs as they are pinned. That for pods' interfaces comes first.
const PROGRAMS: [&str; 4] = [
    "intercept_peer",
    "intercept_plain",
    "intercept_xdp",
    "intercept_skb",
];

/// How many rounds, and how many packets of each kind in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    /// Over real round trips.
    packets: u32,
    /// Runs on the same packet.
    repeat: u32,
}

impl Pace {
    /// A whole run's, or a quick one's.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 15,
                packets: 4_000,
                repeat: 50_000,
            },
            false => Self {
                rounds: 40,
                packets: 20_000,
                repeat: 200_000,
            },
        }
    }
}

/// One kind of packet while it is measured.
struct Series {
    key: &'static str,
    label: &'static str,
    /// The kind that it is compared with: its key.
    base: &'static str,
    /// The mean of each round in nanoseconds.
    rounds: Vec<f64>,
    /// What the kernel executed for one packet, of each round; empty without a counter.
    executed: Vec<f64>,
}

impl Series {
    fn new(key: &'static str, label: &'static str, base: &'static str) -> Self {
        Self {
            key,
            label,
            base,
            rounds: Vec::new(),
            executed: Vec::new(),
        }
    }
}

/// Measures every kind of packet. Returns also why executed instructions were not counted, if they were not.
///
/// # Errors
///
/// The kernel refuses to count or to run, or a question goes another way than its kind.
pub(crate) fn measure(scene: &Scene, pace: Pace) -> Result<(Vec<KernelCost>, Option<String>)> {
    let progress = Progress::start("time in the kernel", 2 * pace.rounds as u64)?;
    let agent = pinned(scene, PROGRAMS[0])?;
    let (live, repeated, uncounted) = machine::on_cpu(machine::cpus()? - 1, || {
        let (mut instructions, uncounted) = Instructions::open();
        let live = running::measure(scene, &agent, pace, &mut instructions, &progress)?;
        let repeated = test_run::measure(scene, &agent, pace, &mut instructions, &progress)?;
        Ok((live, repeated, uncounted))
    })?;
    progress.finish();
    let costs = live
        .iter()
        .map(|series| cost(series, &live, true))
        .chain(repeated.iter().map(|series| cost(series, &repeated, false)));
    Ok((costs.collect(), uncounted))
}

fn cost(series: &Series, all: &[Series], is_live: bool) -> KernelCost {
    let times = Some(Ratio::of(series.rounds.iter().copied()));
    let (statistics, test_run) = if is_live {
        (times, None)
    } else {
        (None, times)
    };
    let base = all.iter().find(|other| other.key == series.base);
    let over = |of: fn(&Series) -> &[f64]| {
        let pairs = of(series).iter().zip(of(base?));
        let mut differences = pairs.map(|(figure, base)| figure - base).peekable();
        differences.peek()?;
        Some(Ratio::of(differences))
    };
    KernelCost {
        key: series.key.to_owned(),
        label: series.label.to_owned(),
        statistics,
        test_run,
        over_base: over(|series| &series.rounds),
        executed_over_base: over(|series| &series.executed),
        base: series.base.to_owned(),
    }
}

/// What the verifier and the compiler say of the agent's programs.
///
/// # Errors
///
/// bpftool does not say it.
pub(crate) fn programs(scene: &Scene) -> Result<Vec<Program>> {
    let there = |name: &&str| scene.pins.path().join(name).exists();
    let mut programs = Vec::new();
    for name in PROGRAMS.into_iter().filter(there) {
        let path = scene.pins.path().join(name);
        let output = Command::new("bpftool")
            .args(["--json", "prog", "show", "pinned"])
            .arg(&path)
            .output()
            .context("start bpftool")?;
        ensure!(
            output.status.success(),
            "bpftool does not show {}: {}",
            path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let shown: Value = serde_json::from_slice(&output.stdout).context("read bpftool's JSON")?;
        let number = |key: &str| shown[key].as_u64().map(|number| number as u32);
        let octets = number("bytes_xlated").context("find the size of the program")?;
        let verified = pinned(scene, name)?.info()?.verified_instruction_count();
        programs.push(Program {
            name: name.to_owned(),
            verified_instructions: verified.context("ask what was verified (Linux 5.16)")?,
            // Of eight octets each.
            instructions: octets / 8,
            jited_octets: number("bytes_jited").unwrap_or(0),
        });
    }
    Ok(programs)
}

fn pinned(scene: &Scene, name: &str) -> Result<SchedClassifier> {
    let path = scene.pins.path().join(name);
    SchedClassifier::from_pin(&path).with_context(|| format!("open {}", path.display()))
}

/// The program of one of the scene's own pods.
fn bounce(scene: &Scene, bounce: Bounce) -> Result<&SchedClassifier> {
    scene.bounces.program(bounce)
}
