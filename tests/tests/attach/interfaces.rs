//! Which interfaces are announced.

use std::{collections::BTreeSet, time::Instant};

use dns_userspace::datapath::{
    attach::Hook,
    interfaces::{AttachPoint, InterfaceEvent, Selection},
};

use crate::stage::*;

#[test]
fn a_new_veth_is_announced_and_attached_to() {
    alone("a_new_veth_is_announced_and_attached_to", || {
        let elsewhere = Elsewhere::new();
        let (programs, mut attachments) = (programs(), attachments(Hook::Auto));
        watching(Selection::default(), async |mut watch| {
            let begin = Instant::now();
            add_veth("pod1", &elsewhere, &[]);
            let made = begin.elapsed();
            let interface = event(&mut watch, present("pod1")).await;
            assert!(interface.redirects_to_peer(), "{interface:?}");
            let attached = attach(&mut attachments, &interface, &programs);
            eprintln!(
                "made in {made:?}, attached {:?} after it began",
                begin.elapsed()
            );
            assert!(attached.first);
            assert_eq!(tcx_names("pod1"), ["intercept_peer"]);
            run("ip", &["link", "delete", "pod1"]);
            event(&mut watch, gone(interface.index)).await;
            assert!(attachments.detach(interface.index).unwrap());
            assert!(attachments.list().is_empty());
        });
    });
}

#[test]
fn a_veth_counts_once_its_peer_is_moved_away() {
    alone("a_veth_counts_once_its_peer_is_moved_away", || {
        let elsewhere = Elsewhere::new();
        watching(Selection::default(), async |mut watch| {
            run(
                "ip",
                &[
                    "link", "add", "host", "type", "veth", "peer", "name", "inner",
                ],
            );
            run("ip", &["link", "set", "inner", "netns", &elsewhere.path()]);
            run("ip", &["link", "set", "host", "up"]);
            let interface = event(&mut watch, present("host")).await;
            assert!(interface.redirects_to_peer(), "{interface:?}");
        });
    });
}

#[test]
fn a_veth_that_joins_and_leaves_a_bridge_stays_present() {
    alone(
        "a_veth_that_joins_and_leaves_a_bridge_stays_present",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            watching(Selection::default(), async |mut watch| {
                event(&mut watch, |event| {
                    (*event == InterfaceEvent::Resynced).then_some(())
                })
                .await;
                run("ip", &["link", "add", "bridge0", "type", "bridge"]);
                run("ip", &["link", "set", "pod1", "master", "bridge0"]);
                run("ip", &["link", "set", "pod1", "nomaster"]);
                run("ip", &["link", "set", "pod1", "mtu", "1400"]);
                let index = interface("pod1").index;
                let next = event(&mut watch, |event| match event {
                    InterfaceEvent::Present(interface) if interface.mtu == 1400 => Some(true),
                    InterfaceEvent::Gone { index: gone } if *gone == index => Some(false),
                    _ => None,
                });
                assert!(next.await, "leaving a bridge is not being gone");
            });
        },
    );
}

#[test]
fn lost_notifications_are_made_good_by_listing_again() {
    alone("lost_notifications_are_made_good_by_listing_again", || {
        let elsewhere = Elsewhere::new();
        add_veth("pod1", &elsewhere, &[]);
        watching(Selection::default(), async |mut watch| {
            let resynced =
                |event: &InterfaceEvent| (*event == InterfaceEvent::Resynced).then_some(());
            event(&mut watch, resynced).await;
            let changes: String = (0..2000)
                .map(|count| format!("link set pod1 mtu {}\n", 1000 + count % 400))
                .collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, changes + "link delete pod1\n").unwrap();
            run("ip", &["-batch", file.path().to_str().unwrap()]);
            event(&mut watch, resynced).await;
            assert_eq!(watch.present().count(), 0);
        });
    });
}

#[test]
fn globs_take_every_kind_but_loopback_and_a_name_that_is_missing_is_said() {
    alone(
        "globs_take_every_kind_but_loopback_and_a_name_that_is_missing_is_said",
        || {
            run(
                "ip",
                &["link", "add", "one", "type", "veth", "peer", "name", "two"],
            );
            let names = |names: &[&str]| {
                names
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect::<Vec<_>>()
            };
            let selection =
                Selection::new(&names(&["l*", "on?", "eth7"]), &names(&["two"])).unwrap();
            watching(selection, async |mut watch| {
                let listed: BTreeSet<_> = watch.present().map(|one| one.name.clone()).collect();
                assert_eq!(listed, BTreeSet::from(["one".to_owned(), "two".to_owned()]));
                let missing: Vec<_> = watch.missing().map(|error| error.to_string()).collect();
                assert_eq!(missing.len(), 1);
                assert!(
                    missing[0].contains("interface eth7 does not exist"),
                    "{missing:?}"
                );
                assert_eq!(
                    event(&mut watch, present("two")).await.point,
                    AttachPoint::Xdp
                );
                run("ip", &["link", "add", "eth7", "type", "veth"]);
                event(&mut watch, present("eth7")).await;
            });
            assert!(
                Selection::new(&names(&["a[b"]), &[])
                    .unwrap_err()
                    .to_string()
                    .contains("a[b")
            );
        },
    );
}
