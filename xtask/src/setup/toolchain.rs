//! The Rust toolchain that compiles the BPF object.
//!
//! The target `bpfel-unknown-none` needs a `core` for exactly the compiler in use: precompiled, or as
//! source (the component rust-src). The toolchains are tried in a fixed order, and the first one that
//! has either is taken, if a bpf-linker is to be had that reads its LLVM's bitcode.

use std::{
    collections::BTreeSet,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use super::{
    debian,
    state::{Repair, Thing},
};
use crate::{
    progress,
    tools::{self, LINKER_LLVM, Tool},
};

/// Names the toolchain to use, for people and for the build script of the agent.
pub(super) const TOOLCHAIN_VARIABLE: &str = "ZEROHOP_BPF_TOOLCHAIN";

/// The name under which rustup knows the compiler in /usr.
const SYSTEM_TOOLCHAIN: &str = "debian-web";

/// The linter of Debian's compiler.
const DEBIAN_CLIPPY: &str = "rust-web-clippy";

/// Debian's compiler with a precompiled `core` for BPF, its linter, and the LLVM for bpf-linker.
const DEBIAN_PACKAGES: [&str; 6] = [
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "llvm-22-dev",
    DEBIAN_CLIPPY,
    "rust-web-src",
    "rustc-web",
];

const PURPOSE: &str = "compiles the BPF object";
const WHAT: &str = "Rust for BPF";

/// A toolchain that can compile for BPF.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    /// Its name, as `rustup run` takes it.
    pub(crate) name: String,
    /// The compiler's version.
    pub(crate) version: String,
    /// The major version of its LLVM.
    pub(crate) llvm: u32,
    /// Its folder.
    pub(crate) sysroot: PathBuf,
    /// Whether `core` is there compiled, and need not be built from its source.
    pub(crate) has_compiled_core: bool,
}

impl Toolchain {
    /// Its own clippy. One elsewhere on `PATH` belongs to another compiler, which has no `core` for BPF.
    pub(crate) fn clippy(&self) -> Option<PathBuf> {
        let program = self.sysroot.join("bin/cargo-clippy");
        program.is_file().then_some(program)
    }

    /// What `RUSTC_BOOTSTRAP` must say to it; none for a nightly compiler, which needs no permission.
    ///
    /// aya-ebpf uses one unstable feature. A list of crates opens it for them alone, and a compiled
    /// `core` is used; 1 opens everything, and `core` is built from its source.
    pub(crate) fn bootstrap(&self) -> Option<&'static str> {
        match (self.version.contains("-nightly"), self.has_compiled_core) {
            (true, _) => None,
            (false, true) => Some("aya_ebpf,dns_ebpf"),
            (false, false) => Some("1"),
        }
    }
}

/// Looks for a toolchain, for the doctor.
pub(super) fn inspect() -> Thing {
    match choose() {
        Ok(found) => {
            let version = format!("{} (LLVM {})", found.version, found.llvm);
            let place = format!("{} in {}", found.name, found.sysroot.display());
            Thing::here(WHAT, PURPOSE, version, place)
        }
        Err(rejected) => {
            let can_repair = system_compiler_serves() || debian::can_install();
            let repair = if can_repair {
                Repair::BpfToolchain
            } else {
                Repair::ByHand
            };
            Thing::missing(WHAT, PURPOSE, rejected.join("; "), repair, commands())
        }
    }
}

/// Looks for clippy in the toolchain that was chosen: missing only where it can be installed, because
/// `check` goes on without it, saying so.
pub(super) fn inspect_lints() -> Option<Thing> {
    const WHAT: &str = "clippy for BPF";
    const PURPOSE: &str = "lints the BPF object";
    let toolchain = choose().ok()?;
    if let Some(clippy) = toolchain.clippy() {
        let place = clippy.display().to_string();
        return Some(Thing::here(WHAT, PURPOSE, toolchain.version, place));
    }
    if toolchain.name != SYSTEM_TOOLCHAIN || !debian::can_install() {
        return None;
    }
    let repair = Repair::Package(DEBIAN_CLIPPY);
    let command = format!("apt-get install {DEBIAN_CLIPPY}");
    Some(Thing::missing(WHAT, PURPOSE, "not found", repair, command))
}

/// The first toolchain that serves, or why each one that was tried does not.
pub(super) fn choose() -> Result<Toolchain, Vec<String>> {
    let mut rejected = Vec::new();
    for name in candidates() {
        match probe(&name) {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => rejected.push(format!("{name}: {reason}")),
        }
    }
    Err(rejected)
}

/// Makes a toolchain be there: tells rustup of the one in /usr, or installs one, as root on Debian or
/// Ubuntu.
pub(super) fn install() -> Result<()> {
    if !system_compiler_serves() {
        let packages = BTreeSet::from(DEBIAN_PACKAGES);
        debian::update()?;
        if !packages.iter().all(|package| debian::is_offered(package)) {
            return install_nightly();
        }
        debian::install_offered(&packages)?;
    }
    link_system_toolchain()
}

/// Whether the compiler in /usr has a compiled `core` for BPF.
fn system_compiler_serves() -> bool {
    [
        "bin/rustc",
        "bin/cargo",
        "lib/rustlib/bpfel-unknown-none/lib",
    ]
    .iter()
    .all(|path| Path::new("/usr").join(path).exists())
}

/// Ubuntu and newer Debian releases have no such packages; rustup may have a network to fetch from.
fn install_nightly() -> Result<()> {
    let log = tools::cache_folder()?.join("log/rustup.log");
    let mut command = Command::new("rustup");
    command.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
    command.args(["--component", "rust-src"]);
    progress::run("installing Rust nightly with rust-src", &mut command, &log)
}

