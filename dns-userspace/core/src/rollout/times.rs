//! The clocks by which texts are old.
//!
//! Objects carry times of the API server's clock. How old they are is told by that clock alone: the node's own may be set
//! wrong by minutes, and would make a change that has just come look like one that all servers have long read.

use std::time::Duration;

use super::Now;

/// A server tells its time in whole seconds, and cuts the rest.
const SECOND: Duration = Duration::from_secs(1);

/// The API server's clock, as it was read once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerClock {
    /// What it said, since the Unix epoch.
    pub told: Duration,
    /// When it was asked, by CLOCK_BOOTTIME.
    pub asked: Duration,
    /// When its answer came, by CLOCK_BOOTTIME.
    pub answered: Duration,
}

/// The time, and what is known of the API server's.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// The time here.
    pub now: Now,
    /// The API server's clock; none: it is not known.
    pub server: Option<ServerClock>,
}

impl Times {
    /// The API server's time is not earlier.
    pub(super) fn server_at_least(&self) -> Option<Duration> {
        let clock = self.server?;
        Some(clock.told + self.now.since_boot.saturating_sub(clock.answered))
    }

    /// The API server's time is not later.
    pub(super) fn server_at_most(&self) -> Option<Duration> {
        let clock = self.server?;
        Some(clock.told + SECOND + self.now.since_boot.saturating_sub(clock.asked))
    }
}
