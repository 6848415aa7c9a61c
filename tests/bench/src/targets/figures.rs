//! The figures that targets are about, from the results of a run.

use super::Reached;
use crate::{
    results::{KernelCost, Ratio, Results, RoundTrip, Size, Throughput},
    round_trip::over,
};

/// Places of the percentiles in a round of [`RoundTrip::rounds`].
pub(super) const P50: usize = 0;
pub(super) const P99: usize = 1;

/// Octets of a megabyte.
const MB: f64 = 1e6;

/// A figure that is measured once.
pub(super) fn one(figure: f64, beside: String) -> Option<Reached> {
    Some(Reached {
        figure: Ratio {
            median: figure,
            least: figure,
            most: figure,
        },
        beside,
    })
}

fn round_trip<'a>(results: &'a Results, key: &str) -> Option<&'a RoundTrip> {
    results.round_trips.iter().find(|kind| kind.key == key)
}

/// A percentile of a kind of round trip over the floor's.
pub(super) fn over_floor(results: &Results, key: &str, percentile: usize) -> Option<Reached> {
    compared(
        round_trip(results, key)?,
        round_trip(results, "floor")?,
        percentile,
    )
}

/// A percentile of a kind of round trip over a hit's.
pub(super) fn over_hit(results: &Results, key: &str, percentile: usize) -> Option<Reached> {
    compared(
        round_trip(results, key)?,
        round_trip(results, "hit")?,
        percentile,
    )
}

fn compared(kind: &RoundTrip, base: &RoundTrip, percentile: usize) -> Option<Reached> {
    let microseconds =
        |kind: &RoundTrip| [kind.times.p50, kind.times.p99][percentile] as f64 / 1000.0;
    Some(Reached {
        figure: over(&kind.rounds, &base.rounds, percentile),
        beside: format!("{:.2} and {:.2} µs", microseconds(kind), microseconds(base)),
    })
}

/// How many times more answers a second of CPU time gives in the kernel.
pub(super) fn answers_over_core_dns(results: &Results) -> Option<Reached> {
    let find =
        |key: &str| -> Option<&Throughput> { results.throughput.iter().find(|way| way.key == key) };
    let (hit, core_dns) = (
        find("hit")?.answers_per_cpu_second,
        find("core_dns")?.answers_per_cpu_second,
    );
    Some(Reached {
        figure: Ratio {
            median: hit.median / core_dns.median,
            least: hit.least / core_dns.most,
            most: hit.most / core_dns.least,
        },
        beside: format!("{:.0} and {:.0}", hit.median, core_dns.median),
    })
}

/// The time in the kernel over that of the base.
pub(super) fn in_the_kernel(results: &Results, key: &str) -> Option<Reached> {
    let find =
        |key: &str| -> Option<&KernelCost> { results.kernel.iter().find(|cost| cost.key == key) };
    let time = |cost: &KernelCost| cost.statistics.or(cost.test_run).map(|ratio| ratio.median);
    let cost = find(key)?;
    let base = find(&cost.base)?;
    Some(Reached {
        figure: cost.over_base?,
        beside: format!("{:.0} and {:.0} ns", time(cost)?, time(base)?),
    })
}

/// Both ends share a CPU, so that the throughput of an undisturbed run is what one second of CPU time carries; unlike the
/// rates beside it, that does not change with what others do on the machine.
pub(super) fn tcp(results: &Results) -> Option<Reached> {
    let find = |key: &str| results.bystanders.iter().find(|kind| kind.key == key);
    let (rate, cost) = (find("tcp")?, find("tcp_cpu")?.ratio);
    Some(Reached {
        figure: Ratio {
            median: 1.0 / cost.median,
            least: 1.0 / cost.most,
            most: 1.0 / cost.least,
        },
        beside: format!("{:.1} and {:.1} {}", rate.with, rate.without, rate.unit),
    })
}

/// How many times faster a C library's resolver is with zerohop.
pub(super) fn walk(results: &Results, library: &str) -> Option<Reached> {
    let walk = results.walks.iter().find(|walk| walk.library == library)?;
    let (without, with) = (walk.without.p50 as f64, walk.with.p50 as f64);
    Some(Reached {
        figure: walk.gain,
        beside: format!("{:.0} and {:.0} µs", without / 1000.0, with / 1000.0),
    })
}

/// The cluster of ten thousand services, without or with a hundred thousand endpoints.
pub(super) fn ten_thousand(results: &Results, has_endpoints: bool) -> Option<&Size> {
    let is_it =
        |size: &&Size| size.services == 10_000 && (size.endpoints >= 100_000) == has_endpoints;
    results.sizes.iter().find(is_it)
}

/// The slowest p99 of any size at a thousand changes a second, in milliseconds.
pub(super) fn propagation(results: &Results) -> Option<Reached> {
    let all = results.sizes.iter().flat_map(|size| &size.propagation);
    let fast = all.filter(|rate| rate.changes_per_second == 1_000);
    let slowest = fast.max_by_key(|rate| rate.times.p99)?;
    let p50 = slowest.times.p50 as f64 / 1e6;
    one(slowest.times.p99 as f64 / 1e6, format!("p50 {p50:.2} ms"))
}

/// Octets in megabytes.
pub(super) fn megabytes(octets: u64) -> f64 {
    octets as f64 / MB
}
