//! The pods that ask, and one rate of questions put by all of them.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use pod::protocol::{Asked, Connected, Loaded, Transport};

use super::{PORT, SERVICE, results::Phase};
use crate::{
    inspection::Inspector,
    kubectl::eventually,
    pods::{PROGRAM, Pod},
    stage::{NAMESPACE, ROLLOUT, Stage, items},
};

/// Connections a second that one pod on each node makes.
const CONNECTIONS: u32 = 100;

/// How many ports each pod asks from in turn. Resolvers have a new one for each look-up, and at the lowest rate this is one
/// for each question.
pub(super) const PORTS: u32 = 300;

/// How far ahead the common beginning lies: kubectl takes this long to start the program in every pod.
const AHEAD: Duration = Duration::from_millis(1_500);

/// The name that applications connect to. It is found by the search path's second member.
const HOST: &str = "web.zerohop-test";

/// What a resolver with Kubernetes' search path asks for the names `web`, `web.zerohop-test`, `kubernetes.default` and
/// `github.com`, but for `github.com` itself, which would measure the servers of other people.
const NAMES: [&str; 7] = [
    "web.zerohop-test.svc.cluster.local",
    "web.zerohop-test.zerohop-test.svc.cluster.local",
    "kubernetes.default.zerohop-test.svc.cluster.local",
    "kubernetes.default.svc.cluster.local",
    "github.com.zerohop-test.svc.cluster.local",
    "github.com.svc.cluster.local",
    "github.com.cluster.local",
];

/// The pods that ask, and one on each node that looks at the kernel.
pub(super) struct Crowd<'a> {
    stage: &'a Stage,
    pods: Vec<Pod>,
    inspectors: Vec<Inspector>,
}

impl<'a> Crowd<'a> {
    /// Starts `each` pods on every node.
    pub(super) fn gather(stage: &'a Stage, each: usize) -> Result<Self> {
        let places =
            (0..each).flat_map(|number| stage.nodes.iter().map(move |node| (number, node)));
        let pods = at_once(places.collect(), |(number, node)| {
            stage.glibc_pod(&format!("load-{number}-{}", node.name), node)
        })?;
        let inspectors = at_once(stage.nodes.iter().collect(), |node| {
            Inspector::start(stage, node)
        })?;
        Ok(Self {
            stage,
            pods,
            inspectors,
        })
    }

    /// Removes the pods, without waiting for their end.
    pub(super) fn disperse(self) -> Result<()> {
        let names = self.pods.iter().map(|pod| &*pod.name);
        let names = names.chain(self.inspectors.iter().map(Inspector::pod_name));
        let fixed = [
            "delete",
            "pod",
            "-n",
            NAMESPACE,
            "--now",
            "--wait=false",
            SERVICE,
        ];
        let words: Vec<&str> = fixed.into_iter().chain(names).collect();
        self.stage.kubectl.run(&words).map(drop)
    }

    /// How many pods ask.
    pub(super) fn size(&self) -> usize {
        self.pods.len()
    }

