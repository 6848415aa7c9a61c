//! What each verb needs.

use crate::tools::Tool;

/// Something that a verb needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// What compiles the BPF object: a Rust toolchain for the BPF target, and bpf-linker.
    BpfObject,
    /// What lints the BPF object: clippy of the same toolchain.
    BpfLints,
    /// Root, and a kernel with BPF, BTF and network namespaces.
    Kernel,
    /// What programs are linked with that need no libraries when they run.
    StaticLibraries,
    /// The resolver c-ares, to link with.
    CAres,
    /// A program of the system, by file name: one of [`super::program::PROGRAMS`].
    Program(&'static str),
    /// A program that is built here.
    Tool(Tool),
}

/// What `build` needs.
pub(crate) const BUILD: &[Need] = &[Need::Program("gcc"), Need::Program("make"), Need::BpfObject];

/// What `image` needs.
pub(crate) const IMAGE: &[Need] = &[
    Need::Program("gcc"),
    Need::Program("make"),
    Need::StaticLibraries,
    Need::BpfObject,
];

/// What a real cluster needs beside docker and kind, which a person installs: the agent's image, what goes into the
/// images of the test pods, what compiles the rest, and what talks to the cluster.
pub(crate) const KIND: &[Need] = &[
    Need::BpfObject,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::StaticLibraries,
    Need::Program("musl-gcc"),
    Need::Program("bash"),
    Need::Program("busybox"),
    Need::Program("getent"),
    Need::Program("dig"),
    Need::Program("ip"),
    Need::Program("tc"),
    Need::Program("bpftool"),
    Need::Program("conntrack"),
    Need::Program("nft"),
    Need::Program("iptables"),
    Need::Tool(Tool::Kubectl),
    Need::Tool(Tool::Helm),
];

/// What `check` needs.
pub(crate) const CHECK: &[Need] = &[
    Need::Program("gcc"),
    Need::Program("make"),
    Need::BpfObject,
    Need::BpfLints,
    Need::Tool(Tool::Helm),
];

/// What the manifests need.
pub(crate) const MANIFESTS: &[Need] = &[Need::Tool(Tool::Helm)];

/// What the demo needs.
pub(crate) const DEMO: &[Need] = &[
    Need::Kernel,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("dig"),
    Need::Program("host"),
    Need::Program("getent"),
    Need::Program("bpftool"),
    Need::Tool(Tool::CoreDns),
];

/// What a replay of recorded questions needs.
pub(crate) const REPLAY: &[Need] = &[
    Need::Kernel,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::BpfObject,
];

/// What a comparison with a running CoreDNS needs.
pub(crate) const PARITY: &[Need] = &[
    Need::Kernel,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("openssl"),
    Need::Tool(Tool::Etcd),
    Need::Tool(Tool::CoreDns),
    Need::Tool(Tool::KubeApiserver),
    Need::Tool(Tool::Kubectl),
];

/// What the bench needs.
pub(crate) const BENCH: &[Need] = &[
    Need::Kernel,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::StaticLibraries,
    Need::BpfObject,
    Need::Program("musl-gcc"),
    Need::Program("ip"),
    Need::Program("iptables"),
    Need::Program("bpftool"),
    Need::Program("openssl"),
    Need::Program("nsd"),
    Need::Program("dnsperf"),
    Need::Tool(Tool::Etcd),
    Need::Tool(Tool::CoreDns),
    Need::Tool(Tool::KubeApiserver),
    Need::Tool(Tool::KubeProxy),
    Need::Tool(Tool::Kubectl),
];

/// What the tests need, which is nearly all there is.
pub(crate) const TEST: &[Need] = &[
    Need::Kernel,
    Need::Program("gcc"),
    Need::Program("make"),
    Need::StaticLibraries,
    Need::BpfObject,
    Need::Program("ip"),
    Need::Program("tc"),
    Need::Program("dig"),
    Need::Program("host"),
    Need::Program("getent"),
    Need::Program("bpftool"),
    Need::Program("ethtool"),
    Need::Program("tcpdump"),
    Need::Program("iptables"),
    Need::Program("nft"),
    Need::Program("busybox"),
    Need::Program("qemu-system-x86_64"),
    Need::Program("dnsperf"),
    Need::Program("openssl"),
    Need::Program("musl-gcc"),
    Need::CAres,
    Need::Program("go"),
    Need::Program("javac"),
    Need::Tool(Tool::Etcd),
    Need::Tool(Tool::CoreDns),
    Need::Tool(Tool::KubeApiserver),
    Need::Tool(Tool::Kubectl),
    Need::Tool(Tool::Helm),
];

/// What the verbs need, all of them together.
pub(crate) fn everything() -> Vec<Need> {
    let mut needs = TEST.to_vec();
    for more in KIND.iter().chain(BENCH) {
        if !needs.contains(more) {
            needs.push(*more);
        }
    }
    needs
}
