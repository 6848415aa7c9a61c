//! A pod: a namespace of its own, joined to its node by a pair of virtual Ethernet devices.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    process::Output,
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{
    client::Client,
    dig::DigReply,
    frame::MacAddress,
    namespace::Namespace,
    packet_socket::{self, PacketSocket},
    resolver::{self, Resolver},
    wait::eventually,
};

/// The pod's name for its own end of the pair.
const POD_INTERFACE: &str = "eth0";
const UP_LIMIT: Duration = Duration::from_secs(5);

/// One end of the pair that joins a pod to its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The end in the node's namespace, where the agent attaches.
    Node,
    /// The end in the pod's namespace, `eth0`.
    Pod,
}

/// A pod on a node. Pod N has 10.244.N.2 and fd00:10:244:N::2 (N in hexadecimal), the node's end .1
/// and ::1; both default routes lead to the node.
///
/// Dropping it deletes the pair and the namespace.
#[derive(Debug)]
pub struct Pod {
    node: Namespace,
    namespace: Namespace,
    node_interface: String,
    number: u8,
}

impl Pod {
    /// Makes pod `number` on `node`; the node's end is called `vethNUMBER`.
    ///
    /// # Errors
    ///
    /// What `ip` said; for one when the node has a pod of that number.
    pub fn new(node: &Namespace, number: u8) -> Result<Self> {
        Self::with_interface(node, number, &format!("veth{number}"))
    }

    /// As [`Pod::new`], with a name for the node's end (at most 15 octets).
    ///
    /// # Errors
    ///
    /// As [`Pod::new`].
    pub fn with_interface(node: &Namespace, number: u8, node_interface: &str) -> Result<Self> {
        let pod = Self::without_link(node, number, node_interface)?;
        pod.make_link(&[
            format!("address add {}/24 dev {node_interface}", pod.gateway_ipv4()),
            format!(
                "address add {}/64 dev {node_interface} nodad",
                pod.gateway_ipv6()
            ),
        ])?;
        Ok(pod)
    }

    /// As [`Pod::new`], with the node's end as a port of a bridge `bridge` that the node has already;
    /// questions then carry the bridge's hardware address, not the port's. Gateway addresses are the
    /// bridge's own affair.
    ///
    /// # Errors
    ///
    /// As [`Pod::new`].
    pub fn on_bridge(node: &Namespace, number: u8, bridge: &str) -> Result<Self> {
        let node_interface = format!("veth{number}");
        let pod = Self::without_link(node, number, &node_interface)?;
        pod.make_link(&[format!("link set {node_interface} master {bridge}")])?;
        Ok(pod)
    }

    fn without_link(node: &Namespace, number: u8, node_interface: &str) -> Result<Self> {
        Ok(Self {
            node: node.clone(),
            namespace: Namespace::new(&format!("pod{number}"))?,
            node_interface: node_interface.to_owned(),
            number,
        })
    }

    fn make_link(&self, node_lines: &[String]) -> Result<()> {
        let node_interface = &self.node_interface;
        // The end that comes up last has its carrier at once, the other one by a worker of the kernel
        // that is quick about it; but IPv6 is deaf on the first for up to a second unless that is the
        // node's end.
        self.node.ip_batch(&format!(
            "link add {node_interface} type veth peer name {POD_INTERFACE} netns {}\n\
             {}\nlink set {node_interface} up\n",
            self.namespace.name(),
            node_lines.join("\n")
        ))?;
        self.namespace.ip_batch(&format!(
            "address add {}/24 dev {POD_INTERFACE}\n\
             address add {}/64 dev {POD_INTERFACE} nodad\n\
             link set {POD_INTERFACE} up\n\
             route add default via {}\n\
             route add default via {} dev {POD_INTERFACE}\n",
            self.ipv4(),
            self.ipv6(),
            self.gateway_ipv4(),
            self.gateway_ipv6()
        ))?;
        eventually(UP_LIMIT, &format!("{node_interface} to be running"), || {
            let running = packet_socket::is_running(&self.node, node_interface)?;
            ensure!(running, "it is not");
            Ok(())
        })
    }

