//! `cargo xtask check`: formatting, lints, documentation, house rules and the chart, none of which may warn.

use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::{
    house_rules, manifests,
    setup::{self, Environment},
    workspace::WITHOUT_BPF_VARIABLE,
};

/// The documentation is for people who work on the code, so it holds private items, and links to them
/// are fine.
const DOCUMENTATION_LINTS: &str = "--deny warnings --allow rustdoc::private_intra_doc_links";

/// How to check.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only the house rules, which take a second
    #[arg(long)]
    house_rules: bool,
}

/// Runs every check, the later ones also when an earlier one complains.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut complaints = Vec::new();
    if !report_house_rules()? {
        complaints.push("house rules");
    }
    if !options.house_rules {
        complaints.extend(run_cargo_checks()?);
    }
    if complaints.is_empty() {
        println!("all checks passed");
        return Ok(());
    }
    bail!(
        "these checks complain, see above: {}",
        complaints.join(", ")
    )
}

fn report_house_rules() -> Result<bool> {
    println!("== house rules");
    let findings = house_rules::check_repository()?;
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.is_empty())
}

/// Returns the names of the checks that complain.
fn run_cargo_checks() -> Result<Vec<&'static str>> {
    let environment = setup::ready(setup::CHECK)?;
    let mut format = environment.cargo();
    format.args(["fmt", "--all", "--check"]);

    let mut lints = environment.cargo();
    lints.args([
        "clippy",
        "--keep-going",
        "--workspace",
        "--all-targets",
        "--",
        "--deny",
        "warnings",
    ]);

    let mut documentation = environment.cargo();
    documentation
        .args([
            "doc",
            "--keep-going",
            "--workspace",
            "--no-deps",
            "--document-private-items",
        ])
        .env("RUSTDOCFLAGS", DOCUMENTATION_LINTS);

    let mut checks = vec![
        ("rustfmt", format),
        ("clippy", lints),
        ("rustdoc", documentation),
    ];
    match bpf_lints(&environment) {
        Some(command) => {
            // It has seen to the BPF programs, so that the objects need not be built.
            for (_, other) in &mut checks {
                other.env(WITHOUT_BPF_VARIABLE, "1");
            }
            checks.insert(2, ("clippy for the BPF target", command));
        }
        None => eprintln!(
            "== clippy for the BPF target: NOT RUN, the toolchain for the BPF object has no clippy\n   \
             (Debian: apt-get install rust-web-clippy; rustup: rustup component add clippy --toolchain NAME)"
        ),
    }

    let mut complaints = Vec::new();
    for (name, mut command) in checks {
        println!("== {name}");
        let status = command
            .status()
            .with_context(|| format!("start cargo for {name}"))?;
        if !status.success() {
            complaints.push(name);
        }
    }
    println!("== chart and manifests");
    let found = manifests::complaints(&environment)?;
    for complaint in &found {
        println!("{complaint}");
    }
    if !found.is_empty() {
        complaints.push("chart and manifests");
    }
    Ok(complaints)
}

/// The lints over the BPF objects, as the build scripts build them; none without a clippy of
/// the same toolchain.
fn bpf_lints(environment: &Environment) -> Option<Command> {
    let toolchain = environment.toolchain()?;
    toolchain.clippy()?;
    let mut command = environment.cargo_of_bpf_toolchain()?;
    command.args([
        "clippy",
        "--keep-going",
        "--package",
        "dns-ebpf",
        "--package",
        "filter-ebpf",
        "--package",
        "bounce-ebpf",
        "--bins",
        "--release",
    ]);
    command.args(["--target", "bpfel-unknown-none"]);
    if !toolchain.has_compiled_core {
        command.args(["-Z", "build-std=core"]);
    }
    command
        .env(
            "RUSTFLAGS",
            format!("--cfg=bpf_target_arch=\"{}\"", std::env::consts::ARCH),
        )
        .args(["--", "--deny", "warnings"]);
    Some(command)
}
