//! What the table says of made-up results.

use super::*;
use crate::results::{Bystander, KernelCost, Program, Propagation, RoundTrip, Size, Times};

fn verdict_of(what: &str, results: &Results) -> Verdict {
    let target = TARGETS.iter().find(|target| target.what == what);
    target.expect("a target of that name").verdict(results)
}

fn round_trip_of(key: &str, p50: u64, p99: u64) -> RoundTrip {
    RoundTrip {
        key: key.to_owned(),
        rounds: vec![[p50, p99]],
        ..RoundTrip::default()
    }
}

#[test]
fn nothing_is_met_by_a_run_that_measured_nothing() {
    let results = Results::default();
    for target in &TARGETS {
        assert_eq!(
            target.verdict(&results),
            Verdict::NotMeasured,
            "{}",
            target.what
        );
    }
    assert!(!are_all_met(&results));
}

#[test]
fn a_hit_may_be_a_tenth_slower_than_the_floor_and_no_more() {
    for (hit, expected) in [(110, Verdict::Met), (111, Verdict::Missed)] {
        let results = Results {
            round_trips: vec![
                round_trip_of("floor", 100, 200),
                round_trip_of("hit", hit, 200),
            ],
            ..Results::default()
        };
        let what = "hit, round trip: p50 over the floor's";
        assert_eq!(verdict_of(what, &results), expected);
    }
}

#[test]
fn core_dns_must_be_forty_times_slower_than_a_hit() {
    for (core_dns, expected) in [(4_000, Verdict::Met), (3_999, Verdict::Missed)] {
        let results = Results {
            round_trips: vec![
                round_trip_of("hit", 100, 200),
                round_trip_of("core_dns", core_dns, 90_000),
            ],
            ..Results::default()
        };
        let what = "CoreDNS behind kube-proxy's rules: p50 over a hit's";
        assert_eq!(verdict_of(what, &results), expected);
    }
}

#[test]
fn the_largest_program_counts() {
    let program = |name: &str, verified_instructions| Program {
        name: name.to_owned(),
        verified_instructions,
        ..Program::default()
    };
    let results = Results {
        programs: vec![program("small", 100), program("large", 200_001)],
        ..Results::default()
    };
    let what = "verified instructions, the largest program";
    assert_eq!(verdict_of(what, &results), Verdict::Missed);
}

#[test]
fn memory_is_that_of_the_agent_and_the_maps_together() {
    let size = |endpoints, map_octets| Size {
        services: 10_000,
        endpoints,
        agent_steady_octets: 20_000_000,
        agent_peak_octets: 90_000_000,
        map_octets,
        ..Size::default()
    };
    let results = Results {
        sizes: vec![size(10_000, 44_000_001), size(100_000, 120_000_000)],
        ..Results::default()
    };
    assert_eq!(
        verdict_of("10 k services: agent and maps", &results),
        Verdict::Missed
    );
    let what = "10 k services, 100 k endpoints: maps";
    assert_eq!(verdict_of(what, &results), Verdict::Met);
}

#[test]
fn the_slowest_size_counts_for_changes() {
    let size = |p99| Size {
        propagation: vec![Propagation {
            changes_per_second: 1_000,
            agent_cpu: 0.2,
            times: Times {
                p99,
                ..Times::default()
            },
            ..Propagation::default()
        }],
        ..Size::default()
    };
    let results = Results {
        sizes: vec![size(9_000_000), size(11_000_000)],
        ..Results::default()
    };
    let what = "event → map at 1,000 changes a second: p99";
    assert_eq!(verdict_of(what, &results), Verdict::Missed);
}

#[test]
fn a_hundredth_more_cpu_time_for_an_octet_is_a_hundredth_less_throughput() {
    let kind = |key: &str, ratio: f64| Bystander {
        key: key.to_owned(),
        ratio: Ratio::of([ratio]),
        ..Bystander::default()
    };
    for (cost, expected) in [(1.01, Verdict::Met), (1.011, Verdict::Missed)] {
        let results = Results {
            // A rate that was disturbed does not count.
            bystanders: vec![kind("tcp", 0.5), kind("tcp_cpu", cost)],
            ..Results::default()
        };
        let what = "TCP octets per CPU-second, with over without";
        assert_eq!(verdict_of(what, &results), expected);
    }
}

#[test]
fn time_in_the_kernel_is_told_beside_that_of_its_base() {
    let cost = |key: &str, base: &str, time: f64, over: Option<f64>| KernelCost {
        key: key.to_owned(),
        base: base.to_owned(),
        statistics: Some(Ratio::of([time])),
        over_base: over.map(|over| Ratio::of([over])),
        ..KernelCost::default()
    };
    let results = Results {
        kernel: vec![
            cost("floor", "", 70.0, None),
            cost("hit", "floor", 260.0, Some(190.0)),
        ],
        ..Results::default()
    };
    let target = TARGETS
        .iter()
        .find(|target| target.what == "in the kernel over the floor: hit")
        .expect("a target of that name");
    let reached = target.reached(&results).expect("it was measured");
    assert_eq!(reached.beside, "260 and 70 ns");
    assert_eq!(target.verdict(&results), Verdict::Met);
}
