//! A set-up that may not be read any more.

use super::*;

const REASON: &str = "forbidden";

/// Servers with this text, of which some may not be read any more.
fn refused(running: &[Running], lists: u64) -> Seen {
    Seen::Running {
        running: running.to_vec(),
        lists,
        refused: Some(REASON.to_owned()),
        clock: clock(),
    }
}

/// The same, once they may be read again.
fn again(running: &[Running], lists: u64) -> Seen {
    Seen::Running {
        running: running.to_vec(),
        lists,
        refused: None,
        clock: clock(),
    }
}

#[test]
fn a_refusal_keeps_the_last_policy_for_a_while_and_then_leaves_it() {
    let first = servers(&corefile(30, "reload"), -9_000, -10_000);
    let mut rollout = told(&corefile(30, "reload"));
    assert!(rollout.is_known());
    rollout.observe(refused(std::slice::from_ref(&first), 1), at(10));
    assert!(!rollout.is_known());
    let expected = Refusal {
        reason: REASON.to_owned(),
        kept_until: at(70).since_boot,
        back: None,
    };
    for second in [10, 69] {
        assert_eq!(ttl(&mut rollout, second), Some(30), "{second}");
        assert_eq!(
            rollout.agreed(at(second)).refusal.as_ref(),
            Some(&expected),
            "{second}"
        );
        // It is told again, of another kind of objects, and is no new one.
        rollout.observe(refused(std::slice::from_ref(&first), 1), at(second));
    }
    let agreed = rollout.agreed(at(70));
    assert_eq!(agreed.policy, Policy::nothing(REASON.to_owned()));
    assert_eq!(agreed.refusal, Some(expected));
}

#[test]
fn what_is_seen_to_change_in_spite_of_a_refusal_acts_at_once() {
    let mut rollout = told(&corefile(30, "reload"));
    let changed = servers(&corefile(60, "reload"), 20, -10_000);
    rollout.observe(
        refused(&[servers(&corefile(30, "reload"), -9_000, -10_000)], 1),
        at(10),
    );
    rollout.observe(refused(&[changed], 1), at(20));
    assert_eq!(ttl(&mut rollout, 20), None);
    let reason = "the Service is gone".to_owned();
    rollout.observe(
        Seen::Unknown {
            reason: reason.clone(),
        },
        at(21),
    );
    let agreed = rollout.agreed(at(21));
    assert_eq!(agreed.policy, Policy::nothing(reason));
    assert_eq!(agreed.refusal, None);
    // What is refused all the while is not kept anew.
    rollout.observe(
        refused(&[servers(&corefile(60, "reload"), 20, -10_000)], 1),
        at(200),
    );
    let agreed = rollout.agreed(at(200));
    assert_eq!(agreed.policy, Policy::nothing(REASON.to_owned()));
}

#[test]
fn after_a_refusal_the_same_text_holds_again_at_once_with_and_without_reload() {
    for more in ["reload", ""] {
        let first = servers(&corefile(30, more), -9_000, -8_000);
        let mut rollout = Rollout::new(options());
        rollout.observe(seen(std::slice::from_ref(&first)), at(0));
        assert_eq!(ttl(&mut rollout, 0), Some(30), "{more}");
        // With a text that was replaced while it was watched, so that the pods are older than the present one.
        let second = servers(&corefile(30, &format!("{more}\n errors")), 10, -8_000);
        rollout.observe(seen(std::slice::from_ref(&second)), at(10));
        assert_eq!(ttl(&mut rollout, 10), Some(30), "{more}");
        rollout.observe(refused(std::slice::from_ref(&second), 1), at(20));
        assert_eq!(ttl(&mut rollout, 80), None, "{more}");
        rollout.observe(again(std::slice::from_ref(&second), 2), at(5_000));
        assert_eq!(ttl(&mut rollout, 5_000), Some(30), "{more}");
        assert_eq!(rollout.agreed(at(5_000)).refusal, None, "{more}");
        assert!(rollout.is_known());
    }
}

