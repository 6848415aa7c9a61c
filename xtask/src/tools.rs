//! The programs that no distribution packages in the version wanted: where they lie, and how to get
//! them built.
//!
//! Each is looked for in the folder that `ZEROHOP_TOOLS` names, which is never written, then in the
//! user's cache folder under `zerohop/TOOL-VERSION/`, and is otherwise built there.

mod linker;
mod recipe;
mod release;

use std::{
    collections::BTreeMap,
    env,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

pub(crate) use linker::{LINKER_LLVM, LLVM_PREFIX, llvm_of};
pub(crate) use release::Release;

/// Names the folder with ready-made tools.
pub(crate) const TOOLS_VARIABLE: &str = "ZEROHOP_TOOLS";

/// A program that xtask builds if it is nowhere to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    /// Links LLVM bitcode into a BPF object.
    BpfLinker,
    /// The DNS server of most clusters: the other answerer in the demo, and the tests' reference.
    CoreDns,
    /// The store under the API server.
    Etcd,
    /// The Kubernetes API.
    KubeApiserver,
    /// What leads connections to services to their endpoints in most clusters: a client that the bench counts.
    KubeProxy,
    /// The Kubernetes client of the command line.
    Kubectl,
    /// Makes manifests from a chart, and installs them.
    Helm,
}

impl Tool {
    /// Every tool, in the order in which they are built.
    pub(crate) const ALL: [Self; 7] = [
        Self::BpfLinker,
        Self::Etcd,
        Self::CoreDns,
        Self::KubeApiserver,
        Self::KubeProxy,
        Self::Kubectl,
        Self::Helm,
    ];

    /// The file name, as upstream calls it.
    pub(crate) fn file_name(self) -> &'static str {
        match self {
            Self::BpfLinker => "bpf-linker",
            Self::CoreDns => "coredns",
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeProxy => "kube-proxy",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
        }
    }

    /// What it is needed for, in a few words.
    pub(crate) fn purpose(self) -> &'static str {
        match self {
            Self::BpfLinker => "links the BPF object",
            Self::CoreDns => "the cluster's DNS service in demo and tests",
            Self::Etcd | Self::KubeApiserver => "the tests' Kubernetes API",
            Self::KubeProxy => "another client of the Kubernetes API, for the bench",
            Self::Kubectl => "changes objects in the tests' Kubernetes API",
            Self::Helm => "makes manifests from the chart",
        }
    }

    /// The environment variable that tells tests and demo where it lies; none for what is found by
    /// `PATH`.
    pub(crate) fn variable(self) -> Option<&'static str> {
        match self {
            Self::BpfLinker => None,
            Self::CoreDns => Some("ZEROHOP_COREDNS"),
            Self::Etcd => Some("ZEROHOP_ETCD"),
            Self::KubeApiserver => Some("ZEROHOP_KUBE_APISERVER"),
            Self::KubeProxy => Some("ZEROHOP_KUBE_PROXY"),
            Self::Kubectl => Some("ZEROHOP_KUBECTL"),
            Self::Helm => Some("ZEROHOP_HELM"),
        }
    }

    /// The arguments that make it tell its version.
    pub(crate) fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::CoreDns => &["-version"],
            Self::Kubectl => &["version", "--client"],
            Self::Helm => &["version"],
            Self::BpfLinker | Self::Etcd | Self::KubeApiserver | Self::KubeProxy => &["--version"],
        }
    }

    /// Where it lies in the cache folder, relative to that folder.
    fn cached(self) -> PathBuf {
        let recipe = recipe::of(self);
        let folder = PathBuf::from(recipe.folder());
        match self {
            Self::BpfLinker => folder.join("bin").join(self.file_name()),
            _ => folder.join(self.file_name()),
        }
    }

    /// The command that builds it by hand.
    pub(crate) fn build_command(self) -> String {
        match cache_folder() {
            Ok(cache) => recipe::command_line(self, &cache.join(self.cached())),
            Err(_) => "export HOME=FOLDER; cargo xtask doctor".to_owned(),
        }
    }
}

/// Where the tools are that were asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tools(BTreeMap<Tool, PathBuf>);

impl Tools {
    /// Where `tool` is.
    ///
    /// # Errors
    ///
    /// It was not among the tools asked for: a mistake in the caller's list of needs.
    pub(crate) fn path(&self, tool: Tool) -> Result<&Path> {
        self.0.get(&tool).map(PathBuf::as_path).with_context(|| {
            format!(
                "{} is not in this command's list of needs",
                tool.file_name()
            )
        })
    }

