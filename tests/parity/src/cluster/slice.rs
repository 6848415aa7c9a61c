//! Endpoint slices.

use serde_json::{Value, json};

use super::{Oddity, address, names, service::ports};
use crate::random::Random;

/// A slice of a service that need not exist.
pub(super) fn slice(
    random: &mut Random,
    oddity: Oddity,
    namespace: &str,
    service: &str,
    name: &str,
) -> Value {
    let kind = match oddity {
        Oddity::Accepted => random.weighted(&[70, 25, 5]),
        Oddity::Any => random.weighted(&[65, 25, 10]),
    };
    let address_type = ["IPv4", "IPv6", "FQDN"][kind];
    let count = match random.weighted(&[6, 30, 50, 10, 4]) {
        0 => 0,
        1 => 1,
        2 => random.between(2, 6),
        3 => random.between(7, 30),
        // Around the sizes of 512, 1232 and 1472 octets that replies may have.
        _ => *random.one_of(&[
            27, 28, 29, 30, 31, 60, 72, 73, 74, 75, 76, 86, 87, 88, 89, 90, 100,
        ]),
    };
    let plain = count > 20 && random.percent(60);
    let endpoints: Vec<Value> = (0..count)
        .map(|number| match plain {
            true => json!({"addresses": [numbered(address_type, number)], "conditions": {"ready": true}}),
            false => endpoint(random, oddity, address_type),
        })
        .collect();
    let mut slice = json!({
        "kind": "EndpointSlice",
        "metadata": {
            "namespace": namespace,
            "name": name,
            "labels": {"kubernetes.io/service-name": service, "team": random.text(&["a", "b"])},
        },
        "addressType": address_type,
        "endpoints": endpoints,
        "ports": slice_ports(random, oddity),
    });
    if oddity == Oddity::Any {
        match random.below(60) {
            0 => {
                slice["metadata"]["labels"].take();
            }
            1 => slice["metadata"]["labels"]["kubernetes.io/service-name"] = json!(""),
            2 => {
                slice["endpoints"].take();
            }
            _ => {}
        }
    }
    slice
}

fn numbered(address_type: &str, number: usize) -> String {
    match address_type {
        "IPv4" => format!("10.245.1.{number}"),
        "IPv6" => format!("fd00:10:245::1:{number:x}"),
        _ => format!("host-{number}.example.org"),
    }
}

fn endpoint(random: &mut Random, oddity: Oddity, address_type: &str) -> Value {
    let addresses = match (oddity, random.below(20)) {
        // The API demands one address; what has several is not for kube-proxy, yet DNS reads it.
        (Oddity::Any, 0) => 0,
        (_, 1) => 2,
        (_, 2) => 3,
        _ => 1,
    };
    let mut address = || {
        let is_other = oddity == Oddity::Any && random.percent(3);
        match address_type {
            "IPv4" => address::endpoint(random, oddity, is_other),
            "IPv6" => address::endpoint(random, oddity, !is_other),
            _ => random.text(&crate::upstream::NAMES),
        }
    };
    let addresses: Vec<String> = (0..addresses).map(|_| address()).collect();
    let mut endpoint = json!({"addresses": addresses});
    match random.weighted(&[60, 12, 8, 8, 6, 6]) {
        0 => endpoint["conditions"] = json!({"ready": true}),
        1 => endpoint["conditions"] = json!({"ready": false}),
        2 => endpoint["conditions"] = json!({}),
        3 => endpoint["conditions"] = json!({"ready": true, "serving": true, "terminating": true}),
        4 => endpoint["conditions"] = json!({"ready": false, "serving": true, "terminating": true}),
        _ => {}
    }
    if random.percent(35) {
        endpoint["hostname"] = json!(names::hostname(random, oddity));
    }
    if random.percent(40) {
        endpoint["targetRef"] =
            json!({"kind": "Pod", "name": names::pod(random), "namespace": "default"});
    }
    if oddity == Oddity::Any && random.percent(2) {
        endpoint["hostname"] = json!("");
    }
    if oddity == Oddity::Any && random.percent(2) {
        endpoint["targetRef"] = json!({"name": "p".repeat(64)});
    }
    endpoint
}

fn slice_ports(random: &mut Random, oddity: Oddity) -> Value {
    let mut ports = ports(random, oddity, true);
    if let Some(ports) = ports.as_array_mut() {
        for port in ports {
            // No number means every port, no name an empty one.
            if oddity == Oddity::Any && random.percent(6) {
                port["port"].take();
            }
        }
    }
    ports
}
