//! `zerohop`: the agent and the verbs to look at it.

use std::{io::IsTerminal as _, process::ExitCode};

use clap::{Parser, Subcommand};
use dns_userspace::{
    agent, cli,
    config::{Args, LogFormat},
};
use tracing_subscriber::EnvFilter;

/// Cluster DNS answered in the kernel, on the pods' own interfaces.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Answer cluster DNS until told to stop.
    Run(Box<Args>),
    /// Show what was answered, what was passed on and why, and where the datapath is attached.
    Status(cli::status::Options),
    /// Show what the kernel holds of a name.
    Lookup(cli::lookup::Options),
    /// Remove everything of ours from the kernel: links, filters, programs and maps.
    Detach(cli::detach::Options),
    /// Mount a bpf filesystem at /sys/fs/bpf, unless there is one.
    MountBpffs(cli::mount_bpffs::Options),
}

fn main() -> ExitCode {
    let command = Command::parse();
    let is_for_machines =
        matches!(&command.verb, Verb::Run(args) if args.log_format == LogFormat::Json);
    match run(command.verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_for_machines => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("zerohop: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Run(args) => {
            log(args.log_format);
            let config = args.config()?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            let ended = runtime.block_on(agent::run(config));
            // A file system that does not answer must not keep the agent from ending.
            runtime.shutdown_background();
            ended
        }
        Verb::Status(options) => cli::status::run(&options),
        Verb::Lookup(options) => cli::lookup::run(&options),
        Verb::Detach(options) => cli::detach::run(&options),
        Verb::MountBpffs(options) => cli::mount_bpffs::run(&options),
    }
}

/// Logs to standard error; RUST_LOG chooses what.
fn log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| EnvFilter::new("info,kube_client=off,rustls_platform_verifier=off"));
    let log = tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
}
