//! The Services that the tests ask for, as manifests for the agent and as a zone for the DNS service.

use std::{fmt::Write as _, net::IpAddr};

/// One Service of the namespace `shop`.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    name: String,
    addresses: Vec<IpAddr>,
    headless: bool,
}

impl Service {
    /// A Service with addresses of its own, one of each family at most.
    pub(crate) fn new(name: &str, addresses: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            addresses: addresses.iter().map(|text| address(text)).collect(),
            headless: false,
        }
    }

    /// A headless Service with `count` IPv4 endpoints, 10.244.`third`.1 and on.
    pub(crate) fn headless(name: &str, third: u8, count: u8) -> Self {
        let addresses = (1..=count).map(|last| IpAddr::from([10, 244, third, last]));
        Self {
            name: name.to_owned(),
            addresses: addresses.collect(),
            headless: true,
        }
    }

    /// The documents of its Kubernetes objects.
    pub(crate) fn manifest(&self) -> String {
        let Self { name, .. } = self;
        let addresses: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        let list = addresses.join(", ");
        let first = if self.headless { "None" } else { &addresses[0] };
        let all = if self.headless { "None" } else { &list };
        let service = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\n\
             spec: {{clusterIP: \"{first}\", clusterIPs: [{}]}}\n---\n",
            all.split(", ")
                .map(|text| format!("\"{text}\""))
                .collect::<Vec<_>>()
                .join(", ")
        );
        if !self.headless {
            return service;
        }
        service
            + &format!(
                "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n\
             metadata: {{name: {name}-1, namespace: shop, labels: {{kubernetes.io/service-name: {name}}}}}\n\
             addressType: IPv4\nendpoints: [{{addresses: [{list}]}}]\n---\n"
            )
    }

    fn write_records(&self, zone: &mut String) {
        for address in &self.addresses {
            let kind = if address.is_ipv4() { "A" } else { "AAAA" };
            // Writing to a String cannot fail.
            let _ = writeln!(zone, "{}.shop.svc IN {kind} {address}", self.name);
        }
    }
}

/// The DNS service's own Service, of both families.
pub(crate) const DNS_SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  clusterIPs: [10.96.0.10, \"fd00:10:96::a\"]
  ports: [{name: dns, protocol: UDP, port: 53}]
---
";

/// Services of one and of both families, with names of odd and even length, small and large answers.
pub(crate) fn services() -> Vec<Service> {
    vec![
        Service::new("web", &["10.96.0.80", "fd00:10:96::80"]),
        Service::new("webs", &["10.96.0.81", "fd00:10:96::81"]),
        Service::new("old", &["10.96.0.82"]),
        Service::new("olds", &["10.96.0.83"]),
        Service::headless("many", 20, 20),
        Service::headless("large", 40, 40),
    ]
}

/// All manifests of `services` and of the DNS service.
pub(crate) fn manifests(services: &[Service]) -> String {
    let documents: String = services.iter().map(Service::manifest).collect();
    DNS_SERVICE.to_owned() + &documents
}

/// The zone of `services` for CoreDNS, every record with the lifetime `ttl`.
pub(crate) fn zone(services: &[Service], ttl: u32) -> String {
    let mut zone = format!(
        "$ORIGIN cluster.local.\n$TTL {ttl}\n@ IN SOA ns.dns hostmaster 1 7200 1800 86400 {ttl}\n"
    );
    for service in services {
        service.write_records(&mut zone);
    }
    zone
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
