//! What the agent tells about itself: over HTTP, to Prometheus, to `zerohop status` and to a kubelet's probes.

mod client;
mod metrics;
mod report;
mod server;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

pub use self::{
    client::fetch,
    report::{
        BreakerReport, DenialsReport, EarlierReport, EndpointsReport, ExternalReport, KindReport,
        LeftReport, PolicyReport, RefusalReport, Report, SkippedReport, TextReport, UnheardReport,
        ZoneReport,
    },
    server::{listen, start},
};

/// How long the agent's task may be silent before it counts as stuck; its heart beats every second, but filling
/// the maps of a large cluster takes its time.
const STUCK: Duration = Duration::from_secs(30);

/// What the agent's task says, for those who ask.
#[derive(Debug)]
pub struct Telemetry {
    /// Where the maps with the counters are pinned.
    pin_directory: PathBuf,
    last: Mutex<Option<(Arc<Report>, Instant)>>,
}

impl Telemetry {
    /// Nothing has been said yet.
    #[must_use]
    pub fn new(pin_directory: PathBuf) -> Self {
        Self {
            pin_directory,
            last: Mutex::new(None),
        }
    }

    /// Says something new, which is also a sign of life.
    pub fn tell(&self, report: Report) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = Some((Arc::new(report), Instant::now()));
    }

    /// What was said last; none before the agent's task has begun.
    fn report(&self) -> Option<Arc<Report>> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(report, _)| Arc::clone(report))
    }

    /// Whether the agent's task still goes round.
    fn is_alive(&self) -> bool {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().is_some_and(|(_, at)| at.elapsed() < STUCK)
    }
}
