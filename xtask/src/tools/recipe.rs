//! How each tool is built: bpf-linker by cargo, Helm by `go install` (its program cannot be imported), the rest by
//! Go from the modules under `xtask/tools`.
//!
//! A tool is built in a scratch folder and then renamed into place, so that an interrupted build never
//! leaves a half file where the next run looks. A lock makes two runs at once build it only once.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result};

use super::{LLVM_PREFIX, Tool, is_program};
use crate::{progress, workspace};

/// Where Kubernetes programs keep the version that they report.
const KUBERNETES_VERSION_PACKAGES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];

/// Where Helm's program is published.
const HELM_PACKAGE: &str = "helm.sh/helm/v3/cmd/helm";

/// What is built, and from what.
pub(super) struct Recipe {
    /// The folder under `xtask/tools`, and the first half of the cache folder's name.
    pub(super) name: &'static str,
    /// The upstream version, without a leading v.
    pub(super) version: &'static str,
    /// What has been built of this version so far, counted from one: more programs in one, say.
    revision: u32,
    /// How long it takes on two cores from nothing, in words.
    takes: &'static str,
}

impl Recipe {
    /// The name of its folder in the cache.
    pub(super) fn folder(&self) -> String {
        let Self { name, version, .. } = self;
        match self.revision {
            1 => format!("{name}-{version}"),
            revision => format!("{name}-{version}-{revision}"),
        }
    }
}

/// The recipe of `tool`. The programs of Kubernetes are one under several names.
pub(super) fn of(tool: Tool) -> Recipe {
    let (name, version, revision, takes) = match tool {
        Tool::BpfLinker => ("bpf-linker", "0.13.0", 1, "2 minutes"),
        Tool::CoreDns => ("coredns", "1.15.0", 1, "3 to 6 minutes"),
        Tool::Etcd => ("etcd", "3.6.16", 1, "a minute"),
        Tool::KubeApiserver | Tool::KubeProxy | Tool::Kubectl => {
            ("kubernetes", "1.34.4", 2, "5 to 10 minutes")
        }
        Tool::Helm => ("helm", "3.22.0", 1, "a minute"),
    };
    Recipe {
        name,
        version,
        revision,
        takes,
    }
}

/// The command that builds `tool` by hand to the place where it is looked for.
pub(super) fn command_line(tool: Tool, wanted: &Path) -> String {
    let Recipe { name, version, .. } = of(tool);
    match tool {
        Tool::BpfLinker => {
            let root = wanted.parent().and_then(Path::parent).unwrap_or(wanted);
            format!(
                "LLVM_PREFIX={LLVM_PREFIX} cargo {} --root {}",
                linker_arguments(version).join(" "),
                root.display()
            )
        }
        Tool::KubeProxy | Tool::Kubectl => format!("ln -s kube-apiserver {}", wanted.display()),
        Tool::Helm => format!(
            "CGO_ENABLED=0 GOBIN={} go {}",
            wanted.parent().unwrap_or(wanted).display(),
            helm_arguments(version).join(" ")
        ),
        Tool::CoreDns | Tool::Etcd | Tool::KubeApiserver => format!(
            "(cd xtask/tools/{name} && CGO_ENABLED=0 go build -trimpath -ldflags '{}' -o {} .)",
            linker_flags(tool),
            wanted.display()
        ),
    }
}

/// Builds `tool`, unless another run has done so meanwhile, and puts it at `wanted`.
pub(super) fn build(tool: Tool, cache: &Path, wanted: &Path) -> Result<()> {
    let Recipe {
        name,
        version,
        takes,
        ..
    } = of(tool);
    fs::create_dir_all(cache).with_context(|| format!("create the folder {}", cache.display()))?;
    let _lock = lock(&cache.join(format!("{name}.lock")))?;
    if is_program(wanted) {
        return Ok(());
    }

    let what = format!("building {name} {version} (once; about {takes})");
    let log = cache.join("log").join(format!("{name}-{version}.log"));
    let scratch = cache.join(format!("{name}-{version}.partial"));
    clear(&scratch)?;
    let built = match tool {
        Tool::BpfLinker => build_linker(&what, version, &scratch, &log),
        Tool::KubeProxy | Tool::Kubectl
            if is_program(&wanted.with_file_name(Tool::KubeApiserver.file_name())) =>
        {
            return link_to_api_server(wanted);
        }
        Tool::Helm => build_helm(&what, version, &scratch, &log),
        _ => build_go(&what, tool, &scratch, &log),
    };
    let placed = built.and_then(|()| place(tool, &scratch, wanted));
    // The scratch folder goes on failure too; the first error is the one worth telling.
    let cleared = clear(&scratch);
    placed.and(cleared)
}

