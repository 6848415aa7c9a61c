//! `zerohop status`: the kernel's counters, which are there without an agent, and what the agent says.

mod agent;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::{Output, Pinned};
use crate::{
    config::LISTEN,
    datapath::{attach::survey, counters::Counters, reader},
    telemetry::{self, Report},
};

/// Shows what was answered, what was passed on and why, and where the datapath is attached.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pinned: Pinned,
    /// Where the agent serves its status (`zerohop run --listen`).
    #[arg(long, value_name = "URL", default_value_t = format!("http://{LISTEN}"))]
    agent: String,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// The document of `--output json`.
#[derive(Debug, Serialize)]
struct Status {
    lease_seconds: f64,
    answered: BTreeMap<&'static str, u64>,
    passed: BTreeMap<&'static str, u64>,
    torn: u64,
    unknown_destinations: Vec<Unknown>,
    interfaces: Vec<Interface>,
    /// What the agent says; none if it cannot be asked.
    agent: Option<Report>,
    /// Why it cannot be asked.
    agent_trouble: Option<String>,
}

#[derive(Debug, Serialize)]
struct Unknown {
    address: String,
    questions: u64,
}

#[derive(Debug, Serialize)]
struct Interface {
    name: String,
    index: u32,
    hook: String,
    first: bool,
    behind: Vec<String>,
}

/// Runs the verb.
///
/// # Errors
/// Nothing pinned, or no permission to read it.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let mut status = read(&options.pinned)?;
    match ask(&options.agent) {
        Ok(report) => {
            status.agent_trouble = another(&report, options);
            status.agent = Some(report);
        }
        Err(error) => status.agent_trouble = Some(format!("{error:#}")),
    }
    match options.output {
        Output::Json => super::show_json(&status),
        Output::Text => super::show(|out| print(out, &status)),
    }
}

/// That the agent that was asked is not certain to be the one whose maps are looked at.
fn another(report: &Report, Options { pinned, agent, .. }: &Options) -> Option<String> {
    let (its, ours) = (
        &report.pin_directory,
        pinned.pin_directory.display().to_string(),
    );
    (!its.is_empty() && *its != ours).then(|| {
        format!(
            "the agent at {agent} pins its maps in {its}, not in {ours}: what it says may be about others; \
             name the right one by --agent"
        )
    })
}

/// What the agent says, if it runs.
fn ask(agent: &str) -> anyhow::Result<Report> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start a runtime")?
        .block_on(telemetry::fetch(agent))
}

fn read(pinned: &Pinned) -> anyhow::Result<Status> {
    let directory = &pinned.pin_directory;
    let counts = Counters::open(directory)?.read()?;
    let lease: Duration = reader::lease_left(directory)?;
    let unknown = counts
        .unknown_destinations
        .iter()
        .map(|(address, questions)| {
            // Port 53 is the only one that is counted.
            Unknown {
                address: address.ip().to_string(),
                questions: *questions,
            }
        });
    let interfaces = survey(directory)?.into_iter().map(|attached| Interface {
        hook: attached.by.to_string(),
        name: attached.name,
        index: attached.index,
        first: attached.first,
        behind: attached.behind,
    });
    Ok(Status {
        lease_seconds: lease.as_secs_f64(),
        answered: counts.answered.into_iter().collect(),
        passed: counts.passed.into_iter().collect(),
        torn: counts.torn,
        unknown_destinations: unknown.collect(),
        interfaces: interfaces.collect(),
        agent: None,
        agent_trouble: None,
    })
}

fn print(out: &mut String, status: &Status) -> std::fmt::Result {
    if status.lease_seconds > 0.0 {
        writeln!(
            out,
            "answering (the lease runs {:.1} s without its agent)",
            status.lease_seconds
        )?;
    } else {
        writeln!(
            out,
            "not answering: no agent renews the lease; every question goes to the DNS service"
        )?;
    }
    match (&status.agent, &status.agent_trouble) {
        (Some(report), trouble) => {
            if let Some(trouble) = trouble {
                writeln!(out, "{trouble}")?;
            }
            write!(out, "{}", agent::text(report))?;
        }
        (None, Some(trouble)) => writeln!(out, "what the agent knows is not shown: {trouble}")?,
        (None, None) => {}
    }
    writeln!(out, "\nattached to {} interfaces", status.interfaces.len())?;
    for interface in &status.interfaces {
        let order = if interface.first {
            "first".to_owned()
        } else {
            format!("behind {}", interface.behind.join(", "))
        };
        writeln!(
            out,
            "  {:<18} {:<14} {order}",
            interface.name, interface.hook
        )?;
    }
    section(out, "answered in the kernel", &status.answered)?;
    section(out, "passed to the DNS service", &status.passed)?;
    if status.torn > 0 {
        writeln!(
            out,
            "\n{} packets dropped because a reply failed half-way",
            status.torn
        )?;
    }
    if !status.unknown_destinations.is_empty() {
        writeln!(out, "\nasked on UDP port 53, but no known DNS address")?;
        for unknown in &status.unknown_destinations {
            writeln!(out, "  {:<40} {:>12}", unknown.address, unknown.questions)?;
        }
    }
    Ok(())
}

fn section(
    out: &mut String,
    title: &str,
    counts: &BTreeMap<&'static str, u64>,
) -> std::fmt::Result {
    writeln!(out, "\n{title}")?;
    for (label, count) in counts.iter().filter(|(_, count)| **count > 0) {
        writeln!(out, "  {label:<22} {count:>12}")?;
    }
    if counts.values().all(|count| *count == 0) {
        writeln!(out, "  {:<22} {:>12}", "nothing", 0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn an_agent_of_another_pin_directory_is_told_from_the_one_that_is_looked_at() {
        let words = ["status", "--pin-directory", "/sys/fs/bpf/one"];
        let Words { options } = Words::parse_from(words);
        let of = |pin_directory: &str| Report {
            pin_directory: pin_directory.to_owned(),
            ..Report::default()
        };
        for same in ["/sys/fs/bpf/one", ""] {
            assert_eq!(another(&of(same), &options), None, "{same:?}");
        }
        let trouble = another(&of("/sys/fs/bpf/two"), &options).unwrap();
        for part in ["/sys/fs/bpf/two", "not in /sys/fs/bpf/one", "--agent"] {
            assert!(trouble.contains(part), "{trouble}");
        }
    }
}
