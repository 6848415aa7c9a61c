//! What a run of the bench found: the shape of its JSON file.
//!
//! Times are nanoseconds unless a field's name says otherwise; octets are octets.

use serde::{Deserialize, Serialize};

/// Everything that one run found. A part that was not run is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Results {
    /// When the run began (RFC 3339), and the command that began it.
    pub(crate) began: String,
    pub(crate) command: String,
    /// The machine: processor, number of CPUs, kernel, memory.
    pub(crate) machine: Machine,
    /// How still it was, at the beginning and at the end.
    #[serde(default)]
    pub(crate) held_up: Vec<HeldUp>,
    /// Part 1: round trips from a pod's namespace over one socket, one after the other.
    pub(crate) round_trips: Vec<RoundTrip>,
    /// Part 2: as many answers as possible.
    pub(crate) throughput: Vec<Throughput>,
    /// Part 3: whole resolver walks.
    pub(crate) walks: Vec<Walk>,
    /// Part 4: what others pay.
    pub(crate) bystanders: Vec<Bystander>,
    /// Part 5: time and instructions in the kernel.
    pub(crate) kernel: Vec<KernelCost>,
    /// Part 5: why executed instructions were not counted; none if they were, or nobody asked.
    pub(crate) instructions_uncounted: Option<String>,
    /// Part 5: what the verifier looked at, by program.
    pub(crate) programs: Vec<Program>,
    /// Part 6: clusters of different sizes.
    pub(crate) sizes: Vec<Size>,
}

/// Where it was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cpus: usize,
    pub(crate) kernel: String,
    pub(crate) memory_octets: u64,
}

/// What a thread that only looks at the clock loses to interrupts and to the machine's host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct HeldUp {
    /// How often it is held up for a microsecond or more.
    pub(crate) per_second: f64,
    /// The part of the time that it loses so.
    pub(crate) share: f64,
}

/// A distribution of times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    pub(crate) p50: u64,
    pub(crate) p90: u64,
    pub(crate) p99: u64,
    pub(crate) p999: u64,
    pub(crate) max: u64,
    /// Each time with how often it was measured, ascending, to three significant digits.
    pub(crate) histogram: Vec<(u64, u64)>,
}

/// A quotient of two figures of the same run, with how it varied between rounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ratio {
    /// The median over the rounds.
    pub(crate) median: f64,
    /// The smallest and the largest of the rounds' quotients.
    pub(crate) least: f64,
    pub(crate) most: f64,
}

/// One kind of question to one server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RoundTrip {
    /// A short name that the targets and charts refer to, such as `floor`, `hit`, `nxdomain`, `core_dns`.
    pub(crate) key: String,
    /// What a reader of the table sees.
    pub(crate) label: String,
    pub(crate) times: Times,
    /// p50 and p99 of each round, in the order of the rounds: round N of every kind ran next to each other.
    pub(crate) rounds: Vec<[u64; 2]>,
    /// p50 and p99 against the floor of the same round.
    pub(crate) p50_over_floor: Ratio,
    pub(crate) p99_over_floor: Ratio,
}

/// How many answers one way gives.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Throughput {
    pub(crate) key: String,
    pub(crate) label: String,
    /// Answers a second: the median of the rounds, the least and the most.
    pub(crate) answers: Ratio,
    /// Answers for each second of CPU time that the whole machine spent, all of its CPUs together.
    pub(crate) answers_per_cpu_second: Ratio,
    /// The same by dnsperf, where it was run.
    pub(crate) dnsperf_answers: Option<f64>,
    /// At a fixed rate (an open loop): the rate, the times from when a question was due, and the lost ones.
    pub(crate) at_rate: Option<AtRate>,
}

/// Times at a fixed rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct AtRate {
    pub(crate) rate: u32,
    pub(crate) times: Times,
    pub(crate) lost: u64,
}