/// Waits until no other run holds the lock, which ends with the file.
pub(super) fn lock(path: &Path) -> Result<File> {
    let lock = || {
        let file = File::create(path)?;
        file.lock()?;
        Ok::<_, std::io::Error>(file)
    };
    lock().with_context(|| format!("take the lock {}", path.display()))
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn clear(folder: &Path) -> Result<()> {
    if !folder.exists() {
        return Ok(());
    }
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))
}

fn linker_arguments(version: &str) -> [&str; 7] {
    [
        "install",
        "bpf-linker",
        "--version",
        version,
        "--no-default-features",
        "--features",
        "llvm-22",
    ]
}

fn build_linker(what: &str, version: &str, scratch: &Path, log: &Path) -> Result<()> {
    let mut command = workspace::cargo();
    command
        .args(linker_arguments(version))
        .arg("--root")
        .arg(scratch)
        .arg("--target-dir")
        .arg(scratch.join("target"))
        .env("LLVM_PREFIX", LLVM_PREFIX)
        // Without a lock file cargo would take releases that need a newer compiler.
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback");
    progress::run(what, &mut command, log)
}

fn helm_arguments(version: &str) -> [String; 5] {
    [
        "install".to_owned(),
        "-trimpath".to_owned(),
        "-ldflags".to_owned(),
        format!("-X=helm.sh/helm/v3/internal/version.version=v{version}"),
        format!("{HELM_PACKAGE}@v{version}"),
    ]
}

fn build_helm(what: &str, version: &str, scratch: &Path, log: &Path) -> Result<()> {
    let mut command = Command::new("go");
    command
        .env("CGO_ENABLED", "0")
        .env("GOBIN", scratch.join("bin"))
        .args(helm_arguments(version));
    progress::run(what, &mut command, log)
}

fn build_go(what: &str, tool: Tool, scratch: &Path, log: &Path) -> Result<()> {
    let sources = workspace::root().join("xtask/tools").join(of(tool).name);
    let source_copy = scratch.join("source");
    fs::create_dir_all(&source_copy)
        .with_context(|| format!("create the folder {}", source_copy.display()))?;
    // Go may write to go.mod and go.sum: it works on a copy.
    for file in ["go.mod", "go.sum", "main.go"] {
        fs::copy(sources.join(file), source_copy.join(file))
            .with_context(|| format!("copy {}", sources.join(file).display()))?;
    }
    let mut command = Command::new("go");
    command
        .current_dir(&source_copy)
        .env("CGO_ENABLED", "0")
        .args(["build", "-trimpath", "-ldflags", &linker_flags(tool), "-o"])
        .arg(scratch.join("bin").join(program_of(tool).file_name()))
        .arg(".");
    progress::run(what, &mut command, log)
}

/// The tool whose file is really built.
fn program_of(tool: Tool) -> Tool {
    match tool {
        Tool::KubeProxy | Tool::Kubectl => Tool::KubeApiserver,
        other => other,
    }
}

fn place(tool: Tool, scratch: &Path, wanted: &Path) -> Result<()> {
    let program = program_of(tool);
    let built = scratch.join("bin").join(program.file_name());
    let target = wanted.with_file_name(program.file_name());
    if let Some(folder) = wanted.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("create the folder {}", folder.display()))?;
    }
    fs::rename(&built, &target)
        .with_context(|| format!("move {} to {}", built.display(), target.display()))?;
    if program == Tool::KubeApiserver {
        for name in [Tool::KubeProxy, Tool::Kubectl] {
            link_to_api_server(&wanted.with_file_name(name.file_name()))?;
        }
    }
    Ok(())
}

