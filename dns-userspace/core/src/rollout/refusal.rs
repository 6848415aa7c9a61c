//! A set-up that may not be read any more: for how long what was agreed on last is kept, and from when on it holds again.

use std::time::Duration;

use super::Options;
use crate::permission::AWAY;

/// The set-up may not be read any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, and what to do about it: one sentence for a person.
    pub reason: String,
    /// How long what was agreed on last is kept, by CLOCK_BOOTTIME.
    pub kept_until: Duration,
    /// It may be read again, and what was left is answered from then on, by CLOCK_BOOTTIME; none: it may not.
    pub back: Option<Duration>,
}

impl Refusal {
    /// What follows a refusal, or none, when this is what is refused now.
    pub(super) fn follow(
        before: Option<Self>,
        refused: Option<String>,
        now: Duration,
        options: &Options,
    ) -> Option<Self> {
        match (before, refused) {
            (before, Some(reason)) => Some(Self {
                reason,
                kept_until: before.map_or(now + options.policy_kept, |before| before.kept_until),
                back: None,
            }),
            (Some(before), None) if now > before.kept_until + AWAY => Some(Self {
                back: before.back.or(Some(now + options.late)),
                ..before
            }),
            (_, None) => None,
        }
    }

    /// Whether the set-up may still not be read.
    #[must_use]
    pub fn lasts(&self) -> bool {
        self.back.is_none()
    }

    /// Whether what was left is answered again.
    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.back.is_some_and(|back| back <= now)
    }

    /// Why nothing is answered by what was agreed on last; none: it is kept.
    pub(super) fn why_left(&self, now: Duration) -> Option<String> {
        if self.kept_until > now {
            return None;
        }
        Some(match self.lasts() {
            true => self.reason.clone(),
            false => "the set-up of the DNS servers may be read again, and is followed after a moment that each agent \
                      chooses, so that not all nodes change in the same second"
                .to_owned(),
        })
    }
}
