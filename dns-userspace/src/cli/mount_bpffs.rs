//! `zerohop mount-bpffs`.

use std::fmt::Write as _;

use clap::Args;

use super::Pinned;
use crate::datapath::attach::ensure_bpffs;

/// Mounts a bpf filesystem where maps and programs are pinned, unless there is one.
///
/// Mounting takes CAP_SYS_ADMIN, which the agent itself can do without: so a container may do it beforehand.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pinned: Pinned,
}

/// Runs the verb.
///
/// # Errors
/// Why there can be none, with the remedy.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let directory = &options.pinned.pin_directory;
    ensure_bpffs(directory)?;
    super::show(|out| {
        writeln!(
            out,
            "{} is on a bpf filesystem, or can be made on one",
            directory.display()
        )
    })
}