    /// Waits until the kernel answers the questions of every pod.
    pub(super) fn wait_until_answered_by_kernel(&self) -> Result<()> {
        let asked: Vec<Asked> = NAMES.map(asked).into();
        for pod in &self.pods {
            eventually(ROLLOUT, "answers by the kernel", || {
                let replied = pod.ask(&self.stage.dns_server(), &asked)?;
                let passed = replied.iter().find(|replied| !replied.crossed_no_router());
                ensure!(passed.is_none(), "in pod {}: {passed:?}", pod.name);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Makes sure that nothing of zerohop's is in any node's kernel.
    pub(super) fn ensure_nothing_is_loaded(&self) -> Result<()> {
        for inspector in &self.inspectors {
            let programs = inspector.programs()?;
            ensure!(programs.is_empty(), "still there: {programs:?}");
        }
        Ok(())
    }

    /// Puts `rate` questions a second by all pods together, and makes connections besides if wanted.
    pub(super) fn load(&self, rate: u32, length: Duration, connect: bool) -> Result<Phase> {
        self.at_every_node(Inspector::forget_dns_connections)?;
        let cpu_before = self.core_dns_cpu()?;
        let start_at = SystemTime::now() + AHEAD;
        let start_at = start_at
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("read the clock")?
            .as_nanos()
            .to_string();
        let start_at = &*start_at;
        let (loaded, connected) = thread::scope(|scope| {
            let makers: Vec<_> = self
                .stage
                .nodes
                .iter()
                .filter(|_| connect)
                .filter_map(|node| self.pods.iter().find(|pod| pod.node == *node))
                .map(|pod| scope.spawn(move || connections(pod, length, start_at)))
                .collect();
            let each = rate / u32::try_from(self.pods.len()).unwrap_or(u32::MAX).max(1);
            let loaded = at_once(self.pods.iter().collect(), |pod| {
                questions(pod, &self.stage.dns_server(), each, length, start_at)
            });
            let connected: Result<Vec<Connected>> = makers
                .into_iter()
                .map(|maker| {
                    maker
                        .join()
                        .map_err(|_panic| anyhow!("a thread broke off"))?
                })
                .collect();
            (loaded, connected)
        });
        let (loaded, connected) = (loaded?, connected?);
        let core_dns_cpu = self.core_dns_cpu()? - cpu_before;
        let remembered = self.at_every_node(Inspector::dns_connections)?;
        Ok(Phase {
            rate,
            loaded,
            connected,
            connections_due: (f64::from(CONNECTIONS) * length.as_secs_f64()).ceil() as u64,
            core_dns_cpu,
            remembered: remembered.iter().sum(),
        })
    }

    /// Seconds of a processor that the CoreDNS pods have used so far.
    fn core_dns_cpu(&self) -> Result<f64> {
        let kubectl = &self.stage.kubectl;
        let pods = kubectl.get(&["pods", "-n", "kube-system", "-l", "k8s-app=kube-dns"])?;
        let names = items(&pods).filter_map(|pod| pod["metadata"]["name"].as_str());
        let seconds = at_once(names.collect(), |name| {
            let path = format!("/api/v1/namespaces/kube-system/pods/{name}:9153/proxy/metrics");
            let metrics = kubectl.run(&["get", "--raw", &path])?;
            let seconds = metrics
                .lines()
                .find_map(|line| line.strip_prefix("process_cpu_seconds_total "))
                .and_then(|seconds| seconds.parse::<f64>().ok());
            seconds.with_context(|| {
                format!("CoreDNS's pod {name} does not say how much processor time it used")
            })
        })?;
        Ok(seconds.iter().sum())
    }

    fn at_every_node<O: Send>(
        &self,
        look: impl Fn(&Inspector) -> Result<O> + Sync,
    ) -> Result<Vec<O>> {
        at_once(self.inspectors.iter().collect(), |inspector| {
            look(inspector)
        })
    }
}

fn asked(name: &str) -> Asked {
    Asked {
        name: name.to_owned(),
        record_type: 1,
        edns: None,
        transport: Transport::Udp,
    }
}

fn questions(
    pod: &Pod,
    server: &str,
    rate: u32,
    length: Duration,
    start_at: &str,
) -> Result<Loaded> {
    let (rate, seconds) = (rate.to_string(), length.as_secs_f64().to_string());
    let ports = PORTS.to_string();
    let mut words = vec![PROGRAM, "load", "--server", server, "--type", "A,AAAA"];
    words.extend(["--rate", &rate, "--seconds", &seconds, "--ports", &ports]);
    words.extend(["--start-at", start_at]);
    words.extend(NAMES.iter().flat_map(|name| ["--name", name]));
    let text = pod.run(&words)?;
    serde_json::from_str(&text).with_context(|| format!("read what pod {} counted", pod.name))
}

fn connections(pod: &Pod, length: Duration, start_at: &str) -> Result<Connected> {
    debug_assert_eq!(HOST, format!("{SERVICE}.{NAMESPACE}"));
    let (rate, seconds) = (CONNECTIONS.to_string(), length.as_secs_f64().to_string());
    let port = PORT.to_string();
    let mut words = vec![PROGRAM, "connect", "--host", HOST, "--port", &port];
    words.extend([
        "--rate",
        &rate,
        "--seconds",
        &seconds,
        "--start-at",
        start_at,
    ]);
    let text = pod.run(&words)?;
    serde_json::from_str(&text).with_context(|| format!("read what pod {} counted", pod.name))
}

/// Does it for all of them at once.
fn at_once<T: Send, O: Send>(all: Vec<T>, each: impl Fn(T) -> Result<O> + Sync) -> Result<Vec<O>> {
    let each = &each;
    thread::scope(|scope| {
        let threads: Vec<_> = all
            .into_iter()
            .map(|one| scope.spawn(move || each(one)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_panic| anyhow!("a thread broke off"))?
            })
            .collect()
    })
}
