//! The tables of clusters of different sizes.

use comfy_table::Table;

use super::{Section, microseconds, ratio, section, table};
use crate::{charts::count, results::Size};

/// What every size takes and how fast it is there, how long changes take, and what it costs the API server.
pub(super) fn sections(sizes: &[Size]) -> [Section; 4] {
    [
        section("sizes", "Sizes of clusters:", resources(sizes)),
        section(
            "propagation",
            "From an event to the change of the map:",
            propagation(sizes),
        ),
        section(
            "absent",
            "Absent names that are asked for during such changes:",
            absent(sizes),
        ),
        section("api", "What it costs the API server:", api(sizes)),
    ]
}

fn resources(sizes: &[Size]) -> Table {
    let mut table = table(&[
        "",
        "peak MB",
        "steady MB",
        "maps MB",
        "start → all s",
        "lists → all s",
        "hit p50 µs",
        "p99 µs",
        "hit / floor",
        "CPU at rest",
    ]);
    for size in sizes {
        let mut row = vec![name(size)];
        row.extend(
            [
                size.agent_peak_octets,
                size.agent_steady_octets,
                size.map_octets,
            ]
            .map(|octets| format!("{:.1}", octets as f64 / 1e6)),
        );
        row.extend(
            [size.start_to_answering, size.lists_to_answering]
                .map(|seconds| format!("{seconds:.2}")),
        );
        row.extend(match size.hit.count {
            0 => [String::new(), String::new(), String::new()],
            _ => [
                microseconds(size.hit.p50),
                microseconds(size.hit.p99),
                ratio(size.hit_over_floor),
            ],
        });
        row.push(format!("{:.2} %", size.cpu_at_rest * 100.0));
        table.add_row(row);
    }
    table
}

fn propagation(sizes: &[Size]) -> Table {
    let mut table = table(&["", "changes/s", "p50 ms", "p99 ms", "max ms", "count"]);
    for size in sizes {
        for rate in &size.propagation {
            let mut row = vec![name(size), count(f64::from(rate.changes_per_second))];
            let times = &rate.times;
            row.extend(
                [times.p50, times.p99, times.max].map(|time| format!("{:.2}", time as f64 / 1e6)),
            );
            row.push(count(times.count as f64));
            table.add_row(row);
        }
    }
    table
}

fn absent(sizes: &[Size]) -> Table {
    let mut table = table(&[
        "",
        "changes/s",
        "asked",
        "left, for the deadline of denials was over: of 100,000",
        "for another reason: of 100,000",
    ]);
    for size in sizes {
        let rates = size.propagation.iter().map(|rate| (rate, ""));
        let busy = size.busy.iter().map(|rate| (rate, ", all CPUs busy"));
        for (rate, how) in rates.chain(busy) {
            let absent = rate.absent;
            if absent.asked == 0 {
                continue;
            }
            let other = absent.asked.saturating_sub(absent.denied + absent.over);
            let share = |count: u64| format!("{:.0}", 1e5 * count as f64 / absent.asked as f64);
            table.add_row([
                name(size),
                count(f64::from(rate.changes_per_second)) + how,
                count(absent.asked as f64),
                share(absent.over),
                share(other),
            ]);
        }
    }
    table
}

fn api(sizes: &[Size]) -> Table {
    let mut table = table(&[
        "",
        "client",
        "watches",
        "octets at the start",
        "octets a change",
    ]);
    for size in sizes {
        for cost in &size.api {
            table.add_row([
                name(size),
                cost.client.clone(),
                count(cost.watches as f64),
                count(cost.octets_at_start as f64),
                count(cost.octets_per_change),
            ]);
        }
    }
    table
}

fn name(size: &Size) -> String {
    format!("{} ({})", size.label, size.source)
}
