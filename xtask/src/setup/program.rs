//! The programs of the system that demo and tests call, and the Debian packages that hold them.

use std::path::PathBuf;

use super::state::{Repair, Thing, version_of};
use crate::tools::LLVM_PREFIX;

/// The oldest Go that fetches a newer one by itself when a module asks for it.
const OLDEST_GO: (u32, u32) = (1, 21);

/// A program of the system.
pub(super) struct Program {
    /// Its file name.
    pub(super) name: &'static str,
    /// The package of Debian and Ubuntu, empty where theirs is too old to serve.
    package: &'static str,
    /// What makes it tell its version.
    version_arguments: &'static [&'static str],
    purpose: &'static str,
}

const fn program(
    name: &'static str,
    package: &'static str,
    version_arguments: &'static [&'static str],
    purpose: &'static str,
) -> Program {
    Program {
        name,
        package,
        version_arguments,
        purpose,
    }
}

/// Every program that a need can name.
pub(super) const PROGRAMS: &[Program] = &[
    program("gcc", "gcc", &["--version"], "links Rust programs"),
    program(
        "make",
        "make",
        &["--version"],
        "builds the agent's allocator",
    ),
    program("c++", "g++", &["--version"], "links bpf-linker"),
    program(
        "llvm-config",
        "llvm-22-dev",
        &["--version"],
        "the LLVM in bpf-linker",
    ),
    program(
        "go",
        "",
        &["version"],
        "builds CoreDNS, etcd, Kubernetes, Helm; Go's resolver",
    ),
    program("ip", "iproute2", &["-V"], "network namespaces"),
    program("tc", "iproute2", &["-V"], "foreign filters beside ours"),
    program("dig", "bind9-dnsutils", &["-v"], "asks questions"),
    program("host", "bind9-host", &["-V"], "asks questions"),
    program("getent", "libc-bin", &["--version"], "glibc's resolver"),
    program("musl-gcc", "musl-tools", &["--version"], "musl's resolver"),
    program(
        "javac",
        "default-jdk-headless",
        &["-version"],
        "Java's resolver",
    ),
    program(
        "bpftool",
        "bpftool",
        &["version"],
        "shows maps and programs",
    ),
    program(
        "ethtool",
        "ethtool",
        &["--version"],
        "switches checksum offload",
    ),
    program("tcpdump", "tcpdump", &["--version"], "watches frames"),
    program("iptables", "iptables", &["--version"], "a cluster's DNAT"),
    program("nsd", "nsd", &["-v"], "a DNS server beside ours"),
    program("dnsperf", "dnsperf", &["-h"], "asks many questions"),
    program("bash", "bash", &["--version"], "the shell in test pods"),
    program(
        "busybox",
        "busybox-static",
        &["--help"],
        "the usual programs in test pods and machines",
    ),
    program(
        "qemu-system-x86_64",
        "qemu-system-x86",
        &["--version"],
        "virtual machines: behind a pod, and a node",
    ),
    program("nft", "nftables", &["--version"], "packet filters"),
    program(
        "conntrack",
        "conntrack",
        &["--version"],
        "a node's connections",
    ),
    program(
        "openssl",
        "openssl",
        &["version"],
        "the API server's certificates",
    ),
];

/// Looks for the program `name`.
pub(super) fn inspect(name: &str) -> Thing {
    let Some(program) = PROGRAMS.iter().find(|program| program.name == name) else {
        let repair = Repair::ByHand;
        return Thing::missing(
            name,
            "",
            "unknown to xtask",
            repair,
            format!("install {name}"),
        );
    };
    let Some(path) = find(program) else {
        return missing(program, "not found");
    };
    let Some(version) = version_of(&path, program.version_arguments) else {
        return missing(program, "does not run");
    };
    if name == "go" && is_too_old(&version) {
        return missing(program, &format!("version {version} is too old"));
    }
    Thing::here(name, program.purpose, version, path.display().to_string())
}

/// Where the program `name` is, if it is here.
pub(super) fn path_of(name: &str) -> Option<PathBuf> {
    PROGRAMS
        .iter()
        .find(|program| program.name == name)
        .and_then(find)
}

fn find(program: &Program) -> Option<PathBuf> {
    if program.name == "llvm-config" {
        // The one on PATH may be of any LLVM.
        let path = PathBuf::from(LLVM_PREFIX).join("bin/llvm-config");
        return path.exists().then_some(path);
    }
    // Debian keeps some of them in sbin, which is not on everybody's PATH.
    which::which(program.name)
        .or_else(|_| which::which_in(program.name, Some("/usr/sbin:/sbin"), "/"))
        .ok()
}

fn missing(program: &Program, reason: &str) -> Thing {
    let (repair, command) = match program.package {
        "" => {
            let (major, minor) = OLDEST_GO;
            let command =
                format!("install Go {major}.{minor} or newer, see https://go.dev/doc/install");
            (Repair::ByHand, command)
        }
        package => (
            Repair::Package(package),
            format!("apt-get install {package}"),
        ),
    };
    Thing::missing(program.name, program.purpose, reason, repair, command)
}

fn is_too_old(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map_while(|part| part.parse::<u32>().ok());
    let found = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    found < OLDEST_GO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_12s_own_go_is_too_old() {
        assert!(is_too_old("1.19.8"));
        assert!(!is_too_old("1.21"));
        assert!(!is_too_old("1.26.8"));
    }

    #[test]
    fn a_program_without_a_package_is_left_to_the_person() {
        let go = PROGRAMS
            .iter()
            .find(|program| program.name == "go")
            .expect("go");
        assert_eq!(missing(go, "not found").repair(), Some(&Repair::ByHand));
    }
}
