//! Restarts, reused indices, interfaces that go.

use std::{collections::BTreeSet, path::Path};

use dns_userspace::datapath::{
    attach::{Attachment, Hook, detach_all},
    interfaces::{AttachPoint, Interface},
};

use crate::stage::*;

#[test]
fn a_restarted_agent_takes_over_and_changes_the_program_in_place() {
    alone(
        "a_restarted_agent_takes_over_and_changes_the_program_in_place",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            let pod = interface("pod1");
            for hook in [Hook::Tcx, Hook::Clsact] {
                let old = programs();
                attach(&mut attachments(hook), &pod, &old);
                old.pin(Path::new(PINS)).unwrap();
                drop(old);
                let before = (tcx_ids("pod1"), filters("pod1"), links());
                let new = programs();
                let attached = attach(&mut attachments(hook), &pod, &new);
                new.pin(Path::new(PINS)).unwrap();
                let after = (tcx_ids("pod1"), filters("pod1"), links());
                assert!(attached.first);
                assert_eq!(before.2.len(), after.2.len());
                if hook == Hook::Tcx {
                    assert_eq!(before.2, after.2, "the same link");
                    assert_ne!(before.0, after.0, "another program");
                } else {
                    let handle =
                        |text: &str| text.split("handle ").nth(1).unwrap()[..10].to_owned();
                    assert_eq!(handle(&before.1), handle(&after.1), "the same filter");
                    assert_ne!(before.1, after.1, "another program");
                }
            }
        },
    );
}

#[test]
fn an_index_that_is_used_again_gets_a_link_of_its_own() {
    alone("an_index_that_is_used_again_gets_a_link_of_its_own", || {
        let elsewhere = Elsewhere::new();
        add_veth("pod1", &elsewhere, &["index", "77"]);
        let programs = programs();
        attach(&mut attachments(Hook::Tcx), &interface("pod1"), &programs);
        run("ip", &["link", "delete", "pod1"]);
        assert!(Path::new(PINS).join("links/tcx-77").exists());
        add_veth("pod2", &elsewhere, &["index", "77"]);
        assert_eq!(tcx_names("pod2"), Vec::<String>::new());
        let mut attachments = attachments(Hook::Tcx);
        assert!(attach(&mut attachments, &interface("pod2"), &programs).first);
        assert_eq!(tcx_names("pod2"), ["intercept_peer"]);
        run("ip", &["link", "delete", "pod2"]);
        assert_eq!(attachments.retain(&BTreeSet::new()).unwrap(), [77]);
        assert!(!Path::new(PINS).join("links/tcx-77").exists());
    });
}

#[test]
fn an_interface_that_is_gone_is_no_error_and_leaves_nothing() {
    alone(
        "an_interface_that_is_gone_is_no_error_and_leaves_nothing",
        || {
            let gone = Interface {
                index: 4711,
                ..interface("lo")
            };
            let programs = programs();
            for hook in [Hook::Tcx, Hook::Clsact] {
                for point in [AttachPoint::TrafficControl, AttachPoint::Xdp] {
                    let mut attachments = attachments(hook);
                    let gone = Interface {
                        point,
                        ..gone.clone()
                    };
                    assert_eq!(
                        attachments.attach(&gone, &programs).unwrap(),
                        Attachment::Gone
                    );
                    assert!(attachments.list().is_empty());
                }
            }
            assert!(detach_all(Path::new(PINS)).unwrap().is_empty());
        },
    );
}
