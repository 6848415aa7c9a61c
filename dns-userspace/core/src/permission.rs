//! Why the kernel may answer: the one place that says so.
//!
//! Pure: facts, each with the time of which it is true, and the time now become deadlines. Nobody else moves a deadline.
//! Times are CLOCK_BOOTTIME in nanoseconds, which goes on while a machine sleeps.
//!
//! Every deadline is counted from the proof that it rests on, not from when it was looked at: an agent that is late, or
//! was stopped, cannot renew anything by what it knew before.

mod endpoints;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use self::endpoints::{Endpoints, EndpointsState, Servers};

/// How long the kernel answers without proof that it still may.
pub const LEASE: Duration = Duration::from_secs(5);
/// How far ahead the deadline of denials lies: a name that is absent may come at any moment.
pub const DENIALS: Duration = Duration::from_millis(400);
/// How long what the source has told may wait until it is in the maps, before anything is renewed no more.
pub const WAITING: Duration = Duration::from_millis(500);
/// What was left for longer than this comes back late, by chance: many nodes that change their ways at once are a load.
pub const AWAY: Duration = Duration::from_secs(60);

/// What is known of the agent, the maps and the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Everything that the source had told by then is in the maps; and it had nothing more to read. Zero: never yet.
    pub settled: u64,
    /// What forbids every answer, whatever else is known.
    pub obstacle: Option<Obstacle>,
    /// What an earlier agent has permitted by the same policy: it holds as long as it says, until this one knows more.
    pub inherited: Permission,
    /// Whether the source is up to date with every kind, and every name that exists is in the maps or passes.
    pub absence_is_certain: bool,
    /// Whether endpoints are heard of, and for how long what was heard of them holds.
    pub endpoints: Endpoints,
}

impl Facts {
    /// Takes in that time has passed: see [`Endpoints::follow`]. Nothing comes back that was never answered.
    pub fn follow(&mut self, now: u64) {
        if self.settled != 0 {
            self.endpoints.follow(now);
        }
    }
}

/// What forbids every answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Not every kind of objects has been listed yet.
    NotListed,
    /// The set-up of the DNS servers has not been read yet.
    NoPolicy,
    /// The maps do not yet hold all that the first complete lists say.
    Filling,
    /// The policy leaves everything to the DNS service, or is being written.
    LeftAll,
    /// The kernel refuses to remove so many entries that must not stay.
    Stale(usize),
    /// No address of the cluster's DNS is known.
    NoAddress,
}

/// Until when the kernel may do what; zero: not from now on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Permission {
    /// Answer at all.
    pub answers: u64,
    /// Deny absent names.
    pub denials: u64,
    /// Answer what comes from endpoints.
    pub endpoints: u64,
}

impl Permission {
    /// Everything, for as long as the machine runs: for maps that never change.
    pub const FOREVER: Permission = Permission {
        answers: u64::MAX,
        denials: u64::MAX,
        endpoints: u64::MAX,
    };

    /// The same; nothing, if it reaches further than any agent permits: it was given by another clock, as in a time
    /// namespace.
    fn of_this_clock(self, now: u64) -> Self {
        match self.answers > now.saturating_add(nanoseconds(LEASE)) {
            true => Self::default(),
            false => self,
        }
    }
}

/// Until when the kernel may do what, by what is known at the time `now`.
#[must_use]
pub fn decide(facts: &Facts, now: u64) -> Permission {
    match facts.obstacle {
        Some(Obstacle::NotListed | Obstacle::NoPolicy | Obstacle::Filling) => {
            return facts.inherited.of_this_clock(now);
        }
        Some(_) => return Permission::default(),
        None if facts.settled == 0 => return facts.inherited.of_this_clock(now),
        None => {}
    }
    // Of the future is nothing known, whatever a fact says.
    let settled = facts.settled.min(now);
    let until = |ahead: Duration| {
        let renewed = now.saturating_add(nanoseconds(ahead));
        renewed.min(settled.saturating_add(nanoseconds(WAITING) + nanoseconds(ahead)))
    };
    let answers = until(LEASE);
    Permission {
        answers,
        denials: match facts.absence_is_certain {
            true => until(DENIALS),
            false => 0,
        },
        endpoints: answers.min(facts.endpoints.until(now)),
    }
}

/// Nanoseconds, as the kernel counts.
const fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
