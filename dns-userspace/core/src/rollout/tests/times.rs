//! Clocks that differ.

use super::*;

/// The time, this many seconds into the story, on a node whose clock is wrong by `wrong`.
fn on_node(seconds: u64, wrong: i64) -> Now {
    let now = at(seconds);
    Now {
        since_epoch: Duration::from_secs(now.since_epoch.as_secs().saturating_add_signed(wrong)),
        ..now
    }
}

fn ttl_on_node(rollout: &mut Rollout, seconds: u64, wrong: i64) -> Option<u32> {
    let policy = rollout.agreed(on_node(seconds, wrong)).policy;
    policy.zones.first().map(|zone| zone.lifetimes.records)
}

#[test]
fn a_node_whose_clock_is_wrong_takes_no_text_for_older_or_newer_than_it_is() {
    for wrong in [-100_000, -140, 140, 100_000] {
        let mut rollout = Rollout::new(options());
        let running = servers(&corefile(30, "reload"), -35, -10_000);
        rollout.observe(seen(&[running]), on_node(0, wrong));
        assert_eq!(ttl_on_node(&mut rollout, 104, wrong), None, "{wrong}");
        assert_eq!(ttl_on_node(&mut rollout, 105, wrong), Some(30), "{wrong}");
    }
}

#[test]
fn while_the_servers_clock_is_not_known_texts_age_from_when_they_were_seen() {
    let unknown = |clock| Seen::Running {
        running: vec![servers(&corefile(30, "reload"), -9_000, -10_000)],
        lists: 1,
        refused: None,
        clock,
    };
    let mut rollout = Rollout::new(options());
    rollout.observe(unknown(None), at(0));
    assert_eq!(ttl(&mut rollout, 139), None);
    assert_eq!(ttl(&mut rollout, 140), Some(30));
    // Once it is, what was seen before is as old as it is.
    let mut rollout = Rollout::new(options());
    rollout.observe(unknown(None), at(0));
    assert_eq!(ttl(&mut rollout, 1), None);
    rollout.observe(unknown(clock()), at(2));
    assert_eq!(ttl(&mut rollout, 2), Some(30));
}

#[test]
fn a_text_whose_end_was_watched_ages_from_then_whatever_the_server_says_of_the_time() {
    let mut rollout = told(&corefile(30, "reload"));
    // Written by another API server, whose clock is ten minutes behind.
    rollout.observe(
        seen(&[servers(&corefile(60, "reload"), -590, -10_000)]),
        at(10),
    );
    assert_eq!(ttl(&mut rollout, 149), None);
    assert_eq!(ttl(&mut rollout, 150), Some(60));
}

#[test]
fn a_config_map_that_is_gone_was_there_until_it_was_seen_to_be_gone() {
    let with = |ttl, changed, starts: &[Start]| Running {
        starts: starts.iter().cloned().collect(),
        ..servers(&corefile(ttl, ""), changed, 0)
    };
    let pods = [start("a", -4_000, None)];
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[with(30, -5_000, &pods)]), at(0));
    assert_eq!(ttl(&mut rollout, 0), Some(30));
    // What was changed last is deleted. What is left was changed long before, when there were no pods.
    rollout.observe(seen(&[with(60, -9_000, &pods)]), at(10));
    assert_eq!(ttl(&mut rollout, 100_000), None);
    for (made, expected) in [(11, None), (12, Some(60))] {
        let pods = [start("b", made, None)];
        rollout.observe(seen(&[with(60, -9_000, &pods)]), at(100_000));
        // The server tells whole seconds.
        assert_eq!(ttl(&mut rollout, 100_000), expected, "{made}");
    }
}

#[test]
fn a_config_map_that_went_while_nobody_watched_may_have_gone_right_now() {
    let servers = |ttl, changed, lists| Seen::Running {
        running: vec![servers(&corefile(ttl, "reload"), changed, -10_000)],
        lists,
        refused: None,
        clock: clock(),
    };
    let mut rollout = Rollout::new(options());
    rollout.observe(servers(30, -5_000, 1), at(0));
    assert_eq!(ttl(&mut rollout, 0), Some(30));
    rollout.observe(servers(60, -9_000, 2), at(1_000));
    // By when it may have gone at the latest, which is known to a second.
    assert_eq!(ttl(&mut rollout, 1_139), None);
    assert_eq!(ttl(&mut rollout, 1_140), Some(60));
}

#[test]
fn the_servers_time_lies_between_what_it_said_and_how_long_it_took_to_say_it() {
    let times = Times {
        now: at(30),
        server: Some(ServerClock {
            told: Duration::from_secs(5_000),
            asked: at(10).since_boot,
            answered: at(13).since_boot,
        }),
    };
    assert_eq!(times.server_at_least(), Some(Duration::from_secs(5_017)));
    assert_eq!(times.server_at_most(), Some(Duration::from_secs(5_021)));
}
