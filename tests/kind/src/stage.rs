//! What every scenario finds: the cluster, its nodes, its DNS service and a namespace of our own.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::hickory_proto::rr::RecordType;

use crate::{Options, agents::Agents, kubectl::Kubectl, node::Node, pods::Pod};

/// The tests' namespace. It is removed first, with all that an earlier run left in it.
pub(crate) const NAMESPACE: &str = "zerohop-test";

/// How long a workload may take to be ready.
pub(crate) const ROLLOUT: Duration = Duration::from_secs(120);

/// The stage.
pub(crate) struct Stage {
    /// The cluster.
    pub(crate) kubectl: Kubectl,
    /// zerohop on its nodes.
    pub(crate) agents: Agents,
    /// Its nodes, those with a control plane first.
    pub(crate) nodes: Vec<Node>,
    /// The DNS service's address.
    pub(crate) dns: IpAddr,
    /// Images of test pods.
    pub(crate) images: Images,
}

/// Images of test pods. Both hold the program `pod`, a shell, `getent` and `dig`.
pub(crate) struct Images {
    /// With glibc's resolver.
    pub(crate) glibc: String,
    /// With musl's.
    pub(crate) musl: String,
}

impl Stage {
    /// Looks at the cluster, waits for its workloads and makes the namespace.
    ///
    /// # Errors
    ///
    /// The cluster does not answer, has no worker or no DNS service, or zerohop is not ready on every node; or an
    /// interrupted run has left it so that nothing could be asked.
    pub(crate) fn set(options: &Options) -> Result<Self> {
        let kubectl = Kubectl::new(options.kubectl.clone(), options.kubeconfig.clone());
        let nodes = nodes(&kubectl)?;
        kubectl
            .rollout("kube-system", "deployment/coredns", ROLLOUT)
            .context("wait for CoreDNS")?;
        kubectl
            .rollout(crate::agents::NAMESPACE, "daemonset/zerohop", ROLLOUT)
            .context("wait for zerohop; `cargo xtask kind load` installs it")?;
        refuse_leftovers(&kubectl, nodes.len())?;
        let service = kubectl.get(&["service", "-n", "kube-system", "kube-dns"])?;
        let dns = service["spec"]["clusterIP"]
            .as_str()
            .and_then(|address| address.parse().ok())
            .context("read the address of the Service kube-system/kube-dns")?;
        kubectl.run(&["delete", "namespace", NAMESPACE, "--ignore-not-found"])?;
        kubectl.apply(&json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
        }))?;
        Ok(Self {
            agents: Agents::new(kubectl.clone()),
            kubectl,
            nodes,
            dns,
            images: Images {
                glibc: options.glibc_image.clone(),
                musl: options.musl_image.clone(),
            },
        })
    }

    /// The DNS service's address and port, as a socket's address is written.
    pub(crate) fn dns_server(&self) -> String {
        std::net::SocketAddr::new(self.dns, 53).to_string()
    }

    /// The addresses and port of the running CoreDNS pods.
    pub(crate) fn core_dns_servers(&self) -> Result<Vec<String>> {
        let pods = self
            .kubectl
            .get(&["pods", "-n", "kube-system", "-l", "k8s-app=kube-dns"])?;
        let addresses = items(&pods)
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .filter_map(|pod| pod["status"]["podIP"].as_str()?.parse::<IpAddr>().ok());
        Ok(addresses
            .map(|address| std::net::SocketAddr::new(address, 53).to_string())
            .collect())
    }

    /// The type of records with addresses of the DNS service's family, which every service has.
    pub(crate) fn address_type(&self) -> RecordType {
        match self.dns {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        }
    }

    /// The node on which test pods run unless a scenario is about several.
    pub(crate) fn worker(&self) -> &Node {
        // There is one: `nodes` has made sure.
        let worker = self.nodes.iter().find(|node| !node.control_plane);
        worker.unwrap_or(&self.nodes[0])
    }

    /// Starts a test pod with glibc on `node`.
    pub(crate) fn glibc_pod(&self, name: &str, node: &Node) -> Result<Pod> {
        Pod::start(
            &self.kubectl,
            &Pod::manifest(name, &self.images.glibc, node),
            node,
        )
    }
}

/// What a run that was killed leaves of others' workloads. They count as ready so, for none of their pods is wanted.
fn refuse_leftovers(kubectl: &Kubectl, nodes: usize) -> Result<()> {
    let core_dns = kubectl.get(&["deployment", "-n", "kube-system", "coredns"])?;
    ensure!(
        core_dns["spec"]["replicas"] != 0,
        "CoreDNS is scaled to 0, as a run that was killed leaves it; scale it up: \
         kubectl scale -n kube-system deployment/coredns --replicas=2"
    );
    let namespace = crate::agents::NAMESPACE;
    let agents = kubectl.get(&["daemonset", "-n", namespace, "zerohop"])?;
    let wanted = &agents["status"]["desiredNumberScheduled"];
    ensure!(
        *wanted == nodes,
        "zerohop is wanted on {wanted} of {nodes} nodes; if a run that was killed has left a node selector, remove it: \
         kubectl patch -n {namespace} daemonset/zerohop --type=merge -p \
         '{{\"spec\":{{\"template\":{{\"spec\":{{\"nodeSelector\":{{\"zerohop-test/nowhere\":null}}}}}}}}}}'"
    );
    Ok(())
}

/// The objects of a list.
pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn nodes(kubectl: &Kubectl) -> Result<Vec<Node>> {
    let list = kubectl.get(&["nodes"])?;
    let mut nodes: Vec<Node> = items(&list)
        .filter_map(|node| {
            let labels = &node["metadata"]["labels"];
            Some(Node {
                name: node["metadata"]["name"].as_str()?.to_owned(),
                control_plane: !labels["node-role.kubernetes.io/control-plane"].is_null(),
            })
        })
        .collect();
    nodes.sort_by_key(|node| !node.control_plane);
    ensure!(
        nodes.iter().any(|node| !node.control_plane),
        "the cluster has no worker; `cargo xtask kind up` makes one that has"
    );
    Ok(nodes)
}
