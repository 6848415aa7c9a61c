//! What is known of external names at this moment, with lifetimes that fall second by second.
//!
//! Pure: the time is told.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::{Name, Record, RecordType};

use super::{QUERY_TYPES, Question, Resolved};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// The replies of the DNS service that still hold.
#[derive(Debug, Default)]
pub struct Answers {
    /// CLOCK_BOOTTIME in nanoseconds, as last told.
    now: u64,
    wanted: BTreeSet<Name>,
    kept: BTreeMap<Question, Kept>,
    changed: BTreeSet<Name>,
}

/// A reply that still held when the time was last told.
#[derive(Debug)]
struct Kept {
    records: Vec<Record>,
    lifetime: u32,
    asked: u64,
}

/// What the DNS service says of one question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer<'a> {
    /// The answer section as it was received, CNAME records before addresses. Without addresses there are
    /// none; empty: CoreDNS answers the service's own CNAME record alone (specification §9 item 4).
    pub records: &'a [Record],
    /// For how long the answer may still be kept, in seconds, at the time last told: at least 1.
    pub remaining: u32,
    /// How long ago the DNS service was asked, in whole seconds: the lifetime of each record has fallen by
    /// as much.
    pub age: u32,
    /// When the answer may not be given any more: CLOCK_BOOTTIME in nanoseconds.
    pub ends: u64,
}

impl Kept {
    fn age(&self, now: u64) -> u32 {
        u32::try_from(now.saturating_sub(self.asked) / SECOND).unwrap_or(u32::MAX)
    }

    fn ends(&self) -> u64 {
        self.asked
            .saturating_add(u64::from(self.lifetime).saturating_mul(SECOND))
    }

    fn holds(&self, now: u64) -> bool {
        now < self.ends()
    }
}

impl Answers {
    /// Nothing known, nothing wanted, at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Tells the time: CLOCK_BOOTTIME in nanoseconds. What has ended is forgotten.
    pub fn set_now(&mut self, now: u64) {
        let before = std::mem::replace(&mut self.now, now);
        let changed = &mut self.changed;
        self.kept.retain(|question, kept| {
            let holds = kept.holds(now);
            // An answer without records shows no lifetime that falls.
            if !holds || (kept.age(before) != kept.age(now) && !kept.records.is_empty()) {
                changed.insert(question.target.clone());
            }
            holds
        });
    }

    /// Tells the names that ExternalName services point to now, fully qualified. Everything
    /// that is known of others is forgotten.
    pub fn want(&mut self, targets: BTreeSet<Name>) {
        let changed = &mut self.changed;
        self.kept.retain(|question, _| {
            let wanted = targets.contains(&question.target);
            if !wanted {
                changed.insert(question.target.clone());
            }
            wanted
        });
        self.wanted = targets;
    }

    /// Takes in what the DNS service said, in place of what it said before. What nobody wants (any more),
    /// and what has ended already, is not kept.
    pub fn put(&mut self, resolved: Resolved) {
        let Resolved {
            question,
            records,
            lifetime,
            asked,
        } = resolved;
        let kept = Kept {
            records,
            lifetime,
            asked,
        };
        if !self.wanted.contains(&question.target)
            || !QUERY_TYPES.contains(&question.query_type)
            || !kept.holds(self.now)
        {
            return;
        }
        self.changed.insert(question.target.clone());
        self.kept.insert(question, kept);
    }

    /// What is known of a target, by its fully qualified name in any spelling; none when nothing holds.
    #[must_use]
    pub fn get(&self, target: &Name, query_type: RecordType) -> Option<Answer<'_>> {
        let question = Question {
            target: target.clone(),
            query_type,
        };
        let kept = self.kept.get(&question)?;
        let age = kept.age(self.now);
        Some(Answer {
            records: &kept.records,
            remaining: kept.lifetime.saturating_sub(age),
            age,
            ends: kept.ends(),
        })
    }

    /// The targets of which [`Self::get`] says something else than when this was last asked: an answer came,
    /// was replaced, ended or was forgotten, or its seconds fell.
    pub fn take_changed(&mut self) -> BTreeSet<Name> {
        std::mem::take(&mut self.changed)
    }

    /// When the next answer ends or its seconds fall, unless another one comes first: CLOCK_BOOTTIME in
    /// nanoseconds. None: the passing of time alone changes nothing.
    #[must_use]
    pub fn next_change(&self) -> Option<u64> {
        let falls = |kept: &Kept| {
            let age = u64::from(kept.age(self.now)) + 1;
            kept.asked.saturating_add(age.saturating_mul(SECOND))
        };
        self.kept
            .values()
            .map(|kept| match kept.records.is_empty() {
                true => kept.ends(),
                false => falls(kept).min(kept.ends()),
            })
            .min()
    }
}
