//! Part 2: as many answers as possible, and what they cost the whole machine.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ::tests::Folder;
use anyhow::{Context as _, Result};

use crate::{
    client::{self, Window},
    machine,
    progress::Progress,
    question::{self, Kind},
    results::{AtRate, Ratio, Throughput, Times},
    scene::{Scene, WEB},
};

/// Who answers, by the keys of the round trips.
const WAYS: [&str; 5] = ["floor", "hit", "core_dns", "node_local", "nsd"];

/// Those that are asked at a fixed rate as well, and the rate in questions a second.
const ON_SCHEDULE: [&str; 2] = ["hit", "core_dns"];
const RATE: u32 = 4_000;

/// Before each slice, until the window is full.
const WARM_UP: Duration = Duration::from_millis(100);

/// How many rounds, how long each way is asked in each, and for how long dnsperf and the schedule run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    slice: Duration,
    once: Duration,
}

impl Pace {
    /// A whole run's, or a quick one's.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 4,
                slice: Duration::from_millis(400),
                once: Duration::from_secs(1),
            },
            false => Self {
                rounds: 12,
                slice: Duration::from_secs(1),
                once: Duration::from_secs(5),
            },
        }
    }
}

/// One way while it is measured: answers a second, and answers for a second of CPU time, in each round.
struct Lane {
    key: &'static str,
    kind: Kind,
    answers: Vec<f64>,
    answers_per_cpu_second: Vec<f64>,
}

/// Measures every way; `floor` is the key of the faster bounce.
///
/// # Errors
///
/// A reply is an error, a socket fails, or dnsperf does.
pub(crate) fn measure(scene: &Scene, floor: &str, pace: Pace) -> Result<Vec<Throughput>> {
    let mut lanes = WAYS
        .into_iter()
        .map(|key| lane(key, floor))
        .collect::<Result<Vec<_>>>()?;
    let steps = lanes.len() * (pace.rounds + 1) + ON_SCHEDULE.len();
    let progress = Progress::start("throughput", steps as u64)?;
    for _ in 0..pace.rounds {
        for lane in &mut lanes {
            lane.measure(scene, pace.slice)
                .with_context(|| format!("ask {} as fast as it goes", lane.key))?;
            progress.advance();
        }
    }
    let mut found = Vec::new();
    for lane in lanes {
        let dnsperf = dnsperf(scene, &lane.kind, pace.once)?;
        progress.advance();
        let at_rate = match ON_SCHEDULE.contains(&lane.key) {
            true => {
                progress.advance();
                Some(at_rate(scene, &lane.kind, pace.once)?)
            }
            false => None,
        };
        found.push(Throughput {
            key: lane.key.to_owned(),
            label: lane.kind.label.to_owned(),
            answers: Ratio::of(lane.answers),
            answers_per_cpu_second: Ratio::of(lane.answers_per_cpu_second),
            dnsperf_answers: Some(dnsperf),
            at_rate,
        });
    }
    progress.finish();
    Ok(found)
}

fn lane(key: &'static str, floor: &str) -> Result<Lane> {
    let asked = if key == "floor" { floor } else { key };
    let kind = question::kind(asked).with_context(|| format!("find the question {asked}"))?;
    Ok(Lane {
        key,
        kind,
        answers: Vec::new(),
        answers_per_cpu_second: Vec::new(),
    })
}

impl Lane {
    /// One slice of one round: a socket and a thread for each CPU.
    fn measure(&mut self, scene: &Scene, slice: Duration) -> Result<()> {
        let sockets = 0..machine::cpus()?;
        let sockets = sockets.map(|_| Window::open(scene, &self.kind));
        let sockets = sockets.collect::<Result<Vec<_>>>()?;
        let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
        let (stop, answered) = (&stop, &answered);
        let (seconds, spent, count) = thread::scope(|scope| {
            let threads: Vec<_> = sockets
                .into_iter()
                .map(|mut socket| scope.spawn(move || socket.run(stop, answered)))
                .collect();
            let counted = counted(slice, answered);
            stop.store(true, Ordering::Relaxed);
            let mut lost = 0;
            for thread in threads {
                lost += thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            }
            if lost > 0 {
                eprintln!("{}: {lost} questions were lost", self.key);
            }
            counted
        })?;
        self.answers.push(count / seconds);
        self.answers_per_cpu_second.push(count / spent);
        Ok(())
    }
}

/// How many seconds a slice took, how much CPU time the machine spent meanwhile, and how many answers came.
fn counted(slice: Duration, answered: &AtomicU64) -> Result<(f64, f64, f64)> {
    thread::sleep(WARM_UP);
    let (begin, spent_before, before) = (
        Instant::now(),
        machine::cpu_seconds()?,
        answered.load(Ordering::Relaxed),
    );
    thread::sleep(slice);
    let after = answered.load(Ordering::Relaxed);
    let spent = machine::cpu_seconds()? - spent_before;
    let seconds = begin.elapsed().as_secs_f64();
    Ok((seconds, spent, (after - before) as f64))
}

/// The same by dnsperf, in answers a second: what another client makes of it.
fn dnsperf(scene: &Scene, kind: &Kind, length: Duration) -> Result<f64> {
    let folder = Folder::new()?;
    let questions = folder.write("questions", &format!("{WEB} A\n"))?;
    let (address, seconds) = (kind.server.ip().to_string(), length.as_secs().to_string());
    let cpus = machine::cpus()?.to_string();
    let printed = kind.pod(scene).namespace().run(&[
        "dnsperf",
        "-s",
        &address,
        "-d",
        questions.to_str().context("a path in UTF-8")?,
        "-l",
        &seconds,
        "-T",
        &cpus,
        "-c",
        &cpus,
    ])?;
    queries_per_second(&printed)
        .with_context(|| format!("understand what dnsperf printed:\n{printed}"))
}

fn queries_per_second(printed: &str) -> Option<f64> {
    let line = printed
        .lines()
        .find_map(|line| line.trim().strip_prefix("Queries per second:"))?;
    line.trim().parse().ok()
}

fn at_rate(scene: &Scene, kind: &Kind, length: Duration) -> Result<AtRate> {
    let outcome = client::open::run(scene, kind, RATE, length)
        .with_context(|| format!("ask {} on schedule", kind.key))?;
    Ok(AtRate {
        rate: RATE,
        times: Times::of(&outcome.times),
        lost: outcome.lost,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_read_from_dnsperfs_statistics() {
        let printed = "Statistics:\n\n  Queries sent:         281914\n  Queries per second:   140950.112361\n";
        assert_eq!(queries_per_second(printed), Some(140_950.112_361));
        assert_eq!(queries_per_second("Queries sent: 1"), None);
    }
}
