//! A node with an API server, CoreDNS, the agent, and a pod that asks.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use dns_userspace::datapath::counters::Counters;
use tests::{
    Agent, ApiServer, Client, CoreDns, Folder, Namespace, Pins, Pod, Question, Status, Tool,
    eventually,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::RecordType,
    },
    program,
};

/// The cluster address of the DNS service.
pub(crate) const DNS_SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// Generous, because test machines are shared.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// The DNS service's Service.
pub(crate) const KUBE_DNS: &str = "
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  ports:
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
";

/// Who has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// The datapath on the pod's interface.
    Kernel,
    /// CoreDNS.
    Service,
}

/// An answer as far as these tests care: who gave it, its code and its records' data in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    by: By,
    code: ResponseCode,
    data: Vec<String>,
}

/// The kernel's answer with these records.
pub(crate) fn records(data: &[&str]) -> Answer {
    Answer {
        by: By::Kernel,
        code: ResponseCode::NoError,
        data: data.iter().map(|data| (*data).to_owned()).collect(),
    }
}

/// The kernel's answer that the name does not exist.
pub(crate) fn denied() -> Answer {
    Answer {
        by: By::Kernel,
        code: ResponseCode::NXDomain,
        data: Vec::new(),
    }
}

impl Answer {
    /// The same answer, from the DNS service.
    pub(crate) fn passed(self) -> Self {
        Self {
            by: By::Service,
            ..self
        }
    }
}

/// Everything that runs. Its fields end in the order in which they stand here.
pub(crate) struct Scene {
    pub(crate) agent: Agent,
    client: Client,
    /// Asks CoreDNS at an address that the agent does not know as the DNS service's.
    judge: Client,
    pub(crate) core_dns: CoreDns,
    pub(crate) pod: Pod,
    pub(crate) api: ApiServer,
    pub(crate) node: Namespace,
    pins: Pins,
    /// Options of the agent.
    options: Vec<String>,
    _folder: Option<Folder>,
}

impl Scene {
    /// A scene whose agent answers, with the DNS service's Service among the objects.
    pub(crate) fn new() -> Result<Self> {
        let scene = Self::prepare(|api| {
            // The server makes kube-system by itself, in its own time.
            eventually(LIMIT, "kube-system to exist", || api.apply(KUBE_DNS))
        })?;
        scene.agent.wait_until_ready(LIMIT)?;
        Ok(scene)
    }

    /// As [`Scene::new`], with further options of the agent.
    pub(crate) fn prepare_with(options: &[&str]) -> Result<Self> {
        let folder = Folder::new()?;
        folder.write("Corefile", &corefile(""))?;
        let corefile = folder.path().join("Corefile");
        let corefile = corefile.to_string_lossy().into_owned();
        let options = [&["--corefile", &corefile], options].concat();
        let mut scene = Self::with_options(&options, |api| {
            eventually(LIMIT, "kube-system to exist", || api.apply(KUBE_DNS))
        })?;
        scene._folder = Some(folder);
        scene.agent.wait_until_ready(LIMIT)?;
        Ok(scene)
    }

    /// A scene whose agent starts after `before` has had its way with the API server. The agent is given the
    /// Corefile, for no workload runs CoreDNS.
    pub(crate) fn prepare(before: impl FnOnce(&mut ApiServer) -> Result<()>) -> Result<Self> {
        let folder = Folder::new()?;
        folder.write("Corefile", &corefile(""))?;
        let corefile = folder.path().join("Corefile");
        let corefile = corefile.to_string_lossy().into_owned();
        let mut scene = Self::with_options(&["--corefile", &corefile], before)?;
        scene._folder = Some(folder);
        Ok(scene)
    }

    /// As [`Scene::prepare`], with other options of the agent.
    pub(crate) fn with_options(
        options: &[&str],
        before: impl FnOnce(&mut ApiServer) -> Result<()>,
    ) -> Result<Self> {
        let node = Namespace::node("node")?;
        node.add_loopback_address(IpAddr::V4(DNS_SERVICE))?;
        let pod = Pod::new(&node, 1)?;
        let mut api = ApiServer::start_in(&node)?;
        let kubeconfig = api.kubeconfig();
        let address = SocketAddr::from((DNS_SERVICE, 53));
        let client = format!("kubeconfig {} test", kubeconfig.display());
        let core_dns = CoreDns::start(&node, address, &corefile(&client), &[])?;
        before(&mut api)?;
        let pins = Pins::new()?;
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        let agent = start_agent(&node, &pins, &kubeconfig, &options)?;
        Ok(Self {
            agent,
            options,
            _folder: None,
            client: pod.client(address)?,
            judge: pod.client(SocketAddr::from((pod.gateway_ipv4(), 53)))?,
            core_dns,
            pod,
            api,
            node,
            pins,
        })
    }

    /// Ends the agent, and starts another one with this kubeconfig, which need not come to answer.
    pub(crate) fn restart_agent(&mut self, kubeconfig: &Path) -> Result<()> {
        self.agent.terminate()?;
        self.agent = start_agent(&self.node, &self.pins, kubeconfig, &self.options)?;
        Ok(())
    }

