//! Which block serves a zone, and what holds for the server as a whole.

use super::*;

const CLUSTER: &str = "cluster.local.";
const REVERSE: &str = "in-addr.arpa.";

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
    assert!(
        zone(&twice, CLUSTER).left_types.is_empty(),
        "questions for DS do not go to the block for all names"
    );
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
