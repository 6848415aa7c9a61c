//! The objects of this scenario in the cluster, and the pods that ask.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Asked;
use serde_json::{Value, json};
use tests::undo::Undo;

use super::{
    objects::{self, HEADLESS, MEMBERS, QUERIER, SERVICE, SUBDOMAIN, full_name},
    other_server,
};
use crate::{
    kubectl::eventually,
    meaning::{all_over_tcp, answers, question},
    node::Node,
    pods::Pod,
    stage::{NAMESPACE, ROLLOUT, Stage},
};

/// How long the agents and CoreDNS may take to hear of what was made.
pub(super) const HEARD: Duration = Duration::from_secs(60);

/// The scene; it goes when it is dropped.
pub(super) struct Scene {
    /// Those who ask, on each node.
    pub(super) askers: Vec<Asker>,
    /// On the worker: with further search domains and fewer dots.
    pub(super) configured: Pod,
    /// On the worker: with a nameserver of its own.
    pub(super) elsewhere: Pod,
    /// The address of that nameserver.
    pub(super) other_server: String,
    /// The address of the API server's service.
    pub(super) kubernetes: String,
    /// The address of the service.
    pub(super) service: String,
    /// The addresses of the StatefulSet's pods, in their order.
    pub(super) members: Vec<String>,
    _objects: [Undo; 2],
}

/// The pods of a node.
pub(super) struct Asker {
    /// The node.
    pub(super) node: Node,
    /// With glibc's resolver. It has a host name and a subdomain.
    pub(super) glibc: Pod,
    /// With musl's resolver.
    pub(super) musl: Pod,
    /// In the node's own network, with the cluster's DNS.
    pub(super) host: Pod,
}

impl Scene {
    /// Makes everything, and waits until it is known.
    pub(super) fn set(stage: &Stage) -> Result<Self> {
        let worker = stage.worker();
        let mut pods = Vec::new();
        for node in &stage.nodes {
            pods.push((querier(stage, node), node));
            let name = format!("names-musl-{}", node.name);
            pods.push((Pod::manifest(&name, &stage.images.musl, node), node));
            pods.push((host(stage, node), node));
        }
        pods.push((configured(stage), worker));
        let mut objects = objects::all(&stage.images.glibc);
        objects.extend(other_server::objects(stage)?);
        objects.extend(pods.iter().map(|(manifest, _)| manifest.clone()));
        let guard = apply(stage, &objects)?;

        let pods = Pod::start_all(&stage.kubectl, &pods)?;
        let other_server = other_server::address(stage)?;
        let elsewhere = other_server::client(stage, &other_server);
        let second_guard = apply(stage, std::slice::from_ref(&elsewhere))?;
        let elsewhere = Pod::start(&stage.kubectl, &elsewhere, worker)?;
        let workload = format!("statefulset/{HEADLESS}");
        stage.kubectl.rollout(NAMESPACE, &workload, ROLLOUT)?;

        let mut pods = pods.into_iter();
        let mut next = || pods.next().context("fewer pods than were started");
        let mut askers = Vec::new();
        for node in &stage.nodes {
            askers.push(Asker {
                node: node.clone(),
                glibc: next()?,
                musl: next()?,
                host: next()?,
            });
        }
        let scene = Self {
            askers,
            configured: next()?,
            elsewhere,
            other_server,
            kubernetes: address_of(stage, "default", "service/kubernetes", "/spec/clusterIP")?,
            service: service_address(stage, SERVICE)?,
            members: (0..MEMBERS)
                .map(|number| {
                    let pod = format!("pod/{HEADLESS}-{number}");
                    address_of(stage, NAMESPACE, &pod, "/status/podIP")
                })
                .collect::<Result<_>>()?,
            _objects: [guard, second_guard],
        };
        scene.wait_until_known(stage)?;
        Ok(scene)
    }

