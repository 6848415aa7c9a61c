//! What of an object cannot be understood for certain, so that its names pass; for a person.
//!
//! The projection itself is quiet about it: it meets the same object under many names.

use std::net::IpAddr;

use super::{View, ZoneView, endpoint, name::domain_name};
use crate::{
    objects::{Address, EndpointSlice, Service, Skipped},
    world::Owner,
};

/// How much of a text is shown.
const SHOWN: usize = 64;

/// Why names of this owner pass though its objects could be read: one reason for each object. What could
/// not be read has been told by the source.
#[must_use]
pub fn uncertainties(view: View<'_>, owner: &Owner) -> Vec<Skipped> {
    let Owner::Service { namespace, name } = owner else {
        return Vec::new();
    };
    let Some(service) = view.world.service(namespace, name) else {
        return Vec::new();
    };
    let zones = (0..view.policy.zones.len()).filter_map(|index| ZoneView::new(view, index));
    let mut uncertainties = Vec::new();
    for zone in zones.filter(|zone| !zone.zone.is_reverse() && zone.exposes(namespace)) {
        for skipped in in_zone(&zone, service) {
            if !uncertainties.contains(&skipped) {
                uncertainties.push(skipped);
            }
        }
    }
    uncertainties
}

fn in_zone(zone: &ZoneView<'_>, service: &Service) -> Vec<Skipped> {
    let Service {
        namespace, name, ..
    } = service;
    let mut uncertainties = Vec::new();
    let of_service = of_service(service);
    if !of_service.is_empty() {
        let object = format!("Service {namespace}/{name}");
        uncertainties.push(Skipped::for_all(object, &of_service));
    }
    if zone.zone.services.endpoints && service.external_name.is_none() {
        for slice in zone.world().slices_of(namespace, name) {
            let of_slice = of_slice(zone, slice);
            if !of_slice.is_empty() {
                let object = format!("EndpointSlice {namespace}/{}", slice.name);
                uncertainties.push(Skipped::for_all(object, &of_slice));
            }
        }
    }
    uncertainties
}

fn of_service(service: &Service) -> Vec<String> {
    if let Some(target) = &service.external_name {
        let certain = target.parse::<IpAddr>().is_ok() || domain_name(target).is_some();
        let reason = || {
            format!(
                "its externalName {} is not a domain name of letters, digits, `-` and `_` in at most 255 octets; the DNS service answers it",
                shown(target)
            )
        };
        return if certain { Vec::new() } else { vec![reason()] };
    }
    if service.uncertain || service.is_headless() {
        return Vec::new();
    }
    let addresses = service.cluster_ips.iter().filter_map(odd);
    let reason = |text: &str| {
        format!(
            "its clusterIP {} is not an IP address in its usual form; its names are left to the DNS service",
            shown(text)
        )
    };
    addresses.map(reason).collect()
}

fn of_slice(zone: &ZoneView<'_>, slice: &EndpointSlice) -> Vec<String> {
    if slice.uncertain {
        return Vec::new();
    }
    let ready = || slice.endpoints.iter().filter(|endpoint| endpoint.ready);
    let addresses = ready().filter_map(|endpoint| odd(&endpoint.address)).map(|text| {
        format!(
            "its address {} is not an IP address in its usual form; the service's names are left to the DNS service",
            shown(text)
        )
    });
    let given = ready().filter(|endpoint| matches!(endpoint.address, Address::Ip(_)));
    let labels = given
        .filter(|endpoint| endpoint::label(zone, endpoint).is_none())
        .filter_map(|endpoint| endpoint.hostname.as_deref().or(endpoint.pod.as_deref()))
        .map(|text| {
            format!(
                "its endpoint's name {} is not a DNS label; the names of the service's endpoints are left to the DNS service",
                shown(text)
            )
        });
    addresses.chain(labels).collect()
}

/// The text of an address that is not certain to be one.
fn odd(address: &Address) -> Option<&str> {
    match address {
        Address::Ip(_) => None,
        Address::Text(text) => Some(text),
    }
}

/// A text in quotes, cut where it is long.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… of {} octets", &text[..end], text.len()),
        None => format!("{text:?}"),
    }
}
