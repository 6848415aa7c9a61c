//! A node with a pod, the DNS service and manifests; and who answered a question there.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use aya::programs::{ProgramInfo, SchedClassifier, TcAttachType};
use tests::{
    Agent, CoreDns, Folder, Namespace, Pins, Pod, Question, Tool, eventually,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::RecordType,
    },
    program, skip, skipped_without_root, status_of,
};

use crate::catalogue;

/// The DNS service's addresses.
pub(crate) const SERVERS: [&str; 2] = ["10.96.0.10:53", "[fd00:10:96::a]:53"];
/// An address at which the DNS service answers as well, and which the agent is not told of.
pub(crate) const OTHER_SERVERS: [&str; 2] = ["10.96.0.53:53", "[fd00:10:96::53]:53"];
/// For everything that is waited for; generous, because test machines are shared.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// The lifetime of the records that the kernel gives.
const KERNEL_TTL: u32 = 30;
/// The lifetime of the records in the DNS service's zones.
const SERVICE_TTL: u32 = 7;

const COREFILE: &str = "\
.:53 {
    errors
    prometheus 127.0.0.1:9153
    file db.cluster.local cluster.local
    file db.example.com example.com
    file db.root .
}
";

/// Nothing else exists: a resolver would ask again if it were refused.
const ROOT: &str = "\
$ORIGIN .
$TTL 7
@ IN SOA ns. hostmaster. 1 7200 1800 86400 7
";

const EXTERNAL: &str = "\
$ORIGIN example.com.
$TTL 7
@ IN SOA ns hostmaster 1 7200 1800 86400 7
www IN A 192.0.2.80
www IN AAAA 2001:db8::80
";

/// Who answered a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answerer {
    Kernel,
    Service,
}

/// What a test needs of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) by: Answerer,
    pub(crate) code: ResponseCode,
    /// The data of the answer section, sorted.
    pub(crate) data: Vec<String>,
}

/// A node with one pod, the DNS service and a folder of manifests.
pub(crate) struct Site {
    pub(crate) pod: Pod,
    pub(crate) core_dns: CoreDns,
    pub(crate) manifests: Folder,
    pub(crate) pins: Pins,
    pub(crate) node: Namespace,
}

impl Site {
    /// Makes a site with [`catalogue::services`] behind both the agent and the DNS service.
    pub(crate) fn new() -> Result<Self> {
        Self::with_pod(|node| Pod::new(node, 1))
    }

    /// The same with a pod of another make.
    pub(crate) fn with_pod(make_pod: impl FnOnce(&Namespace) -> Result<Pod>) -> Result<Self> {
        Self::with_services(make_pod, &catalogue::services())
    }

    /// The same with other Services.
    pub(crate) fn with_services(
        make_pod: impl FnOnce(&Namespace) -> Result<Pod>,
        services: &[catalogue::Service],
    ) -> Result<Self> {
        let zones = [
            ("db.cluster.local", &*catalogue::zone(services, SERVICE_TTL)),
            ("db.example.com", EXTERNAL),
            ("db.root", ROOT),
        ];
        let site = Self::with_core_dns(make_pod, COREFILE, &zones)?;
        site.manifests
            .write("all.yaml", &catalogue::manifests(services))?;
        Ok(site)
    }

    /// A site without manifests, whose DNS service has this Corefile and these files beside it.
    pub(crate) fn with_core_dns(
        make_pod: impl FnOnce(&Namespace) -> Result<Pod>,
        corefile: &str,
        zones: &[(&str, &str)],
    ) -> Result<Self> {
        let node = Namespace::node("node")?;
        for server in SERVERS.into_iter().chain(OTHER_SERVERS) {
            node.add_loopback_address(address(server).ip())?;
        }
        let core_dns = CoreDns::start(&node, address(SERVERS[0]), corefile, zones)?;
        let manifests = Folder::new()?;
        Ok(Self {
            pod: make_pod(&node)?,
            core_dns,
            manifests,
            pins: Pins::new()?,
            node,
        })
    }

    /// Starts the agent with the manifests and `arguments`, and does not wait.
    pub(crate) fn spawn_agent(&self, arguments: &[&str]) -> Result<Agent> {
        let folder = self.manifests.path().to_string_lossy();
        let words = [&["--manifests", &*folder], arguments].concat();
        Agent::start(&self.node, &program(Tool::Zerohop)?, &self.pins, &words)
    }

    /// Starts the agent and returns when it answers and is attached to the pod's veth.
    pub(crate) fn agent(&self, arguments: &[&str]) -> Result<Agent> {
        self.agent_at(self.pod.node_interface(), arguments)
    }

    /// Starts the agent and returns when it answers and is attached to `interface`.
    pub(crate) fn agent_at(&self, interface: &str, arguments: &[&str]) -> Result<Agent> {
        let agent = self.spawn_agent(arguments)?;
        agent.wait_until_ready(LIMIT)?;
        wait_attached(&agent, interface)?;
        Ok(agent)
    }

