//! Long steps: what is being done and for how long, with the step's own output in a log file.

use std::{
    fs::{self, File},
    io::{self, IsTerminal as _},
    path::Path,
    process::{Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use ::tests::OwnedChild;
use anyhow::{Context as _, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a step speaks when nobody watches a terminal.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// How long a step may take to end after an interruption.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many of the log's last lines a failure shows.
const LOG_TAIL_LINES: usize = 25;

/// Runs `command` to its end, showing `what` and the elapsed seconds; its output goes to `log`.
///
/// On a terminal that is one line that changes, elsewhere a line at the start, one every 30 s and one
/// at the end.
///
/// # Errors
///
/// The command cannot be started, or ends without success: the message holds the end of the log.
pub(crate) fn run(what: &str, command: &mut Command, log: &Path) -> Result<()> {
    let (output, errors) = open_log(log)?;
    command.stdin(Stdio::null()).stdout(output).stderr(errors);
    let child = OwnedChild::spawn(command, PATIENCE)
        .with_context(|| format!("{what}: start {:?}", command.get_program()))?;

    let display = Display::start(what);
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(child.wait()));
    let status = loop {
        match end.recv_timeout(REPORT_EVERY) {
            Ok(status) => break status.with_context(|| format!("{what}: wait for its end"))?,
            Err(RecvTimeoutError::Timeout) => display.still_running(),
            Err(RecvTimeoutError::Disconnected) => bail!("{what}: lost sight of the child process"),
        }
    };
    display.finish(status);
    if status.success() {
        return Ok(());
    }
    bail!(
        "{what}: {:?} ended with {status}; the whole log is {}, its end:\n{}",
        command.get_program(),
        log.display(),
        tail(&fs::read_to_string(log).unwrap_or_default(), LOG_TAIL_LINES)
    )
}

fn open_log(log: &Path) -> Result<(File, File)> {
    let opened = || -> io::Result<(File, File)> {
        if let Some(folder) = log.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = File::create(log)?;
        Ok((file.try_clone()?, file))
    };
    opened().with_context(|| format!("write the log file {}", log.display()))
}

/// How a running step is shown.
struct Display {
    what: String,
    started: Instant,
    line: Option<ProgressBar>,
}

impl Display {
    fn start(what: &str) -> Self {
        let line = io::stderr().is_terminal().then(|| {
            let line = ProgressBar::new_spinner().with_message(what.to_owned());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}  {elapsed}") {
                line.set_style(style);
            }
            line.enable_steady_tick(Duration::from_millis(120));
            line
        });
        if line.is_none() {
            eprintln!("{what} ...");
        }
        Self {
            what: what.to_owned(),
            started: Instant::now(),
            line,
        }
    }

    fn seconds(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    fn still_running(&self) {
        if self.line.is_none() {
            eprintln!("{} ... {} s", self.what, self.seconds());
        }
    }

    fn finish(self, status: ExitStatus) {
        let seconds = self.seconds();
        if let Some(line) = self.line {
            line.finish_and_clear();
        }
        let outcome = if status.success() { "done" } else { "FAILED" };
        eprintln!("{}: {outcome} after {seconds} s", self.what);
    }
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_short_log_is_the_whole_log() {
        assert_eq!(tail("a\nb", 5), "a\nb");
        assert_eq!(tail("a\nb\nc", 2), "b\nc");
        assert_eq!(tail("", 2), "");
    }

    #[test]
    fn a_failing_step_shows_the_end_of_its_log() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let log = folder.path().join("deep/step.log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason >&2; exit 3"]);
        let error = run("a step", &mut command, &log).expect_err("exit status 3");
        let text = format!("{error:#}");
        assert!(text.contains("the reason"), "{text}");
        assert!(text.contains("step.log"), "{text}");
    }
}
