//! What each plugin's options do to answers.

use super::*;
use crate::policy::{Capping, Lifetimes, Order};

const CLUSTER: &str = "cluster.local.";
const REVERSE: &str = "in-addr.arpa.";

#[test]
fn every_plugin_of_coredns_is_decided_on() {
    // The plugin list of CoreDNS 1.15.0, `core/dnsserver/zdirectives.go`.
    let plugins = "root metadata geoip cancel proxyproto quic grpc_server https https3 timeouts multisocket \
        reload nsid bufsize bind debug trace ready health pprof shed prometheus errors log dnstap local dns64 \
        siit any chaos loadbalance tsig rewrite autopath acl cache header dnssec tls minimal template transfer \
        dynupdate hosts route53 azure clouddns k8s_external file auto secondary etcd loop forward grpc erratic \
        whoami on sign view nomad";
    for plugin in plugins.split_ascii_whitespace() {
        let policy = with("", plugin);
        let unknown = policy
            .left
            .iter()
            .find(|left| left.reason.contains("not known here"));
        assert_eq!(unknown, None, "{plugin}");
    }
    assert_left(
        &with("", "federation x"),
        CLUSTER,
        "`federation`, which is not known here",
    );
}

#[test]
fn plugins_that_change_every_answer_leave_the_block() {
    for plugin in [
        "nsid",
        "header {\nresponse set ra\n}",
        "view x {\nexpr true\n}",
        "siit",
        "dynupdate",
        "proxyproto",
        "local",
        "dnssec",
        "acl {\nallow net 10.0.0.0/8\n}",
        "tsig",
        "dnstap /run/x",
        "log",
        "k8s_external",
        "template IN A",
        "dns64 {\ntranslate_all\n}",
        "rewrite type A AAAA",
        "rewrite name regex (.*) {1}.x",
        "rewrite name prefix a b",
        "rewrite continue {\nttl regex (.*) 30\n}",
        "rewrite name substring a b",
        "federation",
    ] {
        let policy = with("", plugin);
        assert_left(&policy, CLUSTER, "left to the DNS service");
        assert!(policy.zones.is_empty(), "{plugin}");
    }
}

#[test]
fn plugins_with_zones_leave_what_they_have_in_common_with_the_clusters() {
    for plugin in [
        "acl ZONE {\nblock\n}",
        "tsig ZONE",
        "dnssec ZONE",
        "k8s_external ZONE",
        "template IN A ZONE",
        "route53 ZONE:Z1",
        "azure group:ZONE",
        "clouddns ZONE:project:name",
    ] {
        let at = |zone: &str| with("", &plugin.replace("ZONE", zone));
        assert_eq!(names(&at("example.com")).len(), 3, "{plugin}");
        assert!(zone(&at("example.com"), CLUSTER).left_trees.is_empty());
        assert_left(&at("Cluster.Local"), CLUSTER, "Corefile:2:1: ");
        assert_left(&at("local"), CLUSTER, "Corefile:2:1: ");
        assert_eq!(names(&at("local")), [REVERSE, "ip6.arpa."], "{plugin}");
        let inside = at("x.cluster.local");
        assert_eq!(
            texts(&zone(&inside, CLUSTER).left_trees),
            ["x.cluster.local."],
            "{plugin}"
        );
    }
}

#[test]
fn only_clients_that_are_told_apart_leave_the_outside() {
    let outside = |directives: &str| with("", directives).outside.is_some();
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
        assert!(outside(harmless), "{harmless}");
    }
    for doubtful in [
        "acl x.example",
        "autopath @kubernetes",
        "dns64",
        "whoami",
        "rewrite edns0 local set 1 2",
        "template IN A x.example {\nanswer \"{{ .Name }} 5 IN A {{ .Remote }}\"\n}",
        "dnssec x.example",
    ] {
        assert!(!outside(doubtful), "{doubtful}");
    }
    let stub = |stub: &str| {
        policy(&format!("{KUBEADM}\nx.example {{\n {stub}\n}}\n"))
            .outside
            .is_some()
    };
    assert!(stub("forward . 10.0.0.1\n cache 3"));
    for doubtful in ["view a {\n}", "mystery", "log", "whoami"] {
        assert!(!stub(doubtful), "{doubtful}");
    }
    assert!(
        policy(&format!("{KUBEADM}\nx.example:5353 {{\n view a\n}}\n"))
            .outside
            .is_some(),
        "another port"
    );
}

