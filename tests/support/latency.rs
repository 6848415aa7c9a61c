//! Round-trip times of many questions.

use std::time::Duration;

/// Measured times, in ascending order.
#[derive(Clone, Debug)]
pub struct Latencies {
    sorted: Vec<Duration>,
}

impl Latencies {
    /// Takes times in any order.
    pub fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { sorted: times }
    }

    /// All times of several measurements as one.
    pub fn join(parts: impl IntoIterator<Item = Self>) -> Self {
        Self::new(parts.into_iter().flat_map(|part| part.sorted).collect())
    }

    /// How many times there are.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The time that half of them do not exceed; zero of none.
    pub fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// The time that `percent` per cent of them do not exceed (nearest rank); zero of none.
    pub fn percentile(&self, percent: usize) -> Duration {
        let rank = (self.sorted.len() * percent).div_ceil(100);
        let place = rank.saturating_sub(1);
        self.sorted.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let times = [5, 1, 4, 2, 3].map(Duration::from_micros);
        let latencies = Latencies::new(times.to_vec());
        assert_eq!(latencies.median(), Duration::from_micros(3));
        assert_eq!(latencies.percentile(99), Duration::from_micros(5));
        assert_eq!(Latencies::new(Vec::new()).median(), Duration::ZERO);
    }
}
