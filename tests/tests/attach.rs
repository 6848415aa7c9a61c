//! Attaching, in network namespaces that vanish with the test's thread: order, adoption, detaching.
//!
//! Each test runs on its own thread, which leaves the network and mount namespaces of the machine
//! before it does anything. What it makes (veths, filters, the bpf filesystem and its pins) ends
//! with the thread, however the test ends.

use std::{
    collections::BTreeSet,
    fs::File,
    os::fd::AsRawFd,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use aya::{
    Ebpf,
    programs::{LinkOrder, SchedClassifier, TcAttachType, Xdp, XdpMode, tc::TcAttachOptions},
};
use dns_userspace::datapath::{
    attach::{
        Attached, AttachedBy, Attachment, Attachments, Hook, PinError, PinLock, Programs,
        detach_all, ensure_bpffs, survey,
    },
    interfaces::{AttachPoint, Interface, InterfaceEvent, InterfaceWatch, Selection},
};
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
};
use tests::{skip, skipped_without_root};

const PINS: &str = "/sys/fs/bpf/zerohop";

/// A filter as AWS's agent adds it: priority 1, handle 1, and a final verdict.
const FOREIGN_FILTER: [&str; 10] = [
    "ingress",
    "prio",
    "1",
    "handle",
    "1",
    "bpf",
    "bytecode",
    "1,6 0 0 0,",
    "flowid",
    "1:1",
];

/// The BPF object, loaded anew: its programs have other numbers each time.
fn object() -> Ebpf {
    let mut object = dns_userspace::datapath::object::unloaded(
        dns_userspace::datapath::object::Sizes::default(),
    )
    .unwrap();
    for name in ["intercept_peer", "intercept_plain"] {
        classifier(&mut object, name).load().unwrap();
    }
    let xdp: &mut Xdp = object
        .program_mut("intercept_xdp")
        .unwrap()
        .try_into()
        .unwrap();
    xdp.load().unwrap();
    object
}

fn classifier<'a>(object: &'a mut Ebpf, name: &str) -> &'a mut SchedClassifier {
    object.program_mut(name).unwrap().try_into().unwrap()
}

fn programs() -> Programs {
    Programs::of(&object()).unwrap()
}

/// Runs `test` in a network namespace and with a bpf filesystem of its own.
fn alone(name: &str, test: impl FnOnce() + Send) {
    if skipped_without_root(name) {
        return;
    }
    let inside = || {
        unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, private, None::<&str>).unwrap();
        while umount("/sys/fs/bpf").is_ok() {}
        ensure_bpffs(Path::new(PINS)).unwrap();
        run("ip", &["link", "set", "lo", "up"]);
        test();
    };
    thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Another network namespace; it ends when this is dropped.
struct Elsewhere(File);

impl Elsewhere {
    fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self(thread::scope(|scope| scope.spawn(make).join().unwrap()))
    }

    fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

fn output(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(program: &str, words: &[&str]) {
    output(program, words);
}

fn tc_filter(verb: &str, interface: &str, words: &[&str]) {
    run("tc", &[&["filter", verb, "dev", interface], words].concat());
}

fn filters(interface: &str) -> String {
    output("tc", &["filter", "show", "dev", interface, "ingress"])
}

/// Adds a veth whose other end lies in `elsewhere`; `words` are further properties.
fn add_veth(name: &str, elsewhere: &Elsewhere, words: &[&str]) {
    let peer = [
        "type",
        "veth",
        "peer",
        "name",
        "eth0",
        "netns",
        &elsewhere.path(),
    ];
    run("ip", &[&["link", "add", name], words, &peer[..]].concat());
}

fn interface(name: &str) -> Interface {
    let said = output("ip", &["-oneline", "link", "show", name]);
    Interface {
        index: said.split(':').next().unwrap().parse().unwrap(),
        name: name.into(),
        mtu: 1500,
        up: true,
        kind: Some("veth".into()),
        peer_in_other_namespace: said.contains("link-netns"),
        point: AttachPoint::TrafficControl,
    }
}

fn attach(attachments: &mut Attachments, interface: &Interface, programs: &Programs) -> Attached {
    match attachments.attach(interface, programs).unwrap() {
        Attachment::Attached(attached) => attached,
        Attachment::Gone => panic!("{} is gone", interface.name),
    }
}

fn attachments(hook: Hook) -> Attachments {
    Attachments::new(Path::new(PINS), hook).unwrap()
}

fn tcx_names(interface: &str) -> Vec<String> {
    let (_, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress).unwrap();
    programs
        .iter()
        .map(|program| program.name_as_str().unwrap().to_owned())
        .collect()
}

fn tcx_ids(interface: &str) -> Vec<u32> {
    let (_, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress).unwrap();
    programs
        .iter()
        .map(aya::programs::ProgramInfo::id)
        .collect()
}

/// Waits for events on one thread, so that the namespaces stay those of the test.
fn watching<T>(selection: Selection, test: impl AsyncFnOnce(InterfaceWatch) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { test(InterfaceWatch::start(selection).await.unwrap()).await })
}