/// A call of getaddrinfo.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Walk {
    /// `glibc` or `musl`.
    pub(crate) library: String,
    pub(crate) name: String,
    pub(crate) with: Times,
    pub(crate) without: Times,
    /// How many times faster it is with zerohop, by p50, round by round.
    pub(crate) gain: Ratio,
}

/// Something that zerohop only looks at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bystander {
    pub(crate) key: String,
    pub(crate) label: String,
    /// `ns`, `Gbit/s` or `packets/s`.
    pub(crate) unit: String,
    pub(crate) with: f64,
    pub(crate) without: f64,
    /// With over without, round by round.
    pub(crate) ratio: Ratio,
}

/// What one kind of packet costs in a program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct KernelCost {
    pub(crate) key: String,
    pub(crate) label: String,
    /// By `kernel.bpf_stats_enabled` over real packets; none where only BPF_PROG_TEST_RUN was used.
    pub(crate) statistics: Option<Ratio>,
    /// By BPF_PROG_TEST_RUN; none where the program changes the packet.
    pub(crate) test_run: Option<Ratio>,
    /// Over the cost that `base` names, in the same round: the floor's program, or an empty one.
    pub(crate) over_base: Option<Ratio>,
    /// As that, the instructions that the kernel executed for a packet on its whole way; none without a counter, and where
    /// the base's packets have another way.
    pub(crate) executed_over_base: Option<Ratio>,
    /// The key of that base; empty for a base itself.
    pub(crate) base: String,
}

/// A program, as the verifier and the compiler saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) verified_instructions: u32,
    pub(crate) instructions: u32,
    pub(crate) jited_octets: u32,
}

/// A cluster of some size, and one node's agent on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    /// Such as `10k services, 100k endpoints`.
    pub(crate) label: String,
    pub(crate) services: u64,
    pub(crate) endpoints: u64,
    /// `kube-apiserver`, or `synthetic` where that cannot hold so many.
    pub(crate) source: String,
    /// From the agent's start, and from the arrival of the last list, to all names being answered, in seconds.
    pub(crate) start_to_answering: f64,
    pub(crate) lists_to_answering: f64,
    /// CPU time that the agent has taken by then, in seconds.
    pub(crate) start_cpu_seconds: f64,
    /// Of the agent: highest and steady resident set; and what the kernel accounts for its maps.
    pub(crate) agent_peak_octets: u64,
    pub(crate) agent_steady_octets: u64,
    pub(crate) map_octets: u64,
    /// From an event's sending to the change of the map, by changes a second.
    pub(crate) propagation: Vec<Propagation>,
    /// The same at the most changes a second, while every CPU has something else to do all the time.
    #[serde(default)]
    pub(crate) busy: Option<Propagation>,
    /// A hit's round trip beside the floor's at this size.
    pub(crate) hit_over_floor: Ratio,
    pub(crate) hit: Times,
    /// CPU time of the agent at rest, as a share of one CPU.
    pub(crate) cpu_at_rest: f64,
    /// What it costs the API server, ours and others.
    pub(crate) api: Vec<ApiCost>,
}

/// How long changes take at one rate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Propagation {
    pub(crate) changes_per_second: u32,
    /// CPU time of the agent, as a share of one CPU.
    pub(crate) agent_cpu: f64,
    pub(crate) times: Times,
    /// Absent names that were asked for meanwhile.
    #[serde(default)]
    pub(crate) absent: Absent,
}

/// Questions for absent names, evenly spread over a time, so that shares of them are shares of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Absent {
    pub(crate) asked: u64,
    /// Denied by the kernel.
    pub(crate) denied: u64,
    /// Left to the DNS service since the deadline of denials was over.
    pub(crate) over: u64,
}

/// What one client takes of the API server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ApiCost {
    /// `zerohop`, `kube-proxy` or `CoreDNS`.
    pub(crate) client: String,
    pub(crate) watches: u64,
    pub(crate) octets_at_start: u64,
    pub(crate) octets_per_change: f64,
}
