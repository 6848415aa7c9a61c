//! The demo's stage: a node, a pod behind a veth, the cluster's DNS service and the agent.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tests::{Agent, CoreDns, Namespace, Pins, Pod, Resolver, eventually};

use super::zones::{self, Zones};

/// The cluster's DNS service, as in examples/cluster.yaml.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
pub(crate) const DNS_PORT: u16 = 53;

const AGENT_LIMIT: Duration = Duration::from_secs(30);

/// Everything that runs. Dropping it ends and removes it all.
pub(crate) struct Scene {
    // In the order in which they go.
    pub(crate) agent: Agent,
    pub(crate) dns_service: CoreDns,
    pub(crate) pod: Pod,
    pub(crate) node: Namespace,
    pub(crate) pins: Pins,
}

/// The programs on the stage, and the objects that they serve.
pub(crate) struct Programs {
    /// The agent.
    pub(crate) zerohop: PathBuf,
    /// The DNS server.
    pub(crate) core_dns: PathBuf,
    /// The folder with the example objects.
    pub(crate) examples: PathBuf,
}

impl Scene {
    /// Sets the stage, saying what it does.
    ///
    /// # Errors
    ///
    /// When a part cannot be made or started; with what the program in question printed.
    pub(crate) fn set(programs: &Programs) -> Result<Self> {
        let zones = zones::zones_of(&zones::read_objects(&programs.examples)?);
        let node = Namespace::node("node")?;
        node.add_loopback_address(IpAddr::V4(DNS_SERVICE))?;
        let pod = Pod::new(&node, 1)?;
        println!(
            "  node         network namespace {}\n  pod          network namespace {}, {} behind {}",
            node.name(),
            pod.namespace().name(),
            pod.ipv4(),
            pod.node_interface()
        );
        let dns_service = start_dns_service(&programs.core_dns, &node, &zones)?;
        println!(
            "  DNS service  CoreDNS at {DNS_SERVICE}, zones {}",
            names(&zones)
        );
        let pins = Pins::of_demo()?;
        let agent = start_agent(programs, &node, &pins)?;
        println!(
            "  agent        zerohop run --manifests examples, pins in {}",
            pins.path().display()
        );
        Ok(Self {
            agent,
            dns_service,
            pod,
            node,
            pins,
        })
    }

    /// Where the pod's questions go.
    pub(crate) fn dns_address(&self) -> SocketAddr {
        SocketAddr::from((DNS_SERVICE, DNS_PORT))
    }

    /// The same server under an address that nobody told the agent.
    pub(crate) fn dns_address_unknown_to_the_agent(&self) -> SocketAddr {
        SocketAddr::from((self.pod.gateway_ipv4(), DNS_PORT))
    }

    /// The pod's resolv.conf, as kubelet writes it: three search domains and ndots:5.
    pub(crate) fn resolver(&self) -> Resolver {
        Resolver::of_pod("default", IpAddr::V4(DNS_SERVICE))
    }
}

fn start_dns_service(binary: &Path, node: &Namespace, zones: &Zones) -> Result<CoreDns> {
    let files: Vec<(String, &str)> = zones
        .iter()
        .map(|(zone, text)| (format!("db.{zone}"), text.as_str()))
        .collect();
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), *text))
        .collect();
    let address = SocketAddr::from((DNS_SERVICE, DNS_PORT));
    CoreDns::start_program(binary, node, address, &corefile(zones), &files)
}

fn corefile(zones: &Zones) -> String {
    let directives: String = zones
        .keys()
        .map(|zone| format!("    file db.{zone} {zone}\n"))
        .collect();
    format!(
        ".:{DNS_PORT} {{\n    errors\n    prometheus {}\n    loadbalance\n{directives}}}\n",
        CoreDns::METRICS
    )
}

fn start_agent(programs: &Programs, node: &Namespace, pins: &Pins) -> Result<Agent> {
    let examples = programs.examples.to_string_lossy();
    let arguments = ["--manifests", &*examples];
    let agent = Agent::start(node, &programs.zerohop, pins, &arguments)?;
    agent
        .wait_until_ready(AGENT_LIMIT)
        .context("start the agent on the examples")?;
    eventually(AGENT_LIMIT, "the external names", || {
        let (_, report) = agent.full_status(AGENT_LIMIT)?;
        let external = report.external;
        let known = external.wanted > 0 && external.fresh == external.wanted;
        ensure!(known, "{external:?}");
        Ok(())
    })?;
    Ok(agent)
}

fn names(zones: &Zones) -> String {
    let names: Vec<&str> = zones.keys().map(String::as_str).collect();
    names.join(", ")
}
