//! The endpoints of a service, and their names (specification §7, §15).

use std::net::IpAddr;

use super::{ZoneView, name::is_plain};
use crate::objects::{Address, Endpoint, EndpointSlice, Service};

/// The slices of a service, each with its ready endpoints, in the order of slices and within them.
pub(super) fn slices<'view>(
    zone: &ZoneView<'view>,
    service: &Service,
) -> impl Iterator<Item = (&'view EndpointSlice, impl Iterator<Item = &'view Endpoint>)> {
    let known = zone.zone.services.endpoints;
    let slices = known.then(|| zone.world().slices_of(&service.namespace, &service.name));
    slices.into_iter().flatten().map(|slice| {
        let endpoints = slice.endpoints.iter();
        (slice, endpoints.filter(|endpoint| endpoint.ready))
    })
}

/// Whether nothing is certain about the endpoints of a service: something could not be read, or an address
/// is of a form on whose meaning servers differ.
pub(super) fn is_uncertain(zone: &ZoneView<'_>, service: &Service) -> bool {
    slices(zone, service).any(|(slice, mut endpoints)| {
        slice.uncertain || endpoints.any(|endpoint| matches!(endpoint.address, Address::Text(_)))
    })
}

/// The label of an endpoint below its service, as it is written in answers: its host name, else its pod's name
/// with `endpoint_pod_names`, else its address with dashes. None if it is not certain.
pub(super) fn label(zone: &ZoneView<'_>, endpoint: &Endpoint) -> Option<String> {
    let own = endpoint.hostname.as_deref();
    // CoreDNS forgets a pod's name that is too long for a label.
    let pod = endpoint
        .pod
        .as_deref()
        .filter(|name| zone.zone.services.pod_names && !name.is_empty() && name.len() < 64);
    if let Some(given) = own.or(pod) {
        return is_plain(given).then(|| given.to_owned());
    }
    match endpoint.address {
        Address::Ip(IpAddr::V4(ip)) => Some(ip.to_string().replace('.', "-")),
        Address::Ip(IpAddr::V6(ip)) => {
            let label = ip.to_string().replace(':', "-");
            match zone.zone.rules.zero_appended {
                _ if !label.ends_with('-') => Some(label),
                Some(true) => Some(label + "0"),
                Some(false) => Some(label),
                None => None,
            }
        }
        Address::Text(_) => None,
    }
}
