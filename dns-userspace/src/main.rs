//! `zerohop`: the agent and the verbs to look at it.

use std::{
    env::{self, VarError},
    io::IsTerminal as _,
    panic,
    process::{self, ExitCode},
};

use clap::{Parser, Subcommand};
use dns_userspace::{
    agent::{self, Safeguard},
    cli,
    config::{Args, LogFormat},
};
use tikv_jemallocator::Jemalloc;
use tracing_subscriber::EnvFilter;

/// Gives freed memory back to the kernel, of which the first list frees much, and is quicker than glibc's where many
/// small pieces come and go.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

/// Cluster DNS answered in the kernel, on the pods' own interfaces.
#[derive(Debug, Parser)]
#[command(name = "zerohop", version, about)]
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
            let safeguard = Safeguard::default();
            end_on_panic(args.log_format, safeguard.clone());
            let config = args.config()?;
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()?;
            let ended = runtime.block_on(agent::run(config, &safeguard));
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

/// What the process returns when a part of it has panicked: the same as when the main thread has.
const PANICKED: i32 = 101;

/// Lets a panic, on whichever thread, end first the lease and then the process: of a task that has panicked nobody else need
/// ever hear.
fn end_on_panic(format: LogFormat, safeguard: Safeguard) {
    const FAULT: &str = "a part of the agent has panicked, which is a fault of zerohop: the kernel answers nothing any more, \
                         and the DNS service does; please report what is said here";
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        safeguard.end_lease();
        match format {
            LogFormat::Text => {
                tell(panicked);
                eprintln!("zerohop: {FAULT}");
            }
            LogFormat::Json => tracing::error!("{FAULT}: {panicked}"),
        }
        process::exit(PANICKED);
    }));
}

/// What is logged unless RUST_LOG says otherwise. What libraries meet they return, and it is told by us; by themselves
/// they tell some of it at each try.
const USUAL: &str = "off,zerohop=info,dns_userspace=info,interceptor=info";

/// Logs to standard error; RUST_LOG chooses what.
fn log(format: LogFormat) {
    let (filter, complaint) = filter(env::var(EnvFilter::DEFAULT_ENV));
    let log = tracing_subscriber::fmt()
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.with_target(false).init(),
        LogFormat::Json => log.json().init(),
    }
    if let Some(complaint) = complaint {
        tracing::warn!("{complaint}");
    }
}

/// What is logged by a value of RUST_LOG, and what is wrong with that value.
fn filter(asked: Result<String, VarError>) -> (EnvFilter, Option<String>) {
    let asked = match asked {
        Err(VarError::NotPresent) => return (EnvFilter::new(USUAL), None),
        Ok(asked) if asked.trim().is_empty() => return (EnvFilter::new(USUAL), None),
        Ok(asked) => EnvFilter::try_new(&asked).map_err(|error| format!("{asked:?}: {error}")),
        Err(error @ VarError::NotUnicode(_)) => Err(error.to_string()),
    };
    match asked {
        Ok(filter) => (filter, None),
        Err(error) => {
            let complaint = format!(
                "RUST_LOG is not understood, and info is logged: {error}; write a level or targets with levels, such as \
                 \"debug\" or \"info,dns_userspace=debug\" (the chart's logFilter)"
            );
            (EnvFilter::new(USUAL), Some(complaint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_is_not_understood_is_told_with_the_remedy_and_info_is_logged() {
        let (usual, _) = filter(Err(VarError::NotPresent));
        let (instead, complaint) = filter(Ok("dns_userspace=loud".to_owned()));
        assert_eq!(instead.to_string(), usual.to_string());
        let complaint = complaint.expect("a complaint");
        for part in ["dns_userspace=loud", "info,dns_userspace=debug"] {
            assert!(complaint.contains(part), "{complaint}");
        }
    }

    #[test]
    fn no_filter_and_an_empty_one_are_no_reason_to_complain() {
        for asked in [Err(VarError::NotPresent), Ok(String::new())] {
            let (usual, complaint) = filter(asked);
            assert_eq!(complaint, None);
            assert!(usual.to_string().contains("info"), "{usual}");
        }
    }

    #[test]
    fn a_filter_that_is_understood_holds() {
        let (debug, complaint) = filter(Ok("debug".to_owned()));
        assert_eq!((debug.to_string().as_str(), complaint), ("debug", None));
    }
}
