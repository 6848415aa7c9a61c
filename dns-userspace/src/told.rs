//! What has been told in the log: what lasts, or comes again and again, is told once. Whether it lasts is a matter of
//! metrics and status.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

/// What was not so for this long is news again.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// How many sentences are known apart; of further ones is told that there are some.
const KEPT: usize = 32;

/// What has been told.
#[derive(Debug, Default)]
pub struct Told {
    /// Sentences, each with the last time at which it was so.
    sentences: BTreeMap<String, Instant>,
    /// How often another one was not told since all was well.
    untold: u64,
}

impl Told {
    /// Notes that a sentence is so, and says whether to tell it. Those that are the same [`without_numbers`] are one.
    pub fn is_new(&mut self, sentence: &str, now: Instant) -> bool {
        self.sentences
            .retain(|_, last| now.duration_since(*last) < FORGOTTEN);
        let sentence = without_numbers(sentence);
        let is_known = self.sentences.contains_key(&sentence);
        if is_known || self.sentences.len() < KEPT {
            self.sentences.insert(sentence, now);
            return !is_known;
        }
        if self.untold == 0 {
            tracing::warn!(
                "{KEPT} different sentences have been told within an hour; others of the kind are not, and metrics and `zerohop status` show what is so"
            );
        }
        self.untold += 1;
        false
    }

    /// Forgets everything, since all is well, and says whether anything was told.
    pub fn over(&mut self) -> bool {
        !std::mem::take(self).sentences.is_empty()
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
        assert_eq!(told.sentences.len(), KEPT);
        assert!(!told.is_new("program 5 is first", now));
        assert_eq!(told.untold, 1_001 - KEPT as u64);
        assert!(told.over());
        assert_eq!(told.untold, 0);
    }
}
