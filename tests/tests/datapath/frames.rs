//! Frames of questions: an IPv4 or IPv6 client, its question, and what may lie around it.

use std::net::SocketAddr;

use tests::{
    Question,
    frame::{self, MacAddress},
    hickory_proto::rr::RecordType,
};

/// The pod's hardware address, and the node's.
pub(crate) const POD_MAC: MacAddress = [2, 0, 0, 0, 0, 0x11];
const NODE_MAC: MacAddress = [2, 0, 0, 0, 0, 0x22];
const PODS: [&str; 2] = ["10.244.1.2:40001", "[fd00:10:244::2]:40001"];
/// The known DNS addresses: over IPv4, over IPv6, and at a port of its own.
pub(crate) const SERVERS: [&str; 3] = ["10.96.0.10:53", "[fd00:10:96::a]:53", "10.96.0.10:1053"];

/// A text as an address and port.
pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

/// An IP family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) const BOTH: [Self; 2] = [Self::V4, Self::V6];

    pub(crate) fn pod(self) -> SocketAddr {
        address(PODS[self as usize])
    }

    pub(crate) fn server(self) -> SocketAddr {
        address(SERVERS[self as usize])
    }
}

/// A message to the DNS service over IPv4.
pub(crate) fn to_server(message: &[u8]) -> Vec<u8> {
    over(Family::V4, message)
}

/// A message to the DNS service.
pub(crate) fn over(family: Family, message: &[u8]) -> Vec<u8> {
    between(family.pod(), family.server(), message)
}

/// A message from a pod to any address.
pub(crate) fn between(pod: SocketAddr, server: SocketAddr, message: &[u8]) -> Vec<u8> {
    frame::udp_frame((POD_MAC, pod), (NODE_MAC, server), message)
}

/// Any IP payload from the pod to the DNS service.
pub(crate) fn carrying(family: Family, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let (pod, server) = (family.pod().ip(), family.server().ip());
    let packet = frame::ip(pod, server, protocol, payload);
    frame::ethernet(NODE_MAC, POD_MAC, frame::ethertype_of(pod), &packet)
}

/// The frame with VLAN tags (ethertype and control, outermost first) put before its ethertype.
pub(crate) fn tagged(tags: &[(u16, u16)], frame: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    let mut whole = addresses.to_vec();
    for (ethertype, control) in tags {
        whole.extend(ethertype.to_be_bytes());
        whole.extend(control.to_be_bytes());
    }
    whole.extend(rest);
    whole
}

/// The same IPv4 frame after a change of its header; the header's checksum is put right.
pub(crate) fn with_ipv4_header(frame: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut header = frame[14..34].to_vec();
    change(&mut header);
    header[10..12].fill(0);
    let mut sum: u32 = header
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    header[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    [&frame[..14], &header, &frame[34..]].concat()
}

/// A question without OPT, with RD set, under the same ID each time.
pub(crate) fn question(name: &str, record_type: RecordType) -> Question {
    Question {
        id: 0x5a48,
        ..Question::new(name, record_type)
    }
}

/// A message of a header's words and octets after it.
pub(crate) fn message(words: [u16; 6], rest: &[u8]) -> Vec<u8> {
    let mut message: Vec<u8> = words.into_iter().flat_map(u16::to_be_bytes).collect();
    message.extend(rest);
    message
}
