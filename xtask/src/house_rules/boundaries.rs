//! Which module may know what: unsafe code, aya, the Kubernetes client, input and output, the end of
//! the process.

use super::{Finding, mentions::Mention, source::Source};

/// Where the keyword may stand: the rim of the kernel program, of the agent, and of the test harness, and the small
/// kernel programs of tests and bench.
const UNSAFE_ALLOWED: [&str; 5] = [
    "dns-ebpf/src/kernel",
    "dns-userspace/src/datapath",
    "tests/bounce-ebpf",
    "tests/filter-ebpf",
    "tests/support",
];

/// The files that end the process: the agent's, and what a test ends with on Ctrl-C once it has
/// cleaned up.
const EXIT_ALLOWED: [&str; 2] = ["dns-userspace/src/main.rs", "tests/support/undo.rs"];

/// The crate that only computes. That it knows no runtime, client or kernel is told by its Cargo.toml.
const PURE: &str = "dns-userspace/core/src";

/// What of the standard library it does not mention: clocks, files, sockets, processes.
const IMPURE_PATHS: [&str; 8] = [
    "std::env",
    "std::fs",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "std::time",
];

/// A length of time, which is a value and reads no clock.
const DURATION: &str = "std::time::Duration";

/// A crate that only one module of the agent may know.
struct Owned {
    crates: &'static [&'static str],
    owner: &'static str,
    rule: &'static str,
}

const OWNED: [Owned; 2] = [
    Owned {
        crates: &["aya", "aya_log", "aya_obj"],
        owner: "dns-userspace/src/datapath",
        rule: "one-folder-knows-aya",
    },
    Owned {
        crates: &["kube"],
        owner: "dns-userspace/src/source/cluster",
        rule: "one-module-knows-the-api-server",
    },
];

/// Checks every boundary in one file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(unsafe_code(source));
    findings.extend(process_exit(source));
    findings.extend(owned_crates(source));
    findings.extend(impurity(source));
    findings
}

fn unsafe_code(source: &Source) -> Vec<Finding> {
    if UNSAFE_ALLOWED.iter().any(|place| source.is_in(place)) {
        return Vec::new();
    }
    let text = format!(
        "the keyword unsafe is allowed only in {}",
        UNSAFE_ALLOWED.join(", ")
    );
    matching(source, &source.mentions, "unsafe-code", &text, |mention| {
        mention.path == ["unsafe"]
    })
}

fn process_exit(source: &Source) -> Vec<Finding> {
    if EXIT_ALLOWED.contains(&source.path.as_str()) {
        return Vec::new();
    }
    let text = format!(
        "only {} end the process; return an error instead",
        EXIT_ALLOWED.join(" and ")
    );
    matching(
        source,
        &source.mentions,
        "only-main-exits",
        &text,
        |mention| mention.ends_with("process::exit"),
    )
}

fn owned_crates(source: &Source) -> Vec<Finding> {
    if !source.path.starts_with("dns-userspace/src/") {
        return Vec::new();
    }
    let foreign = OWNED.iter().filter(|owned| !source.is_in(owned.owner));
    foreign
        .flat_map(|owned| {
            let text = format!("only {} may know {}", owned.owner, owned.crates[0]);
            matching(
                source,
                &source.production_mentions,
                owned.rule,
                &text,
                |mention| owned.crates.iter().any(|name| mention.is_of_crate(name)),
            )
        })
        .collect()
}

fn impurity(source: &Source) -> Vec<Finding> {
    if !source.is_in(PURE) {
        return Vec::new();
    }
    let is_impure = |mention: &Mention| {
        IMPURE_PATHS.iter().any(|path| mention.starts_with(path)) && !mention.starts_with(DURATION)
    };
    let text = "this crate only computes: no clock, no input and output";
    matching(
        source,
        &source.production_mentions,
        "pure-crate",
        text,
        is_impure,
    )
}

