//! `cargo xtask parity`: random clusters, Corefiles and questions, put to a running CoreDNS and to the kernel
//! program.

use std::{
    path::{PathBuf, absolute},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    setup::{self, Environment, Need},
    tools::{self, Tool},
    workspace,
};

/// The exit code when nothing could be said: a 1 is kept for replies that differ.
const UNUSABLE: u8 = 2;

/// What to compare.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many random clusters
    #[arg(long, default_value_t = 10)]
    clusters: usize,
    /// How many questions for each
    #[arg(long, default_value_t = 2_000)]
    questions: usize,
    /// What all choices follow from; by default another one each time, which is printed
    #[arg(long)]
    seed: Option<u64>,
    /// The release of CoreDNS to compare with, such as 1.12.4; by default the one that the tests use
    #[arg(long, value_name = "VERSION")]
    coredns: Option<String>,
    /// The number of the first cluster, to see one of a longer run again
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// How many clusters at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Every so many clusters, one lies in a real kube-apiserver; 0: none
    #[arg(long, default_value_t = 10)]
    real_every: usize,
    /// Write the result, with every difference, into this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Sets up, builds the program that compares, and runs it; its exit code says whether a reply differs.
pub(crate) fn run(options: &Options) -> ExitCode {
    match compare(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn compare(options: &Options) -> Result<u8> {
    let release = options.coredns.as_deref().map(tools::Release::parse);
    let release = release.transpose()?;
    let mut needs = setup::PARITY.to_vec();
    if release
        .as_ref()
        .is_some_and(|release| release.find().is_none())
    {
        needs.push(Need::Program("go"));
    }
    let environment = setup::ready(&needs)?;
    let mut command = Command::new(program(&environment)?);
    environment.apply(&mut command);
    if let (Some(release), Some(variable)) = (&release, Tool::CoreDns.variable()) {
        command.env(variable, release.ensure()?);
    }
    command.args(arguments(options)?);
    let status = command
        .status()
        .context("start the program that compares")?;
    // Ended by a signal: it has not said anything.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(UNUSABLE))
}

fn arguments(options: &Options) -> Result<Vec<String>> {
    let mut arguments = Vec::new();
    let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    add("--clusters", options.clusters.to_string());
    add("--questions", options.questions.to_string());
    add("--first", options.first.to_string());
    add("--jobs", options.jobs.to_string());
    add("--real-every", options.real_every.to_string());
    if let Some(seed) = options.seed {
        add("--seed", seed.to_string());
    }
    if let Some(json) = &options.json {
        let path = absolute(json).with_context(|| format!("find {}", json.display()))?;
        add("--json", path.display().to_string());
    }
    Ok(arguments)
}

fn program(environment: &Environment) -> Result<PathBuf> {
    let mut command = environment.cargo();
    command.args(["build", "--quiet", "--package", "parity", "--bin", "parity"]);
    let status = command.status().context("start cargo")?;
    ensure!(
        status.success(),
        "the program that compares does not build, for the reasons above"
    );
    Ok(workspace::target_folder().join("debug/parity"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn every_option_is_passed_on() {
        let line = "parity --clusters 3 --questions 40 --seed 5 --first 6 --jobs 1 --real-every 0 --json /out";
        let Line { options } = Line::parse_from(line.split(' '));
        assert_eq!(
            arguments(&options).expect("arguments").join(" "),
            "--clusters 3 --questions 40 --first 6 --jobs 1 --real-every 0 --seed 5 --json /out"
        );
    }
}