    /// Every tool asked for, with its place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Tool, &Path)> {
        self.0.iter().map(|(tool, path)| (*tool, path.as_path()))
    }
}

/// The version of Kubernetes that is built here, such as `1.34.4`.
pub(crate) fn kubernetes_version() -> &'static str {
    recipe::of(Tool::KubeApiserver).version
}

/// The project's part of the user's cache folder.
///
/// # Errors
///
/// Neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn cache_folder() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let cache = set("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .context("no place to keep built tools: neither XDG_CACHE_HOME nor HOME is set")?;
    Ok(cache.join("zerohop"))
}

/// Looks for `tool` without building anything.
///
/// A bpf-linker of the user's own on `PATH` counts too, and a Helm that is new enough: that is how most people have
/// them.
pub(crate) fn find(tool: Tool) -> Option<PathBuf> {
    let given =
        env::var_os(TOOLS_VARIABLE).map(|folder| PathBuf::from(folder).join(tool.file_name()));
    let cached = cache_folder().ok().map(|cache| cache.join(tool.cached()));
    let on_path = match tool {
        Tool::BpfLinker => which::which(tool.file_name()).ok(),
        Tool::Helm => which::which(tool.file_name())
            .ok()
            .filter(|helm| is_helm_as_wanted(helm)),
        _ => None,
    };
    [given, cached, on_path]
        .into_iter()
        .flatten()
        .find(|path| is_program(path))
}

/// Finds each of `tools`, building those that are missing.
///
/// # Errors
///
/// A build fails, or the cache folder cannot be written.
pub(crate) fn ensure(tools: &[Tool]) -> Result<Tools> {
    let mut found = BTreeMap::new();
    for &tool in Tool::ALL.iter().filter(|tool| tools.contains(tool)) {
        let path = match find(tool) {
            Some(path) => path,
            None => build(tool)?,
        };
        found.insert(tool, path);
    }
    Ok(Tools(found))
}

fn build(tool: Tool) -> Result<PathBuf> {
    let cache = cache_folder()?;
    let wanted = cache.join(tool.cached());
    recipe::build(tool, &cache, &wanted)?;
    Ok(wanted)
}

/// Whether this Helm makes of the chart what the one that is built here makes.
fn is_helm_as_wanted(helm: &Path) -> bool {
    let version = Command::new(helm)
        .args(["version", "--template", "{{.Version}}"])
        .output();
    version.is_ok_and(|version| {
        let version = String::from_utf8_lossy(&version.stdout);
        is_version_as_wanted(version.trim(), recipe::of(Tool::Helm).version)
    })
}

/// Whether a version such as `v3.22.1` is of the same major version as `tried`, and of its minor version or a later
/// one: earlier ones lack options and were not tried, and another major version writes manifests in another form.
fn is_version_as_wanted(version: &str, tried: &str) -> bool {
    let Some(found) = version.strip_prefix('v').and_then(major_and_minor) else {
        return false;
    };
    major_and_minor(tried).is_some_and(|tried| found.0 == tried.0 && found.1 >= tried.1)
}

/// The first two numbers of a version such as `3.22.0`.
fn major_and_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers.next()?.parse().ok()?;
    Some((major, minor))
}

fn is_program(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_lies_in_a_folder_that_names_its_version() {
        let places: Vec<String> = Tool::ALL
            .iter()
            .map(|tool| tool.cached().display().to_string())
            .collect();
        assert_eq!(
            places,
            [
                "bpf-linker-0.13.0/bin/bpf-linker",
                "etcd-3.6.16/etcd",
                "coredns-1.15.0/coredns",
                "kubernetes-1.34.4-2/kube-apiserver",
                "kubernetes-1.34.4-2/kube-proxy",
                "kubernetes-1.34.4-2/kubectl",
                "helm-3.22.0/helm",
            ]
        );
    }

    #[test]
    fn a_helm_counts_from_the_minor_version_that_was_tried_within_its_major_version() {
        for (version, counts) in [
            ("v3.22.0", true),
            ("v3.22.4+g1234567", true),
            ("v3.30.1", true),
            ("v3.9.4", false),
            ("v3.21.9", false),
            ("v4.0.0", false),
            ("v2.30.0", false),
            ("", false),
            ("command not found", false),
        ] {
            assert_eq!(
                is_version_as_wanted(version, "3.22.0"),
                counts,
                "{version:?}"
            );
        }
    }

    #[test]
    fn a_file_that_cannot_be_executed_is_not_a_tool() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("etcd");
        std::fs::write(&path, "half a file").expect("write");
        assert!(!is_program(&path));
        assert!(!is_program(folder.path()));
    }
}
