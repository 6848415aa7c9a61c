//! `replay FILE`: recorded questions through the kernel program, compared with the recorded replies.
//!
//! Exit code 1: a reply differs. Exit code 2: nothing could be said, for a reason that is told.

use std::{
    fs,
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use replay::{
    kernel::Kernel,
    recording::{Group, Recording},
    run::{self, Observer},
};

/// Sends recorded questions through the kernel program and compares its replies with the recorded ones
#[derive(Parser)]
struct Options {
    /// A file in the format of coredns-recorded.json
    file: PathBuf,
    /// Write what came of every group, and of every case that is not equal, into this file as JSON
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
}

/// Shows on stderr how far the run is, if that is a terminal.
struct Progress(ProgressBar);

impl Observer for Progress {
    fn begin(&mut self, group: &Group) {
        self.0.set_message(group.id.clone());
    }

    fn advance(&mut self) {
        self.0.inc(1);
    }

    fn tell(&mut self, text: &str) {
        self.0.suspend(|| eprintln!("{text}"));
    }
}

fn main() -> ExitCode {
    match replay(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether no reply differs.
fn replay(options: &Options) -> Result<bool> {
    let recording = read(options)?;
    let mut kernel = Kernel::load()?;
    let cases = recording
        .groups
        .iter()
        .map(|group| group.cases.len())
        .sum::<usize>();
    let bar = ProgressBar::new(cases as u64)
        .with_style(ProgressStyle::with_template("{pos}/{len} {wide_msg}")?);
    let report = run::run(&recording, &mut kernel, &mut Progress(bar.clone()))?;
    bar.finish_and_clear();
    io::stdout()
        .write_all(report.text().as_bytes())
        .context("write to the standard output")?;
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&report)? + "\n";
        fs::write(path, json).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(report.different == 0)
}

fn read(options: &Options) -> Result<Recording> {
    let path = options.file.display();
    let text = fs::read(&options.file)
        .with_context(|| format!("read {path}; name a file of recorded cases"))?;
    Recording::read(&text).map_err(|reason| anyhow!("{path} is no recording: {reason}"))
}
