//! A machine behind a pod: a virtual one, as KubeVirt's masquerade binding connects it, or a container in one.

use std::net::SocketAddr;

use anyhow::Result;

use crate::{client::Client, namespace::Namespace, packet_socket::PacketSocket, pod::Pod};

/// The bridge in the pod, and its port that leads to the machine.
const BRIDGE: &str = "k6t-eth0";
const PORT: &str = "tap0";
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

/// A link between a machine and its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineEnd {
    /// The machine's own end, `eth0`.
    Machine,
    /// The pod's end: the bridge, and its port.
    Bridge,
}

/// A machine in a namespace of its own, joined by a pair of virtual Ethernet devices to a bridge in the
/// namespace of a pod, which forwards and translates (masquerades) both families. It goes with the pod.
#[derive(Debug)]
pub struct Machine {
    pod: Namespace,
    namespace: Namespace,
}

impl Machine {
    /// Makes a machine behind `pod`, one a pod.
    ///
    /// # Errors
    ///
    /// What `ip` or `nft` said.
    pub fn behind(pod: &Pod) -> Result<Self> {
        let pod = pod.namespace().clone();
        let namespace = Namespace::new("machine")?;
        pod.set_sysctl("ipv4/ip_forward", "1")?;
        pod.set_sysctl("ipv6/conf/all/forwarding", "1")?;
        pod.run(&["nft", RULES])?;
        pod.ip_batch(&format!(
            "link add {BRIDGE} type bridge\n\
             address add 10.0.2.1/24 dev {BRIDGE}\n\
             address add fd10:0:2::1/120 dev {BRIDGE} nodad\n\
             link add {PORT} type veth peer name {OWN} netns {}\n\
             link set {PORT} master {BRIDGE} up\n\
             link set {BRIDGE} up\n",
            namespace.name()
        ))?;
        namespace.ip_batch(&format!(
            "address add 10.0.2.2/24 dev {OWN}\n\
             address add fd10:0:2::2/120 dev {OWN} nodad\n\
             link set {OWN} up\n\
             route add default via 10.0.2.1\n\
             route add default via fd10:0:2::1 dev {OWN}\n"
        ))?;
        Ok(Self { pod, namespace })
    }

    /// Switches transmit checksum offload of one end.
    ///
    /// # Errors
    ///
    /// What `ethtool` said.
    pub fn set_checksum_offload(&self, end: MachineEnd, on: bool) -> Result<()> {
        match end {
            MachineEnd::Machine => self.namespace.set_checksum_offload(OWN, on),
            MachineEnd::Bridge => {
                self.pod.set_checksum_offload(BRIDGE, on)?;
                self.pod.set_checksum_offload(PORT, on)
            }
        }
    }

    /// A socket in the machine that asks `server`.
    ///
    /// # Errors
    ///
    /// When the machine has no route to the server.
    pub fn client(&self, server: SocketAddr) -> Result<Client> {
        Client::new(&self.namespace, server)
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
