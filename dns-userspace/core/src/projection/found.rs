//! What is found under a name: CoreDNS's look-up of a service, before records are made
//! (specification §6, §7).

use std::{cell::OnceCell, net::IpAddr};

use hickory_proto::rr::Name;

use super::{
    ZoneView, endpoint,
    targets::{self, Offer, Targets},
};
use crate::{objects::Service, policy::Pods};

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
        targets: Targets,
    },
    /// The address that a name below `pod` spells.
    Pod(IpAddr),
    /// Another name.
    Alias(&'view Service),
    /// Not certain.
    Uncertain,
}

/// A service in a zone that exposes its namespace, and what its names can stand for, worked out when it is first asked for.
pub(super) struct Candidates<'place, 'view> {
    zone: &'place ZoneView<'view>,
    service: &'view Service,
    cluster_addresses: OnceCell<Option<Vec<Offer<'view>>>>,
    endpoints: OnceCell<Option<Vec<Offer<'view>>>>,
}

impl<'place, 'view> Candidates<'place, 'view> {
    pub(super) fn new(zone: &'place ZoneView<'view>, service: &'view Service) -> Self {
        Self {
            zone,
            service,
            cluster_addresses: OnceCell::new(),
            endpoints: OnceCell::new(),
        }
    }

    /// The ready endpoints; none if they are not certain.
    pub(super) fn endpoints(&self) -> Option<&[Offer<'view>]> {
        let (zone, service) = (self.zone, self.service);
        let endpoints = self.endpoints.get_or_init(|| {
            let certain = !endpoint::is_uncertain(zone, service);
            certain
                .then(|| targets::of_endpoints(zone, service))
                .flatten()
        });
        endpoints.as_deref()
    }

    /// The cluster addresses; none if one is not certain.
    fn cluster_addresses(&self) -> Option<&[Offer<'view>]> {
        let addresses = &self.cluster_addresses;
        let addresses = addresses.get_or_init(|| targets::of_service(self.service));
        addresses.as_deref()
    }

    /// What a question for the service finds.
    pub(super) fn find(&self, asked: Asked<'_>) -> Found<'view> {
        let service = self.service;
        if let Some(target) = &service.external_name {
            return match asked {
                // CoreDNS does not know what to make of an address there.
                _ if target.parse::<IpAddr>().is_ok() => Found::Absent,
                Asked::Service => Found::Alias(service),
                // An empty port and protocol, `_._`; versions differ on it.
                Asked::Port {
                    port: "",
                    protocol: "",
                } => Found::Uncertain,
                Asked::Port { .. } | Asked::Endpoint(_) => Found::Absent,
            };
        }
        if service.uncertain || service.cluster_ips.is_empty() {
            return Found::Uncertain;
        }
        if !self.zone.zone.services.empty_exist && !service.is_headless() {
            match self.endpoints() {
                None => return Found::Uncertain,
                Some([]) => return Found::Absent,
                Some(_) => {}
            }
        }
        let targets = match asked {
            Asked::Endpoint(label) => self.endpoints().and_then(|all| of_label(all, label)),
            _ if service.is_headless() => self.endpoints().map(|all| Targets::of(all, asked)),
            _ => (self.cluster_addresses()).map(|all| Targets::of(all, asked)),
        };
        match targets {
            None => Found::Uncertain,
            Some(targets) if targets.0.is_empty() => Found::Absent,
            Some(targets) => Found::Targets { service, targets },
        }
    }
}

/// The endpoints of one label, in lower case; none if the label of any is not certain.
fn of_label(endpoints: &[Offer<'_>], label: &str) -> Option<Targets> {
    let mut by_label = targets::by_label(endpoints);
    if by_label.contains_key(&None) {
        return None;
    }
    let targets = by_label.remove(&Some(label.to_owned()));
    Some(targets.unwrap_or_default())
}

impl Asked<'_> {
    /// Whether a port of this name and protocol is asked for (specification §7.9).
    pub(super) fn takes(self, name: &str, protocol: &str) -> bool {
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
        ["dns", "ns"] => Found::Uncertain,
        ["svc" | "pod", namespace, ..] if !zone.exposes(namespace) => Found::Absent,
        ["svc", _] => Found::Empty,
        ["pod", ..] => of_pod(zone.zone.services.pods, &labels),
        ["svc", namespace, service, rest @ ..] => {
            let Some(service) = zone.world().service(namespace, service) else {
                return Found::Absent;
            };
            let candidates = Candidates::new(zone, service);
            let bare = |label| str::strip_prefix(label, '_').unwrap_or(label);
            match rest {
                [] => candidates.find(Asked::Service),
                [label] => candidates.find(Asked::Endpoint(label)),
                [protocol, port] => {
                    let (port, protocol) = (bare(port), bare(protocol));
                    candidates.find(Asked::Port { port, protocol })
                }
                _ if zone.zone.services.zonal => Found::Uncertain,
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
        (Pods::Verified, _) => return Found::Uncertain,
    };
    let dots = address.matches('-').count() == 3 && !address.contains("--");
    let text = address.replace('-', if dots { "." } else { ":" });
    match text.parse::<IpAddr>() {
        Ok(ip) => Found::Pod(ip.to_canonical()),
        Err(_) => Found::Absent,
    }
}
