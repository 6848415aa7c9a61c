//! What stands over a virtual machine: its pauses, its network, and what happens to it (QMP).

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// How long qemu may take to do what it is told, or a machine to do what is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// A connection to qemu's monitor.
#[derive(Debug)]
pub(super) struct Monitor {
    stream: BufReader<UnixStream>,
    /// Events that nobody has waited for yet, by name.
    events: Vec<String>,
}

impl Monitor {
    /// Connects to the socket at `path`.
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path)
            .with_context(|| format!("connect to qemu's monitor at {}", path.display()))?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut monitor = Self {
            stream: BufReader::new(stream),
            events: Vec::new(),
        };
        let greeting = monitor.read()?;
        ensure!(greeting.get("QMP").is_some(), "qemu greets by {greeting}");
        monitor.tell("qmp_capabilities", &json!({}))?;
        Ok(monitor)
    }

    /// Lets qemu do something, and waits until it has.
    pub(super) fn tell(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let line = json!({"execute": command, "arguments": arguments});
        writeln!(self.stream.get_mut(), "{line}").context("write to qemu's monitor")?;
        loop {
            let answer = self.read()?;
            if let Some(event) = answer["event"].as_str() {
                self.events.push(event.to_owned());
            } else if let Some(error) = answer.get("error") {
                bail!("qemu does not do {line}: {error}");
            } else {
                return Ok(());
            }
        }
    }

    /// Waits for an event of this name that nobody has waited for yet.
    pub(super) fn wait_for(&mut self, event: &str) -> Result<()> {
        loop {
            if let Some(at) = self.events.iter().position(|seen| seen == event) {
                self.events.drain(..=at);
                return Ok(());
            }
            let read = self.read();
            let read = read.with_context(|| format!("wait for qemu to tell of {event}"))?;
            let seen = read["event"].as_str().map(str::to_owned);
            self.events.extend(seen);
        }
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        let octets = self.stream.read_line(&mut line);
        ensure!(
            octets.context("read from qemu's monitor")? > 0,
            "qemu has ended"
        );
        serde_json::from_str(&line).with_context(|| format!("understand what qemu said: {line}"))
    }
}
