//! Where the cluster's DNS service listens: the destinations whose questions are the cluster's.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use crate::{
    objects::{Address, Protocol},
    world::World,
};

/// The addresses of the DNS service: its cluster addresses with its UDP ports, and its endpoints
/// with the ports of the same names, for a socket-level load balancer rewrites a destination
/// before the packet exists. Endpoints that are not ready count until they are gone, because
/// clients keep asking them. In the order of addresses; empty if there is no such service.
///
/// They may change whenever the service, as an [`Owner`](crate::world::Owner), is affected.
#[must_use]
pub fn dns_addresses(world: &World, namespace: &str, name: &str) -> Vec<SocketAddr> {
    let Some(service) = world.service(namespace, name) else {
        return Vec::new();
    };
    let mut addresses = BTreeSet::new();
    for port in service
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Udp)
    {
        let cluster_ips = service.cluster_ips.iter().filter_map(ip);
        addresses.extend(cluster_ips.map(|ip| SocketAddr::new(ip, port.port)));
        for slice in world.slices_of(namespace, name) {
            let same_name = slice
                .ports
                .iter()
                .filter(|candidate| candidate.protocol == Protocol::Udp)
                .find(|candidate| candidate.name == port.name);
            let Some(number) = same_name.and_then(|candidate| candidate.port) else {
                continue;
            };
            let endpoints = slice.endpoints.iter();
            addresses.extend(
                endpoints
                    .filter_map(|endpoint| ip(&endpoint.address))
                    .map(|ip| SocketAddr::new(ip, number)),
            );
        }
    }
    addresses.into_iter().collect()
}

fn ip(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(ip) => Some(*ip),
        Address::Text(_) => None,
    }
}
