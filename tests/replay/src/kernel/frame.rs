//! Frames of questions, and what a reply's frame must be.

use std::net::{IpAddr, SocketAddr};

use ::tests::frame::{self, Checksum, Datagram, MacAddress};

const POD: MacAddress = [2, 0, 0, 0, 0, 0x11];
const NODE: MacAddress = [2, 0, 0, 0, 0, 0x22];
/// IP protocol number of TCP.
const TCP: u8 = 6;
/// Octets of a TCP header without options.
const TCP_HEADER: usize = 20;
/// The most octets that any header before the message takes: those of IPv6 and TCP.
const HEADERS_MAX: usize = 40 + TCP_HEADER;

/// A datagram in a frame, unless no packet holds the message.
pub(super) fn udp(client: SocketAddr, server: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    holds(message).then(|| frame::udp_frame((POD, client), (NODE, server), message))
}

/// A TCP segment in a frame: the message after its length, of a connection that stands.
pub(super) fn tcp(client: SocketAddr, server: SocketAddr, message: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(message.len()).ok()?;
    holds(message).then(|| {
        let mut segment = Vec::with_capacity(TCP_HEADER + 2 + message.len());
        segment.extend(client.port().to_be_bytes());
        segment.extend(server.port().to_be_bytes());
        // Sequence and acknowledgment numbers.
        segment.extend([0, 0, 0, 1, 0, 0, 0, 1]);
        // Five words of header; PSH and ACK; a window of 64 KiB less one; checksum and urgent pointer.
        segment.extend([5 << 4, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(length.to_be_bytes());
        segment.extend(message);
        let sum = !tcp_sum(client.ip(), server.ip(), &segment);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        let packet = frame::ip(client.ip(), server.ip(), TCP, &segment);
        frame::ethernet(NODE, POD, frame::ethertype_of(client.ip()), &packet)
    })
}

fn holds(message: &[u8]) -> bool {
    message.len() + 2 + HEADERS_MAX <= usize::from(u16::MAX)
}

/// The one's-complement sum of a segment with its pseudo-header (RFC 9293 §3.1).
fn tcp_sum(source: IpAddr, destination: IpAddr, segment: &[u8]) -> u16 {
    let mut octets = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => octets.extend(address.octets()),
            IpAddr::V6(address) => octets.extend(address.octets()),
        }
    }
    octets.extend([0, TCP]);
    octets.extend((segment.len() as u16).to_be_bytes());
    octets.extend(segment);
    let mut sum: u32 = octets
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

/// The message of a frame that is sent back, if the frame is a right reply to `question`.
///
/// # Errors
/// In one sentence, what is wrong with it.
pub(super) fn reply(question: &[u8], reply: &[u8]) -> Result<Vec<u8>, String> {
    let parse = |frame: &[u8], which: &str| {
        Datagram::parse(frame).map_err(|error| format!("{which} is no datagram: {error:#}"))
    };
    let asked = parse(question, "an answered question")?;
    let got = parse(reply, "the reply's frame")?;
    let ends = |datagram: &Datagram| {
        let Datagram {
            source_mac,
            destination_mac,
            source,
            destination,
            ..
        } = datagram;
        ((*source_mac, *source), (*destination_mac, *destination))
    };
    let (client, server) = ends(&asked);
    for (right, reason) in [
        (
            ends(&got) == (server, client),
            "the reply's frame does not go back to where the question came from",
        ),
        (
            got.header_checksum_right,
            "the reply's IPv4 header has a wrong checksum",
        ),
        (
            got.checksum == Checksum::Right,
            "the reply's UDP checksum is wrong",
        ),
        (
            got.trailing.is_empty() && got.tags == asked.tags,
            "the reply's frame holds more than the reply",
        ),
    ] {
        if !right {
            return Err(reason.to_owned());
        }
    }
    Ok(got.payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Family;

    #[test]
    fn a_segment_holds_the_message_after_its_length_and_sums_up() {
        for family in Family::ALL {
            let (client, server) = (family.client(), family.server());
            let frame = tcp(client, server, b"odd").expect("it fits");
            let segment = &frame[frame.len() - TCP_HEADER - 5..];
            assert_eq!(segment[TCP_HEADER..], *b"\0\x03odd");
            assert_eq!(segment[2..4], [0, 53]);
            assert_eq!(tcp_sum(client.ip(), server.ip(), segment), 0xffff);
        }
    }

    #[test]
    fn a_reply_must_come_back_whole_and_with_right_sums() {
        for family in Family::ALL {
            let (client, server) = (family.client(), family.server());
            let question = udp(client, server, b"question").expect("it fits");
            let right = frame::udp_frame((NODE, server), (POD, client), b"reply");
            assert_eq!(reply(&question, &right), Ok(b"reply".to_vec()));
            assert!(reply(&question, &question).is_err());
            let mut changed = right.clone();
            *changed.last_mut().expect("octets") ^= 1;
            let reason = reply(&question, &changed).unwrap_err();
            assert!(reason.contains("UDP checksum"), "{reason}");
            let longer = [&right[..], b"x"].concat();
            let reason = reply(&question, &longer).unwrap_err();
            assert!(reason.contains("more than"), "{reason}");
        }
    }

    #[test]
    fn a_message_that_no_packet_holds_makes_no_frame() {
        let family = Family::V6;
        for length in [65_535, 65_500] {
            let message = vec![0; length];
            assert!(udp(family.client(), family.server(), &message).is_none());
            assert!(tcp(family.client(), family.server(), &message).is_none());
        }
    }
}
