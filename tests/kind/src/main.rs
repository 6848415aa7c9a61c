//! What is asked of a real cluster with zerohop in it: a program that `cargo xtask kind test` starts. It needs a
//! kubeconfig whose user may do everything, and the nodes as containers.

mod agents;
mod filter;
mod inspection;
mod kubectl;
mod meaning;
mod node;
mod pods;
mod report;
mod running;
mod scenarios;
mod stage;
mod steady;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{report::Report, stage::Stage};

/// Asks a real cluster.
#[derive(Parser)]
#[command(name = "kind-tests")]
pub(crate) struct Options {
    /// kubectl
    #[arg(long, env = "ZEROHOP_KUBECTL", default_value = "kubectl")]
    kubectl: PathBuf,
    /// The cluster's kubeconfig
    #[arg(long, env = "KUBECONFIG")]
    kubeconfig: PathBuf,
    /// The image of test pods with glibc
    #[arg(long, value_name = "NAME:TAG")]
    glibc_image: String,
    /// The image of test pods with musl
    #[arg(long, value_name = "NAME:TAG")]
    musl_image: String,
    /// Only scenarios whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Instead of all scenarios, show what bpftool shows of this name on a worker
    #[arg(
        long,
        value_name = "NAME",
        num_args = 0..=1,
        default_missing_value = "kubernetes.default.svc.cluster.local",
        conflicts_with_all = ["only", "json"],
    )]
    inspect: Option<String>,
    /// Write the checks and figures into this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(report) if report.failed() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<Report> {
    let stage = Stage::set(options)?;
    let mut report = Report::default();
    if let Some(name) = &options.inspect {
        inspection::tour(&stage, stage.worker(), name)?;
        return Ok(report);
    }
    for scenario in scenarios::ALL {
        if options
            .only
            .as_ref()
            .is_none_or(|only| scenario.name.contains(only.as_str()))
        {
            report.scenario(scenario.name, |report| (scenario.run)(&stage, report));
        }
    }
    report.close(options.json.as_deref())?;
    Ok(report)
}
