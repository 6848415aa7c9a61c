//! Whole frames as they come out of a pod.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use tests::frame::{self, MacAddress};

use crate::{
    question,
    scene::{DNS_SERVICE, SINK},
};

const POD: (MacAddress, Ipv4Addr) = ([2, 0, 0, 0, 0, 0x11], Ipv4Addr::new(10, 244, 1, 2));
const NODE: MacAddress = [2, 0, 0, 0, 0, 0x22];
const PORT: u16 = 40_001;
/// IP protocol number of TCP.
const TCP: u8 = 6;
/// Of a full segment on Ethernet, without the header.
const SEGMENT: usize = 1460;

/// A question for an external name.
pub(super) fn external() -> Vec<u8> {
    datagram(
        (DNS_SERVICE, 53).into(),
        &question::external().question.encode(),
    )
}

/// The same octets to a port that is not DNS's.
pub(super) fn other_udp() -> Vec<u8> {
    datagram((SINK, 9).into(), &question::external().question.encode())
}

/// A full segment of a connection to another pod.
pub(super) fn tcp() -> Vec<u8> {
    let mut segment = Vec::with_capacity(20 + SEGMENT);
    segment.extend(PORT.to_be_bytes());
    segment.extend(80_u16.to_be_bytes());
    // Sequence and acknowledgment numbers.
    segment.extend([0, 0, 0, 1, 0, 0, 0, 1]);
    // Five words of header; ACK; a window of 64 KiB less one; no checksum yet, as it leaves a pod; no urgent data.
    segment.extend([5 << 4, 0x10, 0xff, 0xff, 0, 0, 0, 0]);
    segment.resize(20 + SEGMENT, 0);
    let (mac, address) = POD;
    let other = IpAddr::from([10, 244, 7, 2]);
    let packet = frame::ip(address.into(), other, TCP, &segment);
    frame::ethernet(NODE, mac, frame::ethertype_of(other), &packet)
}

fn datagram(server: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let (mac, address) = POD;
    frame::udp_frame((mac, (address, PORT).into()), (NODE, server), payload)
}
