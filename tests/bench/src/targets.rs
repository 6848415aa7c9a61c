//! What the bench has to show, and whether it does.

mod figures;

use self::figures::{
    P50, P99, answers_over_core_dns, in_the_kernel, megabytes, one, over_floor, over_hit,
    propagation, tcp, ten_thousand, walk,
};
use crate::results::{Ratio, Results};

/// One line of the table.
pub(crate) struct Target {
    /// What is measured.
    pub(crate) what: &'static str,
    /// How much of it there may be.
    pub(crate) limit: Limit,
    /// What the figure counts: `×`, `ns`, `MB` and the like.
    pub(crate) unit: &'static str,
    /// How it follows from the results; none if the part was not run.
    reached: fn(&Results) -> Option<Reached>,
}

/// How much there may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// This or less.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// What a run has reached.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reached {
    /// The figure that the limit is for, with its spread.
    pub(crate) figure: Ratio,
    /// The absolute figures that it is made from, in words.
    pub(crate) beside: String,
}

/// Whether a target is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Met,
    Missed,
    NotMeasured,
}

impl Target {
    /// What the run has reached; none if the part was not run.
    pub(crate) fn reached(&self, results: &Results) -> Option<Reached> {
        (self.reached)(results)
    }

    /// Whether the figure of `results` (the median, where there are rounds) keeps within the limit.
    pub(crate) fn verdict(&self, results: &Results) -> Verdict {
        let Some(reached) = self.reached(results) else {
            return Verdict::NotMeasured;
        };
        let is_met = match self.limit {
            Limit::AtMost(limit) => reached.figure.median <= limit,
            Limit::AtLeast(limit) => reached.figure.median >= limit,
        };
        if is_met {
            Verdict::Met
        } else {
            Verdict::Missed
        }
    }
}

/// Whether every target is met.
pub(crate) fn are_all_met(results: &Results) -> bool {
    let mut targets = TARGETS.iter();
    targets.all(|target| target.verdict(results) == Verdict::Met)
}

