//! Choices that follow from a seed: the same seed makes the same run, on every machine.

use rand::{RngExt as _, SeedableRng as _};
use rand_xorshift::XorShiftRng;

/// A stream of choices.
#[derive(Debug, Clone)]
pub struct Random(XorShiftRng);

impl Random {
    /// The choices about one thing: a run's seed, and numbers that tell the thing from others of the run.
    #[must_use]
    pub fn new(seed: u64, of: &[u64]) -> Self {
        // FNV-1a, so that neighbouring numbers do not make neighbouring streams.
        let mix = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
        let octets = of.iter().flat_map(|number| number.to_le_bytes());
        let start = seed
            .to_le_bytes()
            .into_iter()
            .fold(0xcbf2_9ce4_8422_2325, mix);
        Self(XorShiftRng::seed_from_u64(octets.fold(start, mix)))
    }

    /// A number from 0 up to, and without, `limit`; 0 if there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        match limit {
            0 => 0,
            limit => self.0.random_range(0..limit),
        }
    }

    /// A number from `first` to `last`.
    pub fn between(&mut self, first: usize, last: usize) -> usize {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    ///
    /// # Panics
    /// When there is none: a mistake in the caller.
    pub fn one_of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// One of these texts.
    ///
    /// # Panics
    /// As [`Random::one_of`].
    pub fn text(&mut self, choices: &[&str]) -> String {
        (*self.one_of(choices)).to_owned()
    }

    /// An index, each as often as its weight says.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut at = self.below(weights.iter().sum());
        weights
            .iter()
            .position(|weight| {
                let here = at < *weight;
                at = at.saturating_sub(*weight);
                here
            })
            .unwrap_or(0)
    }

    /// Any sixteen bits.
    pub fn word(&mut self) -> u16 {
        self.0.random()
    }

    /// So many octets, any.
    pub fn octets(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.0.random()).collect()
    }

    /// Puts these in any order.
    pub fn shuffle<T>(&mut self, all: &mut [T]) {
        for last in (1..all.len()).rev() {
            all.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_another_makes_others() {
        let of = |seed, thing| Random::new(seed, &[thing]).octets(16);
        assert_eq!(of(1, 2), of(1, 2));
        assert_ne!(of(1, 2), of(2, 2));
        assert_ne!(of(1, 2), of(1, 3));
    }

    #[test]
    fn weights_decide_how_often() {
        let mut random = Random::new(7, &[]);
        let mut counts = [0; 3];
        for _ in 0..1_000 {
            counts[random.weighted(&[1, 0, 3])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(counts[2] > 2 * counts[0], "{counts:?}");
    }
}
