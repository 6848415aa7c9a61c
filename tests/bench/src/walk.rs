//! Part 3: the whole walk of a C library's resolver through the search path, with and without zerohop.

use std::{env, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use tests::{Pod, Resolver};

use crate::{
    distribution::histogram,
    progress::Progress,
    results::{Ratio, Times, Walk},
    scene::{DNS_SERVICE, EXTERNAL, Scene},
};

/// The C libraries, and the variables that name the program of each.
const LIBRARIES: [(&str, &str); 2] = [
    ("glibc", "ZEROHOP_BENCH_WALK_GLIBC"),
    ("musl", "ZEROHOP_BENCH_WALK_MUSL"),
];

/// How many rounds, and how long each library calls in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    slice: Duration,
}

impl Pace {
    /// A whole run's, or a quick one's.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 8,
                slice: Duration::from_millis(150),
            },
            false => Self {
                rounds: 30,
                slice: Duration::from_millis(300),
            },
        }
    }
}

/// Calls in one pod: all of them, and the p50 of each round.
struct Calls {
    all: Histogram<u64>,
    rounds: Vec<f64>,
}

/// One library while it is measured.
struct Lane {
    library: &'static str,
    program: PathBuf,
    with: Calls,
    without: Calls,
}

/// Measures both libraries.
///
/// # Errors
///
/// A program is missing, or the name is not found.
pub(crate) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<Walk>> {
    let mut lanes = LIBRARIES
        .into_iter()
        .map(|(library, variable)| {
            let program = env::var_os(variable).with_context(|| {
                format!("{variable} is not set; run the bench by `cargo xtask bench`")
            })?;
            Ok(Lane {
                library,
                program: program.into(),
                with: Calls::new()?,
                without: Calls::new()?,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let progress = Progress::start("whole resolver walks", pace.rounds as u64)?;
    for _ in 0..pace.rounds {
        for lane in &mut lanes {
            let program = lane.program.to_str().context("a path in UTF-8")?;
            lane.with.add(&scene.zerohop, program, pace.slice)?;
            lane.without.add(&scene.bare, program, pace.slice)?;
        }
        progress.advance();
    }
    progress.finish();
    Ok(lanes.into_iter().map(Lane::finish).collect())
}

impl Calls {
    fn new() -> Result<Self> {
        Ok(Self {
            all: histogram()?,
            rounds: Vec::new(),
        })
    }

    /// Lets the program call for a while, with the resolv.conf that a kubelet would write.
    fn add(&mut self, pod: &Pod, program: &str, slice: Duration) -> Result<()> {
        let resolver = Resolver::of_pod("default", DNS_SERVICE.into());
        let milliseconds = slice.as_millis().to_string();
        let output = pod.run_with_resolver(&resolver, &[program, EXTERNAL, &milliseconds])?;
        ensure!(
            output.status.success(),
            "{program} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let mut times = histogram()?;
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let time = line
                .parse()
                .with_context(|| format!("read the time {line:?}"))?;
            times.saturating_record(time);
        }
        self.rounds.push(times.value_at_quantile(0.5) as f64);
        self.all.add(&times).context("add up the rounds")
    }
}

impl Lane {
    fn finish(self) -> Walk {
        Walk {
            library: self.library.to_owned(),
            name: EXTERNAL.to_owned(),
            with: Times::of(&self.with.all),
            without: Times::of(&self.without.all),
            gain: Ratio::between(self.without.rounds, self.with.rounds),
        }
    }
}
