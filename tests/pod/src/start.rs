//! A moment at which several programs begin together.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, ensure};

/// A moment further ahead than this is a mistake, or two clocks differ.
const AHEAD_MAX: Duration = Duration::from_secs(60);

/// When to begin.
#[derive(clap::Args)]
pub(crate) struct StartAt {
    /// Begin at this moment of UNIX time, so that several begin together; at once if it has passed
    #[arg(long, value_name = "NANOSECONDS")]
    start_at: Option<u64>,
}

impl StartAt {
    /// Waits for the moment and returns when it was, in nanoseconds of UNIX time.
    ///
    /// # Errors
    ///
    /// It is over a minute ahead.
    pub(crate) fn wait(&self) -> Result<u64> {
        let now = now()?;
        let ahead = Duration::from_nanos(self.start_at.unwrap_or(now).saturating_sub(now));
        ensure!(
            ahead <= AHEAD_MAX,
            "--start-at lies {ahead:?} ahead: is it in nanoseconds of UNIX time, and are the clocks the same?"
        );
        thread::sleep(ahead);
        self::now()
    }
}

fn now() -> Result<u64> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.context("read the clock")?.as_nanos()).context("read the clock")
}