#[test]
fn the_outside_is_capped_by_the_cache_of_the_services_zone() {
    assert_eq!(with("", "").outside, Some(Capping::NONE));
    assert_eq!(with("", "cache 7 example.com").outside, Some(Capping::NONE));
    assert_eq!(
        with("", "cache 7 cluster.local").outside,
        Some(Capping::of_seconds(7))
    );
    let separate =
        "cluster.local {\n kubernetes\n cache 9\n}\n. {\n forward . 10.0.0.1\n cache 30\n}\n";
    assert_eq!(policy(separate).outside, Some(Capping::of_seconds(9)));
    assert_eq!(
        policy("cluster.local {\n kubernetes\n forward . 10.0.0.1\n}\n").outside,
        None
    );
    assert_eq!(
        policy(". {\n kubernetes cluster.local\n forward example.com 10.0.0.1\n}\n").outside,
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

#[test]
fn addresses_are_ordered_as_loadbalance_says() {
    for (directives, order) in [
        ("", Order::AsGiven),
        ("loadbalance", Order::Turned),
        ("loadbalance round_robin", Order::Turned),
        ("loadbalance weighted /x", Order::Uncertain),
        ("loadbalance {\nprefer 10.0.0.0/8\n}", Order::Uncertain),
    ] {
        assert_eq!(
            zone(&with("", directives), CLUSTER).order,
            order,
            "{directives}"
        );
    }
}

#[test]
fn logged_names_are_left_unless_the_operator_says_otherwise() {
    for (log, reasons, trees) in [
        ("log", true, &[][..]),
        ("log .", true, &[]),
        ("log . {common}", true, &[]),
        ("log {\nclass denial error\n}", true, &[]),
        ("log {\nclass error\n}", false, &[]),
        ("log . {\nclass error\n}\nlog cluster.local", false, &[]),
        ("log example.com", false, &[]),
        (
            "log x.cluster.local example.com \"{remote}\"",
            false,
            &["x.cluster.local."],
        ),
        ("dnstap /x full", true, &[]),
    ] {
        let policy = with("", log);
        if reasons {
            assert_left(&policy, CLUSTER, "--when-logged answer");
        } else {
            assert_eq!(texts(&zone(&policy, CLUSTER).left_trees), trees, "{log}");
        }
        let text = format!(". {{\n{log}\nkubernetes cluster.local\n}}\n");
        let answered = policy_of(
            &Mounted::only(&text),
            &Server {
                answer_when_logged: true,
                ..server()
            },
        );
        assert!(zone(&answered, CLUSTER).left_trees.is_empty(), "{log}");
    }
}

#[test]
fn hosts_leaves_what_it_lists_and_its_zones_if_it_does_not_hand_on() {
    let inline = |rest: &str| {
        format!(
            "hosts {{\n10.0.0.1 a.cluster.local b.example\nfd00::1 *.x.cluster.local\n{rest}\n}}"
        )
    };
    let handing_on = with("", &inline("ttl 9\nreload 5s\nfallthrough"));
    assert_eq!(
        texts(&zone(&handing_on, CLUSTER).left_names),
        ["a.cluster.local.", "*.x.cluster.local."]
    );
    assert_eq!(
        texts(&zone(&handing_on, CLUSTER).left_trees),
        ["x.cluster.local."]
    );
    let reverse = texts(&zone(&handing_on, REVERSE).left_names);
    assert_eq!(
        reverse,
        ["1.0.0.10.in-addr.arpa.", "1.0.0.127.in-addr.arpa."]
    );
    let without = with("", &inline("no_reverse\nfallthrough"));
    assert!(zone(&without, REVERSE).left_names.is_empty());

    assert_left(&with("", &inline("")), CLUSTER, "no `fallthrough`");
    assert_left(
        &with("", &inline("fallthrough in-addr.arpa")),
        CLUSTER,
        "no `fallthrough`",
    );
    assert!(!names(&with("", &inline("fallthrough local"))).contains(&REVERSE.to_owned()));
    for file in ["/unknown/hosts", "relative", "/etc/coredns/../x"] {
        assert_left(
            &with("", &format!("hosts {file} {{\nfallthrough\n}}")),
            CLUSTER,
            file,
        );
    }
    assert_left(
        &with("", "root /x\nhosts x {\nfallthrough\n}"),
        CLUSTER,
        "`root` moves",
    );
    let absent = with("", "hosts /etc/coredns/gone {\nfallthrough\n}");
    assert!(zone(&absent, CLUSTER).left_names.is_empty());
    let elsewhere = with("", "hosts /etc/coredns/gone example.com");
    assert_eq!(names(&elsewhere).len(), 3);
    assert_left(
        &with("", "hosts /unknown/hosts example.com"),
        REVERSE,
        "/unknown/hosts",
    );
    assert_left(
        &with("", &inline("fallthrough\nmystery")),
        CLUSTER,
        "`mystery`",
    );
}

#[test]
fn rewrite_rules_leave_the_names_that_they_may_touch() {
    for (rules, name, tree) in [
        (
            "rewrite name a.cluster.local x.example",
            &["a.cluster.local."][..],
            &[][..],
        ),
        (
            "rewrite stop name exact A.cluster.local. x.example answer auto",
            &["a.cluster.local."],
            &[],
        ),
        (
            "rewrite name suffix .a.cluster.local .x.example answer auto",
            &[],
            &["a.cluster.local."],
        ),
        ("rewrite name a.example b.cluster.local", &[], &[]),
        ("rewrite name suffix .example .cluster.local", &[], &[]),
        (
            "rewrite stop {\nname exact a.cluster.local b.example\nanswer auto\n}",
            &["a.cluster.local."],
            &[],
        ),
    ] {
        let policy = with("", rules);
        let zone = zone(&policy, CLUSTER);
        assert_eq!(texts(&zone.left_names), name, "{rules}");
        assert_eq!(texts(&zone.left_trees), tree, "{rules}");
    }
    assert_left(
        &with("", "rewrite name suffix .local .x"),
        CLUSTER,
        "ending",
    );
}

#[test]
fn types_that_other_plugins_answer_are_not_denied() {
    let types = |directives: &str| zone(&with("", directives), CLUSTER).left_types.clone();
    assert_eq!(types("any"), [255].into());
    assert_eq!(types("dns64 64:ff9b::/96"), [28].into());
    assert_eq!(types("any\ndns64 {\nallow_ipv4\n}"), [28, 255].into());
    let above = ". {\n forward . 10.0.0.1\n}\nlocal {\n forward . 10.0.0.1\n}\ncluster.local {\n kubernetes\n}\n";
    assert_eq!(
        zone(&policy(above), CLUSTER).left_types,
        [43].into(),
        "DS goes to the parent's block"
    );
    let three = above.replace("kubernetes\n", "kubernetes\n any\n dns64\n");
    assert_left(&policy(&three), CLUSTER, "more than two types");
}

#[test]
fn absent_names_are_denied_only_where_nothing_else_looks_for_them() {
    for (options, directives, denies) in [
        ("", "", true),
        ("fallthrough", "", false),
        ("fallthrough cluster.local", "", false),
        ("fallthrough x.cluster.local", "", false),
        ("fallthrough in-addr.arpa", "", true),
        ("", "autopath @kubernetes", false),
        ("", "autopath example.com @kubernetes", true),
        ("", "autopath local /etc/resolv.conf", false),
    ] {
        let policy = with(options, directives);
        assert_eq!(
            zone(&policy, CLUSTER).denies,
            denies,
            "{options} {directives}"
        );
        assert!(!zone(&policy, REVERSE).denies);
    }
}

#[test]
fn another_clusters_names_are_left() {
    for option in [
        "endpoint https://10.0.0.1",
        "kubeconfig /x",
        "tls a b c",
        "labels a=b",
    ] {
        assert_left(&with(option, ""), CLUSTER, "left to the DNS service");
    }
    let clusterset = ". {\n kubernetes cluster.local clusterset.local {\n multicluster clusterset.local\n }\n}\n";
    assert_eq!(names(&policy(clusterset)), [CLUSTER]);
    assert_left(&policy(clusterset), "clusterset.local.", "multicluster");
}

#[test]
fn options_that_change_no_answer_are_taken() {
    let options = "apiserver_qps 5\napiserver_burst 9\napiserver_max_inflight 3\nstartup_timeout 2s\nendpoint_pod_names";
    assert_eq!(with(options, "").left, []);
}

#[test]
fn a_zone_is_served_by_the_block_with_the_deepest_key() {
    let kubernetes = "kubernetes cluster.local";
    let taken = policy(&format!(
        ". {{\n {kubernetes}\n}}\nlocal {{\n forward . 10.0.0.1\n}}\n"
    ));
    assert_left(&taken, CLUSTER, "another block, `local`");
    let twice = policy(&format!(
        ". {{\n {kubernetes}\n}}\ncluster.local {{\n {kubernetes}\n}}\n"
    ));
    assert_eq!(names(&twice), [CLUSTER], "the second block's is the one");
    let same = policy(&format!(
        "local {{\n {kubernetes}\n}}\nlocal {{\n {kubernetes}\n}}\n"
    ));
    assert_left(&same, CLUSTER, "two blocks are for the same zone");
    let below = policy(&format!("x.cluster.local {{\n {kubernetes}\n}}\n"));
    assert_left(&below, CLUSTER, "no block on this port");
    let own = policy(&format!(". sub.cluster.local {{\n {kubernetes}\n}}\n"));
    assert!(
        zone(&own, CLUSTER).left_trees.is_empty(),
        "a deeper key of the same block"
    );
    let other = policy(&format!(
        ". {{\n {kubernetes}\n}}\nsub.cluster.local:54 tls://sub.cluster.local:53 {{\n}}\n"
    ));
    assert!(
        zone(&other, CLUSTER).left_trees.is_empty(),
        "another port, another protocol"
    );
    assert_left(&policy(". {\n kubernetes\n}\n"), ".", "the root");
}

#[test]
fn a_zone_within_another_one_is_left() {
    let nested =
        policy(". {\n kubernetes cluster.local x.cluster.local 10.0.0.0/8 in-addr.arpa\n}\n");
    assert_eq!(names(&nested), [CLUSTER, REVERSE]);
    assert_eq!(
        texts(&zone(&nested, CLUSTER).left_trees),
        ["x.cluster.local."]
    );
    assert_eq!(
        texts(&zone(&nested, REVERSE).left_trees),
        ["10.in-addr.arpa."]
    );
    assert_left(&nested, "x.cluster.local.", "within cluster.local.");
}

#[test]
fn the_primary_zone_is_the_first_that_coredns_takes_for_one() {
    let primary = |zones: &str| {
        policy(&format!(". {{\n kubernetes {zones}\n}}\n")).zones[0]
            .primary
            .to_ascii()
    };
    assert_eq!(primary("10.0.0.0/8 b.example a.example"), "b.example.");
    assert_eq!(primary("in-addr.arpa a.example"), REVERSE);
    assert!(policy(". {\n kubernetes 10.0.0.0/8\n}\n").zones.is_empty());
}

#[test]
fn sizes_are_those_of_the_first_zone() {
    let block = |zone: &str, size: &str| format!("{zone} {{\n kubernetes\n {size}\n}}\n");
    let policy = policy(
        &[
            block("a.example", "bufsize"),
            block("b.example", ""),
            block("c.example", "bufsize 1232"),
        ]
        .concat(),
    );
    assert_eq!(
        (names(&policy), policy.size_cap),
        (vec!["a.example.".to_owned(), "c.example.".to_owned()], 1232)
    );
    assert_left(&policy, "b.example.", "bufsize");
}

#[test]
fn blocks_that_listen_on_different_addresses_leave_everything() {
    let blocks = |one: &str, other: &str| {
        policy(&format!(
            ". {{\n {one}\n kubernetes cluster.local\n}}\nx.example {{\n {other}\n}}\n"
        ))
    };
    assert_eq!(names(&blocks("bind 10.0.0.1", "bind 10.0.0.1")), [CLUSTER]);
    assert!(blocks("bind 10.0.0.1", "errors").zones.is_empty());
}

#[test]
fn a_version_that_is_too_old_leaves_everything() {
    let old = policy_of(
        &Mounted::only(KUBEADM),
        &Server {
            rules: Rules::of_version("1.8.6"),
            ..server()
        },
    );
    assert!(old.zones.is_empty() && old.left[0].reason.contains("version"));
    let rules = Rules::of_version("1.12.0");
    let known = policy_of(&Mounted::only(KUBEADM), &Server { rules, ..server() });
    assert!(known.zones.iter().all(|zone| zone.rules == rules));
}
