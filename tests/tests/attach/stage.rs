//! What the tests of attaching share: namespaces of their own, interfaces, filters, programs.

use std::{fs::File, os::fd::AsRawFd, path::Path, process::Command, thread, time::Duration};

use aya::{
    Ebpf,
    programs::{SchedClassifier, TcAttachType, Xdp},
};
use dns_userspace::datapath::{
    attach::{Attached, Attachment, Attachments, Hook, Programs, ensure_bpffs},
    interfaces::{AttachPoint, Interface, InterfaceEvent, InterfaceWatch, Selection},
};
use nix::{
    mount::{MsFlags, mount, umount},
    sched::{CloneFlags, unshare},
};
use tests::skipped_without_root;

pub(super) const PINS: &str = "/sys/fs/bpf/zerohop";

/// A filter as AWS's agent adds it: priority 1, handle 1, and a final verdict.
pub(super) const FOREIGN_FILTER: [&str; 10] = [
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
pub(super) fn object() -> Ebpf {
    let mut object = dns_userspace::datapath::object::unloaded(
        dns_userspace::datapath::object::Sizes::default(),
    )
    .unwrap();
    for name in ["intercept_peer", "intercept_plain"] {
        classifier(&mut object, name).load().unwrap();
    }
    for name in ["intercept_xdp", "intercept_skb"] {
        let xdp: &mut Xdp = object.program_mut(name).unwrap().try_into().unwrap();
        xdp.load().unwrap();
    }
    object
}

pub(super) fn classifier<'a>(object: &'a mut Ebpf, name: &str) -> &'a mut SchedClassifier {
    object.program_mut(name).unwrap().try_into().unwrap()
}

pub(super) fn programs() -> Programs {
    Programs::of(&object()).unwrap()
}

/// Runs `test` in a network namespace and with a bpf filesystem of its own.
pub(super) fn alone(name: &str, test: impl FnOnce() + Send) {
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
pub(super) struct Elsewhere(File);

impl Elsewhere {
    pub(super) fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            File::open("/proc/thread-self/ns/net").unwrap()
        };
        Self(thread::scope(|scope| scope.spawn(make).join().unwrap()))
    }

    pub(super) fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

pub(super) fn output(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {words:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub(super) fn run(program: &str, words: &[&str]) {
    output(program, words);
}

pub(super) fn tc_filter(verb: &str, interface: &str, words: &[&str]) {
    run("tc", &[&["filter", verb, "dev", interface], words].concat());
}

pub(super) fn filters(interface: &str) -> String {
    output("tc", &["filter", "show", "dev", interface, "ingress"])
}

/// Adds a veth whose other end lies in `elsewhere`; `words` are further properties.
pub(super) fn add_veth(name: &str, elsewhere: &Elsewhere, words: &[&str]) {
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

pub(super) fn interface(name: &str) -> Interface {
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

pub(super) fn attach(
    attachments: &mut Attachments,
    interface: &Interface,
    programs: &Programs,
) -> Attached {
    match attachments.attach(interface, programs).unwrap() {
        Attachment::Attached(attached) => attached,
        Attachment::Gone => panic!("{} is gone", interface.name),
    }
}

pub(super) fn attachments(hook: Hook) -> Attachments {
    Attachments::new(Path::new(PINS), hook).unwrap()
}

pub(super) fn tcx_names(interface: &str) -> Vec<String> {
    let (_, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress).unwrap();
    programs
        .iter()
        .map(|program| program.name_as_str().unwrap().to_owned())
        .collect()
}

pub(super) fn tcx_ids(interface: &str) -> Vec<u32> {
    let (_, programs) = SchedClassifier::query_tcx(interface, TcAttachType::Ingress).unwrap();
    programs
        .iter()
        .map(aya::programs::ProgramInfo::id)
        .collect()
}

/// Waits for events on one thread, so that the namespaces stay those of the test.
pub(super) fn watching<T>(selection: Selection, test: impl AsyncFnOnce(InterfaceWatch) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async { test(InterfaceWatch::start(selection).await.unwrap()).await })
}

/// The next event that `wanted` picks.
pub(super) async fn event<T>(
    watch: &mut InterfaceWatch,
    wanted: impl Fn(&InterfaceEvent) -> Option<T>,
) -> T {
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

pub(super) fn present(name: &str) -> impl Fn(&InterfaceEvent) -> Option<Interface> {
    move |event| match event {
        InterfaceEvent::Present(interface) if interface.name == name => Some(interface.clone()),
        _ => None,
    }
}

pub(super) fn gone(index: u32) -> impl Fn(&InterfaceEvent) -> Option<()> {
    move |event| (*event == InterfaceEvent::Gone { index }).then_some(())
}

pub(super) fn links() -> Vec<String> {
    let said = output("bpftool", &["link", "show"]);
    let ids = said
        .lines()
        .filter(|line| line.contains(": tcx"))
        .map(str::to_owned);
    ids.map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}