fn matching(
    source: &Source,
    mentions: &[Mention],
    rule: &'static str,
    text: &str,
    breaks: impl Fn(&Mention) -> bool,
) -> Vec<Finding> {
    mentions
        .iter()
        .filter(|mention| breaks(mention))
        .map(|mention| source.finding(mention.line, rule, format!("`{}`: {text}", mention.text())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules that `text` breaks at `path`, with lines.
    fn broken(path: &str, text: &str) -> Vec<(&'static str, usize)> {
        let source = Source::parse(path, text).expect("Rust");
        check(&source)
            .iter()
            .map(|finding| (finding.rule, finding.line))
            .collect()
    }

    #[test]
    fn the_keyword_stands_only_at_the_rims() {
        let text = "fn a() {\n    unsafe { b() }\n}";
        assert_eq!(broken("dns-ebpf/src/frame.rs", text), [("unsafe-code", 2)]);
        assert_eq!(broken("dns-ebpf/src/kernel/tc.rs", text), []);
        assert_eq!(broken("dns-userspace/src/datapath/store.rs", text), []);
        assert_eq!(broken("tests/support/namespace.rs", text), []);
        assert_eq!(broken("tests/filter-ebpf/src/kernel.rs", text), []);
        assert_eq!(broken("tests/bounce-ebpf/src/kernel.rs", text), []);
        assert_eq!(
            broken("tests/pod/src/filter.rs", text),
            [("unsafe-code", 2)]
        );
        assert_eq!(broken("tests/src/namespace.rs", text), [("unsafe-code", 2)]);
    }

    #[test]
    fn the_word_in_comments_and_lints_is_not_the_keyword() {
        let text = "#![forbid(unsafe_code)]\n//! unsafe\nconst A: &str = \"unsafe\"; // unsafe";
        assert_eq!(broken("dns-ebpf/src/lib.rs", text), []);
    }

    #[test]
    fn only_main_exits_however_it_is_written() {
        for text in [
            "fn a() { std::process::exit(1) }",
            "use std::process;\nfn a() { process::exit(1) }",
            "use std::{io, process::{Command, exit}};",
        ] {
            let rules: Vec<_> = broken("dns-userspace/src/agent.rs", text);
            assert_eq!(rules.len(), 1, "{text}");
            assert_eq!(broken("dns-userspace/src/main.rs", text), [], "{text}");
        }
    }

    #[test]
    fn aya_and_kube_have_one_home_each() {
        let aya = "use aya::Ebpf;";
        assert_eq!(
            broken("dns-userspace/src/agent.rs", aya),
            [("one-folder-knows-aya", 1)]
        );
        assert_eq!(broken("dns-userspace/src/datapath/object.rs", aya), []);
        assert_eq!(
            broken(
                "dns-userspace/build.rs",
                "fn a() { aya_build::build_ebpf() }"
            ),
            []
        );
        let kube = "use kube::Client;";
        let rule = "one-module-knows-the-api-server";
        assert_eq!(
            broken("dns-userspace/src/source/manifests.rs", kube),
            [(rule, 1)]
        );
        assert_eq!(broken("dns-userspace/src/source/cluster.rs", kube), []);
        assert_eq!(
            broken("dns-userspace/src/source/cluster/watch.rs", kube),
            []
        );
        assert_eq!(broken("tests/support/cluster.rs", kube), []);
    }

    #[test]
    fn the_pure_crate_reads_no_clock_and_touches_no_file() {
        for (text, expected) in [
            ("use std::time::Instant;", 1),
            ("use std::{fs, net::IpAddr};", 1),
            ("use std::net::{Ipv4Addr, UdpSocket};", 1),
            ("use std::time::Duration;", 0),
            ("use std::net::IpAddr;", 0),
            ("#[cfg(test)]\nmod tests { use std::fs; }", 0),
        ] {
            assert_eq!(
                broken("dns-userspace/core/src/table.rs", text).len(),
                expected,
                "{text}"
            );
            assert_eq!(
                broken("dns-userspace/core/src/projection/a.rs", text).len(),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            broken("dns-userspace/src/agent.rs", "use std::time::Instant;"),
            []
        );
        assert_eq!(
            broken("dns-userspace/core/src/table/tests.rs", "use std::fs;"),
            []
        );
    }
}