fn link_system_toolchain() -> Result<()> {
    if which::which("rustup").is_err() || installed().iter().any(|name| name == SYSTEM_TOOLCHAIN) {
        return Ok(());
    }
    let log = tools::cache_folder()?.join("log/rustup.log");
    let mut command = Command::new("rustup");
    command.args(["toolchain", "link", SYSTEM_TOOLCHAIN, "/usr"]);
    progress::run(
        "linking the system's Rust as toolchain debian-web",
        &mut command,
        &log,
    )
}

fn commands() -> String {
    if system_compiler_serves() {
        format!("rustup toolchain link {SYSTEM_TOOLCHAIN} /usr")
    } else if debian::is_debian() {
        format!(
            "apt-get install {} && rustup toolchain link {SYSTEM_TOOLCHAIN} /usr",
            DEBIAN_PACKAGES.join(" ")
        )
    } else {
        "rustup toolchain install nightly --component rust-src".to_owned()
    }
}

/// The toolchains to try, in order.
fn candidates() -> Vec<String> {
    if let Ok(name) = env::var(TOOLCHAIN_VARIABLE)
        && !name.is_empty()
    {
        // Whoever names one wants that one or an error.
        return vec![name];
    }
    order(&installed())
}

/// Nightly, stable, then the system's compiler, which rustup knows only once it is linked.
fn order(installed: &[String]) -> Vec<String> {
    let mut order = Vec::new();
    for channel in ["nightly", "stable"] {
        if installed.iter().any(|name| name.starts_with(channel)) {
            order.push(channel.to_owned());
        }
    }
    order.push(SYSTEM_TOOLCHAIN.to_owned());
    order
}

fn installed() -> Vec<String> {
    let Ok(output) = Command::new("rustup").args(["toolchain", "list"]).output() else {
        return Vec::new();
    };
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn probe(name: &str) -> Result<Toolchain, String> {
    let (version, sysroot) = ask_compiler(name)?;
    let library = sysroot.join("lib/rustlib");
    let has_compiled_core = library.join("bpfel-unknown-none/lib").is_dir();
    if !has_compiled_core && !library.join("src/rust/library/core/Cargo.toml").is_file() {
        return Err("has neither core for bpfel-unknown-none nor rust-src".to_owned());
    }
    let (version, llvm) = version_and_llvm(&version).ok_or("does not tell its version and LLVM")?;
    let linker = tools::find(Tool::BpfLinker);
    let readable = match &linker {
        // A linker that hides its LLVM gets the benefit of the doubt; the build tells.
        Some(linker) => tools::llvm_of(linker).unwrap_or(u32::MAX),
        None => LINKER_LLVM,
    };
    if llvm > readable {
        return Err(format!(
            "its LLVM {llvm} is newer than the {readable} that bpf-linker reads"
        ));
    }
    Ok(Toolchain {
        name: name.to_owned(),
        version,
        llvm,
        sysroot,
        has_compiled_core,
    })
}

/// What `rustc -vV` says, and the sysroot.
fn ask_compiler(name: &str) -> Result<(String, PathBuf), String> {
    let ask = |arguments: &[&str]| {
        let mut command = match which::which("rustup") {
            Ok(rustup) => {
                let mut command = Command::new(rustup);
                command.args(["run", name, "rustc"]);
                command
            }
            Err(_) => Command::new("/usr/bin/rustc"),
        };
        let output = command
            .args(arguments)
            .output()
            .map_err(|error| error.to_string())?;
        if !output.status.success() {
            let errors = String::from_utf8_lossy(&output.stderr);
            let first = errors.lines().next().unwrap_or("does not run");
            return Err(first.trim_start_matches("error: ").to_owned());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    Ok((ask(&["-vV"])?, PathBuf::from(ask(&["--print", "sysroot"])?)))
}

fn version_and_llvm(verbose: &str) -> Option<(String, u32)> {
    let field = |name| verbose.lines().find_map(|line| line.strip_prefix(name));
    let release = field("release: ")?;
    let llvm = field("LLVM version: ")?.split('.').next()?.parse().ok()?;
    Some((release.to_owned(), llvm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn nightly_comes_before_stable_and_the_system_comes_last() {
        let installed = names(&[
            "stable-x86_64-unknown-linux-gnu",
            "1.95.0-x86_64-unknown-linux-gnu",
            "nightly-x86_64-unknown-linux-gnu",
        ]);
        assert_eq!(order(&installed), ["nightly", "stable", "debian-web"]);
        assert_eq!(order(&[]), ["debian-web"]);
    }

    #[test]
    fn a_stable_compiler_is_allowed_what_aya_needs_and_a_nightly_one_needs_no_permission() {
        let toolchain = |version: &str, has_compiled_core| Toolchain {
            name: "any".to_owned(),
            version: version.to_owned(),
            llvm: 22,
            sysroot: PathBuf::from("/usr"),
            has_compiled_core,
        };
        assert_eq!(
            toolchain("1.96.0", true).bootstrap(),
            Some("aya_ebpf,dns_ebpf")
        );
        assert_eq!(toolchain("1.96.0", false).bootstrap(), Some("1"));
        assert_eq!(toolchain("1.97.0-nightly", false).bootstrap(), None);
    }

    #[test]
    fn the_compilers_version_and_llvm_are_read() {
        let verbose = "rustc 1.96.0\nhost: x86_64\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(version_and_llvm(verbose), Some(("1.96.0".to_owned(), 22)));
        assert_eq!(version_and_llvm("release: 1.96.0\n"), None);
    }
}
