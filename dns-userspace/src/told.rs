//! What has been told in the log: what lasts, or comes again and again, is told once. Whether it lasts is a matter of
//! metrics and status.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// What was not so for this long is news again.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// How many sentences are known apart; a further one is not told.
const KEPT: usize = 32;

/// Sentences that have been told, each with the last time at which it was so.
#[derive(Debug, Default)]
pub struct Told(BTreeMap<String, Instant>);

impl Told {
    /// Notes that a sentence is so, and says whether to tell it. Those that are the same [`without_numbers`] are one.
    pub fn is_new(&mut self, sentence: &str, now: Instant) -> bool {
        self.0
            .retain(|_, last| now.duration_since(*last) < FORGOTTEN);
        let sentence = without_numbers(sentence);
        let is_known = self.0.contains_key(&sentence);
        if is_known || self.0.len() < KEPT {
            self.0.insert(sentence, now);
            return !is_known;
        }
        false
    }

    /// Forgets everything, since all is well, and says whether anything was told.
    pub fn over(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}

/// A sentence without its words that have digits: addresses, versions and counts may be others with each try.
#[must_use]
pub fn without_numbers(sentence: &str) -> String {
    let is_number = |word: &&str| word.contains(|character: char| character.is_ascii_digit());
    let words = sentence.split(' ').filter(|word| !is_number(word));
    words.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lasts_is_told_once_and_again_when_it_was_over_or_not_so_for_an_hour() {
        let start = Instant::now();
        let at = |minutes: u64| start + Duration::from_secs(60 * minutes);
        let mut told = Told::default();
        assert!(!told.over());
        for minutes in 0..100 {
            assert_eq!(told.is_new("no memory", at(minutes)), minutes == 0);
        }
        assert!(told.is_new("not permitted", at(100)), "something else");
        assert!(!told.is_new("no memory", at(158)));
        assert!(told.is_new("not permitted", at(160)));
        assert!(told.over());
        assert!(told.is_new("no memory", at(160)));
    }

    #[test]
    fn numbers_make_no_other_sentence_and_endlessly_many_sentences_fill_no_memory() {
        let now = Instant::now();
        let mut told = Told::default();
        assert!(told.is_new("program 17 (0xa1) is first", now));
        assert!(!told.is_new("program 4 (0xf) is first", now));
        for length in 0..1000 {
            told.is_new(&"x".repeat(length), now);
        }
        assert_eq!(told.0.len(), KEPT);
        assert!(!told.is_new("program 5 is first", now));
    }
}
