//! Latencies of several pods and rounds as those of one.

use std::collections::BTreeMap;

use pod::protocol::Loaded;

/// How often each latency was measured, in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Latencies(BTreeMap<u64, u64>);

impl Latencies {
    /// All that these loads measured.
    pub(super) fn of<'a>(all: impl IntoIterator<Item = &'a Loaded>) -> Self {
        let mut merged = BTreeMap::new();
        for (nanoseconds, count) in all.into_iter().flat_map(|loaded| &loaded.latencies) {
            *merged.entry(*nanoseconds).or_default() += count;
        }
        Self(merged)
    }

    /// The arithmetic mean, in microseconds; of none, zero.
    pub(super) fn mean(&self) -> f64 {
        let weighed = |(nanoseconds, count): (&u64, &u64)| *nanoseconds as f64 * *count as f64;
        let sum: f64 = self.0.iter().map(weighed).sum();
        sum / 1e3 / self.count().max(1) as f64
    }

    /// The latency that this share of them does not exceed, in microseconds (nearest rank); of none, zero.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let rank = (self.count() as f64 * quantile).ceil() as u64;
        let mut seen = 0;
        let found = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        found.map_or(0.0, |(nanoseconds, _)| *nanoseconds as f64 / 1e3)
    }

    fn count(&self) -> u64 {
        self.0.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rare_long_latency_of_one_pod_counts_by_its_share_of_all() {
        let pod = |latencies: &[(u64, u64)]| Loaded {
            latencies: latencies.to_vec(),
            ..Loaded::default()
        };
        let quick = pod(&[(1_000, 90), (2_000, 5)]);
        let slow = pod(&[(2_000, 4), (9_000, 1)]);
        let both = Latencies::of([&quick, &slow]);
        assert_eq!(both.quantile(0.5), 1.0);
        assert_eq!(both.quantile(0.99), 2.0);
        assert_eq!(both.quantile(1.0), 9.0);
        assert_eq!(both.mean(), 1.17);
    }

    #[test]
    fn of_nothing_all_is_zero() {
        let none = Latencies::of([]);
        assert_eq!((none.mean(), none.quantile(0.5)), (0.0, 0.0));
    }
}
