//! A made-up run for tests, with every part, and figures of about the size that a real one has.

use crate::results::{
    Absent, Machine, Program, Propagation, Ratio, Results, RoundTrip, Size, Throughput, Times,
};

/// A whole run.
pub(crate) fn results() -> Results {
    let trips = [
        ("floor", 1_650, 2_450),
        ("hit", 1_754, 2_610),
        ("nxdomain_3", 1_840, 2_700),
        ("core_dns", 152_000, 498_000),
        ("node_local", 108_000, 371_000),
        ("nsd", 14_300, 61_000),
    ];
    let ways = [
        ("floor", 405_000.0),
        ("hit", 381_000.0),
        ("core_dns", 11_900.0),
        ("node_local", 14_800.0),
        ("nsd", 63_000.0),
    ];
    let sizes = [
        ("1k services", 1_000, 0, "kube-apiserver", 9.8),
        ("1k services", 1_000, 0, "synthetic", 9.7),
        ("10k services", 10_000, 0, "synthetic", 21.5),
        (
            "10k services, 100k endpoints",
            10_000,
            100_000,
            "kube-apiserver",
            98.3,
        ),
        (
            "10k services, 100k endpoints",
            10_000,
            100_000,
            "synthetic",
            97.9,
        ),
        ("50k services", 50_000, 0, "synthetic", 64.2),
    ];
    Results {
        began: "2026-01-02T03:04:05.678Z".to_owned(),
        command: "cargo xtask bench --json /tmp/run.json".to_owned(),
        machine: Machine {
            processor: "Fast(R) Processor 3000 <64 cores>".to_owned(),
            cpus: 2,
            kernel: "6.18.44".to_owned(),
            memory_octets: 8_300_000_000,
        },
        round_trips: trips
            .map(|(key, p50, p99)| round_trip(key, p50, p99))
            .into(),
        throughput: ways.map(|(key, answers)| way(key, answers)).into(),
        programs: vec![Program {
            name: "intercept_peer".to_owned(),
            verified_instructions: 67_000,
            instructions: 2_900,
            jited_octets: 15_000,
        }],
        sizes: sizes
            .map(|(label, services, endpoints, source, megabytes)| Size {
                label: label.to_owned(),
                services,
                endpoints,
                source: source.to_owned(),
                ..size(megabytes)
            })
            .into(),
        ..Results::default()
    }
}

/// Times with a tail, such that half of them are at most `p50` and 99 % at most `p99`.
pub(crate) fn times(p50: u64, p99: u64) -> Times {
    let half = p50 as f64;
    let tail = p99 as f64 / half;
    // Tenths of nines: the share of slower ones falls tenfold with each ten.
    let histogram: Vec<(u64, u64)> = (1..=40)
        .map(|step| {
            let along = f64::from(step) / 10.0;
            let slower = |along: f64| 10_f64.powf(-along) * 1e6;
            let count = slower(along - 0.1) - slower(along);
            let value = half * tail.powf((along - 0.3) / 1.7);
            (value as u64, count as u64)
        })
        .collect();
    Times {
        count: histogram.iter().map(|(_, count)| count).sum(),
        mean: half,
        p50,
        p90: p50,
        p99,
        p999: p99 * 2,
        max: p99 * 9,
        histogram,
    }
}

fn round_trip(key: &str, p50: u64, p99: u64) -> RoundTrip {
    RoundTrip {
        key: key.to_owned(),
        label: format!("what {key} does"),
        times: times(p50, p99),
        rounds: vec![[p50, p99]; 3],
        ..RoundTrip::default()
    }
}

fn way(key: &str, answers: f64) -> Throughput {
    let ratio = |middle: f64| Ratio {
        median: middle,
        least: middle * 0.93,
        most: middle * 1.04,
    };
    Throughput {
        key: key.to_owned(),
        label: format!("what {key} does"),
        answers: ratio(answers * 1.8),
        answers_per_cpu_second: ratio(answers),
        ..Throughput::default()
    }
}

fn size(megabytes: f64) -> Size {
    let octets = |share: f64| (megabytes * share * 1e6) as u64;
    Size {
        start_to_answering: megabytes / 30.0,
        lists_to_answering: megabytes / 60.0,
        agent_peak_octets: octets(1.2),
        agent_steady_octets: octets(0.9),
        map_octets: octets(1.1),
        propagation: vec![Propagation {
            changes_per_second: 1_000,
            agent_cpu: 0.2,
            times: times(900_000, 4_100_000),
            absent: Absent {
                asked: 10_000,
                denied: 9_950,
                over: 30,
            },
        }],
        hit_over_floor: Ratio {
            median: 1.06,
            least: 1.04,
            most: 1.09,
        },
        hit: times(1_760, 2_640),
        cpu_at_rest: 0.003,
        ..Size::default()
    }
}
