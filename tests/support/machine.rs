//! A machine behind a pod: a virtual one, as KubeVirt's masquerade binding connects it, or a container in one.

use std::{net::SocketAddr, process::Output};

use anyhow::{Context, Result};

use crate::{
    client::Client,
    namespace::Namespace,
    packet_socket::PacketSocket,
    pod::Pod,
    resolver::{self, Resolver},
};

/// The bridge in the pod, and its port that leads to the machine.
const BRIDGE: &str = "k6t-eth0";
pub(crate) const PORT: &str = "tap0";
/// The machine's own end.
const OWN: &str = "eth0";

/// The pod sends what comes from the machine in its own name.
const RULES: &str = "\
table inet machine {
    chain outwards {
        type nat hook postrouting priority srcnat
        oifname eth0 masquerade
    }
}
";

/// Of a sum that a device is to finish, this leaves another than whoever finishes it needs: so does a whole one in its
/// place. The kernel's replies are told by their TTL or hop limit.
const WRONG_SUMS: &str = "\
table inet wrong_sums {
    chain inwards {
        type filter hook prerouting priority raw
        iifname eth0 udp sport 53 ip ttl 64 udp checksum set udp checksum ^ 0xffff
        iifname eth0 udp sport 53 ip6 hoplimit 64 udp checksum set udp checksum ^ 0xffff
    }
}
";

/// Where a kernel tells what it has dropped.
pub(crate) const COUNTS: &str = "/proc/net/snmp";

/// A bridge in the namespace of a pod, which forwards and translates (masquerades) both families for a
/// machine behind it. To the machine, each looks like any other.
#[derive(Debug)]
pub struct MachineBridge {
    pod: Namespace,
}

impl MachineBridge {
    /// Makes the bridge of `pod`, one a pod.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` said.
    pub fn new(pod: &Pod) -> Result<Self> {
        let pod = pod.namespace().clone();
        pod.set_sysctl("ipv4/ip_forward", "1")?;
        pod.set_sysctl("ipv6/conf/all/forwarding", "1")?;
        pod.run(&["nft", RULES])?;
        pod.ip_batch(&format!(
            "link add {BRIDGE} address 02:00:00:00:00:00 type bridge\n\
             address add 10.0.2.1/24 dev {BRIDGE}\n\
             address add fd10:0:2::1/120 dev {BRIDGE} nodad\n\
             link set {BRIDGE} up\n"
        ))?;
        Ok(Self { pod })
    }

    /// Switches transmit checksum offload of the bridge and its port, by which replies leave the pod.
    ///
    /// # Errors
    ///
    /// What `ethtool` said.
    pub fn set_checksum_offload(&self, on: bool) -> Result<()> {
        self.pod.set_checksum_offload(BRIDGE, on)?;
        self.pod.set_checksum_offload(PORT, on)
    }

    /// Gives what arrives at the pod with a TTL or hop limit of 64, as the kernel's replies do, a wrong sum. Where nobody
    /// finishes or checks it, that is not noticed.
    ///
    /// # Errors
    ///
    /// What `nft` said.
    pub fn spoil_sums(&self) -> Result<()> {
        self.pod.run(&["nft", WRONG_SUMS]).map(drop)
    }

    /// Takes over the port of another bridge, and with it the machine.
    ///
    /// # Errors
    ///
    /// When the other one has none, or this one has one already.
    pub fn take_over(&self, other: &Self) -> Result<()> {
        other
            .pod
            .ip_batch(&format!("link set {PORT} netns {}\n", self.pod.name()))?;
        self.add_port("")
    }

    /// The namespace that it lies in.
    pub(crate) fn pod(&self) -> &Namespace {
        &self.pod
    }

    /// Runs `made`, a line of `ip`, which makes the port, and plugs that in.
    pub(crate) fn add_port(&self, made: &str) -> Result<()> {
        self.pod
            .ip_batch(&format!("{made}\nlink set {PORT} master {BRIDGE} up\n"))
    }
}

/// A machine in a namespace of its own, joined to a bridge by a pair of virtual Ethernet devices.
#[derive(Debug)]
pub struct Machine {
    bridge: MachineBridge,
    namespace: Namespace,
}

impl Machine {
    /// Makes a machine behind `pod`, one a pod.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` said.
    pub fn behind(pod: &Pod) -> Result<Self> {
        let namespace = Namespace::new("machine")?;
        let bridge = MachineBridge::new(pod)?;
        bridge.add_port(&format!(
            "link add {PORT} type veth peer name {OWN} netns {}",
            namespace.name()
        ))?;
        namespace.ip_batch(&format!(
            "address add 10.0.2.2/24 dev {OWN}\n\
             address add fd10:0:2::2/120 dev {OWN} nodad\n\
             link set {OWN} up\n\
             route add default via 10.0.2.1\n\
             route add default via fd10:0:2::1 dev {OWN}\n"
        ))?;
        Ok(Self { bridge, namespace })
    }

    /// What it is plugged into.
    pub fn bridge(&self) -> &MachineBridge {
        &self.bridge
    }

    /// Switches transmit checksum offload of its own end.
    ///
    /// # Errors
    ///
    /// What `ethtool` said.
    pub fn set_checksum_offload(&self, on: bool) -> Result<()> {
        self.namespace.set_checksum_offload(OWN, on)
    }

    /// A socket in the machine that asks `server`.
    ///
    /// # Errors
    ///
    /// When the machine has no route to the server.
    pub fn client(&self, server: SocketAddr) -> Result<Client> {
        Client::new(&self.namespace, server)
    }

    /// Runs a program in the machine, as [`Pod::run_with_resolver`].
    ///
    /// # Errors
    ///
    /// As [`Pod::run_with_resolver`].
    pub fn run_with_resolver(&self, resolver: &Resolver, words: &[&str]) -> Result<Output> {
        self.namespace
            .enter(|| resolver::run_on_this_thread(resolver, words))
    }

    /// How many datagrams over IPv4 it has dropped because their sum was wrong.
    ///
    /// # Errors
    ///
    /// When the kernel does not say.
    pub fn wrong_sums(&self) -> Result<u64> {
        wrong_sums(&self.namespace.run(&["cat", COUNTS])?)
    }

    /// A socket in the machine for whole frames on `eth0`.
    ///
    /// # Errors
    ///
    /// Without CAP_NET_RAW.
    pub fn packet_socket(&self) -> Result<PacketSocket> {
        PacketSocket::open(&self.namespace, OWN)
    }
}

/// How many datagrams had a wrong sum, by the text of [`COUNTS`].
pub(crate) fn wrong_sums(counts: &str) -> Result<u64> {
    // A line of names, and one of counts.
    let mut lines = counts.lines().filter(|line| line.starts_with("Udp: "));
    let names = lines.next().into_iter().flat_map(str::split_whitespace);
    let counts = lines.next().into_iter().flat_map(str::split_whitespace);
    let count = names.zip(counts).find(|(name, _)| *name == "InCsumErrors");
    let (_, count) = count.with_context(|| format!("find InCsumErrors in {COUNTS}"))?;
    Ok(count.parse()?)
}
