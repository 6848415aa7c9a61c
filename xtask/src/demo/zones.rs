//! Zone files for the demo's DNS server, made out of the example objects.
//!
//! In a cluster the DNS service reads the Kubernetes API; here its zones hold what it would find
//! there. This is on purpose not the agent's own reading of the objects: the demo compares the two.

use std::{collections::BTreeMap, fmt::Write as _, fs, net::IpAddr, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// The cluster's zone.
pub(crate) const CLUSTER: &str = "cluster.local";

/// The zone of the names of IPv4 addresses, and the one of IPv6 addresses.
const REVERSE: [&str; 2] = ["in-addr.arpa", "ip6.arpa"];

/// The version of the rules by which a cluster's names are made (the Kubernetes DNS specification).
const VERSION: &str = "dns-version IN TXT \"1.1.0\"";

/// A name on the internet that pods ask for, and its address here (RFC 5737: for documentation).
pub(crate) const EXTERNAL: (&str, &str) = ("github.com", "203.0.113.40");

/// The address behind every ExternalName here (RFC 5737).
pub(crate) const EXTERNAL_TARGET: &str = "198.51.100.20";

/// The start of every zone, after its `$ORIGIN`, with the cluster's TTL of 30 s.
const START_OF_AUTHORITY: &str =
    "@ IN SOA ns.dns hostmaster 1 7200 1800 86400 30\n@ IN NS ns.dns\n";

/// A Kubernetes object, as far as it makes names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    kind: String,
    metadata: Metadata,
    spec: Spec,
    ports: Vec<Port>,
    endpoints: Vec<Endpoint>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
    namespace: String,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Vec<String>,
    external_name: Option<String>,
    ports: Vec<Port>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Port {
    name: String,
    protocol: String,
    port: u16,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    addresses: Vec<String>,
    hostname: Option<String>,
    conditions: Conditions,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

/// Zone files: for each zone's name its text.
pub(crate) type Zones = BTreeMap<String, String>;

/// Reads every object of the YAML files in `folder`.
///
/// # Errors
///
/// When a file cannot be read or is not YAML.
pub(crate) fn read_objects(folder: &Path) -> Result<Vec<Object>> {
    let mut objects = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("list the files in {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        let parsed = parse(&text).with_context(|| format!("parse {}", path.display()))?;
        objects.extend(parsed);
    }
    Ok(objects)
}

fn parse(text: &str) -> Result<Vec<Object>> {
    Ok(serde_saphyr::from_multiple(text)?)
}

/// The cluster's zone with the objects' names, and the zones of the external names that they lead to.
pub(crate) fn zones_of(objects: &[Object]) -> Zones {
    let mut zones = Zones::new();
    add(&mut zones, EXTERNAL.0, "@", EXTERNAL.1);
    add_record(&mut zones, CLUSTER, VERSION);
    for service in objects.iter().filter(|object| object.kind == "Service") {
        add_service(&mut zones, service, objects);
    }
    zones
}

fn add_service(zones: &mut Zones, service: &Object, objects: &[Object]) {
    let Metadata {
        name, namespace, ..
    } = &service.metadata;
    let owner = format!("{name}.{namespace}.svc");
    if let Some(target) = &service.spec.external_name {
        add_record(zones, CLUSTER, &format!("{owner} IN CNAME {target}."));
        if let Some((host, zone)) = target.split_once('.') {
            add(zones, zone, host, EXTERNAL_TARGET);
        }
        return;
    }
    if service.spec.cluster_ip.as_deref() == Some("None") {
        for slice in objects.iter().filter(|object| is_slice_of(object, service)) {
            add_slice(zones, &owner, slice);
        }
        return;
    }
    let addresses = match service.spec.cluster_ips.as_slice() {
        [] => service.spec.cluster_ip.as_slice(),
        several => several,
    };
    for address in addresses {
        add(zones, CLUSTER, &owner, address);
        add_reverse(zones, address, &owner);
    }
    add_ports(zones, &owner, &owner, &service.spec.ports, addresses.len());
}

fn is_slice_of(object: &Object, service: &Object) -> bool {
    let label = object.metadata.labels.get("kubernetes.io/service-name");
    object.kind == "EndpointSlice"
        && object.metadata.namespace == service.metadata.namespace
        && label == Some(&service.metadata.name)
}

fn add_slice(zones: &mut Zones, owner: &str, slice: &Object) {
    let ready = |endpoint: &&Endpoint| endpoint.conditions.ready != Some(false);
    let endpoints = slice.endpoints.iter().filter(ready);
    let count = endpoints.clone().map(|one| one.addresses.len()).sum();
    for endpoint in endpoints {
        for address in &endpoint.addresses {
            // Without a hostname the address itself, with dashes, is the endpoint's label.
            let dashed = || address.replace(['.', ':'], "-");
            let label = endpoint.hostname.clone().unwrap_or_else(dashed);
            let host = format!("{label}.{owner}");
            add(zones, CLUSTER, owner, address);
            add(zones, CLUSTER, &host, address);
            add_reverse(zones, address, &host);
            add_ports(zones, owner, &host, &slice.ports, count);
        }
    }
}

/// `sharing` addresses share the weight of each port.
fn add_ports(zones: &mut Zones, owner: &str, host: &str, ports: &[Port], sharing: usize) {
    let weight = (100 / sharing.max(1)).max(1);
    for Port {
        name,
        protocol,
        port,
    } in ports.iter().filter(|port| !port.name.is_empty())
    {
        let protocol = protocol.to_ascii_lowercase();
        let record =
            format!("_{name}._{protocol}.{owner} IN SRV 0 {weight} {port} {host}.{CLUSTER}.");
        add_record(zones, CLUSTER, &record);
    }
}

fn add(zones: &mut Zones, zone: &str, owner: &str, address: &str) {
    let record_type = match address.parse() {
        Ok(IpAddr::V4(_)) => "A",
        Ok(IpAddr::V6(_)) => "AAAA",
        // An empty clusterIP has no record.
        Err(_) => return,
    };
    add_record(zones, zone, &format!("{owner} IN {record_type} {address}"));
}

fn add_reverse(zones: &mut Zones, address: &str, host: &str) {
    let (zone, owner) = match address.parse() {
        Ok(IpAddr::V4(address)) => {
            let [first, second, third, fourth] = address.octets();
            (REVERSE[0], format!("{fourth}.{third}.{second}.{first}"))
        }
        Ok(IpAddr::V6(address)) => {
            let digits = format!("{:032x}", address.to_bits());
            let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
            (REVERSE[1], labels.join("."))
        }
        Err(_) => return,
    };
    add_record(zones, zone, &format!("{owner} IN PTR {host}.{CLUSTER}."));
}

fn add_record(zones: &mut Zones, zone: &str, record: &str) {
    let text = zones
        .entry(zone.to_owned())
        .or_insert_with(|| format!("$ORIGIN {zone}.\n$TTL 30\n{START_OF_AUTHORITY}"));
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{record}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster_zone(yaml: &str) -> String {
        let objects = parse(yaml).expect("YAML");
        let mut zones = zones_of(&objects);
        let zone = zones.remove(CLUSTER).unwrap_or_default();
        let records = zone.lines().skip(4);
        let records = records.filter(|record| *record != VERSION);
        records.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_service_of_two_families_has_two_addresses() {
        let yaml = "kind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  \
            clusterIPs: [10.96.0.80, 'fd00::80']\n  clusterIP: 10.96.0.80\n";
        assert_eq!(
            cluster_zone(yaml),
            "web.shop.svc IN A 10.96.0.80\nweb.shop.svc IN AAAA fd00::80"
        );
    }

    #[test]
    fn a_headless_service_has_its_ready_endpoints_only() {
        let yaml = "kind: Service\nmetadata: {name: db, namespace: shop}\nspec: {clusterIP: None}\n\
            ---\nkind: EndpointSlice\nmetadata:\n  namespace: shop\n  \
            labels: {kubernetes.io/service-name: db}\nendpoints:\n\
            - {addresses: [10.0.0.1], hostname: db-0}\n\
            - {addresses: [10.0.0.2], conditions: {ready: false}}\n";
        assert_eq!(
            cluster_zone(yaml),
            "db.shop.svc IN A 10.0.0.1\ndb-0.db.shop.svc IN A 10.0.0.1"
        );
    }

    #[test]
    fn the_addresses_of_a_port_share_its_weight_and_lead_back_to_the_service() {
        let yaml = "kind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n  \
            clusterIPs: [10.96.0.80, 'fd00::80']\n  \
            ports: [{name: http, protocol: TCP, port: 80}]\n";
        let zones = zones_of(&parse(yaml).expect("YAML"));
        let port = "_http._tcp.web.shop.svc IN SRV 0 50 80 web.shop.svc.cluster.local.\n";
        assert!(zones[CLUSTER].ends_with(port), "{}", zones[CLUSTER]);
        let back = "\n80.0.96.10 IN PTR web.shop.svc.cluster.local.\n";
        assert!(zones[REVERSE[0]].ends_with(back), "{}", zones[REVERSE[0]]);
        let back = ".0.0.d.f IN PTR web.shop.svc.cluster.local.\n";
        assert!(zones[REVERSE[1]].contains("\n0.8.0.0."));
        assert!(zones[REVERSE[1]].ends_with(back), "{}", zones[REVERSE[1]]);
    }

    #[test]
    fn an_external_name_has_a_zone_of_its_own_behind_it() {
        let yaml = "kind: Service\nmetadata: {name: ext, namespace: default}\n\
            spec: {type: ExternalName, externalName: database.mycompany.com}\n";
        let zones = zones_of(&parse(yaml).expect("YAML"));
        assert!(zones[CLUSTER].ends_with("ext.default.svc IN CNAME database.mycompany.com.\n"));
        assert!(zones["mycompany.com"].ends_with("database IN A 198.51.100.20\n"));
    }

    #[test]
    fn the_examples_hold_every_address_that_the_demo_expects() {
        let folder = crate::workspace::root().join("examples");
        let zones = zones_of(&read_objects(&folder).expect("the examples"));
        let all: String = zones.into_values().collect();
        let acts = crate::demo::script::acts();
        for look_up in acts.iter().flat_map(|act| &act.look_ups) {
            for answer in look_up.answer.iter().filter(|answer| *answer != "NXDOMAIN") {
                let record_end = format!(" {answer}\n");
                assert!(all.contains(&record_end), "{}: {answer}", look_up.command());
            }
        }
        assert!(!all.contains("10.244.7.5"), "an endpoint that is not ready");
    }
}
