//! Installing packages on Debian and Ubuntu.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Context as _, Result, bail};

use super::is_root;
use crate::{progress, tools};

/// Whether this is Debian, Ubuntu, or made from one of them.
pub(super) fn is_debian() -> bool {
    is_debian_family(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// Whether packages can be installed from here.
pub(super) fn can_install() -> bool {
    is_root() && is_debian()
}

/// Refreshes the package lists, once a package is to be installed.
pub(super) fn update() -> Result<()> {
    let log = tools::cache_folder()?.join("log/apt-update.log");
    progress::run("reading the package lists", apt_get().arg("update"), &log)
}

/// Installs `packages`, saying so.
pub(super) fn install(packages: &BTreeSet<&str>) -> Result<()> {
    update()?;
    let unknown: Vec<&str> = packages
        .iter()
        .copied()
        .filter(|package| !is_offered(package))
        .collect();
    if !unknown.is_empty() {
        bail!(
            "this system's package sources do not offer {}; install what holds these programs by hand, \
             then run `cargo xtask doctor`",
            unknown.join(", ")
        );
    }
    install_offered(packages)
}

/// Installs packages that are known to be offered; the lists must be fresh.
pub(super) fn install_offered(packages: &BTreeSet<&str>) -> Result<()> {
    let names: Vec<&str> = packages.iter().copied().collect();
    let what = format!("installing {}", names.join(" "));
    let log = tools::cache_folder()?.join("log/apt-install.log");
    let mut command = apt_get();
    command
        .args(["install", "--yes", "--no-install-recommends"])
        .args(names);
    progress::run(&what, &mut command, &log)
}

/// Whether the package sources offer `package`.
pub(super) fn is_offered(package: &str) -> bool {
    Command::new("apt-cache")
        .args(["policy", package])
        .env("LC_ALL", "C")
        .output()
        .context("run apt-cache")
        .is_ok_and(|output| has_candidate(&String::from_utf8_lossy(&output.stdout)))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .arg("--quiet");
    command
}

fn is_debian_family(os_release: &str) -> bool {
    os_release
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches('"').split(' '))
        .any(|id| id == "debian" || id == "ubuntu")
}

fn has_candidate(policy: &str) -> bool {
    policy
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Candidate: "))
        .any(|candidate| candidate != "(none)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_what_is_made_from_it_are_recognised() {
        assert!(is_debian_family("PRETTY_NAME=\"Debian\"\nID=debian\n"));
        assert!(is_debian_family(
            "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"
        ));
        assert!(!is_debian_family("ID=fedora\nVERSION_ID=40\n"));
        assert!(!is_debian_family(""));
    }

    #[test]
    fn a_package_without_a_candidate_is_not_offered() {
        assert!(has_candidate(
            "bpftool:\n  Installed: (none)\n  Candidate: 7.1.0+6.1.1\n"
        ));
        assert!(!has_candidate(
            "bpftool:\n  Installed: (none)\n  Candidate: (none)\n"
        ));
        assert!(!has_candidate(""));
    }
}
