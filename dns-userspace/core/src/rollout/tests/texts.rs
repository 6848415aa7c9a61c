//! Texts that servers refuse, texts that come again, and how long servers take to begin with one.

use super::*;

/// A text that every server refuses: its block is never closed.
fn broken() -> String {
    corefile(45, "reload")
        .trim_end()
        .trim_end_matches('}')
        .to_owned()
}

/// Tells of a text that was changed this many seconds into the story.
fn change(rollout: &mut Rollout, text: &str, second: u64) {
    let changed = i64::try_from(second).unwrap();
    rollout.observe(seen(&[servers(text, changed, -10_000)]), at(second));
}

#[test]
fn after_a_text_that_every_server_refuses_the_reload_of_the_one_before_counts() {
    let mut rollout = told(&corefile(30, "reload 100s 0s"));
    change(&mut rollout, &broken(), 10);
    assert_eq!(ttl(&mut rollout, 10), None);
    // Servers have the first text all the while, so it is noticed by it when the brace is there again.
    assert_eq!(ttl(&mut rollout, 5_000), None);
    change(&mut rollout, &corefile(60, "reload 2s 1s"), 5_000);
    assert_eq!(ttl(&mut rollout, 5_000 + 90 + 104), None);
    assert_eq!(ttl(&mut rollout, 5_000 + 90 + 105), Some(60));
}

#[test]
fn a_refused_text_makes_no_server_look_that_never_does() {
    let mut rollout = told(&corefile(30, "reload"));
    rollout.observe(seen(&[servers(&corefile(30, ""), 10, 11)]), at(12));
    for (text, second) in [(broken(), 20), (corefile(60, "reload"), 30)] {
        rollout.observe(seen(&[servers(&text, second, 11)]), at(second as u64));
    }
    assert_eq!(ttl(&mut rollout, 100_000), None);
}

#[test]
fn a_text_that_cannot_be_read_here_may_have_been_read_by_the_servers() {
    let mut rollout = told(&corefile(30, "reload"));
    change(&mut rollout, &corefile(45, "import /unknown"), 10);
    change(&mut rollout, &corefile(60, "reload"), 20);
    assert_eq!(ttl(&mut rollout, 100_000), None);
}

#[test]
fn a_refused_text_at_the_start_is_followed_as_the_next_one_says() {
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[servers(&broken(), -9_000, -10_000)]), at(0));
    assert_eq!(ttl(&mut rollout, 0), None);
    change(&mut rollout, &corefile(60, "reload"), 10);
    assert_eq!(ttl(&mut rollout, 149), None);
    assert_eq!(ttl(&mut rollout, 150), Some(60));
}

#[test]
fn the_earlier_text_holds_while_the_new_one_waits_for_its_lists() {
    let slow = corefile(60, "reload").replace("ttl 60", "ttl 60\n startup_timeout 1m");
    let mut rollout = told(&corefile(30, "reload"));
    change(&mut rollout, &slow, 10);
    assert_eq!(ttl(&mut rollout, 10 + 90 + 45 + 59), None);
    assert_eq!(
        rollout.agreed(at(10)).earlier[0].until,
        Some(at(205).since_boot)
    );
    assert_eq!(ttl(&mut rollout, 10 + 90 + 45 + 60), Some(60));
}

#[test]
fn a_text_that_comes_again_is_kept_once_and_from_its_last_end() {
    let mut rollout = Rollout::new(options());
    rollout.observe(seen(&[servers(&corefile(30, ""), -9_000, -8_000)]), at(0));
    for (second, ttl) in [(10, 60), (20, 30), (30, 60), (40, 30), (50, 60)] {
        let running = servers(&corefile(ttl, ""), second, -8_000);
        rollout.observe(seen(&[running]), at(second as u64));
        let _ = rollout.agreed(at(second as u64));
    }
    let earlier = rollout.agreed(at(60)).earlier;
    let ends: Vec<Duration> = earlier.iter().map(|earlier| earlier.replaced).collect();
    assert_eq!(ends, [at(50).since_epoch]);
    assert_eq!(ttl(&mut rollout, 60), None);
    rollout.observe(seen(&[servers(&corefile(60, ""), 50, 51)]), at(70));
    assert_eq!(ttl(&mut rollout, 70), Some(60));
}

#[test]
fn a_text_is_not_read_again_while_nothing_changes() {
    let mut rollout = told(&corefile(30, "reload"));
    change(&mut rollout, &corefile(60, "reload"), 10);
    let kept = Policy::nothing("kept".to_owned());
    let is_kept = |rollout: &mut Rollout, second| {
        let was_kept = rollout.agreed(at(second)).policy == kept;
        rollout.policy = Some(kept.clone());
        was_kept
    };
    assert!(!is_kept(&mut rollout, 10));
    assert!(is_kept(&mut rollout, 11));
    rollout.set_ports(BTreeSet::new());
    assert!(is_kept(&mut rollout, 12));
    rollout.set_ports(BTreeSet::from([53]));
    assert!(!is_kept(&mut rollout, 13));
    change(&mut rollout, &corefile(60, "reload\n errors"), 14);
    assert!(!is_kept(&mut rollout, 14));
    assert!(is_kept(&mut rollout, 149));
    // The first text is gone.
    assert!(!is_kept(&mut rollout, 150));
}

#[test]
fn the_pods_own_lines_are_known_to_hosts_and_are_no_change_of_a_text() {
    let text = ".:53 {\n hosts {\n 10.1.1.1 a.corp\n fallthrough\n }\n kubernetes cluster.local in-addr.arpa\n}\n";
    let with = |hosts: Option<&str>| Running {
        mounted: Mounted {
            files: [("/etc/coredns/Corefile".to_owned(), text.to_owned())].into(),
            ..Mounted::only(text)
        },
        hosts: hosts.map(|line| [line.to_owned()].into()),
        ..servers(text, -9_000, -8_000)
    };
    let mut rollout = Rollout::new(options());
    let mut left_names = |hosts, second| {
        rollout.observe(seen(&[with(hosts)]), at(second));
        let agreed = rollout.agreed(at(second));
        assert!(agreed.earlier.is_empty(), "{:?}", agreed.earlier);
        let mut zones = agreed.policy.zones.into_iter();
        zones.nth(1).map(|zone| {
            let names = zone.left_names.iter();
            names
                .map(|name| name.to_ascii())
                .collect::<Vec<_>>()
                .join(" ")
        })
    };
    let own = |name: &str| {
        Some(format!(
            "1.1.1.10.in-addr.arpa. {name} 1.0.0.127.in-addr.arpa."
        ))
    };
    assert_eq!(
        left_names(Some("10.244.0.3 coredns-1"), 0),
        own("3.0.244.10.in-addr.arpa.")
    );
    assert_eq!(
        left_names(Some("10.244.0.4 coredns-2"), 10),
        own("4.0.244.10.in-addr.arpa.")
    );
    assert_eq!(left_names(None, 20), None);
}
