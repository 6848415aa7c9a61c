//! The agent as a process on a node.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{
    namespace::Namespace,
    pins::Pins,
    process::Process,
    status::{Report, Status},
};

/// What the agent's log line contains once it answers questions.
const READY: &str = "answering";
/// What its log line contains once it serves metrics and status.
const SERVED: &str = "metrics and status are served at";
/// From SIGTERM to the end.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// A running `zerohop run`. Dropping it kills it; what it has pinned belongs to its [`Pins`].
#[derive(Debug)]
pub struct Agent {
    namespace: Namespace,
    binary: PathBuf,
    pin_folder: PathBuf,
    process: Process,
}

impl Agent {
    /// Starts `binary run --pin-directory … ARGUMENTS` in `namespace`, and does not wait. The binary is
    /// `env!("CARGO_BIN_EXE_zerohop")` or what [`crate::program`] finds. Unless the arguments have `--listen`,
    /// its HTTP server takes any free port of the loopback.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn start(
        namespace: &Namespace,
        binary: &Path,
        pins: &Pins,
        arguments: &[&str],
    ) -> Result<Self> {
        let mut command = namespace.command(binary);
        command.arg("run").arg("--pin-directory").arg(pins.path());
        if !arguments.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(arguments);
        Ok(Self {
            namespace: namespace.clone(),
            binary: binary.to_owned(),
            pin_folder: pins.path().to_owned(),
            process: Process::spawn("the agent", command)?,
        })
    }

    /// Waits until the agent says that it answers.
    ///
    /// # Errors
    ///
    /// When it does not within `limit`, or ends before; with what it printed last.
    pub fn wait_until_ready(&self, limit: Duration) -> Result<()> {
        self.wait_for(READY, limit).map(drop)
    }

    /// Waits for a log line that contains `text`, and returns it.
    ///
    /// # Errors
    ///
    /// As [`Agent::wait_until_ready`].
    pub fn wait_for(&self, text: &str, limit: Duration) -> Result<String> {
        self.process.wait_for(text, limit)
    }

    /// Runs `zerohop VERB --pin-directory … ARGUMENTS` and returns what it printed.
    ///
    /// # Errors
    ///
    /// When it fails; with its stderr.
    pub fn run_verb(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        let binary = self.binary.to_string_lossy();
        let pin_folder = self.pin_folder.to_string_lossy();
        let words = [&*binary, verb, "--pin-directory", &*pin_folder];
        self.namespace.run(&[&words, arguments].concat())
    }

    /// The counters, by `zerohop status`.
    ///
    /// # Errors
    ///
    /// As [`status_of`].
    pub fn status(&self) -> Result<Status> {
        status_of(&self.namespace, &self.binary, &self.pin_folder)
    }

    /// Where the agent serves metrics and status, such as `http://127.0.0.1:9553`.
    ///
    /// # Errors
    ///
    /// When it does not say within `limit` that it serves them.
    pub fn url(&self, limit: Duration) -> Result<String> {
        let line = self.wait_for(SERVED, limit)?;
        let from = line.find("http://").context("the line has no URL")?;
        let url = line[from..].split_whitespace().next();
        Ok(url.context("the URL is empty")?.to_owned())
    }

    /// The counters, and what the agent says about itself.
    ///
    /// # Errors
    ///
    /// When `zerohop status` fails, prints something else, or cannot ask the agent.
    pub fn full_status(&self, limit: Duration) -> Result<(Status, Report)> {
        let url = self.url(limit)?;
        let printed = self.run_verb("status", &["--output", "json", "--agent", &url])?;
        let mut status: Status = serde_json::from_str(&printed)
            .with_context(|| format!("understand what `zerohop status` printed: {printed}"))?;
        let trouble = status.agent_trouble.take().unwrap_or_default();
        let report = status.agent.take().context(trouble)?;
        Ok((status, report))
    }

    /// Ends the agent by SIGTERM; its pins stay.
    ///
    /// # Errors
    ///
    /// When it does not end within 10 s, or not with success.
    pub fn terminate(&self) -> Result<()> {
        self.process.signal(Signal::SIGTERM)?;
        let status = self.process.wait(STOP_LIMIT)?;
        anyhow::ensure!(
            status.success(),
            "the agent ended ({status}) on SIGTERM:\n{}",
            self.process.last_lines()
        );
        Ok(())
    }

    /// Ends the agent by SIGKILL; its pins stay.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Freezes the agent by SIGSTOP.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn pause(&self) -> Result<()> {
        self.process.signal(Signal::SIGSTOP)
    }

    /// Lets a frozen agent go on by SIGCONT.
    ///
    /// # Errors
    ///
    /// When the kernel refuses.
    pub fn resume(&self) -> Result<()> {
        self.process.signal(Signal::SIGCONT)
    }

    /// The process, for its output and other signals.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// The counters that are pinned in a folder, whether or not an agent runs, by `binary status`.
///
/// # Errors
///
/// When it fails or prints something else.
pub fn status_of(namespace: &Namespace, binary: &Path, pin_folder: &Path) -> Result<Status> {
    let (binary, pins) = (binary.to_string_lossy(), pin_folder.to_string_lossy());
    let words = ["status", "--pin-directory", &*pins, "--output", "json"];
    let printed = namespace.run(&[&[&*binary], &words[..]].concat())?;
    serde_json::from_str(&printed)
        .with_context(|| format!("understand what `zerohop status` printed: {printed}"))
}
