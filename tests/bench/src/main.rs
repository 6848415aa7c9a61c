//! `bench`: what `cargo xtask bench` runs. Everything is measured side by side in one run, in rounds that take
//! turns, so that a machine that changes its pace disturbs all alike.

mod results;
mod size;

use std::{fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use self::results::Results;

/// Measures zerohop beside what it is compared with.
#[derive(Parser)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: under two minutes
    #[arg(long)]
    quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Also write everything as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Succeed even if a target is missed
    #[arg(long)]
    report_only: bool,
}

/// The parts of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Clusters of different sizes
    Size,
}

impl Options {
    fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether every target is met.
fn run(options: &Options) -> Result<bool> {
    let mut results = Results::default();
    if options.wants(Part::Size) {
        results.sizes = size::measure(options)?;
    }
    if let Some(path) = &options.json {
        let text = serde_json::to_string(&results).context("write the results as JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    }
    Ok(true)
}
