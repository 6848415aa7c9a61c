//! Raw frames, built layer by layer from the inside out and taken apart again.
//!
//! Each function puts one header before a payload and returns the whole:
//!
//! ```
//! # use tests::{Question, frame, hickory_proto::rr::RecordType};
//! let question = Question::new("kubernetes.default.svc.cluster.local", RecordType::A).encode();
//! let pod = "10.244.1.2:40000".parse().unwrap();
//! let server = "10.96.0.10:53".parse().unwrap();
//! let datagram = frame::udp(pod, server, &question);
//! let packet = frame::ip(pod.ip(), server.ip(), frame::UDP, &datagram);
//! let tagged = frame::vlan(7, frame::ethertype_of(pod.ip()), &packet);
//! let whole = frame::ethernet([2; 6], [4; 6], frame::VLAN, &tagged);
//! # assert_eq!(frame::Datagram::parse(&whole).unwrap().tags, [(frame::VLAN, 7)]);
//! ```

mod datagram;

use std::net::{IpAddr, SocketAddr};

pub use datagram::{Checksum, Datagram};

/// A hardware address of Ethernet.
pub type MacAddress = [u8; 6];

/// Ethertype of IPv4.
pub const IPV4: u16 = 0x0800;
/// Ethertype of IPv6.
pub const IPV6: u16 = 0x86dd;
/// Ethertype of a VLAN tag (IEEE 802.1Q).
pub const VLAN: u16 = 0x8100;
/// Ethertype of an outer, service VLAN tag (IEEE 802.1ad).
pub const SERVICE_VLAN: u16 = 0x88a8;
/// IP protocol number of UDP.
pub const UDP: u8 = 17;

const HOP_LIMIT: u8 = 64;

/// The ethertype of packets between addresses of the family of `address`.
pub fn ethertype_of(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => IPV4,
        IpAddr::V6(_) => IPV6,
    }
}

/// An Ethernet frame.
pub fn ethernet(
    destination: MacAddress,
    source: MacAddress,
    ethertype: u16,
    payload: &[u8],
) -> Vec<u8> {
    [&destination[..], &source, &ethertype.to_be_bytes(), payload].concat()
}

/// What follows the ethertype [`VLAN`] or [`SERVICE_VLAN`]: the tag control information (the low 12
/// bits are the VLAN's number), the inner ethertype, the payload.
pub fn vlan(tag_control: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    [
        &tag_control.to_be_bytes()[..],
        &ethertype.to_be_bytes(),
        payload,
    ]
    .concat()
}

/// An IPv4 packet without options or an IPv6 packet without extension headers, hop limit 64.
///
/// # Panics
///
/// When the families differ or the packet exceeds 65535 octets: a mistake in the test.
pub fn ip(source: IpAddr, destination: IpAddr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let mut header = vec![0x45, 0];
            header.extend_from_slice(&length(20 + payload.len()).to_be_bytes());
            header.extend_from_slice(&[0, 0, 0x40, 0, HOP_LIMIT, protocol, 0, 0]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            let checksum = !folded_sum(&[&header]);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            [&header[..], payload].concat()
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend_from_slice(&length(payload.len()).to_be_bytes());
            header.extend_from_slice(&[protocol, HOP_LIMIT]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            [&header[..], payload].concat()
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            panic!("a packet from {source} to {destination}: two families")
        }
    }
}

/// A UDP datagram with its whole checksum.
///
/// # Panics
///
/// As [`ip`].
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::with_capacity(8 + payload.len());
    datagram.extend_from_slice(&source.port().to_be_bytes());
    datagram.extend_from_slice(&destination.port().to_be_bytes());
    datagram.extend_from_slice(&length(8 + payload.len()).to_be_bytes());
    datagram.extend_from_slice(&[0, 0]);
    datagram.extend_from_slice(payload);
    let sum = !udp_sum(source.ip(), destination.ip(), &datagram);
    // RFC 768: a sum of zero is sent as all ones, because zero means that there is none.
    let checksum = if sum == 0 { 0xffff } else { sum };
    datagram[6..8].copy_from_slice(&checksum.to_be_bytes());
    datagram
}

/// An untagged frame that carries `payload` in UDP.
///
/// # Panics
///
/// As [`ip`].
pub fn udp_frame(
    (source_mac, source): (MacAddress, SocketAddr),
    (destination_mac, destination): (MacAddress, SocketAddr),
    payload: &[u8],
) -> Vec<u8> {
    let datagram = udp(source, destination, payload);
    let packet = ip(source.ip(), destination.ip(), UDP, &datagram);
    ethernet(
        destination_mac,
        source_mac,
        ethertype_of(source.ip()),
        &packet,
    )
}

