//! What each plugin's options do to answers.

use super::*;
use crate::policy::Order;

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
    let with =
        |options: &str, directives: &str| policy_of(&own_line(options, directives), &server());
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
        [
            "1.0.0.10.in-addr.arpa.",
            "3.0.244.10.in-addr.arpa.",
            "1.0.0.127.in-addr.arpa."
        ]
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
    assert_left(
        &with("", &inline("reload soon\nfallthrough")),
        CLUSTER,
        "a duration",
    );
    for seldom in ["0s", "31s", "1h"] {
        let text = inline(&format!("reload {seldom}\nfallthrough"));
        assert_left(&with("", &text), CLUSTER, "so seldom");
    }
    let often = with("", &inline("reload 15s\nfallthrough"));
    assert!(names(&often).contains(&CLUSTER.to_owned()));
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

/// The Corefile of [`with`], with one known pod.
fn own_line(options: &str, directives: &str) -> Mounted {
    let text = corefile(options, directives);
    let mut mounted = Mounted::only(&text);
    mounted.files.remove("/etc/hosts");
    mounted.with_hosts_of(&["10.244.0.3 coredns-1".to_owned()].into())
}

#[test]
fn hosts_leaves_reverse_zones_while_a_pods_own_address_is_not_known() {
    let hosts = "hosts {\n10.0.0.1 a.cluster.local\nfallthrough\n}";
    let unknown = with("", hosts);
    assert_eq!(names(&unknown), [CLUSTER]);
    assert_left(&unknown, REVERSE, "Corefile:2:1: ");
    assert_left(&unknown, REVERSE, "its own address");
    assert_eq!(names(&policy_of(&own_line("", hosts), &server())).len(), 3);
    let no_reverse = hosts.replace("fallthrough", "no_reverse\nfallthrough");
    assert_eq!(names(&with("", &no_reverse)).len(), 3);
}

#[test]
fn of_two_lines_with_fallthrough_the_last_one_counts() {
    let hosts = |lines: &str| with("", &format!("hosts /etc/coredns/gone {{\n{lines}\n}}"));
    assert_left(
        &hosts("fallthrough\nfallthrough example.com"),
        CLUSTER,
        "no `fallthrough`",
    );
    assert_eq!(
        names(&hosts("fallthrough example.com\nfallthrough")).len(),
        3
    );
    let denies = |lines: &str| zone(&with(lines, ""), CLUSTER).denies;
    assert!(!denies("fallthrough in-addr.arpa\nfallthrough"));
    assert!(denies("fallthrough\nfallthrough in-addr.arpa"));
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
