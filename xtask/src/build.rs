//! `cargo xtask build`: the BPF object and the agent that carries it.

mod paths;
mod static_program;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::{
    setup::{self, Environment},
    workspace,
};

pub(crate) use paths::become_compiler;
pub(crate) use static_program::{static_program, static_program_of};

/// How to build.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Optimise the agent (the BPF object always is)
    #[arg(long)]
    release: bool,
    /// Build the programs that need no libraries, optimised: the agent as it lies in its image, the bench, and the
    /// program of the test pods
    #[arg(long = "static", conflicts_with = "release")]
    statically: bool,
}

/// The programs that other verbs build statically when they need them: package and name.
const STATIC: [(&str, &str); 3] = [
    ("dns-userspace", "zerohop"),
    ("bench", "bench"),
    ("pod", "pod"),
];

/// Builds the agent, or the static programs, and says where they are.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.statically {
        let environment = setup::ready(setup::IMAGE)?;
        for (package, binary) in STATIC {
            let program = static_program(&environment, package, binary)?;
            println!("{}", program.display());
        }
        return Ok(());
    }
    let environment = setup::ready(setup::BUILD)?;
    println!("{}", agent(&environment, options.release, &[])?.display());
    Ok(())
}

/// Builds the agent, whose build script builds and embeds the BPF object; returns the program's path.
///
/// It is built together with the packages `beside` it: with the features that they want of other people's crates, so
/// that it shares these, and its own library, with them.
///
/// # Errors
///
/// It does not compile: cargo has said why.
pub(crate) fn agent(environment: &Environment, release: bool, beside: &[&str]) -> Result<PathBuf> {
    let mut command = environment.cargo();
    command.args(["build", "--package", "dns-userspace"]);
    for package in beside {
        command.args(["--package", package]);
    }
    if release {
        command.arg("--release");
    }
    let status = command.status().context("start cargo")?;
    ensure!(
        status.success(),
        "the agent does not build, for the reasons above"
    );
    let profile = if release { "release" } else { "debug" };
    Ok(workspace::target_folder().join(profile).join("zerohop"))
}
