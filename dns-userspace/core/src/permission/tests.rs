//! Deadlines of made-up facts.

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;
const KEPT: Duration = Duration::from_secs(300);

/// Endpoints whose source is lost since then.
fn endpoints(lost: Option<u64>) -> Endpoints {
    let mut endpoints = Endpoints::heard(KEPT, Duration::from_secs(12));
    endpoints.lost = lost;
    endpoints
}

fn facts(settled: u64) -> Facts {
    Facts {
        settled,
        obstacle: None,
        inherited: Permission::default(),
        absence_is_certain: true,
        endpoints: endpoints(None),
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
            endpoints: endpoints(Some(100 * SECOND)),
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

#[test]
fn an_agent_that_has_waited_long_for_its_first_lists_answers_endpoints_at_once() {
    let mut facts = Facts {
        obstacle: Some(Obstacle::NotListed),
        endpoints: endpoints(Some(100 * SECOND)),
        ..facts(0)
    };
    facts.follow(1_000 * SECOND);
    facts.endpoints.lost = None;
    facts.obstacle = None;
    facts.settled = 1_001 * SECOND;
    facts.follow(1_001 * SECOND);
    assert_eq!(ahead(&facts, 1_001 * SECOND), [5000, 400, 5000]);
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
        let facts = Facts { absence_is_certain, endpoints: endpoints(lost), ..facts(settled) };
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
