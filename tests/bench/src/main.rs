//! `bench`: what `cargo xtask bench` runs. Everything is measured side by side in one run, in rounds that take
//! turns, so that a machine that changes its pace disturbs all alike.

mod bystanders;
mod charts;
mod client;
mod distribution;
mod kernel;
mod machine;
mod page;
mod progress;
mod question;
mod report;
mod results;
mod round_trip;
mod scene;
mod shown;
mod size;
mod stillness;
mod targets;
mod throughput;
mod walk;

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::{Parser, ValueEnum};

use self::{
    progress::Progress,
    results::{Machine, Results},
    scene::Scene,
};

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
    /// Measure nothing: draw the charts of the run in this JSON file, and fill the pages with its figures
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "only", "json", "report_only"])]
    draw: Option<PathBuf>,
    /// The repository with the pages to fill
    #[arg(long, value_name = "FOLDER", requires = "draw", default_value = ".")]
    into: PathBuf,
}

/// The parts of the bench.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Round trips from a pod, one after the other
    RoundTrips,
    /// As many answers as possible
    Throughput,
    /// Whole walks of a C library's resolver
    Walk,
    /// What others pay
    Bystanders,
    /// Time and instructions in the kernel
    Kernel,
    /// Clusters of different sizes
    Size,
}

/// Those that are measured on one node with everything side by side.
const SIDE_BY_SIDE: [Part; 5] = [
    Part::RoundTrips,
    Part::Throughput,
    Part::Walk,
    Part::Bystanders,
    Part::Kernel,
];

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
    if let Some(file) = &options.draw {
        print!("{}", shown::show(file, &options.into)?);
        return Ok(true);
    }
    let mut results = Results {
        began: jiff::Timestamp::now().to_string(),
        command: command(env::args().skip(1)),
        machine: Machine::here()?,
        held_up: vec![stillness::measure()?],
        ..Results::default()
    };
    if SIDE_BY_SIDE.iter().any(|part| options.wants(*part)) {
        side_by_side(options, &mut results)?;
    }
    if options.wants(Part::Size) {
        results.sizes = size::measure(options)?;
    }
    results.held_up.push(stillness::measure()?);
    if let Some(path) = &options.json {
        let text = serde_json::to_string(&results).context("write the results as JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("write {}", path.display()))?;
    }
    print!("{}", report::text(&results));
    Ok(options.report_only || targets::are_all_met(&results))
}

/// What a person types to have the same measured again.
fn command(arguments: impl Iterator<Item = String>) -> String {
    let words = ["cargo", "xtask", "bench"].map(str::to_owned);
    words
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The parts that share one scene.
fn side_by_side(options: &Options, results: &mut Results) -> Result<()> {
    let progress = Progress::start("setting everything up", 0)?;
    let scene = Scene::new()?;
    progress.finish();
    if options.wants(Part::RoundTrips) {
        results.round_trips = round_trip::measure(&scene, round_trip::Pace::new(options.quick))?;
    }
    if options.wants(Part::Throughput) {
        let pace = throughput::Pace::new(options.quick);
        let floor = round_trip::floor(&results.round_trips);
        results.throughput = throughput::measure(&scene, floor, pace)?;
    }
    if options.wants(Part::Walk) {
        results.walks = walk::measure(&scene, walk::Pace::new(options.quick))?;
    }
    if options.wants(Part::Bystanders) {
        results.bystanders = bystanders::measure(&scene, bystanders::Pace::new(options.quick))?;
    }
    if options.wants(Part::Kernel) {
        (results.kernel, results.instructions_uncounted) =
            kernel::measure(&scene, kernel::Pace::new(options.quick))?;
        results.programs = kernel::programs(&scene)?;
    }
    Ok(())
}