#[test]
fn after_a_refusal_another_text_may_have_followed_one_that_nobody_saw() {
    let mut rollout = told(&corefile(30, "reload"));
    let first = servers(&corefile(30, "reload"), -9_000, -10_000);
    rollout.observe(refused(&[first], 1), at(10));
    let other = servers(&corefile(30, "reload\n errors"), 1_000, -10_000);
    rollout.observe(again(&[other], 2), at(1_020));
    assert_eq!(ttl(&mut rollout, 1_020), None);
    // As long as servers may have it after the change, and not after the end of the refusal.
    assert_eq!(ttl(&mut rollout, 1_139), None);
    assert_eq!(ttl(&mut rollout, 1_140), Some(30));
}

#[test]
fn a_text_that_is_back_in_another_version_may_have_been_another_meanwhile() {
    let text = corefile(30, "reload");
    let mut rollout = told(&text);
    rollout.observe(refused(&[servers(&text, -9_000, -10_000)], 1), at(10));
    rollout.observe(again(&[servers(&text, 1_000, -10_000)], 2), at(1_020));
    assert_eq!(ttl(&mut rollout, 1_020), None);
    assert_eq!(ttl(&mut rollout, 1_140), Some(30));
}

#[test]
fn servers_that_read_only_at_their_start_have_read_nothing_else_meanwhile() {
    let text = corefile(30, "");
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[servers(&text, -9_000, -8_000)]), at(0));
    rollout.observe(refused(&[servers(&text, -9_000, -8_000)], 1), at(10));
    rollout.observe(again(&[servers(&text, 500, -8_000)], 2), at(1_000));
    assert_eq!(ttl(&mut rollout, 1_000), Some(30));
    // A pod that was made before the last change may have begun with what was there before it.
    rollout.observe(refused(&[servers(&text, 500, -8_000)], 2), at(1_100));
    rollout.observe(again(&[servers(&text, 1_500, 1_200)], 3), at(2_000));
    assert_eq!(ttl(&mut rollout, 100_000), None);
}

/// A story with a refusal from the tenth second on, by which the policy is left from the seventieth on, on a node that is
/// twelve seconds late.
fn refused_for_long(running: &[Running]) -> Rollout {
    let late = Duration::from_secs(12);
    let mut rollout = Rollout::new(Options { late, ..options() });
    rollout.observe(seen(running), at(0));
    rollout.observe(refused(running, 1), at(10));
    assert_eq!(ttl(&mut rollout, 69), Some(30));
    assert_eq!(ttl(&mut rollout, 70), None);
    rollout
}

#[test]
fn what_was_left_for_longer_than_a_minute_is_followed_late_by_chance() {
    let running = [servers(&corefile(30, "reload"), -9_000, -10_000)];
    for (mended, followed) in [(60, 60), (130, 130), (131, 143)] {
        let mut rollout = Rollout::new(Options {
            late: Duration::from_secs(12),
            ..options()
        });
        rollout.observe(seen(&running), at(0));
        rollout.observe(refused(&running, 1), at(10));
        rollout.observe(again(&running, 2), at(mended));
        assert!(rollout.is_known(), "{mended}");
        for second in mended..mended + 20 {
            let expected = (second >= followed).then_some(30);
            assert_eq!(ttl(&mut rollout, second), expected, "{mended}: {second}");
        }
        assert_eq!(rollout.agreed(at(mended + 20)).refusal, None, "{mended}");
    }
}

#[test]
fn what_is_seen_while_a_node_is_late_makes_it_no_later_and_another_refusal_leaves_it() {
    let running = [servers(&corefile(30, "reload"), -9_000, -10_000)];
    let mut rollout = refused_for_long(&running);
    for second in 1_000..1_012 {
        rollout.observe(again(&running, 2), at(second));
        assert_eq!(ttl(&mut rollout, second), None, "{second}");
    }
    assert_eq!(ttl(&mut rollout, 1_012), Some(30));

    let mut rollout = refused_for_long(&running);
    rollout.observe(again(&running, 2), at(1_000));
    rollout.observe(refused(&running, 2), at(1_005));
    assert!(!rollout.is_known());
    assert_eq!(ttl(&mut rollout, 1_500), None);
    rollout.observe(again(&running, 3), at(2_000));
    assert_eq!(ttl(&mut rollout, 2_011), None);
    assert_eq!(ttl(&mut rollout, 2_012), Some(30));
}
