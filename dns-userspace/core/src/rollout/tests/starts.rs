//! Servers that are started again.

use super::*;

/// Servers with a text without `reload`, changed at `changed`.
fn without_reload(ttl: u32, changed: i64, starts: &[Start]) -> Running {
    Running {
        starts: starts.iter().cloned().collect(),
        ..servers(&corefile(ttl, ""), changed, 0)
    }
}

/// A story in which a pod is older than the change at 10 s.
fn changed() -> Rollout {
    let mut rollout = Rollout::new(options());
    let old = [start("a", -8_000, None)];
    rollout.observe(seen(&[without_reload(30, -9_000, &old)]), at(0));
    rollout.observe(seen(&[without_reload(60, 10, &old)]), at(10));
    assert_eq!(ttl(&mut rollout, 10_000), None);
    rollout
}

#[test]
fn a_container_that_is_started_again_reads_what_the_volume_holds() {
    for (started, expected) in [(11, None), (100, None), (101, Some(60))] {
        let mut rollout = changed();
        let again = [start("a", -8_000, Some(started))];
        rollout.observe(seen(&[without_reload(60, 10, &again)]), at(200));
        assert_eq!(ttl(&mut rollout, 200), expected, "{started}");
        // Nothing more is known when time has passed.
        assert_eq!(ttl(&mut rollout, 10_000), expected, "{started}");
    }
}

#[test]
fn every_server_must_have_been_started_again() {
    let mut rollout = changed();
    let (again, old) = (start("a", -8_000, Some(101)), start("b", -8_000, Some(5)));
    let both = [again.clone(), old];
    rollout.observe(seen(&[without_reload(60, 10, &both)]), at(200));
    assert_eq!(ttl(&mut rollout, 200), None);
    let new = [again, start("c", 150, None)];
    rollout.observe(seen(&[without_reload(60, 10, &new)]), at(201));
    assert_eq!(ttl(&mut rollout, 201), Some(60));
}

#[test]
fn a_volume_that_is_never_renewed_needs_a_new_pod() {
    let still = |ttl, changed, starts: &[Start]| Running {
        updated_in_place: false,
        ..without_reload(ttl, changed, starts)
    };
    let mut rollout = Rollout::new(options());
    let old = [start("a", -8_000, None)];
    rollout.observe(seen(&[still(30, -9_000, &old)]), at(0));
    assert_eq!(ttl(&mut rollout, 0), Some(30));
    let again = [start("a", -8_000, Some(5_000))];
    rollout.observe(seen(&[still(60, 10, &again)]), at(6_000));
    assert_eq!(ttl(&mut rollout, 6_000), None);
    let new = [start("b", 6_001, None)];
    rollout.observe(seen(&[still(60, 10, &new)]), at(6_002));
    assert_eq!(ttl(&mut rollout, 6_002), Some(60));
}

#[test]
fn a_container_that_was_started_while_nobody_watched_may_have_read_another_text() {
    let refused = |running: Running| Seen::Running {
        running: vec![running],
        lists: 1,
        refused: Some("forbidden".to_owned()),
        clock: clock(),
    };
    let old = [start("a", -8_000, Some(-7_000))];
    let first = without_reload(30, -9_000, &old);
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(std::slice::from_ref(&first)), at(0));
    rollout.observe(refused(first), at(10));
    // In another version, and started before that.
    let again = [start("a", -8_000, Some(400))];
    rollout.observe(seen(&[without_reload(30, 500, &again)]), at(1_000));
    assert_eq!(ttl(&mut rollout, 100_000), None);
    let later = [start("a", -8_000, Some(591))];
    rollout.observe(seen(&[without_reload(30, 500, &later)]), at(100_001));
    assert_eq!(ttl(&mut rollout, 100_001), Some(30));
}
