//! Never wider than any Corefile that a server may have.

mod properties;
mod refusals;
mod starts;
mod texts;
mod times;

use std::time::Duration;

use super::*;
use crate::corefile::Mounted;

const SYNC: Duration = Duration::from_secs(90);
/// When these stories begin, since the Unix epoch.
const BEGIN: u64 = 1_000_000;

fn options() -> Options {
    Options {
        kubelet_sync: SYNC,
        rules: None,
        answer_when_logged: false,
        policy_kept: Duration::from_secs(60),
        late: Duration::ZERO,
    }
}

/// A Corefile with this `ttl` and these lines more.
fn corefile(ttl: u32, more: &str) -> String {
    format!(
        ".:53 {{\n kubernetes cluster.local {{\n pods insecure\n ttl {ttl}\n }}\n {more}\n loadbalance\n}}\n"
    )
}

/// The time, this many seconds into the story.
fn at(seconds: u64) -> Now {
    Now {
        since_boot: Duration::from_secs(500 + seconds),
        since_epoch: Duration::from_secs(BEGIN + seconds),
    }
}

/// The API server's clock, read at the beginning.
fn clock() -> Option<ServerClock> {
    Some(ServerClock {
        told: at(0).since_epoch,
        asked: at(0).since_boot,
        answered: at(0).since_boot,
    })
}

/// The time of an object, this many seconds into the story.
fn time(seconds: i64) -> Duration {
    Duration::from_secs(BEGIN.saturating_add_signed(seconds))
}

/// Servers with this text, changed at `changed`, whose oldest pod was made at `made`.
fn servers(text: &str, changed: i64, made: i64) -> Running {
    Running {
        identity: "image 1".to_owned(),
        origin: "Deployment kube-system/coredns".to_owned(),
        image: "registry.k8s.io/coredns/coredns:v1.15.0".to_owned(),
        changed: Some(time(changed)),
        updated_in_place: true,
        starts: [start("coredns-1", made, None)].into(),
        revision: format!("changed at {changed}"),
        ..Running::given(String::new(), Mounted::only(text))
    }
}

/// The last start of a server whose pod was made, and whose container was started, this many seconds into the story.
fn start(pod: &str, made: i64, started: Option<i64>) -> Start {
    Start {
        of: format!("{pod} {made} {started:?}"),
        pod_made: time(made),
        container_started: started.map(time),
    }
}

fn seen(running: &[Running]) -> Seen {
    Seen::Running {
        running: running.to_vec(),
        lists: 1,
        refused: None,
        clock: clock(),
    }
}

/// The records' lifetime, if anything is answered.
fn ttl(rollout: &mut Rollout, seconds: u64) -> Option<u32> {
    let policy = rollout.agreed(at(seconds)).policy;
    assert!(
        !policy.zones.is_empty() || !policy.left.is_empty(),
        "nothing, for no reason"
    );
    policy.zones.first().map(|zone| zone.lifetimes.records)
}

/// A story that begins with an old text of this `ttl`.
fn told(text: &str) -> Rollout {
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[servers(text, -9_000, -10_000)]), at(0));
    rollout
}

#[test]
fn nothing_is_answered_before_anything_is_seen_or_when_nothing_can_be() {
    let mut rollout = Rollout::new(options());
    assert!(!rollout.has_begun());
    assert_eq!(ttl(&mut rollout, 0), None);
    let reason = "forbidden".to_owned();
    rollout.observe(
        Seen::Unknown {
            reason: reason.clone(),
        },
        at(0),
    );
    assert!(rollout.has_begun());
    assert_eq!(rollout.agreed(at(0)).policy, Policy::nothing(reason));
}

#[test]
fn a_text_that_has_been_there_for_long_is_answered_by_at_once() {
    assert_eq!(ttl(&mut told(&corefile(30, "reload")), 0), Some(30));
}

#[test]
fn after_a_change_both_texts_hold_until_kubelets_and_reload_have_brought_the_new_one() {
    let mut rollout = told(&corefile(30, "reload"));
    rollout.observe(
        seen(&[servers(&corefile(60, "reload"), 10, -10_000)]),
        at(10),
    );
    for seconds in [10, 11, 149] {
        assert_eq!(ttl(&mut rollout, seconds), None, "after {seconds} s");
    }
    let earlier = rollout.agreed(at(20)).earlier;
    assert_eq!(earlier.len(), 1);
    assert_eq!(earlier[0].until, Some(at(150).since_boot));
    // 10 + 90 + 45, and 5 for `kubernetes` to begin.
    assert_eq!(ttl(&mut rollout, 150), Some(60));
    assert!(rollout.agreed(at(150)).earlier.is_empty());
}

