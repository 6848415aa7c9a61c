//! The chart as Helm renders it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{
    namespace::checked,
    tool::{Tool, program},
};

/// For which Kubernetes: Helm by itself assumes a very old one.
const KUBERNETES: &str = "1.34.4";

/// The folder with the chart and the plain manifests.
pub fn deploy_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// The manifests of a release `zerohop` in `kube-system`, by `helm template` with these arguments more.
///
/// # Errors
///
/// What Helm said.
pub fn render_chart(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(program(Tool::Helm)?);
    command
        .args(["template", "zerohop"])
        .arg(deploy_folder().join("chart/zerohop"))
        .args(["--namespace", "kube-system", "--kube-version", KUBERNETES])
        .args(arguments);
    let output = checked(&mut command)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
