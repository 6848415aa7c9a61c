//! The cases themselves.

use serde_json::{Value, json};

use super::{
    Case,
    objects::{in_shop, slice_of_web, web},
};
use crate::question::Question;

/// kubeadm's Corefile, from Kubernetes 1.32 on.
const KUBEADM: &str = "\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    forward . /etc/resolv.conf
    cache 30 {
        disable success cluster.local
        disable denial cluster.local
    }
    loadbalance
}
";

/// The same with nothing cached, so that external names come in the spelling of whoever answers.
const UNCACHED: &str = "\
.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }
    forward . /etc/resolv.conf
    loadbalance
}
";

const A: u16 = 1;
const SRV: u16 = 33;
const AAAA: u16 = 28;

fn asked<const COUNT: usize>(questions: [(&str, u16); COUNT]) -> Vec<Question> {
    let numbered = questions.into_iter().zip(1_u16..);
    numbered
        .map(|((name, query_type), id)| Question {
            id,
            ..Question::plain(name, query_type)
        })
        .collect()
}

/// Every case, those under one Corefile together.
#[must_use]
pub fn all() -> Vec<Case> {
    let thousand_ports: Value = (1..=1_000)
        .map(|number| json!({"name": format!("port-{number}"), "port": number, "protocol": "TCP"}))
        .collect();
    vec![
        Case {
            name: "a name below the zone that begins like the zone's name server is that server's",
            corefile: KUBEADM,
            objects: in_shop([]),
            questions: asked([
                ("ns.dns.cluster.local.shop.svc.cluster.local", A),
                ("ns.dns.cluster.local.svc.cluster.local", AAAA),
                (
                    "ns.dns.cluster.local.absent.web.shop.svc.cluster.local",
                    SRV,
                ),
                ("NS.DNS.cluster.local.x.cluster.local", A),
                ("ns.dns.shop.svc.cluster.local", A),
            ]),
        },
        Case {
            name: "an endpoint that is called like a protocol does not deny the ports of a service with too many",
            corefile: KUBEADM,
            objects: in_shop([
                web(
                    json!({"clusterIP": "10.96.0.41", "clusterIPs": ["10.96.0.41"], "ports": thousand_ports}),
                ),
                slice_of_web(
                    json!([{"addresses": ["10.244.0.1"], "hostname": "tcp"}]),
                    json!([]),
                ),
            ]),
            questions: asked([
                ("port-6.tcp.web.shop.svc.cluster.local", A),
                ("_port-6._tcp.web.shop.svc.cluster.local", A),
                ("absent.tcp.web.shop.svc.cluster.local", A),
                ("tcp.web.shop.svc.cluster.local", A),
            ]),
        },
        Case {
            name: "an underscore alone asks for any port or any protocol",
            corefile: KUBEADM,
            objects: in_shop([
                web(json!({
                    "clusterIP": "10.96.0.41",
                    "clusterIPs": ["10.96.0.41"],
                    "ports": [{"name": "http", "port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "UDP"}],
                })),
                slice_of_web(
                    json!([{"addresses": ["10.244.0.1"], "hostname": "_udp"}]),
                    json!([]),
                ),
            ]),
            questions: asked([
                ("_._tcp.web.shop.svc.cluster.local", SRV),
                ("_http._.web.shop.svc.cluster.local", SRV),
                ("_._.web.shop.svc.cluster.local", A),
                ("_._udp.web.shop.svc.cluster.local", A),
                ("_.udp.web.shop.svc.cluster.local", SRV),
                ("_.web.shop.svc.cluster.local", A),
                ("a._.web.shop.svc.cluster.local", A),
                ("_._.absent.shop.svc.cluster.local", A),
                ("x._._.web.shop.svc.cluster.local", A),
            ]),
        },
        Case {
            name: "an underscore alone below an alias is not denied",
            corefile: KUBEADM,
            objects: in_shop([web(
                json!({"type": "ExternalName", "externalName": "db.shop.svc.cluster.local"}),
            )]),
            questions: asked([
                ("_._.web.shop.svc.cluster.local", A),
                ("_._.web.shop.svc.cluster.local", SRV),
                ("_._tcp.web.shop.svc.cluster.local", A),
                ("web.shop.svc.cluster.local", A),
                ("x.web.shop.svc.cluster.local", A),
            ]),
        },
        Case {
            name: "an endpoint that is called like a protocol does not deny the ports of an uncertain address",
            corefile: KUBEADM,
            objects: in_shop([
                web(json!({
                    "clusterIP": "0:0:0:0:0:0:0:1",
                    "clusterIPs": ["0:0:0:0:0:0:0:1"],
                    "ports": [{"name": "dns", "port": 53, "protocol": "TCP"}],
                })),
                slice_of_web(
                    json!([{"addresses": ["10.244.0.1"], "hostname": "tcp"}]),
                    json!([]),
                ),
            ]),
            questions: asked([
                ("_dns.tcp.web.shop.svc.cluster.local", A),
                ("_dns._tcp.web.shop.svc.cluster.local", A),
                ("web.shop.svc.cluster.local", SRV),
            ]),
        },
        Case {
            name: "a service that stands for an address has no endpoints, though it says that it has no address of its own",
            corefile: KUBEADM,
            objects: in_shop([
                web(json!({
                    "type": "ExternalName",
                    "externalName": "10.1.2.3",
                    "clusterIP": "None",
                    "clusterIPs": [],
                })),
                slice_of_web(
                    json!([{"addresses": ["10.244.0.1"], "conditions": {"ready": true}}]),
                    json!([]),
                ),
            ]),
            questions: asked([
                ("10-244-0-1.web.shop.svc.cluster.local", A),
                ("10-244-0-1.web.shop.svc.cluster.local", AAAA),
                ("web.shop.svc.cluster.local", A),
            ]),
        },
        Case {
            name: "a target in capitals that is stored in small letters comes in small letters behind its alias",
            corefile: UNCACHED,
            objects: in_shop([web(
                json!({"type": "ExternalName", "externalName": "STORED.Example.org"}),
            )]),
            questions: addresses_of_web(),
        },
        Case {
            name: "a target in capitals of a server that repeats the question comes in capitals behind its alias",
            corefile: UNCACHED,
            objects: in_shop([web(
                json!({"type": "ExternalName", "externalName": "BOTH.Example.org"}),
            )]),
            questions: addresses_of_web(),
        },
    ]
}

fn addresses_of_web() -> Vec<Question> {
    asked([
        ("web.shop.svc.cluster.local", A),
        ("Web.shop.svc.cluster.local", AAAA),
    ])
}