fn link_to_api_server(link: &Path) -> Result<()> {
    if is_program(link) {
        return Ok(());
    }
    symlink(Tool::KubeApiserver.file_name(), link)
        .with_context(|| format!("link {} to kube-apiserver", link.display()))
}

/// The flags for Go's linker: no symbol table, and for Kubernetes the version that it reports, without
/// which clients take it for an unknown one.
fn linker_flags(tool: Tool) -> String {
    let mut flags = "-s -w".to_owned();
    if program_of(tool) != Tool::KubeApiserver {
        return flags;
    }
    let version = of(tool).version;
    let mut parts = version.split('.');
    let values = [
        ("gitVersion", format!("v{version}")),
        ("gitMajor", parts.next().unwrap_or_default().to_owned()),
        ("gitMinor", parts.next().unwrap_or_default().to_owned()),
        ("gitCommit", "0000000".to_owned()),
        ("gitTreeState", "clean".to_owned()),
        ("buildDate", "2026-01-01T00:00:00Z".to_owned()),
    ];
    for (name, value) in values {
        for package in KUBERNETES_VERSION_PACKAGES {
            flags += &format!(" -X {package}.{name}={value}");
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_go_recipe_names_the_version_that_its_module_requires() {
        for (tool, module) in [
            (Tool::CoreDns, "github.com/coredns/coredns"),
            (Tool::Etcd, "go.etcd.io/etcd/server/v3"),
            (Tool::KubeApiserver, "k8s.io/kubernetes"),
        ] {
            let Recipe { name, version, .. } = of(tool);
            let path = workspace::root().join(format!("xtask/tools/{name}/go.mod"));
            let text = fs::read_to_string(&path).expect("go.mod");
            assert!(
                text.contains(&format!("{module} v{version}")),
                "{} does not require {module} v{version}",
                path.display()
            );
        }
    }

    #[test]
    fn kubernetes_is_told_its_version_in_both_packages() {
        let flags = linker_flags(Tool::KubeApiserver);
        assert!(flags.contains("-X k8s.io/component-base/version.gitVersion=v1.34.4"));
        assert!(flags.contains("-X k8s.io/client-go/pkg/version.gitMinor=34"));
        assert_eq!(linker_flags(Tool::Etcd), "-s -w");
    }

    #[test]
    fn the_command_by_hand_builds_to_the_place_where_the_tool_is_looked_for() {
        let line = command_line(Tool::Etcd, Path::new("/cache/etcd-3.6.16/etcd"));
        assert_eq!(
            line,
            "(cd xtask/tools/etcd && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' \
             -o /cache/etcd-3.6.16/etcd .)"
        );
        let line = command_line(
            Tool::BpfLinker,
            Path::new("/cache/bpf-linker-0.13.0/bin/bpf-linker"),
        );
        assert!(
            line.ends_with("--features llvm-22 --root /cache/bpf-linker-0.13.0"),
            "{line}"
        );
    }

    #[test]
    fn a_built_program_is_moved_into_place_and_its_other_names_are_linked_to_it() {
        let cache = tempfile::tempdir().expect("temporary folder");
        let scratch = cache.path().join("kubernetes.partial");
        fs::create_dir_all(scratch.join("bin")).expect("scratch");
        fs::copy("/bin/sh", scratch.join("bin/kube-apiserver")).expect("a program");
        let wanted = cache.path().join("kubernetes-1/kubectl");

        place(Tool::Kubectl, &scratch, &wanted).expect("place");

        for name in ["kubectl", "kube-proxy"] {
            let program = wanted.with_file_name(name);
            assert!(is_program(&program), "{name}");
            let link = fs::read_link(&program).expect("a link");
            assert_eq!(link, Path::new("kube-apiserver"));
        }
    }
}
