//! Arguments and options that matter only because CoreDNS refuses a Corefile for one that it does not take.

use super::*;

const CLUSTER: &str = "cluster.local.";

#[test]
fn words_that_coredns_refuses_leave_the_block_with_their_place() {
    for (directive, place, reason) in [
        ("health {\nlamduck 5s\n}", "3:1", "`lamduck`"),
        ("health {\nlameduck 5\n}", "3:10", "a duration"),
        ("health {\nlameduck\n}", "3:1", "a duration"),
        ("health 8080", "2:8", "a port"),
        ("errors /dev/stderr", "2:8", "`stdout`"),
        ("errors {\nconsolidate 5m\n}", "3:1", "a regular expression"),
        ("errors {\nconsolidate 5m .* loud\n}", "3:19", "`warning`"),
        ("ready {\nmonitor sometimes\n}", "3:9", "`continuously`"),
        ("prometheus 9153", "2:12", "a port"),
        ("prometheus :9153 x", "2:18", "the end of the line"),
        (
            "forward . 10.0.0.1 {\nmax_concurent 9\n}",
            "3:1",
            "`max_concurent`",
        ),
        (
            "forward . 10.0.0.1 {\nmax_concurrent many\n}",
            "3:16",
            "a number",
        ),
        ("forward . 10.0.0.1 {\npolicy best\n}", "3:8", "`random`"),
        ("forward .", "2:1", "a server's address"),
        ("forward . /etc/resolv.cnf", "2:11", "a file that is known"),
        ("loop x", "2:6", "the end of the line"),
        ("loop {\n}", "2:6", "a block"),
        ("reload 1s", "2:8", "2s or more"),
        ("reload 30", "2:8", "2s or more"),
        ("reload 10s 10ms", "2:12", "1s or more"),
        ("bind etho", "2:6", "an IP address"),
        ("bind", "2:1", "an IP address"),
        (
            "loadbalance {\nprefer 10.0.0.0\n}",
            "3:8",
            "an address prefix",
        ),
        ("loadbalance {\nreload 5s\n}", "3:1", "the policy"),
        (
            "loadbalance weighted /x {\nprefer 10.0.0.0/8\n}",
            "3:1",
            "the policy",
        ),
        ("bind ::1 ::1", "2:1", "different ones"),
        ("cache {\nprefetch\n}", "3:1", "a number"),
        ("cache {\nservfail 6m\n}", "3:10", "or less"),
        ("debug x", "2:7", "the end of the line"),
        ("pprof {\nblok\n}", "3:1", "`blok`"),
        ("trace {\nevery other\n}", "3:7", "a number"),
        ("transfer {\nsource 10.0.0.1\n}", "2:1", "`to`"),
        ("minimal x", "2:9", "the end of the line"),
        (
            "hosts /etc/coredns/gone {\nttl 0\nfallthrough\n}",
            "3:5",
            "65535",
        ),
    ] {
        let policy = with("", directive);
        assert_left(&policy, CLUSTER, &format!("Corefile:{place}: "));
        assert_left(&policy, CLUSTER, reason);
    }
    for option in [
        "startup_timeout 5",
        "apiserver_qps many",
        "multicluster b.local",
    ] {
        assert_left(&with(option, ""), ".:53", "is wanted");
    }
}

#[test]
fn words_that_coredns_takes_leave_nothing() {
    for directive in [
        "health :8080 {\nlameduck 5s\n}",
        "errors stdout {\nstacktrace\nconsolidate 5m \".* i/o timeout$\" warning show_first\n\
         consolidate 30s \"^Failed to .+\"\nconsolidate 30s .* show_first\n}",
        "ready :8181 {\nmonitor continuously\n}",
        "prometheus 0.0.0.0:9153 {\nruntime_metrics\n}",
        "loop",
        "reload 2s 1s",
        "reload 10s 0s",
        "bind 127.0.0.1 ::1 {\nexcept ::1\n}",
        "loadbalance weighted /x {\nreload 5s\n}",
        "loadbalance round_robin {\nprefer 10.0.0.0/8 fd00::/8\n}",
        "cache 30 {\nsuccess 9984 30 5\nprefetch 10 1m 20%\nservfail 0\ndisable denial\n}",
        "debug",
        "pprof :6060 {\nblock 1\n}",
        "trace zipkin localhost:9411 {\nevery 10\nservice dns\nclient_server\n}",
        "transfer {\nto *\nto 10.0.0.1\n}",
        "chaos CoreDNS-1 a@b c",
        "metadata",
        "cancel 5s",
        "forward example.com 10.0.0.1:53 tls://9.9.9.9 {\nexcept a.example b.example\nmax_fails 3\n\
         health_check 5s no_rec domain example.org\nforce_tcp\nprefer_udp\ntls\n\
         tls_servername dns.quad9.net\nexpire 20s\npolicy sequential\nmax_concurrent 1000\n\
         next NXDOMAIN servfail\nfailfast_all_unhealthy_upstreams\n}",
    ] {
        assert_eq!(with("", directive).left, [], "{directive}");
    }
}
