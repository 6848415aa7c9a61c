//! The servers that are measured beside the kernel: CoreDNS in a pod, a cache on the node, NSD.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::{
    ApiServer, Client, CoreDns, Folder, Namespace, Pod, Process, Question, eventually,
    hickory_proto::{op::ResponseCode, rr::RecordType},
};

use super::{
    API_SERVICE, DNS_SERVICE, NODE_LOCAL, NSD,
    objects::{self, EXTERNAL, WEB},
};

/// kubeadm's Corefile.
pub(super) const KUBEADM: &str =
    include_str!("../../../../dns-userspace/core/src/corefile/tests/data/kubeadm.corefile");

const START_LIMIT: Duration = Duration::from_secs(30);
const ATTEMPT_LIMIT: Duration = Duration::from_millis(200);

/// CoreDNS in a pod of its own, with kubeadm's Corefile: only how it reaches the API server and what is outside the
/// cluster differ.
pub(super) fn core_dns(pod: &Pod, api: &ApiServer, folder: &Folder) -> Result<CoreDns> {
    let kubeconfig = folder.write("kubeconfig", &kubeconfig_of_pods(api)?)?;
    let client = format!("kubeconfig {} test", kubeconfig.display());
    let corefile = KUBEADM
        .replace("pods insecure", &format!("{client}\n       pods insecure"))
        .replace("/etc/resolv.conf", &NSD.to_string());
    let address = SocketAddr::from((pod.ipv4(), 53));
    let server = CoreDns::start(pod.namespace(), address, &corefile, &[])?;
    wait_for(pod.namespace(), address, WEB)
        .with_context(|| format!("CoreDNS printed:\n{}", server.process().last_lines()))?;
    Ok(server)
}

/// The administrator's kubeconfig with the API server's cluster address, as pods know it.
fn kubeconfig_of_pods(api: &ApiServer) -> Result<String> {
    let path = api.kubeconfig();
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut kubeconfig: Value = serde_json::from_str(&text).context("read the kubeconfig")?;
    kubeconfig["clusters"][0]["cluster"]["server"] = format!("https://{API_SERVICE}:443").into();
    Ok(kubeconfig.to_string())
}

/// CoreDNS in place of NodeLocal DNSCache, which is CoreDNS with this Corefile.
pub(super) fn node_local(node: &Namespace) -> Result<CoreDns> {
    let corefile = format!(
        "cluster.local:53 {{
    errors
    cache {{
        success 9984 30
        denial 9984 5
    }}
    reload
    loop
    bind {NODE_LOCAL}
    forward . {DNS_SERVICE} {{
        force_tcp
    }}
    prometheus :9253
}}
.:53 {{
    errors
    cache 30
    reload
    loop
    bind {NODE_LOCAL}
    forward . {NSD}
    prometheus :9253
}}
"
    );
    let address = SocketAddr::from((NODE_LOCAL, 53));
    let server = CoreDns::start(node, address, &corefile, &[])?;
    wait_for(node, address, WEB)?;
    Ok(server)
}

/// NSD on the node, with the cluster's records and the zone of the external name, and no limit on the rate of answers. It
/// has one server process, as by default: with several, it would depend on a client's port which of them, and on which
/// CPU, answers it.
pub(super) fn nsd(node: &Namespace, folder: &Folder) -> Result<Process> {
    let path = folder.path().display();
    let mut text = format!(
        "server:
    ip-address: {NSD}
    port: 53
    do-ip6: no
    minimal-responses: yes
    username: \"\"
    chroot: \"\"
    zonesdir: \"{path}\"
    database: \"\"
    pidfile: \"\"
    zonelistfile: \"{path}/nsd.zones\"
    xfrdfile: \"{path}/nsd.transfers\"
    xfrdir: \"{path}\"
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
"
    );
    for (name, zone) in [
        ("cluster.local", objects::zone()),
        (EXTERNAL, objects::external_zone()),
    ] {
        folder.write(name, &zone)?;
        text += &format!("zone:\n    name: {name}\n    zonefile: {name}\n");
    }
    let configuration = folder.write("nsd.conf", &text)?;
    let configuration = configuration.to_str().context("a path in UTF-8")?;
    let process = node.spawn("NSD", &["nsd", "-d", "-c", configuration])?;
    let address = SocketAddr::from((NSD, 53));
    for name in [WEB, EXTERNAL] {
        wait_for(node, address, name)
            .with_context(|| format!("NSD printed:\n{}", process.last_lines()))?;
    }
    Ok(process)
}

/// Waits until `name` has an address.
fn wait_for(namespace: &Namespace, server: SocketAddr, name: &str) -> Result<()> {
    let client = Client::new(namespace, server)?;
    client.set_limit(ATTEMPT_LIMIT)?;
    let question = Question::new(name, RecordType::A);
    eventually(START_LIMIT, &format!("{server} to know {name}"), || {
        let message = client.resolve(&question)?;
        let code = message.metadata.response_code;
        ensure!(
            code == ResponseCode::NoError && !message.answers.is_empty(),
            "it says {code} and gives {} records",
            message.answers.len()
        );
        Ok(())
    })
}
