//! What the rounds measured, put together.

use pod::protocol::{Connected, Loaded};

use super::latencies::Latencies;

/// Whether zerohop is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It is.
    Attached,
    /// Nothing of it is in the kernel.
    Detached,
}

/// One rate of questions in one round.
pub(super) struct Phase {
    /// Questions a second of all pods together.
    pub(super) rate: u32,
    /// What became of each pod's questions.
    pub(super) loaded: Vec<Loaded>,
    /// What became of connections, if some were made.
    pub(super) connected: Vec<Connected>,
    /// How many connections were due at each of those that made some.
    pub(super) connections_due: u64,
    /// Seconds of a processor that CoreDNS used.
    pub(super) core_dns_cpu: f64,
    /// conntrack's entries of UDP to port 53, over all nodes, made by this phase.
    pub(super) remembered: u64,
}

/// All phases.
#[derive(Default)]
pub(super) struct Results(Vec<(State, Phase)>);

/// The phases of one rate in one state, put together.
pub(super) struct Row {
    /// Questions answered in a second, by all pods together.
    pub(super) achieved: f64,
    /// The mean of all latencies, in microseconds.
    pub(super) mean: f64,
    /// The median of all latencies, in microseconds.
    pub(super) p50: f64,
    /// The time that 99 % of all latencies do not exceed, in microseconds.
    pub(super) p99: f64,
    /// Questions without a reply in time.
    pub(super) lost: u64,
    /// The share of the time for which the asking pods themselves were not let run.
    pub(super) held_up: f64,
    /// The share of replies that the kernel made.
    pub(super) kernel: f64,
    /// The share of one processor that CoreDNS used.
    pub(super) cpu: f64,
    /// What conntrack remembered after a phase.
    pub(super) remembered: f64,
}

impl State {
    /// How it is called.
    pub(super) fn label(self) -> &'static str {
        match self {
            State::Attached => "attached",
            State::Detached => "detached",
        }
    }
}

impl Phase {
    /// Questions sent.
    pub(super) fn sent(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.sent).sum()
    }

    /// Questions without a reply in time.
    pub(super) fn lost(&self) -> u64 {
        self.loaded.iter().map(|loaded| loaded.lost).sum()
    }

    /// From the first pod's first question to the last pod's last one, in seconds.
    fn seconds(&self) -> f64 {
        let begun = self.loaded.iter().map(|loaded| loaded.begun).min();
        let ends = self.loaded.iter().map(|loaded| {
            let after = loaded.begun.saturating_sub(begun.unwrap_or_default());
            after as f64 / 1e9 + loaded.seconds
        });
        ends.reduce(f64::max).unwrap_or_default()
    }

    /// The share of replies that the kernel made.
    pub(super) fn kernel_share(&self) -> f64 {
        let by_kernel: u64 = self.loaded.iter().map(|loaded| loaded.by_kernel).sum();
        let answered: u64 = self.loaded.iter().map(|loaded| loaded.answered).sum();
        by_kernel as f64 / answered.max(1) as f64
    }
}

impl Results {
    /// Adds a phase.
    pub(super) fn add(&mut self, state: State, phase: Phase) {
        self.0.push((state, phase));
    }

    /// The phases in this state.
    pub(super) fn phases(&self, state: State) -> impl Iterator<Item = &Phase> + Clone {
        self.0
            .iter()
            .filter(move |(of, _)| *of == state)
            .map(|(_, phase)| phase)
    }

    /// The phases of this rate and state, if there are any.
    pub(super) fn row(&self, state: State, rate: u32) -> Option<Row> {
        let phases: Vec<&Phase> = self
            .phases(state)
            .filter(|phase| phase.rate == rate)
            .collect();
        let all: Vec<&Loaded> = phases.iter().flat_map(|phase| &phase.loaded).collect();
        let answered: f64 = all.iter().map(|loaded| loaded.answered as f64).sum();
        // All pods of a phase ask at the same time, so their time counts once.
        let seconds: f64 = phases.iter().map(|phase| phase.seconds()).sum();
        let of_all_pods: f64 = all.iter().map(|loaded| loaded.seconds).sum();
        let held_up: f64 = all.iter().map(|loaded| loaded.held_up).sum();
        let count = phases.len() as f64;
        let latencies = Latencies::of(all);
        (seconds > 0.0).then(|| Row {
            achieved: answered / seconds,
            mean: latencies.mean(),
            p50: latencies.quantile(0.5),
            p99: latencies.quantile(0.99),
            lost: phases.iter().map(|phase| phase.lost()).sum(),
            held_up: held_up / of_all_pods,
            kernel: phases.iter().map(|phase| phase.kernel_share()).sum::<f64>() / count,
            cpu: phases.iter().map(|phase| phase.core_dns_cpu).sum::<f64>() / seconds,
            remembered: phases
                .iter()
                .map(|phase| phase.remembered as f64)
                .sum::<f64>()
                / count,
        })
    }

