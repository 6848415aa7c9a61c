//! Services of every type.

use serde_json::{Value, json};

use super::{Oddity, address, names};
use crate::random::Random;

/// A service of any type.
pub(super) fn service(random: &mut Random, oddity: Oddity, namespace: &str, name: &str) -> Value {
    let spec = match random.weighted(&[45, 25, 8, 6, 16]) {
        0 => with_address(random, oddity, "ClusterIP"),
        1 => headless(random, oddity),
        2 => with_address(random, oddity, "NodePort"),
        3 => with_address(random, oddity, "LoadBalancer"),
        _ => external(random, oddity, namespace, name),
    };
    let mut service = json!({
        "kind": "Service",
        "metadata": {"namespace": namespace, "name": name, "labels": {"team": random.text(&["a", "b"])}},
        "spec": spec,
    });
    if oddity == Oddity::Any && random.percent(3) {
        service["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    }
    service
}

fn with_address(random: &mut Random, oddity: Oddity, kind: &str) -> Value {
    let families = match random.weighted(&[60, 15, 25]) {
        0 => vec![false],
        1 => vec![true],
        _ => vec![random.percent(30); 1],
    };
    let mut addresses: Vec<String> = families
        .iter()
        .map(|six| address::service(random, oddity, *six))
        .collect();
    if random.percent(25) {
        let six = !families.first().copied().unwrap_or(false);
        addresses.push(address::service(random, oddity, six));
    }
    if oddity == Oddity::Any && random.percent(4) {
        // The same address twice, three addresses, none at all, or `None` behind an address.
        match random.below(4) {
            0 => addresses.extend(addresses.first().cloned()),
            1 => addresses.push(address::service(random, oddity, false)),
            2 => addresses.clear(),
            _ => addresses.push("None".to_owned()),
        }
    }
    let mut spec = json!({
        "type": kind,
        "clusterIP": addresses.first(),
        "clusterIPs": addresses,
        "ports": ports(random, oddity, false),
    });
    if oddity == Oddity::Any {
        match random.below(20) {
            // As of before dual stack.
            0 => {
                spec["clusterIPs"].take();
            }
            1 => {
                spec["clusterIP"].take();
            }
            2 => {
                spec["type"].take();
            }
            _ => {}
        }
    }
    if kind == "LoadBalancer" && oddity == Oddity::Any {
        spec["externalIPs"] = json!(["192.0.2.1"]);
    }
    spec
}

fn headless(random: &mut Random, oddity: Oddity) -> Value {
    let mut spec = json!({"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"]});
    if random.percent(70) {
        spec["ports"] = ports(random, oddity, true);
    }
    if random.percent(20) {
        spec["publishNotReadyAddresses"] = json!(true);
    }
    if oddity == Oddity::Any && random.percent(5) {
        spec["clusterIPs"].take();
    }
    spec
}

fn external(random: &mut Random, oddity: Oddity, namespace: &str, name: &str) -> Value {
    let mut spec = json!({
        "type": "ExternalName",
        "externalName": names::external(random, oddity, namespace, name),
    });
    if random.percent(20) {
        spec["ports"] = ports(random, oddity, false);
    }
    if oddity == Oddity::Any && random.percent(5) {
        let address = address::service(random, oddity, false);
        spec["clusterIP"] = json!(address);
        spec["clusterIPs"] = json!([address]);
    }
    if oddity == Oddity::Any && random.percent(3) {
        spec["clusterIP"] = json!("None");
        spec["clusterIPs"] = json!(["None"]);
    }
    spec
}

/// The ports of a service or a slice.
pub(super) fn ports(random: &mut Random, oddity: Oddity, may_be_none: bool) -> Value {
    if (may_be_none || oddity == Oddity::Any) && random.percent(8) {
        return match random.percent(50) {
            true => json!([]),
            false => Value::Null,
        };
    }
    if oddity == Oddity::Any && random.percent(1) {
        let many = (1..=1_000).map(
            |number| json!({"name": format!("port-{number}"), "port": number, "protocol": "TCP"}),
        );
        return many.collect();
    }
    let count = random.weighted(&[0, 50, 25, 15, 10]);
    let mut ports: Vec<Value> = Vec::new();
    for number in 0..count {
        let mut port = json!({
            "port": random.one_of(&[80, 443, 53, 8080, 9153, 1, 65_535]),
            "protocol": random.text(&["TCP", "TCP", "TCP", "UDP", "SCTP"]),
        });
        let name = match oddity {
            // One port may do without a name, several may not share one.
            Oddity::Accepted if count == 1 && random.percent(40) => None,
            Oddity::Accepted => Some(format!(
                "{}{number}",
                random.text(&["http", "dns", "p-", "metrics"])
            )),
            Oddity::Any if random.percent(20) => None,
            Oddity::Any => Some(names::port(random, oddity)),
        };
        if let Some(name) = name {
            port["name"] = json!(name);
        }
        if oddity == Oddity::Any {
            odd_port(random, &mut port);
        }
        ports.push(port);
    }
    json!(ports)
}

fn odd_port(random: &mut Random, port: &mut Value) {
    match random.below(60) {
        0 => {
            port["protocol"].take();
        }
        1 => port["protocol"] = json!("tcp"),
        2 => port["protocol"] = json!(""),
        3 => port["protocol"] = json!("Other"),
        4 => port["port"] = json!(0),
        5 => port["port"] = json!(70_000),
        6 => port["name"] = json!(""),
        _ => {}
    }
}