    /// The pod's namespace.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The name of the device in the node's namespace.
    pub fn node_interface(&self) -> &str {
        &self.node_interface
    }

    /// The pod's IPv4 address.
    pub fn ipv4(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 244, self.number, 2)
    }

    /// The pod's IPv6 address.
    pub fn ipv6(&self) -> Ipv6Addr {
        self.ipv6_network(2)
    }

    /// The node's IPv4 address on this link.
    pub fn gateway_ipv4(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 244, self.number, 1)
    }

    /// The node's IPv6 address on this link.
    pub fn gateway_ipv6(&self) -> Ipv6Addr {
        self.ipv6_network(1)
    }

    fn ipv6_network(&self, host: u16) -> Ipv6Addr {
        Ipv6Addr::new(0xfd00, 0x10, 0x244, self.number.into(), 0, 0, 0, host)
    }

    /// The hardware address of one end.
    ///
    /// # Errors
    ///
    /// When the device is gone.
    pub fn mac_address(&self, end: End) -> Result<MacAddress> {
        let (namespace, interface) = self.device(end);
        packet_socket::mac_address(namespace, interface)
    }

    /// Switches transmit checksum offload of one end, as [`Namespace::set_checksum_offload`].
    ///
    /// # Errors
    ///
    /// What `ethtool` said.
    pub fn set_checksum_offload(&self, end: End, on: bool) -> Result<()> {
        let (namespace, interface) = self.device(end);
        namespace.set_checksum_offload(interface, on)
    }

    /// Sets the MTU of both ends, in octets.
    ///
    /// # Errors
    ///
    /// What `ip` said.
    pub fn set_mtu(&self, octets: u32) -> Result<()> {
        for end in [End::Node, End::Pod] {
            let (namespace, interface) = self.device(end);
            namespace.ip_batch(&format!("link set {interface} mtu {octets}\n"))?;
        }
        Ok(())
    }

    /// Runs a program in the pod with a resolv.conf (and hosts, nsswitch.conf) of its own in /etc. The
    /// output says whether it succeeded: a look-up that fails is no error here.
    ///
    /// # Errors
    ///
    /// When the files cannot be put in place or the program cannot be started.
    pub fn run_with_resolver(&self, resolver: &Resolver, words: &[&str]) -> Result<Output> {
        self.namespace
            .enter(|| resolver::run_on_this_thread(resolver, words))
    }

    /// A socket in the pod that asks `server`.
    ///
    /// # Errors
    ///
    /// When the pod has no route to the server.
    pub fn client(&self, server: SocketAddr) -> Result<Client> {
        Client::new(&self.namespace, server)
    }

    /// Runs `dig` in the pod with `arguments`; nothing comes from a resolv.conf or a .digrc.
    ///
    /// # Errors
    ///
    /// When dig gets no answer or prints what cannot be understood.
    pub fn dig(&self, arguments: &[&str]) -> Result<DigReply> {
        DigReply::ask(&self.namespace, arguments)
    }

    /// A socket in the pod for whole frames on `eth0`.
    ///
    /// # Errors
    ///
    /// Without CAP_NET_RAW.
    pub fn packet_socket(&self) -> Result<PacketSocket> {
        PacketSocket::open(&self.namespace, POD_INTERFACE)
    }

    /// Deletes the pair of devices, as when a pod ends, and returns when both are gone.
    ///
    /// # Errors
    ///
    /// When it is gone already.
    pub fn delete_link(&self) -> Result<()> {
        self.node
            .ip_batch(&format!("link delete {}\n", self.node_interface))
    }

    fn device(&self, end: End) -> (&Namespace, &str) {
        match end {
            End::Node => (&self.node, &self.node_interface),
            End::Pod => (&self.namespace, POD_INTERFACE),
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // The kernel clears a namespace away in its own time; the node's end shall be gone at once.
        // It fails when a test has deleted the link itself, which is as good.
        let _ = self.delete_link();
    }
}
