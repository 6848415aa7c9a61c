//! What kube-proxy (iptables) and NodeLocal DNSCache put into a node's packet filter, as far as a DNS question meets it.

use anyhow::{Context as _, Result};
use tests::{Folder, Namespace, Pod};

use super::{API_SERVICE, DNS_SERVICE, NODE_LOCAL, NSD, SINK};

/// The addresses of services.
const SERVICES: &str = "10.96.0.0/16";

/// Translates the cluster addresses of the DNS service and of the API server, whose own address is the node's loopback;
/// keeps the cache on the node, and NSD, from connection tracking; throws away what goes to the sink.
///
/// # Errors
///
/// What iptables said.
pub(super) fn set_up(node: &Namespace, core_dns: &Pod, folder: &Folder) -> Result<()> {
    // By default, packets from outside do not reach a loopback address.
    let interface = core_dns.node_interface();
    node.set_sysctl(&format!("ipv4/conf/{interface}/route_localnet"), "1")?;
    let rules = format!("{}{}", nat(core_dns), raw());
    let path = folder.write("iptables", &rules)?;
    let path = path.to_str().context("a path in UTF-8")?;
    node.run(&["iptables-restore", path])?;
    // A node has a default route. Without one, its own packets to a cluster address go nowhere before they are translated.
    node.ip_batch(&format!("route add {SERVICES} dev {interface}\n"))
}

/// The chains by which kube-proxy leads to a service's only endpoint.
fn nat(core_dns: &Pod) -> String {
    let pod = core_dns.ipv4();
    let mut text = "*nat
:KUBE-SERVICES - [0:0]
:KUBE-SVC-DNS - [0:0]
:KUBE-SEP-DNS - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-POSTROUTING - [0:0]
-A PREROUTING -j KUBE-SERVICES
-A OUTPUT -j KUBE-SERVICES
-A POSTROUTING -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x4000
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
"
    .to_owned();
    text += &format!(
        "-A KUBE-SERVICES -d {API_SERVICE}/32 -p tcp -m tcp --dport 443 -j DNAT --to-destination 127.0.0.1:6443\n"
    );
    for protocol in ["udp", "tcp"] {
        text += &format!(
            "-A KUBE-SERVICES -d {DNS_SERVICE}/32 -p {protocol} -m {protocol} --dport 53 -j KUBE-SVC-DNS\n\
             -A KUBE-SVC-DNS -p {protocol} -j KUBE-SEP-DNS\n\
             -A KUBE-SEP-DNS -s {pod}/32 -j KUBE-MARK-MASQ\n\
             -A KUBE-SEP-DNS -p {protocol} -m {protocol} -j DNAT --to-destination {pod}:53\n"
        );
    }
    text + "COMMIT\n"
}

fn raw() -> String {
    let mut text = "*raw\n".to_owned();
    for address in [NODE_LOCAL, NSD] {
        for protocol in ["udp", "tcp"] {
            let (to, from) = (
                format!("-d {address}/32 -p {protocol} -m {protocol} --dport 53 -j NOTRACK\n"),
                format!("-s {address}/32 -p {protocol} -m {protocol} --sport 53 -j NOTRACK\n"),
            );
            text += &format!("-A PREROUTING {to}-A OUTPUT {to}-A OUTPUT {from}");
        }
    }
    text + &format!("-A PREROUTING -d {SINK}/32 -j DROP\nCOMMIT\n")
}
