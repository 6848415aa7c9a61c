//! `cargo xtask replay`: recorded questions through the kernel program, compared with the recorded replies.

use std::{
    path::{Path, PathBuf, absolute},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    setup::{self, Environment},
    workspace,
};

/// The exit code when nothing could be said: a 1 is kept for replies that differ.
const UNUSABLE: u8 = 2;

/// What to replay.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// A file in the format of coredns-recorded.json
    file: PathBuf,
    /// Write what came of every group, and of every case that is not equal, into this file as JSON
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
}

/// Sets up, builds the program that replays, and runs it; its exit code says whether a reply differs.
pub(crate) fn run(options: &Options) -> ExitCode {
    match replay(options) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(UNUSABLE)
        }
    }
}

fn replay(options: &Options) -> Result<u8> {
    let file = readable(&options.file)?;
    let environment = setup::ready(setup::REPLAY)?;
    let mut command = Command::new(program(&environment)?);
    environment.apply(&mut command);
    command.arg(file);
    if let Some(json) = &options.json {
        command.arg("--json").arg(json);
    }
    let status = command.status().context("start the program that replays")?;
    // Ended by a signal: it has not said anything.
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(UNUSABLE))
}

/// A file that is not there is told before anything is built.
fn readable(file: &Path) -> Result<PathBuf> {
    let path = absolute(file).with_context(|| format!("find {}", file.display()))?;
    ensure!(
        path.is_file(),
        "there is no file {}; name a file of recorded cases",
        path.display()
    );
    Ok(path)
}

fn program(environment: &Environment) -> Result<PathBuf> {
    let mut command = environment.cargo();
    command.args(["build", "--package", "replay", "--bin", "replay"]);
    let status = command.status().context("start cargo")?;
    ensure!(
        status.success(),
        "the program that replays does not build, for the reasons above"
    );
    Ok(workspace::target_folder().join("debug/replay"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_by_its_whole_path() {
        let error = readable(Path::new("no-such-recording.json")).unwrap_err();
        let folder = std::env::current_dir().expect("a current folder");
        assert!(
            error.to_string().contains(&*folder.to_string_lossy()),
            "{error}"
        );
    }
}
