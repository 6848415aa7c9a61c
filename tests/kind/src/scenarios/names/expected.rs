//! The questions of this scenario, and what kind of answer each must get.

use std::net::IpAddr;

use anyhow::{Context as _, Result, bail};
use pod::protocol::Asked;
use tests::hickory_proto::rr::{Name, RecordType};

use super::{
    objects::{HEADLESS, SERVICE, SUBDOMAIN, ZONE, full_name},
    scene::Scene,
};
use crate::{meaning::question, stage::Stage};

/// The size that dig and modern resolvers offer.
const EDNS_SIZE: u16 = 1232;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// The kernel, on the pod's own interface.
    Kernel,
    /// CoreDNS, since nobody else can be sure.
    CoreDns,
}

/// What kind of answer there must be, so that two servers do not agree on nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// So many records of the type at least.
    Records(usize),
    /// The name exists; whether it has such records depends on the cluster's families.
    Exists,
    /// There is no such name.
    Absent,
}

/// A question with what is expected.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// What the question is about, as the beginning of a sentence.
    pub(super) subject: &'static str,
    /// The question over UDP.
    pub(super) asked: Asked,
    /// What kind of answer there must be.
    pub(super) kind: Kind,
    /// Who answers it over UDP.
    pub(super) by: By,
}

/// Every question, each without EDNS and with it.
pub(super) fn all(stage: &Stage, scene: &Scene) -> Result<Vec<Look>> {
    let mut looks = Vec::new();
    let address = if stage.dns.is_ipv4() {
        RecordType::A
    } else {
        RecordType::AAAA
    };
    let other = if stage.dns.is_ipv4() {
        RecordType::AAAA
    } else {
        RecordType::A
    };
    let kernel = |subject, name: &str, record_type, kind| Look {
        subject,
        asked: question(name, record_type),
        kind,
        by: By::Kernel,
    };

    let kubernetes = format!("kubernetes.default.{ZONE}");
    for name in [&kubernetes, &full_name(SERVICE)] {
        looks.push(kernel("services", name, address, Kind::Records(1)));
    }
    let members = scene.members.len();
    let queriers = stage.nodes.len();
    let headless = "headless services";
    looks.push(kernel(
        headless,
        &full_name(HEADLESS),
        address,
        Kind::Records(members),
    ));
    looks.push(kernel(
        headless,
        &full_name(SUBDOMAIN),
        address,
        Kind::Records(queriers),
    ));

    let hosts = "pods with a host name and a subdomain";
    let mut host_names: Vec<String> = (0..members)
        .map(|number| full_name(&format!("{HEADLESS}-{number}.{HEADLESS}")))
        .collect();
    for node in &stage.nodes {
        let host = Scene::host_name(node);
        host_names.push(full_name(&format!("{host}.{SUBDOMAIN}")));
    }
    for name in &host_names {
        looks.push(kernel(hosts, name, address, Kind::Records(1)));
    }

    let ports = "ports by SRV";
    for (port, service, count) in [
        ("_http._tcp", SERVICE, 1),
        ("_metrics._tcp", SERVICE, 1),
        ("_game._udp", SERVICE, 1),
        ("_http._tcp", HEADLESS, members),
        ("_metrics._tcp", HEADLESS, members),
        ("_game._udp", HEADLESS, members),
        ("_http._tcp", SUBDOMAIN, queriers),
    ] {
        let name = full_name(&format!("{port}.{service}"));
        looks.push(kernel(ports, &name, RecordType::SRV, Kind::Records(count)));
    }
    let https = format!("_https._tcp.{kubernetes}");
    looks.push(kernel(ports, &https, RecordType::SRV, Kind::Records(1)));

    let reverse = "names of addresses by PTR";
    for address in scene.members.iter().chain([&scene.service]) {
        let name = reverse_name(address)?;
        looks.push(kernel(reverse, &name, RecordType::PTR, Kind::Records(1)));
    }

    let nodata = "types that a name has not";
    for name in [
        &kubernetes,
        &full_name(SERVICE),
        &full_name(HEADLESS),
        &host_names[0],
    ] {
        looks.push(kernel(nodata, name, other, Kind::Exists));
        looks.push(kernel(nodata, name, RecordType::MX, Kind::Exists));
    }

    let absent = "names that do not exist";
    for name in [
        full_name("absent"),
        full_name(&format!("{HEADLESS}-99.{HEADLESS}")),
        full_name(&format!("_absent._tcp.{SERVICE}")),
        full_name("www.example.test"),
        format!("www.example.test.{ZONE}"),
        "www.example.test.cluster.local".to_owned(),
        format!("{SERVICE}.absent.{ZONE}"),
    ] {
        looks.push(kernel(absent, &name, address, Kind::Absent));
        looks.push(kernel(absent, &name, other, Kind::Absent));
    }

    looks.push(Look {
        subject: "names of pods by their address",
        asked: question("192-0-2-1.default.pod.cluster.local", RecordType::A),
        kind: Kind::Records(1),
        by: By::CoreDns,
    });
    looks.extend(looks.clone().into_iter().map(|mut look| {
        look.asked.edns = Some(EDNS_SIZE);
        look
    }));
    Ok(looks)
}

/// The name that leads back from an address (RFC 1035 §3.5, RFC 3596 §2.5).
fn reverse_name(address: &str) -> Result<String> {
    let Ok(address) = address.parse::<IpAddr>() else {
        bail!("{address} is no address");
    };
    let name = Name::from(address).to_ascii();
    let name = name.strip_suffix('.').context("a name without its end")?;
    Ok(name.to_owned())
}