    /// Asks the DNS service from the pod, and finds out by the counters who has answered.
    pub(crate) fn ask(&self, name: &str, record_type: RecordType) -> Result<Answer> {
        self.ask_by(&self.client, name, record_type)
    }

    /// As [`Scene::ask`], with another client of the pod.
    pub(crate) fn ask_by(
        &self,
        client: &Client,
        name: &str,
        record_type: RecordType,
    ) -> Result<Answer> {
        let ask = || {
            let before = self.agent.status()?;
            let message = client.resolve(&Question::new(name, record_type))?;
            let after = self.agent.status()?;
            let answer = answer(who(&before, &after)?, &message);
            let by_chance = after.passed_by_chance() > before.passed_by_chance();
            Ok((answer, by_chance))
        };
        match ask()? {
            (answer, false) => Ok(answer),
            (_, true) => ask().map(|(answer, _)| answer),
        }
    }

    /// Asks the DNS service from the pod, as fast as can be.
    pub(crate) fn resolve(&self, name: &str, record_type: RecordType) -> Result<Message> {
        self.client.resolve(&Question::new(name, record_type))
    }

    /// How many questions the kernel has answered so.
    pub(crate) fn counted(&self, kind: &str) -> Result<u64> {
        let counts = Counters::open(self.pins())?.read()?;
        let mut counted = counts.answered.into_iter();
        let counted = counted.find(|(label, _)| *label == kind);
        counted
            .map(|(_, count)| count)
            .with_context(|| format!("no kind {kind}"))
    }

    /// Where the agent's maps are pinned.
    pub(crate) fn pins(&self) -> &Path {
        self.pins.path()
    }

    /// Waits until the question is answered like this; if by the kernel, CoreDNS must say the same.
    pub(crate) fn follow(
        &self,
        name: &str,
        record_type: RecordType,
        expected: &Answer,
    ) -> Result<()> {
        let what = format!("{name} {record_type} to be {expected:?}");
        eventually(LIMIT, &what, || {
            let answer = self.ask(name, record_type)?;
            ensure!(answer == *expected, "it is {answer:?}");
            Ok(())
        })?;
        eventually(LIMIT, "CoreDNS to say the same", || {
            let message = self.judge.resolve(&Question::new(name, record_type))?;
            let answer = answer(expected.by, &message);
            ensure!(answer == *expected, "it says {answer:?}");
            Ok(())
        })
        .with_context(|| what)
    }

    /// How many questions have passed for this reason.
    pub(crate) fn passed(&self, reason: &str) -> Result<u64> {
        let status = self.agent.status()?;
        let count = status.passed.get(reason).copied();
        count.with_context(|| format!("no reason {reason}"))
    }

    /// Makes a namespace.
    pub(crate) fn make_namespace(&self, name: &str) -> Result<()> {
        self.api.apply(&format!(
            "{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"
        ))
    }

    /// Makes or changes the service `name` in `default`; `spec` is YAML in flow style.
    pub(crate) fn apply_service(&self, namespace: &str, name: &str, spec: &str) -> Result<()> {
        self.api.apply(&format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n"
        ))
    }

    /// Makes or changes the slice `SERVICE-1` in `default`; `endpoints` is YAML in flow style.
    pub(crate) fn apply_slice(&self, service: &str, endpoints: &str) -> Result<()> {
        self.api.apply(&format!(
            "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {service}-1\n  \
             namespace: default\n  labels: {{kubernetes.io/service-name: {service}}}\naddressType: IPv4\n\
             ports: [{{name: web, port: 8080}}]\nendpoints: {endpoints}\n"
        ))
    }
}

/// What CoreDNS serves; `client` is how it reaches the API server.
pub(crate) fn corefile(client: &str) -> String {
    format!(
        ".:53 {{\n    errors\n    kubernetes cluster.local {{\n        {client}\n        \
         pods insecure\n        ttl 30\n    }}\n    loadbalance\n}}\n"
    )
}

fn start_agent(
    node: &Namespace,
    pins: &Pins,
    kubeconfig: &Path,
    options: &[String],
) -> Result<Agent> {
    let kubeconfig = kubeconfig.to_string_lossy();
    let mut arguments = vec!["--kubeconfig", &*kubeconfig];
    arguments.extend(options.iter().map(String::as_str));
    Agent::start(node, &program(Tool::Zerohop)?, pins, &arguments)
}

fn who(before: &Status, after: &Status) -> Result<By> {
    let kernel = after.answered_in_kernel() - before.answered_in_kernel();
    let service = after.passed_on() - before.passed_on();
    match (kernel, service) {
        (1, 0) => Ok(By::Kernel),
        (0, 1) => Ok(By::Service),
        _ => bail!("one question: answered {kernel} times, passed {service} times"),
    }
}

fn answer(by: By, message: &Message) -> Answer {
    let mut data: Vec<String> = message
        .answers
        .iter()
        .map(|record| record.data.to_string())
        .collect();
    data.sort();
    Answer {
        by,
        code: message.metadata.response_code,
        data,
    }
}
