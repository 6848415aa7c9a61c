//! What is found under a name: CoreDNS's look-up of a service, before records are made
//! (specification §6, §7).

use std::net::IpAddr;

use hickory_proto::rr::Name;

use super::{ZoneView, endpoint};
use crate::{
    objects::{Address, Service},
    policy::Pods,
};

/// What a question asks of a service, in lower case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'asked> {
    /// The service itself.
    Service,
    /// Its ports of this name and protocol; an empty text means any.
    Port {
        port: &'asked str,
        protocol: &'asked str,
    },
    /// The endpoints of this label.
    Endpoint(&'asked str),
}

/// One thing that was found: an address with a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) address: IpAddr,
    /// None for the port that stands for a service or slice without any, and for one without a number.
    pub(super) port: Option<u16>,
    /// The labels of its name above the zone.
    pub(super) name: TargetName,
}

/// The name of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetName {
    /// The service's own.
    Service,
    /// Below the service's.
    Endpoint(String),
    /// Not certain.
    Unknown,
}

/// What was found under a name.
#[derive(Debug)]
pub(super) enum Found<'view> {
    /// The name does not exist.
    Absent,
    /// The name exists and nothing is at it.
    Empty,
    /// Addresses; never without any.
    Targets {
        service: &'view Service,
        targets: Vec<Target>,
    },
    /// The address that a name below `pod` spells.
    Pod(IpAddr),
    /// Another name.
    Alias(&'view Service),
    /// Not certain.
    Unsure,
}

/// What a question for a service finds. The namespace is exposed.
pub(super) fn of_service<'view>(
    zone: &ZoneView<'view>,
    service: &'view Service,
    asked: Asked<'_>,
) -> Found<'view> {
    if let Some(target) = &service.external_name {
        return match asked {
            // CoreDNS does not know what to make of an address there.
            _ if target.parse::<IpAddr>().is_ok() => Found::Absent,
            Asked::Service => Found::Alias(service),
            // An empty port and protocol, `_._`; versions differ on it.
            Asked::Port {
                port: "",
                protocol: "",
            } => Found::Unsure,
            Asked::Port { .. } | Asked::Endpoint(_) => Found::Absent,
        };
    }
    if service.doubtful || service.cluster_ips.is_empty() {
        return Found::Unsure;
    }
    let of_endpoints = service.is_headless() || matches!(asked, Asked::Endpoint(_));
    let ignored = !zone.zone.services.empty_exist && !service.is_headless();
    if (of_endpoints || ignored) && endpoint::is_doubtful(zone, service) {
        return Found::Unsure;
    }
    if ignored && endpoint::ready(zone, service).next().is_none() {
        return Found::Absent;
    }
    let targets = match of_endpoints {
        true => of_endpoints_of(zone, service, asked),
        false => of_cluster_addresses(service, asked),
    };
    match targets {
        None => Found::Unsure,
        Some(targets) if targets.is_empty() => Found::Absent,
        Some(targets) => Found::Targets { service, targets },
    }
}

/// For each port, each cluster address; none if an address is not certain.
fn of_cluster_addresses(service: &Service, asked: Asked<'_>) -> Option<Vec<Target>> {
    let addresses: Vec<IpAddr> = service.cluster_ips.iter().map(ip).collect::<Option<_>>()?;
    let mut targets = Vec::new();
    let mut add = |port: Option<u16>| {
        targets.extend(addresses.iter().map(|address| Target {
            address: *address,
            port,
            name: TargetName::Service,
        }));
    };
    if service.ports.is_empty() && asked.takes("", "") {
        add(None);
    }
    for port in &service.ports {
        if asked.takes(&port.name, port.protocol.label()) {
            add(Some(port.port));
        }
    }
    Some(targets)
}

/// For each ready endpoint, each of its slice's ports; none if an address is not certain.
fn of_endpoints_of(
    zone: &ZoneView<'_>,
    service: &Service,
    asked: Asked<'_>,
) -> Option<Vec<Target>> {
    let mut chosen = Vec::new();
    for (slice, endpoint) in endpoint::ready(zone, service) {
        if let Asked::Endpoint(asked) = asked {
            match endpoint::label(zone, endpoint) {
                Some(label) if label.eq_ignore_ascii_case(asked) => {}
                Some(_) => continue,
                None => return None,
            }
        }
        chosen.push((slice, endpoint));
    }
    of_ready(zone, &chosen, asked)
}

