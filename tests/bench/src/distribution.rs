//! Times and quotients as the results hold them.

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;

use crate::results::{Ratio, Times};

/// The longest time that is told from longer ones: a minute.
const LONGEST: u64 = 60_000_000_000;

/// An empty histogram of nanoseconds, of three significant digits.
///
/// # Errors
///
/// None that can happen with these bounds.
pub(crate) fn histogram() -> Result<Histogram<u64>> {
    Histogram::new_with_bounds(1, LONGEST, 3).context("make a histogram")
}

impl Times {
    /// What a histogram of nanoseconds holds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        Self {
            count: histogram.len(),
            mean: histogram.mean(),
            p50: histogram.value_at_quantile(0.5),
            p90: histogram.value_at_quantile(0.9),
            p99: histogram.value_at_quantile(0.99),
            p999: histogram.value_at_quantile(0.999),
            max: histogram.max(),
            histogram: histogram
                .iter_recorded()
                .map(|value| (value.value_iterated_to(), value.count_at_value()))
                .collect(),
        }
    }
}

impl Ratio {
    /// The median of the rounds' figures, the least and the most; zeros of none.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = rounds.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => (sorted[middle - 1] + sorted[middle]) / 2.0,
            _ => sorted[middle],
        };
        Self {
            median,
            least,
            most,
        }
    }

    /// The quotients of two series of figures, round by round.
    pub(crate) fn between(
        over: impl IntoIterator<Item = f64>,
        under: impl IntoIterator<Item = f64>,
    ) -> Self {
        let pairs = over.into_iter().zip(under);
        Self::of(pairs.map(|(over, under)| over / under))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_the_median_of_the_rounds_quotients_and_not_the_quotient_of_medians() {
        let ratio = Ratio::between([10.0, 20.0, 90.0], [10.0, 10.0, 30.0]);
        assert_eq!(
            ratio,
            Ratio {
                median: 2.0,
                least: 1.0,
                most: 3.0
            }
        );
    }

    #[test]
    fn the_median_of_an_even_number_of_rounds_lies_between_the_middle_two() {
        assert_eq!(Ratio::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(Ratio::of([]), Ratio::default());
    }

    #[test]
    fn percentiles_and_the_histogram_tell_the_same_times() {
        let mut histogram = histogram().expect("a histogram");
        for time in 1..=1000 {
            histogram.saturating_record(time);
        }
        let times = Times::of(&histogram);
        assert_eq!((times.count, times.p50, times.p99), (1000, 500, 990));
        let counted: u64 = times.histogram.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 1000);
    }
}
