//! A NodeLocal DNSCache on one node: the cluster's own CoreDNS with `cache` and `forward`, in the node's network, on
//! the link-local address and on the DNS service's ClusterIP.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tests::undo::Undo;

use crate::{
    filter::node_pod,
    kubectl::Kubectl,
    node::Node,
    pods::Pod,
    stage::{NAMESPACE, Stage},
};

/// Where a NodeLocal DNSCache listens.
pub(super) const ADDRESS: &str = "169.254.20.10";

const NAME: &str = "node-local-cache";

/// The table of its rules.
const TABLE: &str = "zerohop-test-cache";

/// A running cache; dropping it gives the node's DNS back.
pub(super) struct Cache {
    _undo: Undo,
}

impl Cache {
    /// Starts it on the worker and waits until it answers.
    ///
    /// # Errors
    ///
    /// It does not become ready; everything is taken away again.
    pub(super) fn start(stage: &Stage) -> Result<Self> {
        let node = stage.worker();
        let dns = stage.dns.to_string();
        let corefile = corefile(&dns, &stage.core_dns_servers()?);
        stage.kubectl.apply(&json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": NAME, "namespace": NAMESPACE},
            "data": {"Corefile": corefile},
        }))?;
        let (kubectl, of_node) = (stage.kubectl.clone(), node.clone());
        let undo = Undo::on_drop({
            let dns = dns.clone();
            move || take_away(&kubectl, &of_node, &dns)
        });
        let manifest = manifest(stage, node, &dns)?;
        Pod::start(&stage.kubectl, &manifest, node).context("start a node-local cache")?;
        Ok(Self { _undo: undo })
    }
}

fn corefile(dns: &str, servers: &[String]) -> String {
    let servers = servers.join(" ");
    format!(
        ".:53 {{\n    errors\n    bind {ADDRESS} {dns}\n    cache 30\n    forward . {servers} {{\n        force_tcp\n    }}\n}}\n"
    )
}

fn manifest(stage: &Stage, node: &Node, dns: &str) -> Result<Value> {
    let deployment = stage
        .kubectl
        .get(&["-n", "kube-system", "deployment/coredns"])?;
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    let image = image.as_str().context("read the image of CoreDNS")?;
    let mut manifest = node_pod(NAME, &stage.images.glibc, node);
    let spec = &mut manifest["spec"];
    // After the cache has ended, the addresses are given up.
    spec["terminationGracePeriodSeconds"] = json!(10);
    let mut addresses = spec["containers"][0].take();
    addresses["name"] = json!("addresses");
    addresses["command"] = json!(["bash", "-ec", addresses_script(dns)]);
    addresses["restartPolicy"] = json!("Always");
    addresses["startupProbe"] =
        json!({"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1});
    spec["initContainers"] = json!([addresses]);
    spec["containers"] = json!([{
        "name": "cache",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "securityContext": {"runAsUser": 0, "capabilities": {"add": ["NET_BIND_SERVICE"]}},
        "readinessProbe": {"tcpSocket": {"host": ADDRESS, "port": 53}, "periodSeconds": 1},
        "volumeMounts": [{"name": "corefile", "mountPath": "/etc/coredns"}],
    }]);
    spec["volumes"] = json!([{"name": "corefile", "configMap": {"name": NAME}}]);
    Ok(manifest)
}

/// Puts the addresses on the loopback interface for as long as it runs, and keeps packets to and from them from
/// connection tracking: they would be sent to a CoreDNS pod.
fn addresses_script(dns: &str) -> String {
    format!(
        r#"
down() {{
    ip address delete {ADDRESS}/32 dev lo || true
    ip address delete {dns}/32 dev lo || true
    nft delete table inet {TABLE} || true
}}
trap 'down; exit 0' TERM
nft -f - <<'RULES'
table inet {TABLE} {{
    chain prerouting {{
        type filter hook prerouting priority raw
        ip daddr {{ {ADDRESS}, {dns} }} meta l4proto {{ tcp, udp }} th dport 53 notrack
    }}
    chain output {{
        type filter hook output priority raw
        ip daddr {{ {ADDRESS}, {dns} }} meta l4proto {{ tcp, udp }} th dport 53 notrack
        ip saddr {{ {ADDRESS}, {dns} }} meta l4proto {{ tcp, udp }} th sport 53 notrack
    }}
}}
RULES
ip address replace {ADDRESS}/32 dev lo
ip address replace {dns}/32 dev lo
touch /tmp/ready
while :; do sleep 3600 & wait $!; done
"#
    )
}

/// The pod takes its addresses away itself. That is made certain here, for with the DNS service's address on its
/// loopback interface a node has no DNS.
fn take_away(kubectl: &Kubectl, node: &Node, dns: &str) {
    let deleted = kubectl.run(&["delete", "pod", "-n", NAMESPACE, "--ignore-not-found", NAME]);
    if let Err(error) = deleted {
        eprintln!("remove the node-local cache: {error:#}");
    }
    // It has gone with the pod, unless that was killed; then nft says so, or the node has none.
    let _ = node.run(&["nft", "delete", "table", "inet", TABLE]);
    let addresses = match node.run(&["ip", "address", "show", "dev", "lo"]) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("look after the addresses of a node-local cache: {error:#}");
            return;
        }
    };
    for address in [ADDRESS, dns] {
        let address = format!("{address}/32");
        if addresses.contains(&address)
            && let Err(error) = node.run(&["ip", "address", "delete", &address, "dev", "lo"])
        {
            eprintln!(
                "take {address} away, without which node {} has no DNS: {error:#}",
                node.name
            );
        }
    }
}
