//! What became of the questions, counted as replies come.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use pod::protocol::{FIRST_HOP, Loaded};

/// How many of the lost are told one by one.
const TOLD: usize = 20;

/// Longer latencies, in nanoseconds, count as this.
const LATENCY_MAX: u64 = 60_000_000_000;

/// The header of a message (RFC 1035 §4.1.1).
const HEADER_LEN: usize = 12;

/// What became of the questions.
pub(super) struct Tally {
    patience: Duration,
    /// The questions that wait for their reply, by ID.
    open: BTreeMap<u16, Open>,
    latencies: Histogram<u64>,
    result: Loaded,
}

struct Open {
    number: u64,
    sent: Instant,
    sent_at: SystemTime,
}

/// The ID of question `number`.
pub(super) fn id(number: u64) -> u16 {
    number as u16
}

impl Tally {
    /// Nothing yet. A reply after `patience` is none.
    pub(super) fn new(patience: Duration) -> Result<Self> {
        Ok(Self {
            patience,
            open: BTreeMap::new(),
            latencies: Histogram::new_with_max(LATENCY_MAX, 3).context("make a histogram")?,
            result: Loaded::default(),
        })
    }

    /// Question `number` is on its way. An older one with the same ID is lost.
    pub(super) fn sent(&mut self, number: u64) {
        self.result.sent += 1;
        let open = Open {
            number,
            sent: Instant::now(),
            sent_at: SystemTime::now(),
        };
        if let Some(lost) = self.open.insert(id(number), open) {
            self.lose(&lost);
        }
    }

    /// Whether question `number` waits for its reply.
    pub(super) fn is_open(&self, number: u64) -> bool {
        self.open
            .get(&id(number))
            .is_some_and(|open| open.number == number)
    }

    /// How many questions wait for their reply.
    pub(super) fn open(&self) -> usize {
        self.open.len()
    }

    /// A datagram came.
    pub(super) fn received(&mut self, octets: &[u8], hop_limit: Option<u8>) {
        let Some(header) = octets.first_chunk::<HEADER_LEN>() else {
            return;
        };
        let Some(open) = self
            .open
            .remove(&u16::from_be_bytes([header[0], header[1]]))
        else {
            return;
        };
        let latency = open.sent.elapsed();
        if latency > self.patience {
            self.lose(&open);
            return;
        }
        let first_reply = self.result.answered == 0;
        self.result.answered += 1;
        self.result.by_kernel += u64::from(hop_limit == Some(FIRST_HOP));
        *self
            .result
            .response_codes
            .entry(header[3] & 0xf)
            .or_default() += 1;
        self.result.with_answers += u64::from(header[6..8] != [0, 0]);
        self.latencies.saturating_record(nanoseconds(latency));
        if first_reply {
            eprintln!("the first reply came");
        }
    }

    /// Sending begins, at this moment in nanoseconds of UNIX time.
    pub(super) fn begun(&mut self, at: u64) {
        self.result.begun = at;
    }

    /// For so long the client was not let run when it should have sent.
    pub(super) fn held_up(&mut self, time: Duration) {
        self.result.held_up = time.as_secs_f64();
    }

    /// The result, after `seconds` of sending. What waits is lost.
    pub(super) fn close(mut self, seconds: f64) -> Loaded {
        let open = std::mem::take(&mut self.open);
        let mut lost: Vec<Open> = open.into_values().collect();
        lost.sort_by_key(|open| open.number);
        for lost in &lost {
            self.lose(lost);
        }
        let microseconds = |quantile| self.latencies.value_at_quantile(quantile) as f64 / 1e3;
        let recorded = self.latencies.iter_recorded();
        let latencies = recorded
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
            .collect();
        Loaded {
            latencies,
            mean: self.latencies.mean() / 1e3,
            p50: microseconds(0.5),
            p90: microseconds(0.9),
            p99: microseconds(0.99),
            p999: microseconds(0.999),
            max: self.latencies.max() as f64 / 1e3,
            seconds,
            ..self.result
        }
    }

    fn lose(&mut self, lost: &Open) {
        self.result.lost += 1;
        if self.result.lost_at.len() < TOLD {
            let since = lost.sent_at.duration_since(UNIX_EPOCH);
            let at = since.map(nanoseconds).unwrap_or_default();
            self.result.lost_at.push(at);
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(number: u64, response_code: u8) -> [u8; HEADER_LEN] {
        let [high, low] = id(number).to_be_bytes();
        [high, low, 0x81, response_code, 0, 1, 0, 1, 0, 0, 0, 0]
    }

    #[test]
    fn replies_count_for_the_question_whose_id_they_have() {
        let mut tally = Tally::new(Duration::from_secs(60)).expect("a tally");
        for number in 0..3 {
            tally.sent(number);
        }
        tally.received(&reply(1, 3), Some(FIRST_HOP));
        tally.received(&reply(1, 3), Some(FIRST_HOP));
        tally.received(&reply(7, 0), Some(62));
        tally.received(&reply(2, 0), Some(62));
        let result = tally.close(1.0);
        assert_eq!((result.sent, result.answered, result.lost), (3, 2, 1));
        assert_eq!(result.by_kernel, 1);
        assert_eq!(result.response_codes, BTreeMap::from([(0, 1), (3, 1)]));
        assert_eq!(result.lost_at.len(), 1);
        let counted: u64 = result.latencies.iter().map(|(_, count)| count).sum();
        assert_eq!(counted, 2, "each reply's latency is told");
        assert!(0.0 < result.p50 && result.p50 <= result.p99 && result.p99 <= result.max);
        assert!(
            result.mean > 0.1,
            "no two calls of a clock are that fast: {result:?}"
        );
    }

    #[test]
    fn a_reply_after_the_patience_is_a_loss() {
        let mut tally = Tally::new(Duration::ZERO).expect("a tally");
        tally.sent(0);
        tally.received(&reply(0, 0), None);
        let result = tally.close(1.0);
        assert_eq!((result.answered, result.lost), (0, 1));
    }

    #[test]
    fn a_question_whose_id_is_used_again_is_lost() {
        let mut tally = Tally::new(Duration::from_secs(60)).expect("a tally");
        tally.sent(5);
        tally.sent(5 + 0x1_0000);
        assert!(!tally.is_open(5) && tally.is_open(5 + 0x1_0000));
        tally.received(&reply(5, 0), None);
        let result = tally.close(1.0);
        assert_eq!((result.sent, result.answered, result.lost), (2, 1, 1));
    }
}