    /// The time that CoreDNS spends for each 1,000 questions, in milliseconds of a processor. Phases with connections are
    /// left out, for their look-ups are questions that nobody counts.
    pub(super) fn core_dns_per_thousand(&self, state: State) -> Option<f64> {
        let phases = self
            .phases(state)
            .filter(|phase| phase.connected.is_empty());
        let spent: f64 = phases.clone().map(|phase| phase.core_dns_cpu).sum();
        let sent: u64 = phases.map(Phase::sent).sum();
        (sent > 0).then(|| spent * 1e6 / sent as f64)
    }

    /// What conntrack remembers for each 1,000 questions of this rate.
    pub(super) fn remembered_per_thousand(&self, state: State, rate: u32) -> Option<f64> {
        let phases = self.phases(state).filter(|phase| phase.rate == rate);
        let remembered: u64 = phases.clone().map(|phase| phase.remembered).sum();
        let sent: u64 = phases.map(Phase::sent).sum();
        (sent > 0).then(|| remembered as f64 * 1e3 / sent as f64)
    }
}

/// The value that this share of the sorted values does not exceed; of none, zero.
pub(super) fn quantile_of(sorted: &[f64], quantile: f64) -> f64 {
    let place = (sorted.len() as f64 * quantile).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile_of(&hundred, 0.5), 50.0);
        assert_eq!(quantile_of(&hundred, 0.99), 99.0);
        assert_eq!(quantile_of(&hundred, 0.999), 100.0);
        assert_eq!(quantile_of(&[], 0.5), 0.0);
    }

    #[test]
    fn rounds_of_one_rate_make_one_row() {
        let phase = |microseconds: u64, answered| Phase {
            rate: 400,
            loaded: vec![Loaded {
                sent: answered + 1,
                answered,
                lost: 1,
                by_kernel: answered,
                latencies: vec![(microseconds * 1_000, answered)],
                seconds: 2.0,
                held_up: 0.5,
                ..Loaded::default()
            }],
            connected: Vec::new(),
            connections_due: 0,
            core_dns_cpu: 0.5,
            remembered: 4,
        };
        let mut results = Results::default();
        results.add(State::Attached, phase(10, 100));
        results.add(State::Attached, phase(20, 300));
        let row = results.row(State::Attached, 400).expect("a row");
        assert_eq!((row.achieved, row.mean, row.lost), (100.0, 17.5, 2));
        assert_eq!((row.kernel, row.cpu, row.remembered), (1.0, 0.25, 4.0));
        assert_eq!((row.p50, row.held_up), (20.0, 0.25));
        assert!(results.row(State::Detached, 400).is_none());
        assert!(results.core_dns_per_thousand(State::Detached).is_none());
        let spent = results.core_dns_per_thousand(State::Attached);
        assert_eq!(
            spent.map(f64::round),
            Some(2_488.0),
            "1 s for 402 questions"
        );
        let remembered = results.remembered_per_thousand(State::Attached, 400);
        assert_eq!(
            remembered.map(f64::round),
            Some(20.0),
            "8 for 402 questions"
        );
    }

    #[test]
    fn pods_that_begin_apart_take_longer_together() {
        let loaded = |begun| Loaded {
            begun,
            seconds: 3.0,
            ..Loaded::default()
        };
        let phase = Phase {
            rate: 400,
            loaded: vec![loaded(7_000_000_000), loaded(7_500_000_000)],
            connected: Vec::new(),
            connections_due: 0,
            core_dns_cpu: 0.0,
            remembered: 0,
        };
        assert_eq!(phase.seconds(), 3.5);
    }
}
