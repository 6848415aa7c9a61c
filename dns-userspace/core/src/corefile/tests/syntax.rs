//! What Corefiles may look like, and what becomes of those that are broken.

use proptest::prelude::*;

use super::*;

#[test]
fn a_broken_text_leaves_everything_with_the_place() {
    for (text, place, found) in [
        (".:53 {\n errors\n", "Corefile:2:2: ", "the block's `}`"),
        (".:53 {\n errors\n}\n}\n", "Corefile:4:1: ", "found `}`"),
        (".:53 {\n cache {\n", "Corefile:2:8: ", "`}` of `cache`"),
        (".:53 {\n cache 30 }\n", "Corefile:2:11: ", "found `}`"),
        (".:53 {\n {\n }\n}\n", "Corefile:2:2: ", "found `{`"),
        (".:53, {\n}\n", "Corefile:1:7: ", "another zone"),
        (".:53,", "Corefile:1:1: ", "another zone"),
        (".:53 {\n log \"\n}\n", "Corefile:2:6: ", "quote"),
        (".:{$PORT} {\n}\n", "Corefile:1:1: ", "`PORT`"),
        (
            ".:53 {\n kubernetes {%ZONE%}\n}\n",
            "Corefile:2:13: ",
            "`ZONE`",
        ),
        (".:53 {\n import\n}\n", "Corefile:2:2: ", "`import` alone"),
        (".:53 {\n import a b\n}\n", "Corefile:2:11: ", "found `b`"),
        (".:53 {\n import \"\"\n}\n", "Corefile:2:9: ", "empty path"),
        (
            ".:53 {\n import gone\n}\n",
            "Corefile:2:9: ",
            "does not exist",
        ),
        (
            ".:53 {\n import /else/where\n}\n",
            "Corefile:2:9: ",
            "not known",
        ),
        (
            ".:53 {\n import /else/*.x\n}\n",
            "Corefile:2:9: ",
            "not all files",
        ),
        (".:53 {\n import */a\n}\n", "Corefile:2:9: ", "pattern"),
        (".:53 {\n import a[b]\n}\n", "Corefile:2:9: ", "pattern"),
        (".:53 {\n import *\n}\n", "Corefile:2:9: ", "..data"),
        (
            "import Corefile\n",
            "/etc/coredns/Corefile:1:8: ",
            "import itself",
        ),
        (
            "(a) {\n import a\n}\n. {\n import a\n}\n",
            "Corefile:2:9: ",
            "import itself",
        ),
        ("(a) {\n}\n(a) {\n}\n", "Corefile:3:1: ", "second snippet"),
        ("(a)\nerrors\n", "Corefile:2:1: ", "`{` is wanted"),
        ("(a) {\n errors {\n}\n", "Corefile:3:1: ", "snippet's `}`"),
        ("10.0.0.0/33 {\n}\n", "Corefile:1:1: ", "prefix"),
        (".:99999 {\n}\n", "Corefile:1:1: ", "port"),
    ] {
        let policy = policy(text);
        assert!(policy.zones.is_empty(), "{text:?}");
        let [left] = policy.left.as_slice() else {
            panic!("{text:?}: {:?}", policy.left);
        };
        assert!(
            left.what == "." && left.reason.starts_with(place) && left.reason.contains(found),
            "{text:?}: {}",
            left.reason
        );
    }
}

#[test]
fn a_broken_directive_leaves_its_block_only() {
    let text = |broken: &str| {
        format!(
            "a.example {{\n kubernetes a.example\n {broken}\n}}\nb.example {{\n kubernetes b.example\n}}\n"
        )
    };
    assert_eq!(
        names(&policy(&text("errors"))),
        ["a.example.", "b.example."]
    );
    for (broken, found) in [
        ("cache x..y", "Corefile:3:8: found `x..y`"),
        ("cache 0", "Corefile:3:8: "),
        ("cache 30\n cache 30", "Corefile:4:2: found a second"),
        ("errors\n errors", "Corefile:4:2: found a second"),
        (
            "cache {\n nonsense\n}",
            "Corefile:4:2: found the option `nonsense`",
        ),
        ("cache { disable success }", "Corefile:3:26: "),
        ("cache\n {\n disable success\n }", "Corefile:4:2: "),
        ("cache {\n success 1 {\n }\n }", "found a block within"),
        ("mystery", "Corefile:3:2: found the plugin `mystery`"),
        ("kubernetes a.example", "Corefile:3:2: found a second"),
        ("bufsize 4097", "Corefile:3:10: "),
        ("loadbalance random", "Corefile:3:2: "),
        ("log {\n class nonsense\n }", "Corefile:4:8: "),
        ("template IN", "Corefile:3:2: "),
        ("azure group", "Corefile:3:8: "),
        ("autopath", "Corefile:3:2: "),
        ("errors\n {\n }", "Corefile:4:2: found `{`"),
    ] {
        let policy = policy(&text(broken));
        assert_eq!(names(&policy), ["b.example."], "{broken}");
        assert_left(&policy, "a.example.", found);
    }
}

