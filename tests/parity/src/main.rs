//! `parity`: what `cargo xtask parity` runs.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use clap::Parser;
use parity::{
    run::{Plan, run},
    stage::Reference,
};
use tests::{Tool, program};

/// Compares the kernel's answers with those of a running CoreDNS.
#[derive(Parser)]
struct Options {
    /// How many random clusters
    #[arg(long, default_value_t = 10)]
    clusters: usize,
    /// How many questions for each
    #[arg(long, default_value_t = 2_000)]
    questions: usize,
    /// What all choices follow from; by default another one each time
    #[arg(long)]
    seed: Option<u64>,
    /// The number of the first cluster
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// How many clusters at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Every so many clusters, one lies in a real kube-apiserver; 0: none
    #[arg(long, default_value_t = 10)]
    real_every: usize,
    /// Also write the result as JSON
    #[arg(long)]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was different.
fn compare(options: &Options) -> Result<bool> {
    let seed = match options.seed {
        Some(seed) => seed,
        None => fresh_seed(),
    };
    let reference = Reference::at(&program(Tool::CoreDns)?)?;
    println!("seed {seed}, CoreDNS {}", reference.version);
    let plan = Plan {
        seed,
        first: options.first,
        clusters: options.clusters,
        questions: options.questions,
        jobs: options.jobs,
        real_every: options.real_every,
        reference,
    };
    let report = run(&plan, |report| eprintln!("{}", report.line()))?;
    println!("{report}");
    if let Some(path) = &options.json {
        let text = report.json(seed, &plan.reference.version).to_string();
        std::fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    }
    Ok(report.different == 0)
}

/// A number that is short to type.
fn fresh_seed() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| since.as_millis() as u64 % 1_000_000)
}
