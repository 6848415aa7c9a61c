//! Few names, so that they meet: of namespaces, services, ports and endpoints.

use super::Oddity;
use crate::random::Random;

/// The namespaces that a cluster usually has. Some are spelled like the zone's own labels.
pub(super) const NAMESPACES: [&str; 10] = [
    "default",
    "kube-system",
    "shop",
    "data",
    "svc",
    "dns",
    "pod",
    "empty",
    "ns-with-a-name-of-63-octets-as-long-as-a-label-may-be-in-th-dns",
    "x",
];

const SERVICES: [&str; 24] = [
    "web",
    "db",
    "api",
    "kubernetes",
    "kube-dns",
    "cache",
    "svc",
    "pod",
    "dns",
    "tcp",
    "http",
    "ns",
    "a",
    "cluster",
    "local",
    "external",
    "head",
    "head-1",
    "mail",
    "ldap",
    "queue",
    "alias",
    "target",
    "service-with-a-name-of-63-octets-as-long-as-a-label-may-be-here",
];

/// What no API server takes as the name of a service.
const ODD_SERVICES: [&str; 6] = ["Upper", "_tcp", "a.b", "*", "10-1-2-3", "under_score"];

const PORTS: [&str; 8] = [
    "http",
    "https",
    "dns",
    "dns-tcp",
    "metrics",
    "grpc",
    "p",
    "a-15-letters-na",
];
const ODD_PORTS: [&str; 6] = [
    "HTTP",
    "Http",
    "_http",
    "a.b",
    "tcp",
    "a-name-that-is-longer-than-fifteen-octets",
];

const HOSTNAMES: [&str; 8] = [
    "web-0",
    "web-1",
    "db-0",
    "db-1",
    "host",
    "tcp",
    "10-244-0-1",
    "svc",
];
const ODD_HOSTNAMES: [&str; 6] = ["Web-0", "UPPER", "_tcp", "a.b", "host_1", "h\u{f6}st"];

const PODS: [&str; 6] = [
    "web-7d4b",
    "db-0",
    "pod-1",
    "a.dotted.pod",
    "web-0",
    "pod-2",
];

/// The name of a namespace, rarely of one that no cluster here has.
pub(super) fn namespace(random: &mut Random, oddity: Oddity) -> String {
    match oddity {
        Oddity::Any if random.percent(4) => "nowhere".to_owned(),
        _ => random.text(&NAMESPACES),
    }
}

/// The name of a service.
pub(super) fn service(random: &mut Random, oddity: Oddity) -> String {
    match oddity {
        Oddity::Any if random.percent(4) => random.text(&ODD_SERVICES),
        _ => random.text(&SERVICES),
    }
}

/// The name of a port.
pub(super) fn port(random: &mut Random, oddity: Oddity) -> String {
    match oddity {
        Oddity::Any if random.percent(15) => random.text(&ODD_PORTS),
        _ => random.text(&PORTS),
    }
}

/// The `hostname` of an endpoint.
pub(super) fn hostname(random: &mut Random, oddity: Oddity) -> String {
    match oddity {
        Oddity::Any if random.percent(15) => random.text(&ODD_HOSTNAMES),
        _ => random.text(&HOSTNAMES),
    }
}

/// The name of a pod behind an endpoint.
pub(super) fn pod(random: &mut Random) -> String {
    random.text(&PODS)
}

/// What a service of type ExternalName may name.
pub(super) fn external(random: &mut Random, oddity: Oddity, namespace: &str, name: &str) -> String {
    let external = random.text(&crate::upstream::NAMES);
    let zone = random.text(&[
        "cluster.local",
        "cluster.local",
        "cluster.local.",
        "CLUSTER.local",
    ]);
    let other = format!(
        "{}.{}.svc.{zone}",
        random.text(&SERVICES),
        random.text(&NAMESPACES)
    );
    let itself = format!("{name}.{namespace}.svc.cluster.local");
    let choice = match oddity {
        Oddity::Accepted => random.weighted(&[30, 40, 5, 5, 5, 3]),
        Oddity::Any => random.weighted(&[25, 35, 5, 5, 5, 3, 4, 3, 3, 4, 3]),
    };
    match choice {
        0 => external,
        1 => other.to_lowercase().trim_end_matches('.').to_owned(),
        2 => itself,
        3 => format!("below.{itself}"),
        4 => format!("web-0.{}", other.to_lowercase().trim_end_matches('.')),
        5 => random.text(&[
            "10.1.2.3",
            "cluster.local",
            "svc.cluster.local",
            "shop.svc.cluster.local",
        ]),
        6 => external.to_uppercase(),
        7 => format!("{external}."),
        8 => String::new(),
        9 => other,
        _ => random.text(&[
            "fd00::1",
            "1.2.3",
            "not a name",
            "a..b",
            ".",
            "dns-version.cluster.local",
            "ns.dns.cluster.local",
            "10-1-2-3.default.pod.cluster.local",
            "1.0.96.10.in-addr.arpa",
            "a-label-that-is-longer-than-sixty-three-octets-is-not-a-name-in-the-dns.example",
        ]),
    }
}
