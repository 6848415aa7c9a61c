//! A program that runs in a pod while something else happens.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

/// How long it may take until the program says that it is under way.
const BEGIN: Duration = Duration::from_secs(30);

/// What programs say when they are under way.
const UNDER_WAY: &str = "the first reply came";

/// A program that runs until its standard input ends, or until this is dropped.
pub(crate) struct Running {
    what: String,
    child: Child,
    output: Option<JoinHandle<std::io::Result<String>>>,
    said: Receiver<String>,
}

impl Running {
    /// Starts `command`, called `what` in errors.
    pub(crate) fn start(mut command: Command, what: String) -> Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| what.clone())?;
        let output = child.stdout.take().map(|mut output| {
            thread::spawn(move || {
                let mut text = String::new();
                output.read_to_string(&mut text).map(|_| text)
            })
        });
        let (sender, said) = channel();
        if let Some(errors) = child.stderr.take() {
            thread::spawn(move || {
                for line in BufReader::new(errors).lines().map_while(Result::ok) {
                    // Nobody listens any more at the end.
                    let _ = sender.send(line);
                }
            });
        }
        Ok(Self {
            what,
            child,
            output,
            said,
        })
    }

    /// Waits for its first line on standard error, by which programs say that they are under way.
    ///
    /// # Errors
    ///
    /// It says something else, or nothing.
    pub(crate) fn wait_until_under_way(&self) -> Result<()> {
        match self.said.recv_timeout(BEGIN) {
            Ok(line) if line == UNDER_WAY => Ok(()),
            Ok(line) => bail!("{} says: {line}", self.what),
            Err(RecvTimeoutError::Timeout) => {
                bail!("{} does not begin within {BEGIN:?}", self.what)
            }
            Err(RecvTimeoutError::Disconnected) => bail!("{} ended at once", self.what),
        }
    }

    /// Ends its standard input and returns what it printed on standard output.
    ///
    /// # Errors
    ///
    /// It ends without success: with what it said.
    pub(crate) fn finish(mut self) -> Result<String> {
        drop(self.child.stdin.take());
        let status = self.child.wait().with_context(|| self.what.clone())?;
        if !status.success() {
            let said: Vec<String> = self.said.iter().collect();
            bail!("{}: {status}: {}", self.what, said.join("; "));
        }
        let output = self.output.take().map(JoinHandle::join);
        match output {
            Some(Ok(text)) => text.with_context(|| format!("read what {} printed", self.what)),
            _ => bail!("{} printed nothing that could be read", self.what),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended; nothing is left to be done about either error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
