//! When each question is put to the DNS service again, and how it went.
//!
//! Pure: the time is told.
//!
//! CoreDNS has a cache of its own: until an entry ends it gives the same answer with the TTL that is left,
//! and only whoever asks after the end makes it ask anew. So a question is asked a first time well before
//! its answer ends, which is enough where nobody caches and leaves time to try again where asking fails; and
//! where that brought no later end, once more in the last moment. CoreDNS rounds what is left up to whole
//! seconds: the entry then either has ended, and the answer is a new one, or is told to last a second longer
//! than we knew, and the last moment moves behind its end. Normally no gap arises.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use dns_core::external::{QUERY_TYPES, Question};
use hickory_proto::rr::Name;
use tokio::time::Instant;

use super::lookup::Failure;
use crate::told::Told;

/// The part of a lifetime that is left when a question is asked a first time again: a fifth, within bounds.
const EARLY_PART: u32 = 5;
/// The earliest of it.
const EARLY_MAX: Duration = Duration::from_secs(5);
/// The last moment: this long before the end, and up to that much earlier, so that the agents of all nodes
/// do not ask as one.
const LAST_MOMENT: Duration = Duration::from_millis(400);
const LAST_MOMENT_SPREAD: Duration = Duration::from_millis(200);
/// However long an answer lasts, it is asked for again after this time, so that a change of an external name is
/// followed as soon as through CoreDNS's `cache 30`.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// However short an answer lasts, and however slowly it comes, this time passes before the next question.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);
/// An end that moved by no more than this is that of the same cache entry, but for rounding.
const SAME_END: Duration = Duration::from_secs(1);

/// The pauses after failures: 1, 2, 4, 8, 15, 15… seconds, each up to twice as long by chance.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_secs(1))
    .with_max_delay(Duration::from_secs(15))
    .with_jitter()
    .without_max_times();

/// All questions that are wanted.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    questions: BTreeMap<Question, Progress>,
    /// Questions that were sent, also those that nobody wants any more.
    in_flight: BTreeSet<Question>,
    random: fastrand::Rng,
}

/// How it went with one question.
#[derive(Debug)]
struct Progress {
    /// When it is asked next.
    due: Instant,
    /// When the answer ends that is known.
    ends: Option<Instant>,
    /// Why the last attempt failed, and the pauses before the next ones.
    failing: Option<Failing>,
    /// What was said of it: a server may fail every now and then, for ever.
    told: Told,
}

#[derive(Debug)]
struct Failing {
    reason: Failure,
    pauses: ExponentialBackoff,
}

/// What there is to say after a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing that was not said lately.
    Same,
    /// It failed.
    Failed,
    /// It went well, after it had failed.
    Recovered,
}

/// How it goes with the external names: for people. A target counts once for each query type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// How many questions there are.
    pub wanted: usize,
    /// Of how many the answer is known and holds.
    pub fresh: usize,
    /// The questions that could not be answered the last time they were asked, and why: a sentence. What was
    /// known before still counts as fresh until it ends.
    pub failing: BTreeMap<Question, String>,
}

impl Progress {
    fn new(due: Instant) -> Self {
        Self {
            due,
            ends: None,
            failing: None,
            told: Told::default(),
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.ends.is_some_and(|ends| now < ends)
    }
}

impl Schedule {
    /// Tells which targets are wanted now. New ones are due at once.
    pub(super) fn want(&mut self, targets: &BTreeSet<Name>, now: Instant) {
        self.questions
            .retain(|question, _| targets.contains(&question.target));
        for target in targets {
            for query_type in QUERY_TYPES {
                let question = Question {
                    target: target.clone(),
                    query_type,
                };
                self.questions
                    .entry(question)
                    .or_insert_with(|| Progress::new(now));
            }
        }
    }

    /// Another DNS service is asked from now on: what was sent to the one before is not awaited, and what is
    /// not fresh is due at once.
    pub(super) fn start_over(&mut self, now: Instant) {
        for (question, progress) in &mut self.questions {
            if self.in_flight.contains(question) || !progress.is_fresh(now) {
                progress.due = now;
            }
            if let Some(failing) = &mut progress.failing {
                failing.pauses = PAUSES.build();
            }
        }
        self.in_flight.clear();
    }

    /// The question that has been due for longest, from now on in flight; none: nothing is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Question> {
        let (question, _) = self
            .waiting()
            .filter(|(_, progress)| progress.due <= now)
            .min_by_key(|(_, progress)| progress.due)?;
        let question = question.clone();
        self.in_flight.insert(question.clone());
        Some(question)
    }

    /// When a question falls due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.waiting().map(|(_, progress)| progress.due).min()
    }

    /// When an answer ends that is fresh now.
    pub(super) fn next_end(&self, now: Instant) -> Option<Instant> {
        self.questions
            .values()
            .filter_map(|progress| progress.ends)
            .filter(|ends| *ends > now)
            .min()
    }

    fn waiting(&self) -> impl Iterator<Item = (&Question, &Progress)> {
        self.questions
            .iter()
            .filter(|(question, _)| !self.in_flight.contains(question))
    }

    /// A question that was asked at that time got an answer that lasts this long.
    pub(super) fn answered(
        &mut self,
        question: &Question,
        asked: Instant,
        lifetime: Duration,
        now: Instant,
    ) -> Turn {
        self.in_flight.remove(question);
        let last_moment = LAST_MOMENT + LAST_MOMENT_SPREAD.mul_f32(self.random.f32());
        let Some(progress) = self.questions.get_mut(question) else {
            return Turn::Same;
        };
        // Beyond what an Instant can hold: never.
        let Some(ends) = asked.checked_add(lifetime) else {
            return Turn::Same;
        };
        let moved = progress.ends.is_none_or(|before| ends > before + SAME_END);
        let lead = match moved {
            true => (lifetime / EARLY_PART).clamp(last_moment, EARLY_MAX.max(last_moment)),
            false => last_moment,
        };
        progress.ends = Some(ends);
        progress.due = ends
            .checked_sub(lead)
            .unwrap_or(now)
            .clamp(now + SHORTEST_WAIT, now + LONGEST_WAIT);
        match progress.failing.take() {
            Some(_) if progress.told.is_new("answered again", now) => Turn::Recovered,
            _ => Turn::Same,
        }
    }

    /// A question could not be answered, or the answer may not be kept. An earlier answer holds until its
    /// end.
    pub(super) fn failed(&mut self, question: &Question, reason: Failure, now: Instant) -> Turn {
        self.in_flight.remove(question);
        let Some(progress) = self.questions.get_mut(question) else {
            return Turn::Same;
        };
        let turn = match progress.told.is_new(&reason.to_string(), now) {
            true => Turn::Failed,
            false => Turn::Same,
        };
        let failing = progress.failing.get_or_insert_with(|| Failing {
            reason: reason.clone(),
            pauses: PAUSES.build(),
        });
        failing.reason = reason;
        // The pauses never end.
        progress.due = now + failing.pauses.next().unwrap_or(LONGEST_WAIT);
        turn
    }

    /// How it goes.
    pub(super) fn report(&self, now: Instant) -> Report {
        Report {
            wanted: self.questions.len(),
            fresh: self
                .questions
                .values()
                .filter(|progress| progress.is_fresh(now))
                .count(),
            failing: self
                .questions
                .iter()
                .filter_map(|(question, progress)| {
                    let failing = progress.failing.as_ref()?;
                    Some((question.clone(), failing.reason.to_string()))
                })
                .collect(),
        }
    }
}