/// What is found under the name that these endpoints share.
pub(super) fn of_group<'view>(
    zone: &ZoneView<'view>,
    service: &'view Service,
    endpoints: &[endpoint::Ready<'view>],
) -> Found<'view> {
    match of_ready(zone, endpoints, Asked::Service) {
        None => Found::Unsure,
        Some(targets) if targets.is_empty() => Found::Absent,
        Some(targets) => Found::Targets { service, targets },
    }
}

/// For each endpoint, each of its slice's ports that is asked for.
fn of_ready(
    zone: &ZoneView<'_>,
    endpoints: &[endpoint::Ready<'_>],
    asked: Asked<'_>,
) -> Option<Vec<Target>> {
    let mut targets = Vec::new();
    for (slice, endpoint) in endpoints {
        let address = ip(&endpoint.address)?;
        let label = endpoint::label(zone, endpoint);
        let name = label.map_or(TargetName::Unknown, TargetName::Endpoint);
        let mut add = |port: Option<u16>| {
            targets.push(Target {
                address,
                port,
                name: name.clone(),
            });
        };
        if slice.ports.is_empty() && asked.takes("", "") {
            add(None);
        }
        for port in &slice.ports {
            if asked.takes(&port.name, port.protocol.label()) {
                add(port.port);
            }
        }
    }
    Some(targets)
}

impl Asked<'_> {
    /// Whether a port of this name and protocol is asked for (specification §7.9).
    fn takes(self, name: &str, protocol: &str) -> bool {
        let is = |asked: &str, given: &str| asked.is_empty() || asked.eq_ignore_ascii_case(given);
        match self {
            Self::Port {
                port,
                protocol: asked,
            } => is(port, name) && is(asked, protocol),
            Self::Service | Self::Endpoint(_) => true,
        }
    }
}

/// What is found under any name of a zone.
pub(super) fn of_name<'view>(zone: &ZoneView<'view>, name: &Name) -> Found<'view> {
    let name = name.to_lowercase();
    let count = usize::from(name.num_labels()) - usize::from(zone.zone.name.num_labels());
    let mut labels = Vec::with_capacity(count);
    for label in name.iter().take(count) {
        match std::str::from_utf8(label) {
            Ok(label) => labels.push(label),
            Err(_) => return Found::Absent,
        }
    }
    labels.reverse();
    match labels.as_slice() {
        [] | ["svc"] | ["pod"] => Found::Empty,
        ["dns", "ns"] => Found::Unsure,
        ["svc" | "pod", namespace, ..] if !zone.exposes(namespace) => Found::Absent,
        ["svc", _] => Found::Empty,
        ["pod", ..] => of_pod(zone.zone.services.pods, &labels),
        ["svc", namespace, service, rest @ ..] => {
            let Some(service) = zone.world().service(namespace, service) else {
                return Found::Absent;
            };
            let bare = |label| str::strip_prefix(label, '_').unwrap_or(label);
            match rest {
                [] => of_service(zone, service, Asked::Service),
                [label] => of_service(zone, service, Asked::Endpoint(label)),
                [protocol, port] => {
                    let (port, protocol) = (bare(port), bare(protocol));
                    of_service(zone, service, Asked::Port { port, protocol })
                }
                _ if zone.zone.services.zonal => Found::Unsure,
                _ => Found::Absent,
            }
        }
        _ => Found::Absent,
    }
}

/// What is found under a name below `pod` of an exposed namespace; up to two labels before the address do
/// not matter (specification §10).
fn of_pod<'view>(pods: Pods, labels: &[&str]) -> Found<'view> {
    let address = match (pods, labels) {
        (Pods::Disabled, _) => return Found::Absent,
        (_, [_, _]) => return Found::Empty,
        (Pods::Insecure, [_, _, label] | [_, _, label, _] | [_, _, label, _, _]) => label,
        (Pods::Insecure, _) => return Found::Absent,
        (Pods::Verified, _) => return Found::Unsure,
    };
    let dots = address.matches('-').count() == 3 && !address.contains("--");
    let text = address.replace('-', if dots { "." } else { ":" });
    match text.parse::<IpAddr>() {
        Ok(ip) => Found::Pod(ip.to_canonical()),
        Err(_) => Found::Absent,
    }
}

fn ip(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(ip) => Some(*ip),
        Address::Text(_) => None,
    }
}
