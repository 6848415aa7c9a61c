//! One thing that is needed, and whether it is here.

use std::{path::Path, process::Command};

use crate::tools::{self, Tool};

/// One line of the doctor's table.
#[derive(Clone, Debug)]
pub(crate) struct Thing {
    /// Its name.
    pub(crate) what: String,
    /// What it is for.
    pub(crate) purpose: &'static str,
    /// Whether it is here.
    pub(crate) state: State,
}

/// Whether a thing is here.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// It is here: in this version, at this place.
    Here {
        /// The version that it tells, empty if it tells none.
        version: String,
        /// Its path.
        place: String,
    },
    /// It is not here, or not of use.
    Missing {
        /// What is wrong.
        reason: String,
        /// Who can repair it.
        repair: Repair,
        /// The exact command that repairs it.
        command: String,
    },
}

/// Who can repair what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repair {
    /// The package manager, by this package of Debian and Ubuntu.
    Package(&'static str),
    /// The steps that install a Rust toolchain for the BPF target.
    BpfToolchain,
    /// xtask itself, by building the tool.
    Build(Tool),
    /// A person.
    ByHand,
}

impl Thing {
    /// A thing that is here.
    pub(crate) fn here(
        what: &str,
        purpose: &'static str,
        version: String,
        place: impl Into<String>,
    ) -> Self {
        let state = State::Here {
            version,
            place: place.into(),
        };
        Self {
            what: what.to_owned(),
            purpose,
            state,
        }
    }

    /// A thing that is missing.
    pub(crate) fn missing(
        what: &str,
        purpose: &'static str,
        reason: impl Into<String>,
        repair: Repair,
        command: String,
    ) -> Self {
        let state = State::Missing {
            reason: reason.into(),
            repair,
            command,
        };
        Self {
            what: what.to_owned(),
            purpose,
            state,
        }
    }

    /// Who can repair it; none if it is here.
    pub(crate) fn repair(&self) -> Option<&Repair> {
        match &self.state {
            State::Here { .. } => None,
            State::Missing { repair, .. } => Some(repair),
        }
    }

    /// Whether it is missing and xtask builds it when it is needed.
    pub(super) fn is_to_be_built(&self) -> bool {
        matches!(self.repair(), Some(Repair::Build(_)))
    }

    /// The Debian packages that repair it.
    pub(super) fn packages(&self) -> Vec<&'static str> {
        match self.repair() {
            Some(Repair::Package(package)) => vec![package],
            _ => Vec::new(),
        }
    }
}

/// Looks for a tool that xtask can build.
pub(super) fn inspect_tool(tool: Tool) -> Thing {
    let (name, purpose) = (tool.file_name(), tool.purpose());
    let Some(path) = tools::find(tool) else {
        let repair = Repair::Build(tool);
        return Thing::missing(name, purpose, "not built yet", repair, tool.build_command());
    };
    match version_of(&path, tool.version_arguments()) {
        Some(version) => Thing::here(name, purpose, version, path.display().to_string()),
        None => Thing::missing(
            name,
            purpose,
            format!("{} does not run", path.display()),
            Repair::ByHand,
            format!("rm {}   # it is built anew then", path.display()),
        ),
    }
}

/// The repairs of what is missing, a line each, packages together.
pub(super) fn commands(missing: &[Thing]) -> String {
    let mut lines = Vec::new();
    let packages: Vec<&str> = missing.iter().flat_map(Thing::packages).collect();
    if !packages.is_empty() {
        lines.push(format!("    apt-get install {}", packages.join(" ")));
    }
    for thing in missing {
        let State::Missing {
            reason,
            repair,
            command,
        } = &thing.state
        else {
            continue;
        };
        if !matches!(repair, Repair::Package(_)) {
            lines.push(format!("    {command}   # {}: {reason}", thing.what));
        }
    }
    lines.join("\n")
}

/// The version that a program tells, empty if it runs but tells none, none if it does not run.
pub(super) fn version_of(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    match version_in(&String::from_utf8_lossy(&text)) {
        Some(version) => Some(version),
        None => output.status.success().then(String::new),
    }
}

/// The first thing in `text` that looks like a version: digits, a dot, digits.
fn version_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| c.is_whitespace() || "(),;".contains(c));
    words.flat_map(|word| word.split('-')).find_map(|word| {
        let start = word.find(|c: char| c.is_ascii_digit())?;
        let version = &word[start..];
        let end = version
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(version.len());
        let version = version[..end].trim_end_matches('.');
        version.contains('.').then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_found_in_what_programs_say() {
        for (text, version) in [
            ("DiG 9.18.49-1~deb12u3-Debian", "9.18.49"),
            ("getent (Debian GLIBC 2.36-9+deb12u14) 2.36", "2.36"),
            ("ip utility, iproute2-6.1.0, libbpf 1.1.2", "6.1.0"),
            ("iptables v1.8.9 (nf_tables)", "1.8.9"),
            ("CoreDNS-1.15.0\nlinux/amd64, go1.26.8, ", "1.15.0"),
            ("Kubernetes v1.34.4", "1.34.4"),
            ("go version go1.26.8 linux/amd64", "1.26.8"),
            ("bpftool v7.1.0\nusing libbpf v1.1", "7.1.0"),
            (
                "x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0",
                "12.2.0",
            ),
        ] {
            assert_eq!(version_in(text).as_deref(), Some(version), "{text}");
        }
        assert_eq!(version_in("no digits"), None);
        assert_eq!(version_in("version 7"), None);
    }

    #[test]
    fn packages_are_installed_by_one_command() {
        let missing = [
            Thing::missing(
                "dig",
                "",
                "",
                Repair::Package("bind9-dnsutils"),
                String::new(),
            ),
            Thing::missing("host", "", "", Repair::Package("bind9-host"), String::new()),
            Thing::missing("root", "", "not root", Repair::ByHand, "sudo it".to_owned()),
        ];
        assert_eq!(
            commands(&missing),
            "    apt-get install bind9-dnsutils bind9-host\n    sudo it   # root: not root"
        );
    }
}