    /// The host name of the pod with glibc on `node`, whose names may be too long for one.
    pub(super) fn host_name(node: &Node) -> String {
        let kind = if node.control_plane {
            "first"
        } else {
            "second"
        };
        format!("{SUBDOMAIN}-{kind}")
    }

    /// Endpoints come last: once all of them are told, everything is known.
    fn wait_until_known(&self, stage: &Stage) -> Result<()> {
        let udp = self.marks(stage);
        let tcp = all_over_tcp(&udp);
        for asker in &self.askers {
            eventually(HEARD, "the endpoints to be known", || {
                let replied = asker.glibc.ask(&stage.dns_server(), &udp)?;
                for ((_, count), replied) in self.expected(stage).iter().zip(&replied) {
                    ensure!(
                        replied.crossed_no_router(),
                        "not in the kernel: {replied:?}"
                    );
                    ensure!(answers(replied)?.len() == *count, "the kernel: {replied:?}");
                }
                for server in stage.core_dns_servers()? {
                    let replied = asker.glibc.ask(&server, &tcp)?;
                    for ((_, count), replied) in self.expected(stage).iter().zip(&replied) {
                        ensure!(answers(replied)?.len() == *count, "{server}: {replied:?}");
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn expected(&self, stage: &Stage) -> [(String, usize); 2] {
        [
            (full_name(HEADLESS), self.members.len()),
            (full_name(SUBDOMAIN), stage.nodes.len()),
        ]
    }

    fn marks(&self, stage: &Stage) -> Vec<Asked> {
        let expected = self.expected(stage).into_iter();
        expected
            .map(|(name, _)| question(&name, stage.address_type()))
            .collect()
    }
}

/// Makes objects, which go when what is returned is dropped.
pub(super) fn apply(stage: &Stage, objects: &[Value]) -> Result<Undo> {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    let kubectl = stage.kubectl.clone();
    let text = list.to_string();
    let guard = Undo::on_drop(move || {
        let words = ["delete", "-f", "-", "--ignore-not-found", "--wait=false"];
        if let Err(error) = kubectl.run_with(&words, &text) {
            eprintln!("cannot remove what the scenario made: {error:#}");
        }
    });
    stage.kubectl.apply(&list)?;
    Ok(guard)
}

fn querier(stage: &Stage, node: &Node) -> Value {
    let name = format!("names-glibc-{}", node.name);
    let mut manifest = Pod::manifest(&name, &stage.images.glibc, node);
    manifest["metadata"]["labels"][QUERIER] = "true".into();
    manifest["spec"]["hostname"] = Scene::host_name(node).into();
    manifest["spec"]["subdomain"] = SUBDOMAIN.into();
    manifest
}

fn host(stage: &Stage, node: &Node) -> Value {
    let name = format!("names-host-{}", node.name);
    let mut manifest = Pod::node_manifest(&name, &stage.images.glibc, node);
    manifest["spec"]["dnsPolicy"] = "ClusterFirstWithHostNet".into();
    manifest
}

fn configured(stage: &Stage) -> Value {
    let mut manifest = Pod::manifest("names-configured", &stage.images.glibc, stage.worker());
    manifest["spec"]["dnsConfig"] = json!({
        "searches": [full_name(HEADLESS)],
        "options": [{"name": "ndots", "value": "2"}],
    });
    manifest
}

/// The address of a service of the tests' namespace.
pub(super) fn service_address(stage: &Stage, name: &str) -> Result<String> {
    address_of(
        stage,
        NAMESPACE,
        &format!("service/{name}"),
        "/spec/clusterIP",
    )
}

/// An address that an object has at `pointer` (RFC 6901).
pub(super) fn address_of(
    stage: &Stage,
    namespace: &str,
    object: &str,
    pointer: &str,
) -> Result<String> {
    let found = stage.kubectl.get(&[object, "-n", namespace])?;
    let address = found.pointer(pointer).and_then(Value::as_str);
    Ok(address
        .with_context(|| format!("{object} in {namespace} has no address"))?
        .to_owned())
}
