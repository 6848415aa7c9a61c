//! What one run found, as charts: SVG that is legible on white and on dark pages.
//!
//! The drawing reads nothing but the results, so the same results make the same charts, octet by octet.

mod axis;
mod efficiency;
mod figure;
mod growth;
mod latency;
mod overview;
#[cfg(test)]
pub(crate) mod sample;
mod sheet;
mod side;

#[cfg(test)]
mod tests;

use anyhow::{Context as _, Result};

pub(crate) use self::{
    figure::{count, time, times},
    sheet::command,
};
use crate::results::Results;

/// One chart of the set.
pub(crate) struct Chart {
    /// The name of its file.
    pub(crate) file: &'static str,
    /// What it is called where it cannot be seen.
    pub(crate) alternative: &'static str,
    /// The parts of the bench that it shows, as `--only` takes them.
    pub(crate) parts: &'static str,
    draw: fn(&Results) -> Result<Option<String>>,
}

impl Chart {
    /// The chart as SVG; none if the run did not measure what it shows.
    ///
    /// # Errors
    ///
    /// The drawing fails, which nothing in the results can make it do.
    pub(crate) fn svg(&self, results: &Results) -> Result<Option<String>> {
        (self.draw)(results).with_context(|| format!("draw {}", self.file))
    }
}

/// Half of the questions and 99 of 100, of zerohop and of what it stands beside.
pub(crate) const OVERVIEW: Chart = Chart {
    file: "overview.svg",
    alternative: "Round trips of a hit beside the floor, a NodeLocal DNSCache and CoreDNS",
    parts: "round-trips",
    draw: overview::draw,
};

/// The whole distributions.
pub(crate) const LATENCY: Chart = Chart {
    file: "latency.svg",
    alternative: "Distributions of round trips on a logarithmic axis",
    parts: "round-trips",
    draw: latency::draw,
};

/// What a second of CPU time is good for.
pub(crate) const EFFICIENCY: Chart = Chart {
    file: "efficiency.svg",
    alternative: "Answers for each second of CPU time",
    parts: "throughput",
    draw: efficiency::draw,
};

/// What grows with the cluster.
pub(crate) const GROWTH: Chart = Chart {
    file: "growth.svg",
    alternative: "Memory, start and look-up by size of the cluster",
    parts: "size",
    draw: growth::draw,
};

/// All of them.
pub(crate) const CHARTS: [Chart; 4] = [OVERVIEW, LATENCY, EFFICIENCY, GROWTH];
