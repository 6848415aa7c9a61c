//! What comes from endpoints, once nothing is heard of them any more: for how long it is answered, and from when on again.
//!
//! It is answered for a while, and then left to the DNS service, which may know better. Where that does not reply either, as
//! on a node at the edge that is alone with its pods, leaving it would help nobody: it stays answered until a server replies.
//!
//! Many nodes that leave it in the same second are a load for the DNS service. What nodes keep by a time of their own ends at
//! many moments; what ends or comes back by something that all of them see at once does so late, by each one's chance.

#[cfg(test)]
mod tests;

use std::time::Duration;

use super::{AWAY, nanoseconds};

/// How long it counts as known that no server has replied.
const ALONE: Duration = Duration::from_secs(20);

/// Whether endpoints are heard of, and for how long what was heard of them holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Since when their source is lost; none: it is not.
    pub lost: Option<u64>,
    /// How long what comes from them is answered then: not the same for all nodes.
    pub kept: Duration,
    /// What is known of the servers of the DNS service since then.
    pub servers: Servers,
    /// How late this node does what all would do at once.
    pub late: Duration,
    /// When it was left.
    left: Option<u64>,
    /// Since when what was left may be answered again.
    back: Option<u64>,
}

/// Whether servers of the DNS service reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Servers {
    /// Nobody has asked them.
    #[default]
    NotAsked,
    /// One has replied.
    Reached {
        /// The first reply after none had come; none: there was none for which they had to be waited for.
        again: Option<u64>,
    },
    /// None has replied.
    Unreached {
        /// When they were asked.
        asked: u64,
    },
}

/// How it stands with what comes from endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointsState {
    /// Their source is not lost.
    Heard,
    /// It is lost, and what was known is answered until then.
    Kept(u64),
    /// It is lost for long, and what was known is answered since no server of the DNS service replies.
    Alone,
    /// It is lost for long.
    Left,
    /// It may be answered again, and is from then on.
    Late(u64),
}

impl Endpoints {
    /// The source is not lost.
    #[must_use]
    pub fn heard(kept: Duration, late: Duration) -> Self {
        Self {
            lost: None,
            kept,
            servers: Servers::NotAsked,
            late,
            left: None,
            back: None,
        }
    }

    /// When the time is over for which it is kept in any case; none: the source is not lost.
    #[must_use]
    pub fn kept_until(&self) -> Option<u64> {
        let lost = self.lost?;
        Some(lost.saturating_add(nanoseconds(self.kept)))
    }

    /// Until when it may be answered by what is known, whether or not it has come back.
    fn proven(&self, now: u64) -> u64 {
        let Some(kept) = self.kept_until() else {
            return u64::MAX;
        };
        match self.servers {
            Servers::Unreached { asked } => {
                // Of the future is nothing known.
                let alone = asked.min(now).saturating_add(nanoseconds(ALONE));
                kept.max(alone)
            }
            Servers::Reached { again: Some(again) } if again > kept => {
                again.min(now).saturating_add(nanoseconds(self.late))
            }
            Servers::Reached { .. } | Servers::NotAsked => kept,
        }
    }

    /// From when on it is answered again; none: it was not left.
    fn returns(&self, now: u64) -> Option<u64> {
        let left = self.left?;
        let back = self.back.unwrap_or(now);
        let late = match back.saturating_sub(left) > nanoseconds(AWAY) {
            true => nanoseconds(self.late),
            false => 0,
        };
        Some(back.saturating_add(late))
    }

    /// Until when it is answered; zero: not now.
    #[must_use]
    pub fn until(&self, now: u64) -> u64 {
        match self.returns(now) {
            Some(returns) if returns > now => 0,
            _ => self.proven(now),
        }
    }

    /// How it stands.
    #[must_use]
    pub fn state(&self, now: u64) -> EndpointsState {
        if self.proven(now) <= now {
            return EndpointsState::Left;
        }
        match (self.returns(now), self.kept_until()) {
            (Some(returns), _) if returns > now => EndpointsState::Late(returns),
            (_, None) => EndpointsState::Heard,
            (_, Some(kept)) if kept <= now => match self.servers {
                Servers::Unreached { .. } => EndpointsState::Alone,
                Servers::Reached { .. } | Servers::NotAsked => {
                    EndpointsState::Kept(self.proven(now))
                }
            },
            (_, Some(kept)) => EndpointsState::Kept(kept),
        }
    }

    /// Takes in that time has passed: what was left, and what may be answered again, is remembered with its time.
    pub(super) fn follow(&mut self, now: u64) {
        let until = self.proven(now);
        if until <= now {
            self.left.get_or_insert(until);
            self.back = None;
        } else if self.left.is_some() {
            self.back.get_or_insert(now);
            if self.returns(now).is_some_and(|returns| returns <= now) {
                self.left = None;
                self.back = None;
            }
        }
    }
}
