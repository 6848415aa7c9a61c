//! Lifetimes, and what becomes of those of external names.

use super::*;
use crate::policy::{Capping, Lifetimes};

const CLUSTER: &str = "cluster.local.";

#[test]
fn only_clients_that_are_told_apart_leave_external_names() {
    let external = |directives: &str| with("", directives).external.is_some();
    for harmless in [
        "",
        "errors",
        "cache 30",
        "any",
        "chaos",
        "rewrite name a.example b.example",
        "minimal",
        "k8s_external x.example",
        "template IN A x.example {\nanswer \"{{ .Name }} 5 IN A 1.1.1.1\"\n}",
    ] {
        assert!(external(harmless), "{harmless}");
    }
    for uncertain in [
        "acl x.example",
        "autopath @kubernetes",
        "dns64",
        "whoami",
        "rewrite edns0 local set 1 2",
        "template IN A x.example {\nanswer \"{{ .Name }} 5 IN A {{ .Remote }}\"\n}",
        "dnssec x.example",
    ] {
        assert!(!external(uncertain), "{uncertain}");
    }
    let stub = |stub: &str| {
        policy(&format!("{KUBEADM}\nx.example {{\n {stub}\n}}\n"))
            .external
            .is_some()
    };
    assert!(stub("forward . 10.0.0.1\n cache 3"));
    assert!(!stub("hosts /etc/coredns/x"), "it answers names itself");
    for uncertain in ["view a {\n}", "mystery", "log", "whoami"] {
        assert!(!stub(uncertain), "{uncertain}");
    }
    assert!(
        policy(&format!("{KUBEADM}\nx.example:5353 {{\n view a\n}}\n"))
            .external
            .is_some(),
        "another port"
    );
}

#[test]
fn external_names_are_capped_by_the_cache_of_the_services_zone() {
    assert_eq!(with("", "").external, Some(Capping::NONE));
    assert_eq!(
        with("", "cache 7 example.com").external,
        Some(Capping::NONE)
    );
    assert_eq!(
        with("", "cache 7 cluster.local").external,
        Some(Capping::of_seconds(7))
    );
    let separate =
        "cluster.local {\n kubernetes\n cache 9\n}\n. {\n forward . 10.0.0.1\n cache 30\n}\n";
    assert_eq!(policy(separate).external, Some(Capping::of_seconds(9)));
    assert_eq!(
        policy("cluster.local {\n kubernetes\n forward . 10.0.0.1\n}\n").external,
        None
    );
    assert_eq!(
        policy(". {\n kubernetes cluster.local\n forward example.com 10.0.0.1\n}\n").external,
        None
    );
}

#[test]
fn the_cache_of_a_zone_is_the_one_whose_zones_hold_it() {
    let lifetimes = |directives: &str| zone(&with("ttl 60", directives), CLUSTER).lifetimes;
    let capped = |success, denial| Lifetimes::new(60, Some(Capping { success, denial }));
    for (cache, expected) in [
        ("", Lifetimes::new(60, None)),
        ("cache", capped((5, 3600), (5, 1800))),
        ("cache 20", capped((5, 20), (5, 20))),
        ("cache 20 local", capped((5, 20), (5, 20))),
        ("cache example.com", Lifetimes::new(60, None)),
        (
            "cache 20 {\nsuccess 100\ndenial 9984 10 2\n}",
            capped((5, 20), (2, 10)),
        ),
        (
            "cache {\nsuccess 5000 40 50\nprefetch 10\nservfail 1s\n}",
            capped((50, 40), (5, 1800)),
        ),
        (
            "cache {\nserve_stale\ndisable success\ndisable denial cluster.local\n}",
            capped((5, 3600), (5, 1800)),
        ),
    ] {
        assert_eq!(lifetimes(cache), expected, "{cache}");
    }
    for stale in [
        "cache {\nserve_stale\n}",
        "cache {\nkeepttl\ndisable success\n}",
    ] {
        assert_left(&with("", stale), CLUSTER, "repeats old answers");
    }
    let part = with("", "cache 20 x.cluster.local");
    assert_eq!(
        texts(&zone(&part, CLUSTER).left_trees),
        ["x.cluster.local."]
    );
}

#[test]
fn a_cache_of_more_than_an_hour_leaves_the_only_longer_record() {
    assert!(zone(&with("", "cache 3600"), CLUSTER).left_names.is_empty());
    let long = with("", "cache 9000");
    assert_eq!(
        texts(&zone(&long, CLUSTER).left_names),
        ["dns-version.cluster.local."]
    );
}