#[test]
fn a_broken_kubernetes_is_told_with_its_place() {
    for (options, place) in [
        ("ttl 3601", "Corefile:4:5: "),
        ("ttl", "Corefile:4:1: "),
        ("pods maybe", "Corefile:4:6: "),
        ("pods", "Corefile:4:1: "),
        ("namespaces", "Corefile:4:1: "),
        ("namespaces a\nnamespace_labels a=b", "Corefile:3:1: "),
        ("namespace_labels a b", "Corefile:4:1: "),
        ("noendpoints x", "Corefile:4:13: "),
        ("noendpoints\nzonal", "Corefile:3:1: "),
        ("ignore nothing", "Corefile:4:8: "),
        ("upstream", "Corefile:4:1: "),
    ] {
        let policy = with(options, "");
        assert!(policy.zones.is_empty(), "{options}");
        assert!(
            policy
                .left
                .iter()
                .any(|left| left.what == ".:53" && left.reason.starts_with(place)),
            "{options}: {:?}",
            policy.left
        );
    }
}

#[test]
fn keys_snippets_imports_and_variables_are_read_as_caddy_reads_them() {
    let mut mounted = Mounted::only(
        "(common) {\n errors\n cache 10 {$ZONE}\n}\n\
         # comment\n{$ZONE}:5300,\n in-addr.arpa:5300 dns://example.com:5301 {\n import common\n import parts/*.conf\n}\n",
    );
    mounted
        .environment
        .insert("ZONE".to_owned(), "Cluster.Local".to_owned());
    mounted.folders.insert("/etc/coredns/parts".to_owned());
    let kubernetes = "kubernetes {$ZONE} 10.0.0.0/8 {\n import ttl\n}";
    for (file, text) in [
        ("a.conf", kubernetes),
        ("ttl", "ttl 20"),
        ("b.conf", "# nothing"),
        ("c.txt", "}"),
    ] {
        mounted
            .files
            .insert(format!("/etc/coredns/parts/{file}"), text.to_owned());
    }
    let policy = policy_of(&mounted, &server());
    assert_eq!(names(&policy), ["cluster.local.", "10.in-addr.arpa."]);
    assert_eq!(zone(&policy, "cluster.local.").lifetimes.records, 10);
    assert_eq!(zone(&policy, "10.in-addr.arpa.").lifetimes.records, 20);
    let other = policy_of(
        &mounted,
        &Server {
            port: Some(5301),
            ..server()
        },
    );
    assert!(other.zones.is_empty());
}

#[test]
fn snippets_may_be_imported_in_another_order_than_they_stand() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let policy = policy(&format!(
            "(b) {{\n cache 3\n}}\n(a) {{\n errors\n}}\n. {{\n import {first}\n import {second}\n \
             kubernetes cluster.local\n}}\n"
        ));
        assert_eq!(zone(&policy, "cluster.local.").lifetimes.records, 3);
    }
}

#[test]
fn a_corefile_may_be_one_block_without_braces() {
    assert_eq!(
        names(&policy("cluster.local\nkubernetes\ncache\n")),
        ["cluster.local."]
    );
}

#[test]
fn a_corefile_that_is_not_there_leaves_everything() {
    let policy = policy_of(&Mounted::default(), &server());
    assert!(policy.zones.is_empty());
    assert!(!policy.left.is_empty());
}

const REAL: [&str; 6] = [
    KUBEADM,
    include_str!("data/aks.corefile"),
    include_str!("data/k3s.corefile"),
    include_str!("data/openshift.corefile"),
    include_str!("data/kubespray-options.corefile"),
    include_str!("data/recorded.corefiles"),
];

fn mounted(text: &str) -> Mounted {
    let mut mounted = Mounted::only(text);
    mounted.folders.insert("/etc/coredns/custom".to_owned());
    mounted
        .files
        .insert("/etc/coredns/NodeHosts".to_owned(), text.to_owned());
    mounted
        .environment
        .insert("A".to_owned(), "{$A}{".to_owned());
    mounted
}

/// A real Corefile with some of its parts replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("\n".to_owned()),
        Just("\"".to_owned()),
        Just("import ".to_owned()),
        Just("{$A}".to_owned()),
        Just("(a) {\n".to_owned()),
        Just("10.96.0.0/13 ".to_owned()),
        Just("fd00::/3 ".to_owned()),
        Just(" . ".to_owned()),
        Just("rewrite name suffix .local. x".to_owned()),
        "[ -~\\n\\t]{0,8}",
        "\\PC{0,4}",
    ];
    (
        prop::sample::select(REAL.to_vec()),
        prop::collection::vec((any::<prop::sample::Index>(), 0..12_usize, piece), 0..6),
    )
        .prop_map(|(text, changes)| {
            let mut characters: Vec<char> = text.chars().collect();
            for (at, removed, piece) in changes {
                let start = at.index(characters.len() + 1);
                let end = (start + removed).min(characters.len());
                characters.splice(start..end, piece.chars());
            }
            characters.into_iter().collect()
        })
}

proptest! {
    #[test]
    fn no_text_ends_in_a_panic(text in any::<String>()) {
        let mounted = mounted(&text);
        let _ = (policy_of(&mounted, &server()), reading_of(&mounted));
    }

    #[test]
    fn no_change_of_a_real_corefile_ends_in_a_panic_or_goes_untold(text in mutated()) {
        let mounted = mounted(&text);
        let policy = policy_of(&mounted, &server());
        prop_assert!(!policy.zones.is_empty() || !policy.left.is_empty());
        for zone in &policy.zones {
            prop_assert!(!zone.name.is_root() && zone.left_types.len() <= 2);
            prop_assert!(!(zone.is_reverse() && zone.denies));
        }
        let _ = reading_of(&mounted);
    }
}