/// All of them.
pub(crate) const TARGETS: [Target; 24] = [
    Target {
        what: "hit, round trip: p50 over the floor's",
        limit: Limit::AtMost(1.10),
        unit: "×",
        reached: |results| over_floor(results, "hit", P50),
    },
    Target {
        what: "hit, round trip: p99 over the floor's",
        limit: Limit::AtMost(1.3),
        unit: "×",
        reached: |results| over_floor(results, "hit", P99),
    },
    Target {
        what: "NXDOMAIN through the first suffix: p50 over the floor's",
        limit: Limit::AtMost(1.2),
        unit: "×",
        reached: |results| over_floor(results, "nxdomain_3", P50),
    },
    Target {
        what: "NXDOMAIN through the second suffix: p50 over the floor's",
        limit: Limit::AtMost(1.2),
        unit: "×",
        reached: |results| over_floor(results, "nxdomain_2", P50),
    },
    Target {
        what: "NXDOMAIN through the third suffix: p50 over the floor's",
        limit: Limit::AtMost(1.2),
        unit: "×",
        reached: |results| over_floor(results, "nxdomain_1", P50),
    },
    Target {
        what: "CoreDNS behind kube-proxy's rules: p50 over a hit's",
        limit: Limit::AtLeast(40.0),
        unit: "×",
        reached: |results| over_hit(results, "core_dns", P50),
    },
    Target {
        what: "CoreDNS behind kube-proxy's rules: p99 over a hit's",
        limit: Limit::AtLeast(80.0),
        unit: "×",
        reached: |results| over_hit(results, "core_dns", P99),
    },
    Target {
        what: "answers per CPU-second: hits over CoreDNS's",
        limit: Limit::AtLeast(20.0),
        unit: "×",
        reached: answers_over_core_dns,
    },
    Target {
        what: "NodeLocal DNSCache: p50 over a hit's",
        limit: Limit::AtLeast(30.0),
        unit: "×",
        reached: |results| over_hit(results, "node_local", P50),
    },
    Target {
        what: "NSD: p50 over a hit's",
        limit: Limit::AtLeast(4.0),
        unit: "×",
        reached: |results| over_hit(results, "nsd", P50),
    },
    Target {
        what: "in the kernel over the floor: hit",
        limit: Limit::AtMost(200.0),
        unit: "ns",
        reached: |results| in_the_kernel(results, "hit"),
    },
    Target {
        what: "in the kernel over the floor: NXDOMAIN, depth 3",
        limit: Limit::AtMost(350.0),
        unit: "ns",
        reached: |results| in_the_kernel(results, "nxdomain_3"),
    },
    Target {
        what: "in the kernel over the floor: passed on after the look-up",
        limit: Limit::AtMost(150.0),
        unit: "ns",
        reached: |results| in_the_kernel(results, "pass"),
    },
    Target {
        what: "in the kernel over an empty program: other UDP",
        limit: Limit::AtMost(20.0),
        unit: "ns",
        reached: |results| in_the_kernel(results, "udp_repeated"),
    },
    Target {
        what: "in the kernel over an empty program: TCP",
        limit: Limit::AtMost(20.0),
        unit: "ns",
        reached: |results| in_the_kernel(results, "tcp_repeated"),
    },
    Target {
        what: "TCP octets per CPU-second, with over without",
        limit: Limit::AtLeast(0.99),
        unit: "×",
        reached: tcp,
    },
    Target {
        what: "getaddrinfo(\"github.com\") by glibc, without over with",
        limit: Limit::AtLeast(3.0),
        unit: "×",
        reached: |results| walk(results, "glibc"),
    },
    Target {
        what: "getaddrinfo(\"github.com\") by musl, without over with",
        limit: Limit::AtLeast(3.0),
        unit: "×",
        reached: |results| walk(results, "musl"),
    },
    Target {
        what: "10 k services: agent and maps",
        limit: Limit::AtMost(64.0),
        unit: "MB",
        reached: |results| {
            let size = ten_thousand(results, false)?;
            let (agent, maps) = (
                megabytes(size.agent_steady_octets),
                megabytes(size.map_octets),
            );
            one(
                agent + maps,
                format!("agent {agent:.1} MB, maps {maps:.1} MB ({})", size.source),
            )
        },
    },
    Target {
        what: "10 k services, 100 k endpoints: agent's peak",
        limit: Limit::AtMost(120.0),
        unit: "MB",
        reached: |results| {
            let size = ten_thousand(results, true)?;
            let steady = megabytes(size.agent_steady_octets);
            one(
                megabytes(size.agent_peak_octets),
                format!("steady {steady:.1} MB"),
            )
        },
    },
    Target {
        what: "10 k services, 100 k endpoints: maps",
        limit: Limit::AtMost(120.0),
        unit: "MB",
        reached: |results| {
            one(
                megabytes(ten_thousand(results, true)?.map_octets),
                String::new(),
            )
        },
    },
    Target {
        what: "10 k services, 100 k endpoints: lists → all answers",
        limit: Limit::AtMost(3.0),
        unit: "s",
        reached: |results| {
            let size = ten_thousand(results, true)?;
            let start = size.start_to_answering;
            one(
                size.lists_to_answering,
                format!("{start:.1} s from the start"),
            )
        },
    },
    Target {
        what: "event → map at 1,000 changes a second: p99",
        limit: Limit::AtMost(10.0),
        unit: "ms",
        reached: propagation,
    },
    Target {
        what: "verified instructions, the largest program",
        limit: Limit::AtMost(200_000.0),
        unit: "",
        reached: |results| {
            let largest = results.programs.iter();
            let largest = largest.max_by_key(|program| program.verified_instructions)?;
            one(
                f64::from(largest.verified_instructions),
                largest.name.clone(),
            )
        },
    },
];

#[cfg(test)]
mod tests;
