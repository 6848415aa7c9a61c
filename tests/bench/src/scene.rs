//! A node in network namespaces, with everything that is measured side by side: pods with different programs on their
//! interfaces, a Kubernetes API server with some objects, the agent, and four ways to serve their names.

mod bounce;
mod objects;
mod rules;
mod servers;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context as _, Result};
use tests::{
    Agent, ApiServer, CoreDns, Folder, Namespace, Pins, Pod, Process, Status, Tool, eventually,
    program,
};

pub(crate) use self::bounce::{Bounce, Bounces};
pub(crate) use self::objects::{CACHE_PORT, DATABASE, EXTERNAL, NAME_60, NAME_200, WEB};

/// The cluster address of the DNS service.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// The cluster address of the API server.
const API_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 1);
/// Where the stand-in for NodeLocal DNSCache listens.
pub(crate) const NODE_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 20, 10);
/// Where NSD listens.
pub(crate) const NSD: Ipv4Addr = Ipv4Addr::new(169, 254, 20, 11);
/// An address that the agent takes for a DNS server's. What is sent there is thrown away as soon as it has passed the
/// programs, so that they can be run many times in a row.
pub(crate) const SINK: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

/// Generous, because test machines are shared.
const LIMIT: Duration = Duration::from_secs(60);

/// The pods, by their numbers.
mod number {
    pub(super) const ZEROHOP: u8 = 1;
    pub(super) const FLOOR_PLAIN: u8 = 2;
    pub(super) const FLOOR_PEER: u8 = 3;
    pub(super) const EMPTY: u8 = 4;
    pub(super) const BARE: u8 = 5;
    pub(super) const CORE_DNS: u8 = 6;
    pub(super) const ZEROHOP_PEER: u8 = 7;
    pub(super) const BARE_PEER: u8 = 8;
    pub(super) const EMPTY_PEER: u8 = 9;
}

/// Everything that runs. Its fields end in the order in which they stand here.
pub(crate) struct Scene {
    pub(crate) agent: Agent,
    pub(crate) bounces: Bounces,
    _nsd: Process,
    _node_local: CoreDns,
    _core_dns: CoreDns,
    _api: ApiServer,
    _folder: Folder,
    /// With the agent's program.
    pub(crate) zerohop: Pod,
    /// The same, for what pods say to one another.
    pub(crate) zerohop_peer: Pod,
    /// With the program that bounces by a plain redirect.
    pub(crate) floor_plain: Pod,
    /// With the program that bounces into the pod's end.
    pub(crate) floor_peer: Pod,
    /// With a program that does nothing.
    pub(crate) empty: Pod,
    /// The same, for what pods say to one another.
    pub(crate) empty_peer: Pod,
    /// With no program.
    pub(crate) bare: Pod,
    /// The same, for what pods say to one another.
    pub(crate) bare_peer: Pod,
    _core_dns_pod: Pod,
    pub(crate) pins: Pins,
    _node: Namespace,
}

impl Scene {
    /// Sets everything up and returns when all of it answers.
    ///
    /// # Errors
    ///
    /// Something that is needed is missing or does not start: with what it said.
    pub(crate) fn new() -> Result<Self> {
        let folder = Folder::new()?;
        let node = Namespace::node("bench")?;
        for address in [NODE_LOCAL, NSD] {
            node.add_loopback_address(IpAddr::V4(address))?;
        }
        let pod = |number| Pod::new(&node, number);
        let core_dns_pod = pod(number::CORE_DNS)?;
        rules::set_up(&node, &core_dns_pod, &folder)?;
        let nsd = servers::nsd(&node, &folder)?;

        let api = ApiServer::start_in(&node)?;
        // The server makes kube-system by itself, in its own time.
        eventually(LIMIT, "the objects to be taken", || {
            api.apply(&objects::manifest(core_dns_pod.ipv4()))
        })?;
        let core_dns = servers::core_dns(&core_dns_pod, &api, &folder)?;
        let node_local = servers::node_local(&node)?;

        let zerohop = pod(number::ZEROHOP)?;
        let zerohop_peer = pod(number::ZEROHOP_PEER)?;
        let floor_plain = pod(number::FLOOR_PLAIN)?;
        let floor_peer = pod(number::FLOOR_PEER)?;
        let empty = pod(number::EMPTY)?;
        let empty_peer = pod(number::EMPTY_PEER)?;
        let bounces = Bounces::attach(
            &node,
            [
                (Bounce::Plain, &floor_plain),
                (Bounce::Peer, &floor_peer),
                (Bounce::Empty, &empty),
                (Bounce::Empty, &empty_peer),
            ],
        )?;
        let pins = Pins::new()?;
        let agent = start_agent(&node, &pins, &api, &folder, [&zerohop, &zerohop_peer])?;
        Ok(Self {
            agent,
            bounces,
            _nsd: nsd,
            _node_local: node_local,
            _core_dns: core_dns,
            _api: api,
            _folder: folder,
            zerohop,
            zerohop_peer,
            floor_plain,
            floor_peer,
            empty,
            empty_peer,
            bare: pod(number::BARE)?,
            bare_peer: pod(number::BARE_PEER)?,
            _core_dns_pod: core_dns_pod,
            pins,
            _node: node,
        })
    }

    /// The agent's counters.
    ///
    /// # Errors
    ///
    /// `zerohop status` fails.
    pub(crate) fn status(&self) -> Result<Status> {
        self.agent
            .status()
            .context("read the datapath's counters by `zerohop status`")
    }
}

/// The agent on the interfaces of these pods only, with kubeadm's Corefile, and answering.
fn start_agent(
    node: &Namespace,
    pins: &Pins,
    api: &ApiServer,
    folder: &Folder,
    pods: [&Pod; 2],
) -> Result<Agent> {
    let kubeconfig = api.kubeconfig();
    let corefile = folder.write("agent.corefile", servers::KUBEADM)?;
    let addresses = [NSD, SINK].map(|address| SocketAddr::from((address, 53)).to_string());
    let mut arguments = vec![
        "--kubeconfig",
        kubeconfig.to_str().context("a path in UTF-8")?,
        "--corefile",
        corefile.to_str().context("a path in UTF-8")?,
    ];
    for pod in pods {
        arguments.extend(["--interface", pod.node_interface()]);
    }
    for address in &addresses {
        arguments.extend(["--dns-address", address]);
    }
    let agent = Agent::start(node, &program(Tool::Zerohop)?, pins, &arguments)?;
    agent.wait_until_ready(LIMIT)?;
    eventually(LIMIT, "the agent to be attached to both pods", || {
        let attached = agent.status()?.interfaces.len();
        anyhow::ensure!(attached == pods.len(), "it is attached to {attached}");
        Ok(())
    })?;
    Ok(agent)
}
