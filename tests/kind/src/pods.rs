//! Test pods.

use std::{net::IpAddr, time::Duration};

use anyhow::{Context as _, Result};
use pod::protocol::{Asked, Replied};
use serde_json::{Value, json};

use crate::{kubectl::Kubectl, node::Node, running::Running, stage::NAMESPACE};

/// The program in every test image.
pub(crate) const PROGRAM: &str = "/pod";

/// How long a pod may take to be ready.
const READY: Duration = Duration::from_secs(60);

/// A pod that stays until it is deleted.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    kubectl: Kubectl,
    /// Its name in the tests' namespace.
    pub(crate) name: String,
    /// The node that it runs on.
    pub(crate) node: Node,
}

impl Pod {
    /// What a pod's manifest says: `image` stays on `node`.
    pub(crate) fn manifest(name: &str, image: &str, node: &Node) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app": name}},
            "spec": {
                "nodeName": node.name,
                "terminationGracePeriodSeconds": 0,
                "tolerations": [{"operator": "Exists"}],
                "containers": [{
                    "name": "pod",
                    "image": image,
                    "imagePullPolicy": "Never",
                    "command": [PROGRAM, "stay"],
                }],
            },
        })
    }

    /// What the manifest of a pod that sees its node says: the node's network, all privileges, and the node's BPF
    /// file system at `/sys/fs/bpf`.
    pub(crate) fn node_manifest(name: &str, image: &str, node: &Node) -> Value {
        let mut manifest = Self::manifest(name, image, node);
        manifest["spec"]["hostNetwork"] = json!(true);
        manifest["spec"]["volumes"] =
            json!([{"name": "bpf", "hostPath": {"path": "/sys/fs/bpf", "type": "Directory"}}]);
        let container = &mut manifest["spec"]["containers"][0];
        container["securityContext"] = json!({"privileged": true});
        container["volumeMounts"] = json!([{
            "name": "bpf", "mountPath": "/sys/fs/bpf", "mountPropagation": "HostToContainer",
        }]);
        manifest
    }

    /// Makes the pod of a manifest that came from [`Self::manifest`], changed or not, and waits until it is ready.
    pub(crate) fn start(kubectl: &Kubectl, manifest: &Value, node: &Node) -> Result<Self> {
        let name = manifest["metadata"]["name"]
            .as_str()
            .context("a pod's manifest without a name")?;
        kubectl.apply(manifest)?;
        let pod = Self {
            kubectl: kubectl.clone(),
            name: name.to_owned(),
            node: node.clone(),
        };
        pod.wait_until_ready()?;
        Ok(pod)
    }

    /// The same for several at once, which become ready beside each other.
    pub(crate) fn start_all(kubectl: &Kubectl, pods: &[(Value, &Node)]) -> Result<Vec<Self>> {
        let manifests: Vec<&Value> = pods.iter().map(|(manifest, _)| manifest).collect();
        kubectl.apply(&json!({"apiVersion": "v1", "kind": "List", "items": manifests}))?;
        let mut started = Vec::new();
        for (manifest, node) in pods {
            let name = manifest["metadata"]["name"]
                .as_str()
                .context("a pod's manifest without a name")?;
            started.push(Self {
                kubectl: kubectl.clone(),
                name: name.to_owned(),
                node: (*node).clone(),
            });
        }
        let limit = format!("--timeout={}s", READY.as_secs());
        let mut words = vec![
            "wait",
            "-n",
            NAMESPACE,
            "--for=condition=Ready",
            &limit,
            "pod",
        ];
        words.extend(started.iter().map(|pod| pod.name.as_str()));
        kubectl.run(&words)?;
        Ok(started)
    }

    fn wait_until_ready(&self) -> Result<()> {
        let limit = format!("--timeout={}s", READY.as_secs());
        let pod = format!("pod/{}", self.name);
        self.kubectl
            .run(&[
                "wait",
                "-n",
                NAMESPACE,
                "--for=condition=Ready",
                &limit,
                &pod,
            ])
            .map(drop)
    }

    /// Runs a program in it.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        self.kubectl.exec(NAMESPACE, &self.name, words, "")
    }

    /// Starts a program in it that runs until its standard input ends.
    pub(crate) fn begin(&self, words: &[&str]) -> Result<Running> {
        let fixed = ["exec", "-i", "-n", NAMESPACE, &self.name, "--"];
        let command = self.kubectl.command(&[&fixed, words].concat());
        Running::start(command, format!("{} in pod {}", words.join(" "), self.name))
    }

    /// Its address.
    pub(crate) fn address(&self) -> Result<String> {
        let pod = self.kubectl.get(&["pod", "-n", NAMESPACE, &self.name])?;
        let address = pod["status"]["podIP"].as_str();
        Ok(address
            .with_context(|| format!("pod {} has no address yet", self.name))?
            .to_owned())
    }

    /// Its addresses, of which a dual-stack cluster gives two.
    pub(crate) fn addresses(&self) -> Result<Vec<IpAddr>> {
        let pod = self.kubectl.get(&["pod", "-n", NAMESPACE, &self.name])?;
        let addresses = pod["status"]["podIPs"].as_array();
        let texts = addresses
            .into_iter()
            .flatten()
            .filter_map(|address| address["ip"].as_str());
        texts
            .map(|text| {
                text.parse()
                    .with_context(|| format!("read an address of pod {}", self.name))
            })
            .collect()
    }

    /// Asks `server` (address and port) from inside the pod.
    ///
    /// # Errors
    ///
    /// The program cannot run; that there is no reply is no error but part of the result.
    pub(crate) fn ask(&self, server: &str, asked: &[Asked]) -> Result<Vec<Replied>> {
        let input = serde_json::to_string(asked).context("write questions")?;
        let words = [PROGRAM, "ask", "--server", server];
        let text = self.kubectl.exec(NAMESPACE, &self.name, &words, &input)?;
        serde_json::from_str(&text).with_context(|| format!("read replies in pod {}", self.name))
    }

    /// Removes it and waits until it is gone.
    pub(crate) fn delete(self) -> Result<()> {
        self.kubectl
            .run(&["delete", "pod", "-n", NAMESPACE, "--now", &self.name])
            .map(drop)
    }
}
