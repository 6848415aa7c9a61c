//! Ours runs first, or says that it does not.

use std::path::Path;

use aya::{
    Ebpf,
    programs::{LinkOrder, TcAttachType, tc::TcAttachOptions},
};
use dns_userspace::datapath::{
    attach::{AttachedBy, Attachment, Hook, detach_all, survey},
    interfaces::{InterfaceEvent, Selection},
};

use crate::stage::*;

#[test]
fn ours_moves_before_a_foreign_tcx_program_and_gives_up_a_fight() {
    alone(
        "ours_moves_before_a_foreign_tcx_program_and_gives_up_a_fight",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            let (pod, programs, mut attachments) =
                (interface("pod1"), programs(), attachments(Hook::Tcx));
            assert!(attach(&mut attachments, &pod, &programs).first);
            let mut foreign: Vec<Ebpf> = (0..4).map(|_| object()).collect();
            for (count, object) in foreign.iter_mut().enumerate() {
                let first = TcAttachOptions::TcxOrder(LinkOrder::first());
                let plain = classifier(object, "intercept_plain");
                plain
                    .attach_with_options("pod1", TcAttachType::Ingress, first)
                    .unwrap();
                assert_eq!(tcx_names("pod1")[0], "intercept_plain");
                let looked = attachments
                    .check_first(pod.index, &programs)
                    .unwrap()
                    .unwrap();
                let Attachment::Attached(attached) = looked else {
                    panic!("{looked:?}")
                };
                assert_eq!(attached.first, count < 3, "{attached:?}");
            }
            let attached = attach(&mut attachments, &pod, &programs);
            assert_eq!(survey(Path::new(PINS)).unwrap(), attachments.list());
            assert!(!attached.first);
            assert!(
                attached.behind[0].contains("intercept_plain"),
                "{attached:?}"
            );
            assert_eq!(
                tcx_names("pod1"),
                [
                    "intercept_plain",
                    "intercept_peer",
                    "intercept_plain",
                    "intercept_plain",
                    "intercept_plain"
                ]
            );
        },
    );
}

#[test]
fn ours_moves_before_a_foreign_filter_when_told_of_it_and_leaves_it_alone() {
    alone(
        "ours_moves_before_a_foreign_filter_when_told_of_it_and_leaves_it_alone",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            run("tc", &["qdisc", "add", "dev", "pod1", "clsact"]);
            tc_filter("add", "pod1", &FOREIGN_FILTER);
            let (programs, mut attachments) = (programs(), attachments(Hook::Clsact));
            watching(Selection::default(), async |mut watch| {
                let pod = event(&mut watch, present("pod1")).await;
                let attached = attach(&mut attachments, &pod, &programs);
                assert_eq!(
                    (attached.by, attached.first),
                    (AttachedBy::Clsact, true),
                    "{attached:?}"
                );
                tc_filter("delete", "pod1", &FOREIGN_FILTER[..6]);
                tc_filter("add", "pod1", &FOREIGN_FILTER);
                assert!(filters("pod1").find("zerohop") > filters("pod1").find("bytecode"));
                let changed = |event: &InterfaceEvent| {
                    (*event == InterfaceEvent::FiltersChanged { index: pod.index }).then_some(())
                };
                loop {
                    event(&mut watch, changed).await;
                    attachments
                        .check_first(pod.index, &programs)
                        .unwrap()
                        .unwrap();
                    if filters("pod1").find("zerohop") < filters("pod1").find("bytecode") {
                        break;
                    }
                }
            });
            assert!(attachments.list()[0].first);
            assert_eq!(filters("pod1").matches("zerohop").count(), 1);
            assert_eq!(survey(Path::new(PINS)).unwrap(), attachments.list());
            drop(attachments);
            let removed = detach_all(Path::new(PINS)).unwrap();
            assert_eq!((removed.filters, removed.links), (1, 0));
            let left = filters("pod1");
            assert!(
                left.contains("bytecode") && !left.contains("zerohop"),
                "{left}"
            );
            assert!(output("tc", &["qdisc", "show", "dev", "pod1"]).contains("clsact"));
        },
    );
}

#[test]
fn behind_a_filter_of_another_protocol_ours_says_that_it_is_not_first() {
    alone(
        "behind_a_filter_of_another_protocol_ours_says_that_it_is_not_first",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            run("tc", &["qdisc", "add", "dev", "pod1", "ingress"]);
            tc_filter(
                "add",
                "pod1",
                &[&["protocol", "ip"], &FOREIGN_FILTER[..]].concat(),
            );
            let (pod, programs, mut attachments) =
                (interface("pod1"), programs(), attachments(Hook::Clsact));
            let attached = attach(&mut attachments, &pod, &programs);
            assert!(!attached.first);
            assert!(
                attached.behind[0].contains("priority 1, handle 0x1"),
                "{attached:?}"
            );
            assert_eq!(attach(&mut attachments, &pod, &programs), attached);
        },
    );
}

#[test]
fn a_removed_qdisc_or_link_is_noticed_and_made_good() {
    alone("a_removed_qdisc_or_link_is_noticed_and_made_good", || {
        let elsewhere = Elsewhere::new();
        add_veth("pod1", &elsewhere, &[]);
        let (pod, programs, mut attachments) =
            (interface("pod1"), programs(), attachments(Hook::Clsact));
        attach(&mut attachments, &pod, &programs);
        run("tc", &["qdisc", "delete", "dev", "pod1", "clsact"]);
        assert_eq!(filters("pod1"), "");
        assert!(attach(&mut attachments, &pod, &programs).first);
        assert!(filters("pod1").contains("zerohop"));
        let mut attachments = self::attachments(Hook::Tcx);
        attach(&mut attachments, &pod, &programs);
        assert_eq!(
            filters("pod1"),
            "",
            "the filter of the other hook is removed"
        );
        run(
            "bpftool",
            &[
                "link",
                "detach",
                "pinned",
                &format!("{PINS}/links/tcx-{}", pod.index),
            ],
        );
        assert!(attach(&mut attachments, &pod, &programs).first);
        assert_eq!(tcx_names("pod1"), ["intercept_peer"]);
    });
}

#[test]
fn a_filter_that_is_removed_again_and_again_is_given_up_for_a_while() {
    alone(
        "a_filter_that_is_removed_again_and_again_is_given_up_for_a_while",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            let (pod, programs, mut attachments) =
                (interface("pod1"), programs(), attachments(Hook::Clsact));
            attach(&mut attachments, &pod, &programs);
            for _ in 0..3 {
                tc_filter("delete", "pod1", &["ingress"]);
                attach(&mut attachments, &pod, &programs);
            }
            tc_filter("delete", "pod1", &["ingress"]);
            for _ in 0..2 {
                let error = attachments.attach(&pod, &programs).unwrap_err().to_string();
                assert!(error.contains("keeps removing"), "{error}");
                assert!(attachments.list().is_empty());
            }
        },
    );
}