    /// Asks the DNS service's IPv4 address from the pod; once more, if that question has passed by chance.
    pub(crate) fn ask(&self, name: &str, record_type: RecordType) -> Result<Answer> {
        let ask = || ask(&self.pod, SERVERS[0], &Question::new(name, record_type));
        let before = self.passed_by_chance();
        let first = ask()?;
        match first.by == Answerer::Service && self.passed_by_chance() > before {
            true => ask(),
            false => Ok(first),
        }
    }

    /// How many questions have passed by chance; none while nothing is pinned.
    fn passed_by_chance(&self) -> u64 {
        let status = program(Tool::Zerohop)
            .and_then(|zerohop| status_of(&self.node, &zerohop, self.pins.path()));
        status.map_or(0, |status| status.passed_by_chance())
    }

    /// Everything of ours that is attached to the pod's veth: programs by TCX and XDP, filters.
    pub(crate) fn attached(&self) -> Result<Vec<String>> {
        let device = self.pod.node_interface();
        let (_, programs) = self
            .node
            .enter(|| Ok(SchedClassifier::query_tcx(device, TcAttachType::Ingress)?))?;
        let names = programs.iter().filter_map(ProgramInfo::name_as_str);
        let mut attached: Vec<String> = names.map(|name| format!("tcx {name}")).collect();
        let shown = [
            self.node.run(&["ip", "link", "show", "dev", device])?,
            self.filters()?,
        ];
        let lines = shown.iter().flat_map(|text| text.lines());
        let ours = lines.filter(|line| line.contains("zerohop") || line.contains("prog/xdp"));
        attached.extend(ours.map(str::to_owned));
        Ok(attached)
    }

    /// The filters on the way in at the pod's veth, as `tc` shows them.
    pub(crate) fn filters(&self) -> Result<String> {
        let device = self.pod.node_interface();
        self.node
            .run(&["tc", "filter", "show", "dev", device, "ingress"])
    }

    /// Waits until `by` answers a question for the A records of `name`, and returns the answer.
    pub(crate) fn wait_for(&self, by: Answerer, name: &str) -> Result<Answer> {
        eventually(LIMIT, &format!("{by:?} to answer for {name}"), || {
            let answer = self.ask(name, RecordType::A)?;
            ensure!(answer.by == by, "{answer:?}");
            Ok(answer)
        })
    }
}

/// Waits until `zerohop status` shows `interface`.
pub(crate) fn wait_attached(agent: &Agent, interface: &str) -> Result<()> {
    eventually(LIMIT, &format!("{interface} to be attached to"), || {
        let interfaces = agent.status()?.interfaces;
        let found = interfaces.iter().any(|one| one.name == interface);
        ensure!(found, "attached to {interfaces:?}");
        Ok(())
    })
}

/// Asks `server` from `pod`.
pub(crate) fn ask(pod: &Pod, server: &str, question: &Question) -> Result<Answer> {
    answer(&pod.client(address(server))?.resolve(question)?)
}

/// Reads who answered, and what.
pub(crate) fn answer(message: &Message) -> Result<Answer> {
    let records = message.answers.iter().chain(&message.authorities);
    let mut lifetimes: Vec<u32> = records.map(|record| record.ttl).collect();
    lifetimes.dedup();
    let by = match lifetimes.as_slice() {
        [KERNEL_TTL] => Answerer::Kernel,
        [SERVICE_TTL] => Answerer::Service,
        _ => bail!("neither the kernel nor the DNS service answers so: {message:?}"),
    };
    let answers = message.answers.iter();
    let mut data: Vec<String> = answers.map(|record| record.data.to_string()).collect();
    data.sort();
    Ok(Answer {
        by,
        code: message.metadata.response_code,
        data,
    })
}

/// The full name of a Service of the namespace `shop`.
pub(crate) fn full(service: &str) -> String {
    format!("{service}.shop.svc.cluster.local")
}

/// An address and a port that a test writes down.
pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

/// The address without its port.
pub(crate) fn ip(server: &str) -> IpAddr {
    address(server).ip()
}

/// Runs `test` at a new site, or says that it cannot.
pub(crate) fn at_a_site(name: &str, test: impl FnOnce(&Site) -> Result<()>) -> Result<()> {
    if lacks(name) {
        return Ok(());
    }
    let site = Site::new().context("make a site")?;
    test(&site)
}

/// Whether the test `name` cannot run here, which is then said.
pub(crate) fn lacks(name: &str) -> bool {
    if skipped_without_root(name) {
        return true;
    }
    let tools = [Tool::Zerohop, Tool::CoreDns];
    let missing = tools.iter().find_map(|tool| program(*tool).err());
    if let Some(reason) = &missing {
        skip(name, &reason.to_string());
    }
    missing.is_some()
}