/// The next event that `wanted` picks.
async fn event<T>(watch: &mut InterfaceWatch, wanted: impl Fn(&InterfaceEvent) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = wanted(&watch.next().await.unwrap()) {
                return found;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(5), found)
        .await
        .expect("the event comes")
}

fn present(name: &str) -> impl Fn(&InterfaceEvent) -> Option<Interface> {
    move |event| match event {
        InterfaceEvent::Present(interface) if interface.name == name => Some(interface.clone()),
        _ => None,
    }
}

fn gone(index: u32) -> impl Fn(&InterfaceEvent) -> Option<()> {
    move |event| (*event == InterfaceEvent::Gone { index }).then_some(())
}

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

fn links() -> Vec<String> {
    let said = output("bpftool", &["link", "show"]);
    let ids = said
        .lines()
        .filter(|line| line.contains(": tcx"))
        .map(str::to_owned);
    ids.map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
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

#[test]
fn xdp_is_attached_instead_of_traffic_control_and_never_in_place_of_another() {
    alone(
        "xdp_is_attached_instead_of_traffic_control_and_never_in_place_of_another",
        || {
            run(
                "ip",
                &["link", "add", "one", "type", "veth", "peer", "name", "two"],
            );
            let programs = programs();
            let mut attachments = attachments(Hook::Auto);
            let xdp = |name: &str| Interface {
                point: AttachPoint::Xdp,
                ..interface(name)
            };
            attach(&mut attachments, &interface("one"), &programs);
            assert_eq!(
                attach(&mut attachments, &xdp("one"), &programs).by,
                AttachedBy::XdpGeneric,
                "a veth loses what native XDP sends back"
            );
            assert_eq!(
                tcx_names("one"),
                Vec::<String>::new(),
                "XDP is attached instead"
            );
            let generic = attach(&mut attachments, &xdp("lo"), &programs);
            assert_eq!((generic.by, generic.first), (AttachedBy::XdpGeneric, true));
            let again = attach(
                &mut self::attachments(Hook::Auto),
                &xdp("lo"),
                &self::programs(),
            );
            assert_eq!(again.by, AttachedBy::XdpGeneric);
            let mut foreign = object();
            let foreign: &mut Xdp = foreign
                .program_mut("intercept_xdp")
                .unwrap()
                .try_into()
                .unwrap();
            foreign.attach("two", XdpMode::default()).unwrap();
            let error = attachments
                .attach(&xdp("two"), &programs)
                .unwrap_err()
                .to_string();
            assert!(error.contains("another XDP program"), "{error}");
            assert_eq!(detach_all(Path::new(PINS)).unwrap().links, 2);
            assert!(!output("ip", &["link", "show", "one"]).contains("xdp"));
            assert!(output("ip", &["link", "show", "two"]).contains("xdp"));
        },
    );
}

#[test]
fn a_driver_that_can_runs_xdp_natively() {
    let name = "a_driver_that_can_runs_xdp_natively";
    if !Path::new("/dev/net/tun").exists() {
        return skip(name, "needs a tap device, and this kernel has none");
    }
    alone(name, || {
        run("ip", &["tuntap", "add", "tap0", "mode", "tap"]);
        let tap = Interface {
            kind: Some("tun".into()),
            point: AttachPoint::Xdp,
            ..interface("tap0")
        };
        for _ in 0..2 {
            let attached = attach(&mut attachments(Hook::Auto), &tap, &programs());
            assert_eq!(attached.by, AttachedBy::XdpNative);
        }
        assert!(output("ip", &["link", "show", "tap0"]).contains("prog/xdp"));
    });
}

#[test]
fn detach_removes_everything_once_and_then_says_that_there_is_nothing() {
    alone(
        "detach_removes_everything_once_and_then_says_that_there_is_nothing",
        || {
            let elsewhere = Elsewhere::new();
            add_veth("pod1", &elsewhere, &[]);
            let programs = programs();
            attach(&mut attachments(Hook::Tcx), &interface("pod1"), &programs);
            programs.pin(Path::new(PINS)).unwrap();
            let lock = PinLock::acquire(Path::new(PINS)).unwrap();
            let error = PinLock::acquire(Path::new(PINS)).unwrap_err();
            assert!(matches!(error, PinError::InUse { .. }));
            assert!(
                error
                    .to_string()
                    .contains(&format!("process {}", std::process::id())),
                "{error}"
            );
            assert!(detach_all(Path::new(PINS)).is_err(), "an agent is running");
            drop(lock);
            let removed = detach_all(Path::new(PINS)).unwrap();
            assert_eq!((removed.links, removed.filters, removed.pins), (1, 0, 3));
            assert!(!Path::new(PINS).exists());
            assert_eq!(tcx_names("pod1"), Vec::<String>::new());
            let removed = detach_all(Path::new(PINS)).unwrap();
            assert!(removed.is_empty());
            assert!(removed.to_string().contains("nothing"));
        },
    );
}
