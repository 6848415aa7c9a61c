//! Stories of a source that is lost, of servers that reply or do not, and of both coming back.

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;
const KEPT: Duration = Duration::from_secs(300);
const LATE: Duration = Duration::from_secs(12);

/// The source is lost from the hundredth second on, so that what it has told is kept until the four hundredth.
fn lost(servers: Servers) -> Endpoints {
    Endpoints {
        lost: Some(100 * SECOND),
        servers,
        ..Endpoints::heard(KEPT, LATE)
    }
}

/// Until which second it is answered, as seen in this one.
fn until(endpoints: &Endpoints, second: u64) -> u64 {
    endpoints.until(second * SECOND) / SECOND
}

#[test]
fn where_nobody_asks_servers_it_is_left_when_its_time_is_over() {
    let endpoints = lost(Servers::NotAsked);
    assert_eq!(until(&endpoints, 399), 400);
    assert_eq!(
        endpoints.state(399 * SECOND),
        EndpointsState::Kept(400 * SECOND)
    );
    assert_eq!(endpoints.state(400 * SECOND), EndpointsState::Left);
}

#[test]
fn while_no_server_replies_it_is_kept_as_long_as_that_is_known() {
    let endpoints = lost(Servers::Unreached {
        asked: 1_000 * SECOND,
    });
    assert_eq!(until(&endpoints, 1_001), 1_020);
    assert_eq!(endpoints.state(1_001 * SECOND), EndpointsState::Alone);
    // Who does not ask any more knows nothing.
    assert_eq!(endpoints.state(1_020 * SECOND), EndpointsState::Left);
    let early = lost(Servers::Unreached {
        asked: 110 * SECOND,
    });
    assert_eq!(until(&early, 111), 400);
    assert_eq!(
        early.state(111 * SECOND),
        EndpointsState::Kept(400 * SECOND)
    );
}

#[test]
fn what_was_kept_since_no_server_replied_ends_late_by_chance_when_one_does() {
    let again = |second: u64| {
        lost(Servers::Reached {
            again: Some(second * SECOND),
        })
    };
    assert_eq!(until(&again(1_000), 1_001), 1_012);
    assert_eq!(
        again(1_000).state(1_001 * SECOND),
        EndpointsState::Kept(1_012 * SECOND)
    );
    assert_eq!(again(1_000).state(1_012 * SECOND), EndpointsState::Left);
    // Its own time is not over, and not the same for all nodes.
    assert_eq!(until(&again(395), 396), 400);
    assert_eq!(until(&lost(Servers::Reached { again: None }), 399), 400);
}

#[test]
fn what_was_left_for_longer_than_a_minute_comes_back_late_by_chance() {
    for (away, back) in [(60, 460), (61, 461 + 12)] {
        let mut endpoints = lost(Servers::NotAsked);
        endpoints.follow(399 * SECOND);
        assert_eq!(endpoints.left, None);
        for second in 400..400 + away {
            endpoints.follow(second * SECOND);
        }
        let heard = 400 + away;
        endpoints.lost = None;
        for second in heard..heard + 20 {
            endpoints.follow(second * SECOND);
            let now = second * SECOND;
            assert_eq!(
                endpoints.until(now) > now,
                second >= back,
                "{away}: {second}"
            );
            let expected = match second >= back {
                true => EndpointsState::Heard,
                false => EndpointsState::Late(back * SECOND),
            };
            assert_eq!(endpoints.state(now), expected, "{away}: {second}");
        }
    }
}

#[test]
fn servers_that_cannot_be_reached_any_more_bring_back_what_was_left() {
    let mut endpoints = lost(Servers::Reached { again: None });
    endpoints.follow(400 * SECOND);
    assert_eq!(endpoints.state(430 * SECOND), EndpointsState::Left);
    endpoints.servers = Servers::Unreached {
        asked: 430 * SECOND,
    };
    endpoints.follow(431 * SECOND);
    assert_eq!(endpoints.state(431 * SECOND), EndpointsState::Alone);
    assert_eq!(until(&endpoints, 431), 450);
}

#[test]
fn the_first_start_is_no_coming_back() {
    let mut endpoints = Endpoints::heard(KEPT, LATE);
    for second in [0, 1, 100_000] {
        endpoints.follow(second * SECOND);
        assert_eq!(endpoints.until(second * SECOND), u64::MAX);
    }
}

/// What happens to an agent.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Lost,
    Heard,
    Reply,
    Silence,
    /// So many seconds pass in which nothing else happens.
    Pass(u64),
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        Just(Happens::Lost),
        Just(Happens::Heard),
        Just(Happens::Reply),
        Just(Happens::Silence),
        (1..90_u64).prop_map(Happens::Pass),
    ]
}

proptest! {
    /// Whatever happens, it is answered only by something that is known, comes back late after more than a minute, and at
    /// once after less.
    #[test]
    fn it_is_answered_by_what_is_known_and_comes_back_as_it_must(
        story in proptest::collection::vec(happens(), 1..60),
    ) {
        let mut endpoints = Endpoints::heard(Duration::from_secs(30), LATE);
        let late = nanoseconds(LATE);
        let mut now = 1_000 * SECOND;
        // When it was answered last, and since when that which is known would have let it be.
        let mut answered = now;
        let mut known_since = Some(now);
        let mut silence = 0;
        for happens in story {
            let mut seconds = 0;
            match happens {
                Happens::Lost => endpoints.lost = endpoints.lost.or(Some(now)),
                Happens::Heard => endpoints.lost = None,
                Happens::Reply => {
                    endpoints.servers = match endpoints.servers {
                        Servers::NotAsked => Servers::Reached { again: None },
                        reached @ Servers::Reached { .. } => reached,
                        Servers::Unreached { .. } => Servers::Reached { again: Some(now) },
                    };
                }
                Happens::Silence => {
                    silence = now;
                    endpoints.servers = Servers::Unreached { asked: now };
                }
                Happens::Pass(passed) => seconds = passed,
            }
            for _ in 0..=seconds {
                endpoints.follow(now);
                let is_answered = endpoints.until(now) > now;
                let is_known = match (endpoints.lost, endpoints.servers) {
                    (None, _) => true,
                    (Some(lost), _) if now < lost + 30 * SECOND => true,
                    (Some(_), Servers::Unreached { .. }) => now < silence + nanoseconds(ALONE),
                    (Some(lost), Servers::Reached { again }) => again
                        .is_some_and(|again| again > lost + 30 * SECOND && now < again + late),
                    (Some(_), Servers::NotAsked) => false,
                };
                prop_assert!(is_known || !is_answered, "it rests on nothing");
                known_since = is_known.then(|| known_since.unwrap_or(now));
                if let Some(known_since) = known_since {
                    let away = known_since.saturating_sub(answered);
                    // By how much the first look may have come after it was left.
                    let margin = SECOND;
                    if now >= known_since + late || away + margin <= nanoseconds(AWAY) {
                        prop_assert!(is_answered, "it is away for no reason");
                    } else if away > nanoseconds(AWAY) + margin && !is_answered {
                        prop_assert!(now < known_since + late);
                    }
                    if is_answered && away > nanoseconds(AWAY) + margin {
                        prop_assert!(now >= known_since + late, "it comes back at once");
                    }
                }
                if is_answered {
                    answered = now;
                    known_since = Some(answered);
                }
                now += SECOND;
            }
        }
    }
}
