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

use crate::{report::Report, scenarios::Scenario, stage::Stage};

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
    /// Only scenarios whose name contains this, in capitals or not
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
    let chosen = chosen(options.only.as_deref())?;
    let stage = Stage::set(options)?;
    let mut report = Report::default();
    if let Some(name) = &options.inspect {
        inspection::tour(&stage, stage.worker(), name)?;
        return Ok(report);
    }
    for scenario in chosen {
        report.scenario(scenario.name, |report| (scenario.run)(&stage, report));
    }
    report.close(options.json.as_deref())?;
    Ok(report)
}

/// Those whose name contains `only`, in capitals or not; all without it.
///
/// # Errors
///
/// There are none.
fn chosen(only: Option<&str>) -> anyhow::Result<Vec<&'static Scenario>> {
    let part = only.unwrap_or_default().to_lowercase();
    let chosen: Vec<_> = scenarios::ALL
        .iter()
        .filter(|scenario| scenario.name.to_lowercase().contains(&part))
        .collect();
    anyhow::ensure!(
        !chosen.is_empty(),
        "no scenario's name contains {part:?}; they are {}",
        scenarios::ALL
            .iter()
            .map(|scenario| scenario.name)
            .collect::<Vec<_>>()
            .join(", ")
    );
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_chosen_by_a_part_of_their_name_in_capitals_or_not() {
        let names = |only| -> anyhow::Result<Vec<_>> {
            Ok(chosen(only)?.iter().map(|scenario| scenario.name).collect())
        };
        assert_eq!(names(Some("coredns")).unwrap(), ["CoreDNS"]);
        assert_eq!(
            names(Some("Restart")).unwrap(),
            ["agent restart", "node restart"]
        );
        assert_eq!(names(None).unwrap().len(), scenarios::ALL.len());
    }

    #[test]
    fn a_text_that_no_name_contains_is_refused_with_the_names() {
        let error = chosen(Some("nonsense")).err().unwrap().to_string();
        assert!(error.contains("agent restart"), "{error}");
    }
}
