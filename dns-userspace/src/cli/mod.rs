//! The verbs beside `run`: they look at what is pinned, whether or not an agent runs.

pub mod detach;
pub mod lookup;
pub mod status;

use std::path::PathBuf;

use clap::ValueEnum;

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
