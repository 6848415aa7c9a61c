//! `cargo xtask`: the repository's own commands, one file a verb.
//!
//! This file only dispatches. Nothing here needs a BPF toolchain to compile, because these commands
//! are what sets one up.

mod bench;
mod build;
mod check;
mod demo;
mod doctor;
mod house_rules;
mod image;
mod kind;
mod manifests;
mod oci;
mod parity;
mod progress;
mod replay;
mod setup;
mod test;
mod test_images;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// The commands of the zerohop repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
enum Verb {
    /// Shows what is needed, what is here, what is missing, and the command that repairs it
    Doctor(doctor::Options),
    /// Builds the BPF object and the agent
    Build(build::Options),
    /// Builds the container image, without a registry and without docker
    Image(image::Options),
    /// Shows a pod's look-ups being answered in the kernel, in a network namespace of its own
    Demo(demo::Options),
    /// Runs the tests, those that need root included
    Test(test::Options),
    /// Sends recorded questions through the kernel program and compares its replies with CoreDNS's
    Replay(replay::Options),
    /// Puts random questions about random clusters to the kernel program and to a running CoreDNS
    Parity(parity::Options),
    /// Measures zerohop beside the floor, CoreDNS, NodeLocal DNSCache and NSD
    Bench(bench::Options),
    /// Makes a real cluster on this machine, with zerohop in it, and asks both
    Kind(kind::Options),
    /// Makes deploy/zerohop.yaml from the Helm chart
    Manifests(manifests::Options),
    /// Formatting, lints, documentation, house rules and the chart
    Check(check::Options),
}

fn main() -> ExitCode {
    if let Err(error) = build::become_compiler() {
        return failure(&error);
    }
    let outcome = match Verb::parse() {
        Verb::Doctor(options) => doctor::run(&options),
        Verb::Build(options) => build::run(&options),
        Verb::Image(options) => image::run(&options),
        Verb::Demo(options) => demo::run(&options),
        Verb::Test(options) => test::run(&options),
        Verb::Replay(options) => return replay::run(&options),
        Verb::Parity(options) => return parity::run(&options),
        Verb::Bench(options) => return bench::run(&options),
        Verb::Kind(options) => kind::run(&options),
        Verb::Manifests(options) => manifests::run(&options),
        Verb::Check(options) => check::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error),
    }
}

fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
