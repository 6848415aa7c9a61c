//! The programs that the tests run, named by environment variables that `cargo xtask test` sets.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

/// A program that is built or downloaded rather than installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The agent, `zerohop`.
    Zerohop,
    /// CoreDNS with its stock plugins.
    CoreDns,
    /// The store behind the Kubernetes API server.
    Etcd,
    /// The Kubernetes API server.
    KubeApiserver,
    /// What leads connections to services to their endpoints.
    KubeProxy,
    /// The command-line client of the Kubernetes API.
    Kubectl,
    /// Makes manifests from the chart.
    Helm,
    /// The resolver of many Linux distributions.
    SystemdResolved,
}

impl Tool {
    /// The environment variable that names the program's path.
    pub fn variable(self) -> &'static str {
        match self {
            Self::Zerohop => "ZEROHOP_BIN",
            Self::CoreDns => "ZEROHOP_COREDNS",
            Self::Etcd => "ZEROHOP_ETCD",
            Self::KubeApiserver => "ZEROHOP_KUBE_APISERVER",
            Self::KubeProxy => "ZEROHOP_KUBE_PROXY",
            Self::Kubectl => "ZEROHOP_KUBECTL",
            Self::Helm => "ZEROHOP_HELM",
            Self::SystemdResolved => "ZEROHOP_SYSTEMD_RESOLVED",
        }
    }
}

/// The path of `tool`, from its environment variable.
///
/// # Errors
///
/// When the variable is not set or names no file.
pub fn program(tool: Tool) -> Result<PathBuf> {
    let variable = tool.variable();
    let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) else {
        bail!("{variable} is not set; run the tests by `cargo xtask test`, which sets it");
    };
    let path = PathBuf::from(path);
    if !Path::is_file(&path) {
        bail!("{variable} names {}, which is no file", path.display());
    }
    Ok(path)
}
