//! The keys of the maps.

use std::net::{IpAddr, SocketAddr};

use dns_core::encode::WireName;
use dns_ebpf::{KEY_LENGTHS, answer::Destination};

/// Octets of the key of a name.
#[must_use]
pub fn key_length(name: &[u8]) -> usize {
    KEY_LENGTHS
        .into_iter()
        .find(|length| name.len() <= *length)
        .unwrap_or(256)
}

/// Octets, zero-padded to a key or value.
pub fn key<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    let len = octets.len().min(N);
    padded[..len].copy_from_slice(&octets[..len]);
    padded
}

/// The name of a key: up to the root's octet.
pub(super) fn name_of(key: &[u8]) -> WireName {
    let mut at = 0;
    while let Some(length) = key.get(at).filter(|length| **length != 0) {
        at += 1 + usize::from(*length);
    }
    key[..(at + 1).min(key.len())].into()
}

/// The key of a DNS address: see [`Destination`].
#[must_use]
pub fn destination(address: SocketAddr) -> [u8; size_of::<Destination>()] {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    key(&[&ip.octets()[..], &address.port().to_be_bytes()].concat())
}
