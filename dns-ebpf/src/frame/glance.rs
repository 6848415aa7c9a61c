//! A glance at headers where they lie: nearly every packet is certainly no DNS, and pays for no copy.

use super::{
    DNS_PORT, ETHERNET_LEN, IPV4_LEN, PROTOCOL_TCP, PROTOCOL_UDP, TYPE_AT, TYPE_IPV4, TYPE_IPV6,
    TYPE_SERVICE_VLAN, TYPE_VLAN,
    field::{IPV4_FRAME, IPV6_FRAME},
    number, octet,
};
use crate::{
    packet::{Packet, Tables},
    pass::Pass,
};

/// Looks at the headers where they lie, if they lie in one piece: most packets are certainly no DNS. Returns where
/// the frame probably begins in scratch.
#[inline(always)]
pub(super) fn glance(packet: &impl Packet, tables: &impl Tables) -> Result<usize, Pass> {
    const LEN: usize = ETHERNET_LEN + IPV4_LEN + 4;
    const IPV6_LEN: usize = ETHERNET_LEN + 40 + 4;
    const FIRST: usize = ETHERNET_LEN;
    let Some(start) = packet.start::<LEN>() else {
        return Ok(IPV4_FRAME);
    };
    match number(start, TYPE_AT) {
        TYPE_IPV4 => {
            // Options move the ports; of later fragments there are none, which is found out later.
            let has_ports = octet(start, FIRST) == 0x45;
            let port = number(start, FIRST + IPV4_LEN + 2);
            if !is_transport(octet(start, FIRST + 9)) || has_ports && !is_dns_port(tables, port) {
                return Err(Pass::NotDns);
            }
            Ok(IPV4_FRAME)
        }
        TYPE_IPV6 => {
            if !is_transport(octet(start, FIRST + 6)) {
                return Err(Pass::NotDns);
            }
            match packet.start::<IPV6_LEN>() {
                Some(start) if !is_dns_port(tables, number(start, IPV6_LEN - 2)) => {
                    Err(Pass::NotDns)
                }
                _ => Ok(IPV6_FRAME),
            }
        }
        TYPE_VLAN | TYPE_SERVICE_VLAN => Ok(IPV4_FRAME),
        _ => Err(Pass::NotDns),
    }
}

/// Whether a protocol (RFC 8200 §3: a next header) is UDP or TCP.
#[inline(always)]
pub(super) fn is_transport(protocol: u8) -> bool {
    protocol == PROTOCOL_UDP || protocol == PROTOCOL_TCP
}

/// Whether a DNS address may have this port.
#[inline(always)]
fn is_dns_port(tables: &impl Tables, port: u16) -> bool {
    port == DNS_PORT || tables.ports().contains(&port)
}