#[test]
fn what_both_texts_agree_on_is_answered_all_the_while() {
    let mut rollout = told(&corefile(30, "reload"));
    rollout.observe(
        seen(&[servers(&corefile(30, "reload\n errors"), 10, -10_000)]),
        at(10),
    );
    assert_eq!(ttl(&mut rollout, 10), Some(30));
    assert_eq!(rollout.agreed(at(10)).earlier.len(), 1);
}

#[test]
fn the_reload_that_counts_is_that_of_the_earlier_text() {
    let mut rollout = told(&corefile(30, "reload 200s 100s"));
    rollout.observe(
        seen(&[servers(&corefile(60, "reload 2s 1s"), 10, -10_000)]),
        at(10),
    );
    assert_eq!(ttl(&mut rollout, 10 + 90 + 304), None);
    assert_eq!(ttl(&mut rollout, 10 + 90 + 305), Some(60));
}

#[test]
fn without_reload_the_earlier_text_holds_until_every_pod_is_newer() {
    let mut rollout = told(&corefile(30, ""));
    rollout.observe(seen(&[servers(&corefile(60, ""), 10, -10_000)]), at(10));
    assert_eq!(ttl(&mut rollout, 100_000), None);
    assert_eq!(rollout.agreed(at(100_000)).earlier[0].until, None);
    // Made in the second of the change: it may have read the earlier text.
    rollout.observe(seen(&[servers(&corefile(60, ""), 10, 10)]), at(100_001));
    assert_eq!(ttl(&mut rollout, 100_001), None);
    rollout.observe(seen(&[servers(&corefile(60, ""), 10, 11)]), at(100_002));
    assert_eq!(ttl(&mut rollout, 100_002), Some(60));
}

#[test]
fn a_volume_that_is_never_updated_needs_new_pods_in_spite_of_reload() {
    let still = |text: &str, changed| Running {
        updated_in_place: false,
        ..servers(text, changed, -10_000)
    };
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[still(&corefile(30, "reload"), -20_000)]), at(0));
    assert_eq!(ttl(&mut rollout, 0), Some(30));
    rollout.observe(seen(&[still(&corefile(60, "reload"), 10)]), at(10));
    assert_eq!(ttl(&mut rollout, 100_000), None);
}

#[test]
fn what_a_recently_changed_text_has_replaced_is_not_known_at_the_start() {
    let mut rollout = Rollout::new(options());
    rollout.observe(
        seen(&[servers(&corefile(30, "reload"), -35, -10_000)]),
        at(0),
    );
    assert_eq!(ttl(&mut rollout, 0), None);
    let agreed = rollout.agreed(at(0));
    assert!(
        agreed.policy.left[0]
            .reason
            .contains("before the agent began")
    );
    assert_eq!(agreed.earlier[0].until, Some(at(105).since_boot));
    assert_eq!(ttl(&mut rollout, 104), None);
    assert_eq!(ttl(&mut rollout, 105), Some(30));
}

#[test]
fn at_the_start_pods_that_are_older_than_a_text_without_reload_may_have_another() {
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[servers(&corefile(30, ""), -9_000, -10_000)]), at(0));
    assert_eq!(ttl(&mut rollout, 0), None);
    rollout.observe(seen(&[servers(&corefile(30, ""), -9_000, -8_000)]), at(1));
    assert_eq!(ttl(&mut rollout, 1), Some(30));
}

#[test]
fn a_wall_clock_that_is_behind_delays_but_not_for_ever() {
    let mut rollout = Rollout::new(options());
    rollout.observe(
        seen(&[servers(&corefile(30, "reload"), 5_000, -10_000)]),
        at(0),
    );
    assert_eq!(ttl(&mut rollout, 139), None);
    assert_eq!(ttl(&mut rollout, 140), Some(30));
}

#[test]
fn texts_that_follow_each_other_quickly_hold_together() {
    let mut rollout = told(&corefile(30, "reload"));
    rollout.observe(
        seen(&[servers(&corefile(60, "reload"), 10, -10_000)]),
        at(10),
    );
    rollout.observe(
        seen(&[servers(&corefile(30, "reload"), 50, -10_000)]),
        at(50),
    );
    // The first of them is gone, the second may have come to servers meanwhile.
    assert_eq!(ttl(&mut rollout, 151), None);
    assert_eq!(ttl(&mut rollout, 189), None);
    assert_eq!(ttl(&mut rollout, 190), Some(30));
}

