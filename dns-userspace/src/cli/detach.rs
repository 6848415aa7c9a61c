//! `zerohop detach`.

use std::fmt::Write as _;

use clap::Args;

use super::Pinned;
use crate::datapath::attach::detach_all;

/// Removes everything of ours from the kernel, and nothing else.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pinned: Pinned,
}

/// Runs the verb.
///
/// # Errors
/// What could not be removed, or that an agent still runs.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let removed = detach_all(&options.pinned.pin_directory)?;
    super::show(|out| writeln!(out, "{removed}"))
}
