//! The cluster's objects, and the same records as a zone file.

use std::{fmt::Write as _, net::Ipv4Addr};

use super::DNS_SERVICE;

/// A service with a cluster address.
pub(crate) const WEB: &str = "web.default.svc.cluster.local";
/// A headless service with 20 endpoints.
pub(crate) const DATABASE: &str = "database.default.svc.cluster.local";
/// The port of a headless service whose endpoints have names: SRV records, and addresses of their targets.
pub(crate) const CACHE_PORT: &str = "_redis._tcp.cache.default.svc.cluster.local";
/// A name of 60 octets on the wire, which has a cluster address.
pub(crate) const NAME_60: &str = "name-of-sixty-octets-on-the-wire.default.svc.cluster.local";
/// A name of 200 octets on the wire, which is an endpoint's.
pub(crate) const NAME_200: &str = "endpoint-with-a-name-that-is-nearly-as-long-as-they-may-be.\
    service-with-a-name-that-is-nearly-as-long-as-names-may-be-x.\
    namespace-with-a-name-that-is-nearly-as-long-as-names-may-be.svc.cluster.local";
/// An external name, which NSD knows.
pub(crate) const EXTERNAL: &str = "github.com";

const WEB_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 12, 34);
const NAME_60_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 96, 12, 60);
const NAME_200_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 50, 200);
const DATABASE_ENDPOINTS: u8 = 20;
const CACHE_ENDPOINTS: u8 = 3;
/// Lifetime of a record in kubeadm's Corefile, in seconds.
const LIFETIME: u32 = 30;

fn database_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, 51, number)
}

fn cache_address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 244, 52, number)
}

/// The objects as YAML, with the DNS service's only endpoint.
pub(super) fn manifest(core_dns: Ipv4Addr) -> String {
    let (endpoint, rest) = NAME_200.split_once('.').unwrap_or_default();
    let (service, rest) = rest.split_once('.').unwrap_or_default();
    let (namespace, _) = rest.split_once('.').unwrap_or_default();
    let (name_60, _) = NAME_60.split_once('.').unwrap_or_default();
    let dns = "[{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53, protocol: TCP}]";
    let http = "[{name: http, port: 80}]";
    let redis = "[{name: redis, port: 6379, protocol: TCP}]";

    let database = (1..=DATABASE_ENDPOINTS)
        .map(|number| ready(database_address(number), ""))
        .collect::<Vec<_>>();
    let cache = (1..=CACHE_ENDPOINTS)
        .map(|number| ready(cache_address(number), &format!("cache-{number}")))
        .collect::<Vec<_>>();
    [
        format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}"),
        cluster_ip("kube-system", "kube-dns", &DNS_SERVICE.to_string(), dns),
        slice("kube-system", "kube-dns", dns, &[ready(core_dns, "")]),
        cluster_ip("default", "web", &WEB_ADDRESS.to_string(), http),
        cluster_ip("default", name_60, &NAME_60_ADDRESS.to_string(), http),
        cluster_ip("default", "database", "None", http),
        slice("default", "database", http, &database),
        cluster_ip("default", "cache", "None", redis),
        slice("default", "cache", redis, &cache),
        cluster_ip(namespace, service, "None", http),
        slice(
            namespace,
            service,
            http,
            &[ready(NAME_200_ADDRESS, endpoint)],
        ),
    ]
    .join("\n---\n")
}

fn cluster_ip(namespace: &str, name: &str, address: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\n\
         spec: {{clusterIP: {address}, ports: {ports}}}"
    )
}

fn slice(namespace: &str, service: &str, ports: &str, endpoints: &[String]) -> String {
    format!(
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
         metadata:\n  name: {service}-1\n  namespace: {namespace}\n  \
         labels: {{kubernetes.io/service-name: {service}}}\n\
         addressType: IPv4\nports: {ports}\nendpoints: [{}]",
        endpoints.join(", ")
    )
}

fn ready(address: Ipv4Addr, name: &str) -> String {
    let hostname = match name {
        "" => String::new(),
        name => format!(", hostname: {name}"),
    };
    format!("{{addresses: [{address}]{hostname}, conditions: {{ready: true}}}}")
}

/// The cluster's zone as NSD serves it.
pub(super) fn zone() -> String {
    let mut text = start_of_zone("cluster.local");
    let mut address = |name: &str, address: Ipv4Addr| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}. A {address}");
    };
    address(WEB, WEB_ADDRESS);
    address(NAME_60, NAME_60_ADDRESS);
    address(NAME_200, NAME_200_ADDRESS);
    for number in 1..=DATABASE_ENDPOINTS {
        address(DATABASE, database_address(number));
    }
    for number in 1..=CACHE_ENDPOINTS {
        let target = format!("cache-{number}.cache.default.svc.cluster.local");
        address(&target, cache_address(number));
    }
    for number in 1..=CACHE_ENDPOINTS {
        let _ = writeln!(
            text,
            "{CACHE_PORT}. SRV 0 33 6379 cache-{number}.cache.default.svc.cluster.local."
        );
    }
    text
}

/// The zone of the external name.
pub(super) fn external_zone() -> String {
    start_of_zone(EXTERNAL) + "@ A 192.0.2.44\n"
}

fn start_of_zone(origin: &str) -> String {
    format!(
        "$ORIGIN {origin}.\n$TTL {LIFETIME}\n\
         @ SOA ns.dns hostmaster 1 7200 1800 86400 {LIFETIME}\n@ NS ns.dns\nns.dns A {DNS_SERVICE}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets_on_the_wire(name: &str) -> usize {
        name.len() + 2
    }

    #[test]
    fn the_names_are_as_long_as_they_say() {
        assert_eq!(octets_on_the_wire(NAME_60), 60);
        assert_eq!(octets_on_the_wire(NAME_200), 200);
    }

    #[test]
    fn nsd_is_given_every_address_that_the_cluster_has() {
        let (manifest, zone) = (manifest(Ipv4Addr::LOCALHOST), zone());
        let addresses = [WEB_ADDRESS, NAME_60_ADDRESS, NAME_200_ADDRESS]
            .into_iter()
            .chain((1..=DATABASE_ENDPOINTS).map(database_address))
            .chain((1..=CACHE_ENDPOINTS).map(cache_address));
        for address in addresses {
            let text = address.to_string();
            assert!(manifest.contains(&text), "{text} among the objects");
            assert!(zone.contains(&text), "{text} in the zone");
        }
    }
}