fn length(octets: usize) -> u16 {
    u16::try_from(octets).expect("a packet has at most 65535 octets")
}

/// The same frame with another UDP checksum; none if it carries no whole datagram.
///
/// # Panics
///
/// When it is to be wrong: there are many such sums.
pub fn with_checksum(frame: &[u8], checksum: Checksum) -> Option<Vec<u8>> {
    let parsed = Datagram::parse(frame).ok()?;
    let (source, destination) = (parsed.source.ip(), parsed.destination.ip());
    let datagram = udp(parsed.source, parsed.destination, &parsed.payload);
    let at = frame.len() - parsed.trailing.len() - datagram.len() + 6;
    let field = match checksum {
        Checksum::Right => [datagram[6], datagram[7]],
        Checksum::Unfinished => pseudo_sum(source, destination, datagram.len()).to_be_bytes(),
        Checksum::Absent => [0; 2],
        Checksum::Wrong => panic!("a test says itself which sum is wrong"),
    };
    let mut frame = frame.to_vec();
    frame[at..at + 2].copy_from_slice(&field);
    Some(frame)
}

/// Whether the right UDP checksum of a frame is also the one that a device is to finish, as of one in 65,536: it does not
/// tell which of them it is.
pub fn is_ambiguous(frame: &[u8]) -> bool {
    let right = with_checksum(frame, Checksum::Right);
    right.is_some() && right == with_checksum(frame, Checksum::Unfinished)
}

/// The one's-complement sum of a datagram with its pseudo-header (RFC 768, RFC 8200 §8.1); all ones
/// when the datagram contains its right checksum.
fn udp_sum(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> u16 {
    let pseudo = pseudo_sum(source, destination, datagram.len()).to_be_bytes();
    folded_sum(&[&pseudo, datagram])
}

/// The one's-complement sum of the pseudo-header of a datagram of so many octets.
fn pseudo_sum(source: IpAddr, destination: IpAddr, octets: usize) -> u16 {
    let tail = [0, UDP];
    let octets = length(octets).to_be_bytes();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            folded_sum(&[&source.octets(), &destination.octets(), &tail, &octets])
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            folded_sum(&[&source.octets(), &destination.octets(), &tail, &octets])
        }
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => {
            panic!("a datagram from {source} to {destination}: two families")
        }
    }
}

/// The one's-complement sum of 16-bit words (RFC 1071); only the last part may be of odd length.
fn folded_sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // The loop leaves 16 bits.
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame_between(source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
        let source = source.parse().expect("an address and a port");
        let destination = destination.parse().expect("an address and a port");
        udp_frame(([2; 6], source), ([4; 6], destination), payload)
    }

    #[test]
    fn a_frame_reads_back_with_right_checksums_over_both_families() {
        for (source, destination) in [
            ("10.244.1.2:40000", "10.96.0.10:53"),
            ("[fd00::2]:40000", "[fd00:10:96::a]:53"),
        ] {
            let frame = frame_between(source, destination, b"odd");
            let datagram = Datagram::parse(&frame).expect("a datagram");
            assert_eq!(datagram.checksum, Checksum::Right, "{source}");
            assert!(datagram.header_checksum_right, "{source}");
            assert_eq!(datagram.payload, b"odd");
            assert_eq!(datagram.source.to_string(), source);
            assert_eq!(datagram.destination.to_string(), destination);
        }
    }

    #[test]
    fn a_changed_octet_makes_the_checksum_wrong() {
        let mut frame = frame_between("10.244.1.2:40000", "10.96.0.10:53", b"question");
        *frame.last_mut().expect("octets") ^= 1;
        let datagram = Datagram::parse(&frame).expect("a datagram");
        assert_eq!(datagram.checksum, Checksum::Wrong);
    }

    #[test]
    fn the_checksum_is_that_of_the_example_in_rfc_1071() {
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(folded_sum(&[&octets]), 0xddf2);
    }

    #[test]
    fn a_cut_frame_is_an_error_at_every_length() {
        let frame = frame_between("[fd00::2]:40000", "[fd00:10:96::a]:53", b"question");
        for length in 0..frame.len() {
            assert!(Datagram::parse(&frame[..length]).is_err(), "{length}");
        }
    }
}
