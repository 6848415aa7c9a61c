//! Why the kernel may answer: the one place that says so.
//!
//! Pure: facts, each with the time of which it is true, and the time now become deadlines. Nobody else moves a deadline.
//! Times are CLOCK_BOOTTIME in nanoseconds, which goes on while a machine sleeps.
//!
//! Every deadline is counted from the proof that it rests on, not from when it was looked at: an agent that is late, or
//! was stopped, cannot renew anything by what it knew before.

use std::time::Duration;

/// How long the kernel answers without proof that it still may.
pub const LEASE: Duration = Duration::from_secs(5);
/// How far ahead the deadline of denials lies: a name that is absent may come at any moment.
pub const DENIALS: Duration = Duration::from_millis(400);
/// How long what the source has told may wait until it is in the maps, before anything is renewed no more.
pub const WAITING: Duration = Duration::from_millis(500);

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
    /// Since when the source of endpoints is lost.
    pub endpoints_lost: Option<u64>,
    /// How long what comes from endpoints is answered once their source is lost.
    pub endpoints_kept: Duration,
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
    let kept = facts.endpoints_lost.map_or(u64::MAX, |since| {
        since.saturating_add(nanoseconds(facts.endpoints_kept))
    });
    Permission {
        answers,
        denials: match facts.absence_is_certain {
            true => until(DENIALS),
            false => 0,
        },
        endpoints: answers.min(kept),
    }
}

/// Nanoseconds, as the kernel counts.
const fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const KEPT: Duration = Duration::from_secs(300);

    fn facts(settled: u64) -> Facts {
        Facts {
            settled,
            obstacle: None,
            inherited: Permission::default(),
            absence_is_certain: true,
            endpoints_lost: None,
            endpoints_kept: KEPT,
        }
    }

    fn permission(second: u64) -> Permission {
        Permission {
            answers: second * SECOND,
            denials: second * SECOND,
            endpoints: second * SECOND,
        }
    }

    /// How far ahead each deadline lies, in milliseconds; below zero: so long it is over.
    fn ahead(facts: &Facts, now: u64) -> [i64; 3] {
        let Permission {
            answers,
            denials,
            endpoints,
        } = decide(facts, now);
        [answers, denials, endpoints]
            .map(|deadline| (i128::from(deadline) - i128::from(now)).div_euclid(1_000_000) as i64)
    }

    #[test]
    fn what_is_settled_is_answered_for_a_lease_and_denied_for_less_than_half_a_second() {
        assert_eq!(ahead(&facts(100 * SECOND), 100 * SECOND), [5000, 400, 5000]);
    }

    #[test]
    fn input_that_waits_for_half_a_second_lets_nothing_be_renewed() {
        let facts = facts(100 * SECOND);
        let after = |milliseconds: u64| ahead(&facts, 100 * SECOND + milliseconds * 1_000_000);
        assert_eq!(after(500), [5000, 400, 5000]);
        assert_eq!(after(600), [4900, 300, 4900]);
        assert_eq!(after(900), [4600, 0, 4600]);
    }

    #[test]
    fn after_a_pause_nothing_holds_that_was_known_before_it() {
        let facts = facts(100 * SECOND);
        for pause in [8, 60, 3600] {
            let ahead = ahead(&facts, (100 + pause) * SECOND);
            assert!(ahead.iter().all(|ahead| *ahead < 0), "{pause}: {ahead:?}");
        }
    }

    #[test]
    fn a_lost_source_ends_denials_at_once_and_endpoints_when_they_have_been_kept() {
        let lost = |now: u64| {
            let facts = Facts {
                absence_is_certain: false,
                endpoints_lost: Some(100 * SECOND),
                ..facts(now)
            };
            let Permission {
                answers,
                denials,
                endpoints,
            } = decide(&facts, now);
            assert_eq!((answers, denials), (now + 5 * SECOND, 0));
            endpoints
        };
        assert_eq!(lost(101 * SECOND), 106 * SECOND);
        assert_eq!(lost(399 * SECOND), 400 * SECOND);
        assert_eq!(lost(500 * SECOND), 400 * SECOND);
    }

    #[test]
    fn an_obstacle_ends_everything() {
        for obstacle in [Obstacle::LeftAll, Obstacle::Stale(1), Obstacle::NoAddress] {
            let facts = Facts {
                obstacle: Some(obstacle),
                inherited: permission(102),
                ..facts(100 * SECOND)
            };
            assert_eq!(decide(&facts, 100 * SECOND), Permission::default());
        }
    }

    #[test]
    fn what_an_earlier_agent_has_permitted_holds_until_more_is_known() {
        let inherited = permission(102);
        let early = [Obstacle::NotListed, Obstacle::NoPolicy, Obstacle::Filling];
        for obstacle in early.map(Some).into_iter().chain([None]) {
            let facts = Facts {
                obstacle,
                inherited,
                ..facts(0)
            };
            assert_eq!(decide(&facts, 100 * SECOND), inherited);
        }
    }

    #[test]
    fn a_lease_of_another_clock_is_ended() {
        let facts = Facts {
            inherited: permission(3596),
            ..facts(0)
        };
        assert_eq!(decide(&facts, 100 * SECOND), Permission::default());
    }

    proptest! {
        /// Whatever the facts say: no deadline lies further ahead than it may, or rests on nothing.
        #[test]
        fn no_deadline_outlives_its_proof(
            settled in 0..100 * SECOND,
            now in 0..200 * SECOND,
            lost in proptest::option::of(0..200 * SECOND),
            absence_is_certain: bool,
        ) {
            let facts = Facts { absence_is_certain, endpoints_lost: lost, ..facts(settled) };
            let permission = decide(&facts, now);
            let bound = |ahead: Duration| {
                now.min(settled) + nanoseconds(WAITING) + nanoseconds(ahead)
            };
            prop_assert!(permission.answers <= bound(LEASE));
            prop_assert!(permission.answers <= now + nanoseconds(LEASE));
            prop_assert!(permission.denials <= bound(DENIALS));
            prop_assert!(permission.denials <= now + nanoseconds(DENIALS));
            prop_assert!(permission.endpoints <= permission.answers);
            prop_assert!(absence_is_certain || permission.denials == 0);
            if let Some(lost) = lost {
                prop_assert!(permission.endpoints <= lost + nanoseconds(KEPT));
            }
        }
    }
}
