//! The verbs beside `run`: they look at what is pinned, whether or not an agent runs.

pub mod detach;
pub mod lookup;
pub mod mount_bpffs;
pub mod status;

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::ValueEnum;
use serde::Serialize;

/// How a verb writes what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Columns for people.
    Text,
    /// One JSON document.
    Json,
}

/// What every verb needs to know.
#[derive(Clone, Debug, clap::Args)]
pub struct Pinned {
    /// Where maps, programs and links are pinned.
    #[arg(long, value_name = "DIRECTORY", default_value = crate::config::PIN_DIRECTORY)]
    pub pin_directory: PathBuf,
}

/// Writes what `text` makes to the standard output.
///
/// # Errors
/// That it cannot be written; not that a reader such as `head` has seen enough.
fn show(text: impl FnOnce(&mut String) -> std::fmt::Result) -> anyhow::Result<()> {
    let mut whole = String::new();
    text(&mut whole).context("put into words what was found")?;
    let mut output = io::stdout().lock();
    let written = output
        .write_all(whole.as_bytes())
        .and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write to the standard output"),
    }
}

/// Writes a JSON document and the end of the line to the standard output.
///
/// # Errors
/// As [`show`].
fn show_json(document: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string(document).context("write JSON")?;
    show(|out| {
        *out = text + "\n";
        Ok(())
    })
}
