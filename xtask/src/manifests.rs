//! `cargo xtask manifests`: the plain manifests, for those who do without Helm, made from the chart.
//!
//! `cargo xtask check` looks whether they still are what the chart makes, and lints the chart with its defaults and
//! with each of the value files beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use similar::TextDiff;

use crate::{
    setup::{self, Environment},
    tools::{self, Tool},
    workspace,
};

/// The chart, from the repository's root.
const CHART: &str = "deploy/chart/zerohop";
/// Files with values to try, within the chart.
const VALUE_FILES: &str = "ci";
/// What is made from it.
const MANIFESTS: &str = "deploy/zerohop.yaml";
/// How Helm calls the release, and where it is installed.
const RELEASE: [&str; 3] = ["zerohop", "--namespace", "kube-system"];

const HEAD: &str = "\
# zerohop with the chart's defaults: kubectl apply --server-side -f deploy/zerohop.yaml
# Made from deploy/chart/zerohop by `cargo xtask manifests`: change that, not this.
";

/// What to do with the manifests.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail if they are not what the chart makes, and show the difference
    #[arg(long)]
    check: bool,
}

/// The part of a chart's description that is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Description {
    version: String,
    app_version: String,
}

/// Writes the manifests, or compares them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let environment = setup::ready(setup::MANIFESTS)?;
    if options.check {
        let found = complaints(&environment)?;
        ensure!(found.is_empty(), "{}", found.join("\n"));
        println!("the chart is sound, and {MANIFESTS} is what it makes");
        return Ok(());
    }
    let path = workspace::root().join(MANIFESTS);
    let text = rendered(environment.tool(Tool::Helm)?)?;
    fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}

/// What is wrong with chart and manifests.
///
/// # Errors
///
/// Helm does not run, or a file cannot be read.
pub(crate) fn complaints(environment: &Environment) -> Result<Vec<String>> {
    let helm = environment.tool(Tool::Helm)?;
    let mut found: Vec<String> = wrong_version()?.into_iter().collect();
    for values in [None]
        .into_iter()
        .chain(value_files()?.into_iter().map(Some))
    {
        found.extend(lint(helm, values.as_deref())?);
    }
    // A chart that does not even pass its lints makes nothing to compare.
    if found.is_empty() {
        let path = workspace::root().join(MANIFESTS);
        let written = fs::read_to_string(&path).with_context(|| {
            format!("read {}; `cargo xtask manifests` makes it", path.display())
        })?;
        found.extend(difference(&written, &rendered(helm)?));
    }
    Ok(found)
}

/// That the chart has another version than the workspace.
fn wrong_version() -> Result<Option<String>> {
    let path = workspace::root().join(CHART).join("Chart.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let Description {
        version,
        app_version,
    } = serde_saphyr::from_str(&text).with_context(|| format!("understand {}", path.display()))?;
    let wanted = env!("CARGO_PKG_VERSION");
    let is_wrong = [&version, &app_version].iter().any(|has| *has != wanted);
    Ok(is_wrong.then(|| {
        format!(
            "{CHART}/Chart.yaml has the version {version} and the appVersion {app_version}; the workspace has \
             {wanted}: write that"
        )
    }))
}

/// Every file with values to try.
fn value_files() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join(CHART).join(VALUE_FILES);
    let entries = fs::read_dir(&folder).with_context(|| format!("list {}", folder.display()))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()
        .with_context(|| format!("list {}", folder.display()))?;
    files.sort();
    Ok(files)
}

/// What Helm says against the chart with these values.
fn lint(helm: &Path, values: Option<&Path>) -> Result<Option<String>> {
    let mut command = helm_command(helm, "lint");
    command.args(["--strict", "--quiet", CHART]);
    if let Some(values) = values {
        command.arg("--values").arg(values);
    }
    let output = output(&mut command)?;
    if output.status.success() {
        return Ok(None);
    }
    let with = values.map_or("its defaults".into(), |values| values.to_string_lossy());
    Ok(Some(format!(
        "helm lint of {CHART} with {with}:\n{}",
        said(&output)
    )))
}

/// The manifests as the chart makes them.
fn rendered(helm: &Path) -> Result<String> {
    let mut command = helm_command(helm, "template");
    command.args(RELEASE).arg(CHART);
    let output = output(&mut command)?;
    if !output.status.success() {
        bail!("helm makes nothing of {CHART}:\n{}", said(&output));
    }
    let text = String::from_utf8(output.stdout).context("read what helm made")?;
    Ok(format!("{HEAD}{text}"))
}

/// A call of Helm for the Kubernetes that is built here: by itself it assumes a very old one.
fn helm_command(helm: &Path, verb: &str) -> Command {
    let mut command = Command::new(helm);
    command.current_dir(workspace::root()).args([
        verb,
        "--kube-version",
        tools::kubernetes_version(),
    ]);
    command
}

fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("start {}", command.get_program().display()))
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&text).trim_end().to_owned()
}

/// What must change in the file; none: nothing.
fn difference(written: &str, wanted: &str) -> Option<String> {
    if written == wanted {
        return None;
    }
    let difference = TextDiff::from_lines(written, wanted);
    let shown = difference
        .unified_diff()
        .header(MANIFESTS, "what the chart makes")
        .to_string();
    Some(format!(
        "{MANIFESTS} is not what the chart makes; write it anew by `cargo xtask manifests`:\n{shown}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci;

    #[test]
    fn a_difference_shows_both_sides_and_the_remedy() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let shown = difference("kind: Role\nname: a\n", "kind: Role\nname: b\n").expect("differs");
        assert!(shown.contains("`cargo xtask manifests`"), "{shown}");
        assert!(shown.contains("-name: a\n+name: b\n"), "{shown}");
        assert!(shown.contains("\n kind: Role\n"), "{shown}");
    }

    #[test]
    fn the_chart_names_the_architecture_of_the_image() {
        #[derive(Deserialize)]
        struct Values {
            architectures: Vec<String>,
        }
        let path = workspace::root().join(CHART).join("values.yaml");
        let text = fs::read_to_string(path).expect("read the values");
        let Values { architectures } = serde_saphyr::from_str(&text).expect("understand them");
        assert_eq!(architectures, [oci::architecture()]);
    }

    #[test]
    fn the_chart_has_the_version_of_the_workspace() {
        assert_eq!(wrong_version().expect("read the chart"), None);
    }
}
