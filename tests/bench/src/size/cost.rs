//! What one node's clients cost a real API server: watches, octets when they start, octets for each change.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use tests::{
    Agent, ApiServer, CoreDns, Folder, Namespace, Pins, Process, Tool, eventually, program,
};
use tokio::runtime::Runtime;

use super::{
    ENTRIES,
    api::{Api, DNS_ADDRESS, NODE, inside},
    cluster::Shape,
    proxy::Proxy,
};
use crate::results::ApiCost;

/// How many changes are made.
const CHANGES: u32 = 100;
/// A client has got its lists when it has got this many octets for each service (compressed, they are more than twice as
/// many), ...
const LEAST_OF_A_SERVICE: u64 = 32;
/// ... and then gets nothing for this long.
const QUIET: Duration = Duration::from_secs(3);
/// Generous, because machines are shared.
const LIMIT: Duration = Duration::from_secs(180);

/// A client of the API server, running.
enum Client {
    Zerohop { agent: Agent, _pins: Pins },
    CoreDns { server: CoreDns },
    KubeProxy { process: Process },
}

impl Client {
    fn process(&self) -> &Process {
        match self {
            Self::Zerohop { agent, .. } => agent.process(),
            Self::CoreDns { server } => server.process(),
            Self::KubeProxy { process } => process,
        }
    }
}

/// Starts one client after the other, and counts.
///
/// # Errors
/// A client does not start, or the server does not tell its watches.
pub(super) fn measure(node: &Namespace, api: &Api, shape: Shape) -> Result<Vec<ApiCost>> {
    // Each client meets objects of another revision, so that every change is one.
    let Api::Real {
        server, runtime, ..
    } = api
    else {
        bail!("what a client costs is counted at a real API server only");
    };
    let watches_of_others = watches(server)?;
    let scene = |client: u32| Scene {
        node,
        api,
        server,
        runtime,
        shape,
        watches_of_others,
        revision: 7 + 11 * client,
    };
    Ok(vec![
        scene(0).cost("zerohop", zerohop)?,
        scene(1).cost("CoreDNS", core_dns)?,
        scene(2).cost("kube-proxy", kube_proxy)?,
    ])
}

/// Where a client is started.
struct Scene<'scene> {
    node: &'scene Namespace,
    api: &'scene Api,
    server: &'scene ApiServer,
    runtime: &'scene Runtime,
    shape: Shape,
    watches_of_others: u64,
    revision: u32,
}

impl Scene<'_> {
    fn cost(
        &self,
        name: &str,
        start: impl FnOnce(&Namespace, &Path) -> Result<Client>,
    ) -> Result<ApiCost> {
        let Self {
            server, runtime, ..
        } = *self;
        eventually(LIMIT, "the watches of the client before to end", || {
            let watches = watches(server)?;
            ensure!(watches <= self.watches_of_others, "there are {watches}");
            Ok(())
        })?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ApiServer::PORT));
        let proxy = inside(runtime, Proxy::start(address))?;
        let folder = Folder::new()?;
        let kubeconfig = through(&server.kubeconfig(), proxy.port(), &folder)?;
        let client = start(self.node, &kubeconfig).with_context(|| format!("start {name}"))?;
        let settled = |least| quiet_after(&proxy, least, client.process());
        let lists = u64::from(self.shape.services) * LEAST_OF_A_SERVICE;
        let octets_at_start = settled(lists)?;
        let watches = watches(server)?.saturating_sub(self.watches_of_others);
        // Headless services and others take turns.
        let every = (self.shape.services / CHANGES).max(1) | 1;
        for index in 0..CHANGES {
            let service = (index * every) % self.shape.services;
            self.api
                .replace(self.shape.changed(service, self.revision))?;
        }
        let octets = settled(octets_at_start + 1)? - octets_at_start;
        drop(client);
        Ok(ApiCost {
            client: name.to_owned(),
            watches,
            octets_at_start,
            octets_per_change: octets as f64 / f64::from(CHANGES),
        })
    }
}

/// Waits until the proxy has carried `least` octets, and then nothing for a while; returns what it has carried in all.
fn quiet_after(proxy: &Proxy, least: u64, client: &Process) -> Result<u64> {
    let begin = Instant::now();
    let (mut octets, mut since) = (proxy.octets(), begin);
    while octets < least || since.elapsed() < QUIET {
        ensure!(
            client.is_running() && begin.elapsed() < LIMIT,
            "a client of the API server has read {octets} octets and ended, or is not done after {LIMIT:?}: {}",
            client.last_lines()
        );
        thread::sleep(Duration::from_millis(100));
        let now = proxy.octets();
        if now != octets {
            (octets, since) = (now, Instant::now());
        }
    }
    Ok(octets)
}

/// The kubeconfig with another port of the server.
fn through(kubeconfig: &Path, port: u16, folder: &Folder) -> Result<PathBuf> {
    let text =
        fs::read_to_string(kubeconfig).with_context(|| format!("read {}", kubeconfig.display()))?;
    let own = format!("127.0.0.1:{}", ApiServer::PORT);
    folder.write(
        "kubeconfig",
        &text.replace(&own, &format!("127.0.0.1:{port}")),
    )
}

/// How many watches the server has under way.
fn watches(server: &ApiServer) -> Result<u64> {
    let metrics = server.kubectl(&["get", "--raw", "/metrics"], "")?;
    let mut sum = 0.0;
    for line in metrics.lines() {
        if line.starts_with("apiserver_longrunning_requests{") && line.contains("verb=\"WATCH\"") {
            let count = line.rsplit(' ').next().unwrap_or_default();
            sum += count
                .parse::<f64>()
                .with_context(|| format!("the count of {line}"))?;
        }
    }
    Ok(sum as u64)
}

fn zerohop(node: &Namespace, kubeconfig: &Path) -> Result<Client> {
    let pins = Pins::new()?;
    let kubeconfig = kubeconfig.to_string_lossy();
    let arguments = ["--kubeconfig", &kubeconfig, "--entries", ENTRIES];
    let agent = Agent::start(node, &program(Tool::Zerohop)?, &pins, &arguments)?;
    agent.wait_until_ready(LIMIT)?;
    Ok(Client::Zerohop { agent, _pins: pins })
}

fn core_dns(node: &Namespace, kubeconfig: &Path) -> Result<Client> {
    // kubeadm's, but for what needs a network.
    let corefile = format!(
        ".:53 {{
            errors
            ready
            kubernetes cluster.local in-addr.arpa ip6.arpa {{
                kubeconfig {} test
                pods insecure
                fallthrough in-addr.arpa ip6.arpa
                ttl 30
            }}
            loadbalance
        }}",
        kubeconfig.display()
    );
    let address = SocketAddr::from((DNS_ADDRESS, 53));
    let server = CoreDns::start(node, address, &corefile, &[])?;
    Ok(Client::CoreDns { server })
}

fn kube_proxy(node: &Namespace, kubeconfig: &Path) -> Result<Client> {
    let mut command = node.command(program(Tool::KubeProxy)?);
    let hostname = format!("--hostname-override={NODE}");
    command.arg("--kubeconfig").arg(kubeconfig).args([
        "--proxy-mode=iptables",
        &hostname,
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]);
    let process = Process::spawn("kube-proxy", command)?;
    Ok(Client::KubeProxy { process })
}
