//! What the rounds measured, put together.

use pod::protocol::{Connected, Loaded};

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
    /// The median of what the pods found as their median, in microseconds.
    pub(super) p50: f64,
    /// The same of the time that 99 % do not exceed.
    pub(super) p99: f64,
    /// Questions without a reply in time.
    pub(super) lost: u64,
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
        let seconds: f64 = phases
            .iter()
            .filter_map(|phase| {
                phase
                    .loaded
                    .iter()
                    .map(|loaded| loaded.seconds)
                    .reduce(f64::max)
            })
            .sum();
        let count = phases.len() as f64;
        let weighed = |loaded: &&Loaded| loaded.mean * loaded.answered as f64;
        (seconds > 0.0).then(|| Row {
            achieved: answered / seconds,
            mean: all.iter().map(weighed).sum::<f64>() / answered.max(1.0),
            p50: median(all.iter().map(|loaded| loaded.p50)),
            p99: median(all.iter().map(|loaded| loaded.p99)),
            lost: phases.iter().map(|phase| phase.lost()).sum(),
            kernel: phases.iter().map(|phase| phase.kernel_share()).sum::<f64>() / count,
            cpu: phases.iter().map(|phase| phase.core_dns_cpu).sum::<f64>() / seconds,
            remembered: phases
                .iter()
                .map(|phase| phase.remembered as f64)
                .sum::<f64>()
                / count,
        })
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    quantile_of(&sorted, 0.5)
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
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
    }

    #[test]
    fn rounds_of_one_rate_make_one_row() {
        let phase = |mean, answered| Phase {
            rate: 400,
            loaded: vec![Loaded {
                sent: answered + 1,
                answered,
                lost: 1,
                by_kernel: answered,
                mean,
                seconds: 2.0,
                ..Loaded::default()
            }],
            connected: Vec::new(),
            core_dns_cpu: 0.5,
            remembered: 4,
        };
        let mut results = Results::default();
        results.add(State::Attached, phase(10.0, 100));
        results.add(State::Attached, phase(20.0, 300));
        let row = results.row(State::Attached, 400).expect("a row");
        assert_eq!((row.achieved, row.mean, row.lost), (100.0, 17.5, 2));
        assert_eq!((row.kernel, row.cpu, row.remembered), (1.0, 0.25, 4.0));
        assert!(results.row(State::Detached, 400).is_none());
    }
}
