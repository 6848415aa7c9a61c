//! `zerohop detach`.

use std::fmt::Write as _;

use anyhow::Context as _;
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::Pinned;
use crate::datapath::attach::detach_all;

/// Removes everything of ours from the kernel, and nothing else.
#[derive(Clone, Debug, Args)]
pub struct Options {
    #[command(flatten)]
    pinned: Pinned,
    /// Then stay until told to stop, as a container that must not be started again.
    #[arg(long)]
    stay: bool,
}

/// Runs the verb.
///
/// # Errors
/// What could not be removed, or that an agent still runs.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let removed = detach_all(&options.pinned.pin_directory)?;
    super::show(|out| writeln!(out, "{removed}"))?;
    if options.stay {
        wait_for_signal().context("wait for SIGTERM")?;
    }
    Ok(())
}

fn wait_for_signal() -> std::io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok(())
        })
}