#[test]
fn while_two_images_run_only_what_both_answer_alike_is_answered() {
    let other = |image: &str, text: &str| Running {
        identity: image.to_owned(),
        image: image.to_owned(),
        ..servers(text, -9_000, 20)
    };
    let first = servers(&corefile(30, "reload"), -9_000, -10_000);
    let mut rollout = told(&corefile(30, "reload"));
    let same = other("coredns:v1.14.4", &corefile(30, "reload"));
    rollout.observe(seen(&[first.clone(), same]), at(20));
    assert_eq!(ttl(&mut rollout, 20), Some(30));
    let unlike = other("coredns:v1.12.0", &corefile(60, "reload"));
    rollout.observe(seen(&[first, unlike.clone()]), at(21));
    assert_eq!(ttl(&mut rollout, 21), None);
    // The rollout is over: the other pods are gone. These came while somebody watched.
    rollout.observe(seen(&[unlike]), at(22));
    assert_eq!(ttl(&mut rollout, 22), Some(60));
}

#[test]
fn a_text_that_was_read_by_a_list_may_have_replaced_one_that_nobody_saw() {
    let mut rollout = told(&corefile(30, "reload"));
    let again = |text: &str, changed, lists| Seen::Running {
        running: vec![servers(text, changed, -10_000)],
        lists,
        refused: None,
        clock: clock(),
    };
    rollout.observe(again(&corefile(30, "reload"), -9_000, 2), at(10));
    assert_eq!(ttl(&mut rollout, 10), Some(30));
    rollout.observe(again(&corefile(30, "reload\n errors"), 15, 3), at(20));
    assert_eq!(ttl(&mut rollout, 20), None);
    // By the date of the change, which is what the unseen text cannot have outlived.
    assert_eq!(ttl(&mut rollout, 155), Some(30));
}

#[test]
fn after_a_gap_in_what_is_known_it_is_as_at_the_start() {
    let mut rollout = told(&corefile(30, "reload"));
    rollout.observe(
        Seen::Unknown {
            reason: "forbidden".to_owned(),
        },
        at(10),
    );
    assert_eq!(ttl(&mut rollout, 10), None);
    rollout.observe(
        seen(&[servers(&corefile(60, "reload"), 15, -10_000)]),
        at(20),
    );
    assert_eq!(ttl(&mut rollout, 20), None);
    assert_eq!(ttl(&mut rollout, 155), Some(60));
}

#[test]
fn questions_at_several_ports_are_answered_as_all_of_them_would() {
    let text = format!(
        "{}{}",
        corefile(30, "reload"),
        corefile(60, "reload").replace(":53", ":5353")
    );
    let mut rollout = told(&text);
    rollout.set_ports(BTreeSet::from([5353]));
    assert_eq!(ttl(&mut rollout, 0), Some(60));
    rollout.set_ports(BTreeSet::from([53, 5353]));
    assert_eq!(ttl(&mut rollout, 0), None);
    rollout.set_ports(BTreeSet::from([54]));
    assert_eq!(ttl(&mut rollout, 0), None);
}

#[test]
fn a_corefile_that_is_given_holds_at_once_and_wherever_questions_arrive() {
    let running = Running::given("--corefile x".to_owned(), Mounted::only(&corefile(30, "")));
    let mut rollout = Rollout::given(options(), running, at(0));
    rollout.set_ports(BTreeSet::from([5353]));
    assert_eq!(ttl(&mut rollout, 0), Some(30));
}

#[test]
fn a_given_corefile_by_which_nothing_is_answered_is_refused_with_its_place() {
    let running = Running::given(
        "--corefile x".to_owned(),
        Mounted::only(".:53 {\n  forward . 1.1.1.1"),
    );
    let error = check(&running, options()).unwrap_err().to_string();
    assert!(error.contains("--corefile x"), "{error}");
    assert!(error.contains("Corefile:"), "{error}");
}

#[test]
fn a_default_port_that_is_not_the_usual_one_is_left_with_the_reason() {
    let mut rollout = Rollout::new(options());
    let running = Running {
        default_port: 1053,
        ..servers(&corefile(30, "reload"), -9_000, -10_000)
    };
    rollout.observe(seen(&[running]), at(0));
    let left = rollout.agreed(at(0)).policy.left;
    assert!(left[0].reason.contains("-dns.port 1053"), "{left:?}");
}
