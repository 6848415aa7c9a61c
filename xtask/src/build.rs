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
}

/// Builds the agent and says where it is.
pub(crate) fn run(options: &Options) -> Result<()> {
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
