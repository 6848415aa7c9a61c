//! Programs that are run to their end, and not for ever.

use std::{
    io::{self, Read, Write as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, anyhow, bail};

/// How long any of them may take: twice what is waited for at most.
const LIMIT: Duration = Duration::from_secs(240);

/// How soon the output of a program that was killed ends.
const KILLED: Duration = Duration::from_secs(2);

/// A call of `program` in a process group of its own, so that Ctrl-C reaches us first; the kernel kills it when the
/// thread that starts it dies. That thread must stay until the end.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(program)
        .process_group(0);
    command
}

/// Runs `command`, called `what` in errors, with `input`, and returns what it printed.
///
/// # Errors
///
/// It ends without success, or not at all: with what it said.
pub(crate) fn run(command: &mut Command, what: &str, input: &str) -> Result<String> {
    run_for(LIMIT, command, what, input)
}

fn run_for(limit: Duration, command: &mut Command, what: &str, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| what.to_owned())?;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // On a thread of its own, for the child may write before it has read everything; one that ends early says so by
        // its status.
        thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let output = all_of(child.stdout.take().context("a child's output")?);
    let errors = all_of(child.stderr.take().context("a child's errors")?);
    let start = Instant::now();
    let printed = output.recv_timeout(limit);
    let said = errors.recv_timeout(limit.saturating_sub(start.elapsed()));
    let (Ok(printed), Ok(said)) = (printed, said) else {
        return Err(killed(&mut child, what, limit, &errors));
    };
    let status = child.wait().with_context(|| what.to_owned())?;
    if !status.success() {
        let said = said.with_context(|| what.to_owned())?;
        bail!("{what}: {}", String::from_utf8_lossy(&said).trim());
    }
    String::from_utf8(printed.with_context(|| what.to_owned())?).with_context(|| what.to_owned())
}

/// Kills what has not ended, and says so with what it had said.
fn killed(
    child: &mut Child,
    what: &str,
    limit: Duration,
    errors: &Receiver<io::Result<Vec<u8>>>,
) -> anyhow::Error {
    // It may end at this very moment, and then there is nothing to do.
    let _ = child.kill();
    let _ = child.wait();
    let said = errors.recv_timeout(KILLED).ok().and_then(Result::ok);
    let said = said.unwrap_or_default();
    anyhow!(
        "{what}: it did not end within {limit:?} and was killed; until then it said: {:?}",
        String::from_utf8_lossy(&said).trim()
    )
}

/// Reads to the end, on a thread of its own.
fn all_of(mut source: impl Read + Send + 'static) -> Receiver<io::Result<Vec<u8>>> {
    let (send, receive) = channel();
    thread::spawn(move || {
        let mut octets = Vec::new();
        let read = source.read_to_end(&mut octets);
        // Nobody waits any more for what is killed.
        let _ = send.send(read.map(|_| octets));
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_shell(limit: Duration, script: &str, input: &str) -> Result<String> {
        run_for(
            limit,
            command("sh").args(["-c", script]),
            "the script",
            input,
        )
    }

    #[test]
    fn what_a_program_prints_comes_back_and_what_it_says_is_the_error() {
        assert_eq!(run_shell(LIMIT, "cat", "in").expect("its end"), "in");
        let error = run_shell(LIMIT, "echo no >&2; exit 1", "").expect_err("a failure");
        assert_eq!(error.to_string(), "the script: no");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_what_it_said_is_told() {
        // Long enough for its words to be there first.
        let limit = Duration::from_secs(2);
        let error = run_shell(limit, "echo slow >&2; exec sleep 1000", "").expect_err("a limit");
        let error = error.to_string();
        assert!(
            error.contains("was killed") && error.contains("slow"),
            "{error}"
        );
    }
}
