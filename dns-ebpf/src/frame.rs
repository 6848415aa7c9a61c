//! Ethernet, VLAN, IPv4, IPv6, UDP: recognising a question to a DNS address, and turning it round.
//!
//! Headers are kept so that UDP and DNS always lie at the same place in [`Scratch::head`]: an IPv6
//! frame begins at octet 0, an IPv4 frame at octet 20, and VLAN tags are left out.
//!
//! ```text
//!        0        14                        54    62     74
//! IPv6   Ethernet | IPv6                   | UDP | DNS   | name …
//!                   20       34
//! IPv4              Ethernet | IPv4        | UDP | DNS   | name …
//! ```
//!
//! [`Scratch::head`]: crate::Scratch::head

use crate::{
    answer::{Control, Destination},
    checksum,
    packet::{HEAD_LEN, Packet, Tables},
    pass::Pass,
};

/// Offsets in [`Scratch::head`](crate::Scratch::head).
pub(crate) mod field {
    /// Where an IPv4 frame begins.
    pub(crate) const IPV4_FRAME: usize = 20;
    /// The type of an IPv4 frame: its last two Ethernet octets.
    pub(crate) const IPV4_TYPE: usize = 32;
    /// The IPv4 header (RFC 791 §3.1).
    pub(crate) const IPV4: usize = 34;
    /// The IPv6 header (RFC 8200 §3).
    pub(crate) const IPV6: usize = 14;
    /// The UDP header (RFC 768).
    pub(crate) const UDP: usize = 54;
    /// The DNS header (RFC 1035 §4.1.1).
    pub(crate) const DNS: usize = 62;
    /// The question.
    pub(crate) const NAME: usize = 74;
}
use field::{DNS, IPV4, IPV4_FRAME, IPV4_TYPE, IPV6, NAME, UDP};

const ETHERNET_LEN: usize = 14;
const TAG_LEN: usize = 4;
const IPV4_LEN: usize = 20;
const UDP_LEN: usize = 8;
const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const TYPE_VLAN: u16 = 0x8100;
const TYPE_SERVICE_VLAN: u16 = 0x88a8;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const DNS_PORT: u16 = 53;
/// The shortest message with a question: header, root name, type, class.
const MESSAGE_MIN: usize = 12 + 1 + 4;
/// The longest message: CoreDNS reads datagrams into 512 octets (specification §2).
const MESSAGE_MAX: usize = 512;
/// RFC 1340: the recommended time to live; also the hop limit of a reply.
const TIME_TO_LIVE: u8 = 64;

/// A question's way in, as far as its way back needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Where it begins in the head: 0 for IPv6, 20 for IPv4.
    pub(crate) begin: usize,
    /// Octets of VLAN tags in the packet.
    pub(crate) tags: usize,
    /// Length of the packet.
    pub(crate) len: usize,
    /// Octets of the message from the question's name on.
    pub(crate) question_len: usize,
}

impl Frame {
    /// Where the question's name lies in the packet.
    #[inline(always)]
    pub(crate) fn name_at(&self) -> usize {
        NAME - self.begin + self.tags
    }

    /// Length of the IP packet in a frame of `len` octets.
    #[inline(always)]
    pub(crate) fn ip_len(&self, len: usize) -> usize {
        len - ETHERNET_LEN - self.tags
    }
}

/// The big-endian number at `at`.
#[inline(always)]
pub(crate) fn number(head: &[u8; HEAD_LEN], at: usize) -> u16 {
    match (head.get(at), head.get(at + 1)) {
        (Some(high), Some(low)) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

#[inline(always)]
fn octet(head: &[u8; HEAD_LEN], at: usize) -> u8 {
    head.get(at).copied().unwrap_or(0)
}

#[inline(always)]
fn set(head: &mut [u8; HEAD_LEN], at: usize, octets: [u8; 2]) {
    if let Some(place) = head.get_mut(at..at + 2) {
        place.copy_from_slice(&octets);
    }
}

/// Reads the headers of a packet; whatever is not a question to a known DNS address ends here.
#[inline(always)]
pub(crate) fn recognise(
    packet: &impl Packet,
    tables: &impl Tables,
    head: &mut [u8; HEAD_LEN],
    cell: &mut u64,
) -> Result<(Frame, Control), Pass> {
    // 54 octets are the headers of an IPv4 question, and no question at all is shorter.
    packet
        .load_head::<54>(0, head, IPV4_FRAME)
        .or(Err(Pass::NotDns))?;
    let tags = skip_tags(packet, head)?;
    let tags = tables.forget(cell, tags) & 0x0f;
    let (begin, udp_len, control) = match number(head, IPV4_TYPE) {
        TYPE_IPV4 => ipv4(packet, tables, head, tags)?,
        TYPE_IPV6 => ipv6(packet, tables, head, tags)?,
        _ => return Err(Pass::NotDns),
    };
    let begin = tables.forget(cell, begin) & 0x1f;
    let question_len = measured(packet, head, UDP - begin + tags, udp_len)?;
    Ok((
        Frame {
            begin,
            tags,
            len: packet.len(),
            question_len,
        },
        control,
    ))
}

/// Loads the headers behind up to two VLAN tags (IEEE 802.1Q, 802.1ad) over the tags.
#[inline(always)]
fn skip_tags(packet: &impl Packet, head: &mut [u8; HEAD_LEN]) -> Result<usize, Pass> {
    let mut tags = 0;
    for _ in 0..2 {
        if !matches!(number(head, IPV4_TYPE), TYPE_VLAN | TYPE_SERVICE_VLAN) {
            break;
        }
        tags += TAG_LEN;
        packet
            .load_head::<42>(IPV4_TYPE - IPV4_FRAME + tags, head, IPV4_TYPE)
            .or(Err(Pass::NotDns))?;
    }
    Ok(tags)
}

#[inline(always)]
fn ipv4(
    packet: &impl Packet,
    tables: &impl Tables,
    head: &mut [u8; HEAD_LEN],
    tags: usize,
) -> Result<(usize, usize, Control), Pass> {
    let version = octet(head, IPV4);
    let fragment = number(head, IPV4 + 6);
    // Only the first fragment has ports.
    if version >> 4 != 4 || fragment & 0x1fff != 0 {
        return Err(Pass::NotDns);
    }
    let header_len = usize::from(version & 0x0f) * 4;
    if header_len > IPV4_LEN {
        let udp_at = ETHERNET_LEN + tags + header_len;
        packet
            .load_head::<8>(udp_at, head, UDP)
            .or(Err(Pass::NotDns))?;
    }
    let mut destination = Destination {
        address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0],
        ..Destination::default()
    };
    if let (Some(to), Some(from)) = (
        destination.address.get_mut(12..),
        head.get(IPV4 + 16..IPV4 + 20),
    ) {
        to.copy_from_slice(from);
    }
    let control = destined(tables, head, octet(head, IPV4 + 9), destination)?;
    if header_len != IPV4_LEN || fragment & 0x3fff != 0 {
        return Err(Pass::Frame);
    }
    let udp_len = usize::from(number(head, IPV4 + 2)).wrapping_sub(IPV4_LEN);
    Ok((IPV4_FRAME, udp_len, control))
}

#[inline(always)]
fn ipv6(
    packet: &impl Packet,
    tables: &impl Tables,
    head: &mut [u8; HEAD_LEN],
    tags: usize,
) -> Result<(usize, usize, Control), Pass> {
    packet.load_head::<12>(0, head, 0).or(Err(Pass::NotDns))?;
    packet
        .load_head::<62>(12 + tags, head, 12)
        .or(Err(Pass::NotDns))?;
    if octet(head, IPV6) >> 4 != 6 {
        return Err(Pass::NotDns);
    }
    let mut destination = Destination::default();
    if let Some(from) = head.get(IPV6 + 24..IPV6 + 40) {
        destination.address.copy_from_slice(from);
    }
    let control = destined(tables, head, octet(head, IPV6 + 6), destination)?;
    Ok((0, usize::from(number(head, IPV6 + 4)), control))
}

/// Whether the datagram goes to a known DNS address.
#[inline(always)]
fn destined(
    tables: &impl Tables,
    head: &[u8; HEAD_LEN],
    protocol: u8,
    mut destination: Destination,
) -> Result<Control, Pass> {
    if protocol != PROTOCOL_UDP && protocol != PROTOCOL_TCP {
        return Err(Pass::NotDns);
    }
    let port = number(head, UDP + 2);
    let control = tables.control().ok_or(Pass::NotDns)?;
    if port != DNS_PORT && !control.ports.contains(&port) {
        return Err(Pass::NotDns);
    }
    destination.port = port.to_be_bytes();
    match (
        tables.is_destination(&destination),
        protocol == PROTOCOL_UDP,
    ) {
        (true, true) => Ok(control),
        (true, false) => Err(Pass::Tcp),
        (false, true) if port == DNS_PORT => {
            tables.count_unknown(&destination);
            Err(Pass::UnknownDestination)
        }
        (false, _) => Err(Pass::NotDns),
    }
}

/// Compares the lengths that packet, IP and UDP claim: a datagram that is one packet of one question.
/// Returns the octets of the message from the question's name on.
#[inline(always)]
fn measured(
    packet: &impl Packet,
    head: &[u8; HEAD_LEN],
    udp_at: usize,
    udp_len: usize,
) -> Result<usize, Pass> {
    if usize::from(number(head, UDP + 4)) != udp_len || udp_at + udp_len != packet.len() {
        return Err(Pass::Frame);
    }
    let message_len = udp_len.wrapping_sub(UDP_LEN);
    if !(MESSAGE_MIN..=MESSAGE_MAX).contains(&message_len) {
        return Err(Pass::Frame);
    }
    Ok(message_len - (NAME - DNS))
}

/// Swaps source and destination at every layer, sets lengths and the IPv4 header checksum; returns what
/// the addresses, ports, lengths and the protocol contribute to the UDP checksum.
#[inline(always)]
pub(crate) fn turn_round(
    head: &[u8; HEAD_LEN],
    reply: &mut [u8; HEAD_LEN],
    frame: &Frame,
    message_len: usize,
) -> u64 {
    let udp_len = message_len + UDP_LEN;
    let mut sum = checksum::number(PROTOCOL_UDP.into());
    if frame.begin == IPV4_FRAME {
        swap::<6>(head, reply, IPV4_FRAME);
        swap::<4>(head, reply, IPV4 + 12);
        sum += words::<8>(head, IPV4 + 12);
        let length = ((udp_len + IPV4_LEN) as u16).to_be_bytes();
        // RFC 1624 §3, equation 3: of the header's words only the length and the time to live change
        // their sum; swapped addresses do not.
        let old = u64::from(!(words::<2>(head, IPV4 + 10) as u16))
            + u64::from(!(words::<2>(head, IPV4 + 2) as u16))
            + u64::from(!(words::<2>(head, IPV4 + 8) as u16));
        set(reply, IPV4 + 2, length);
        set(reply, IPV4 + 8, [TIME_TO_LIVE, PROTOCOL_UDP]);
        let new = old + words::<2>(reply, IPV4 + 2) + words::<2>(reply, IPV4 + 8);
        set(reply, IPV4 + 10, (!checksum::folded(new)).to_le_bytes());
    } else {
        swap::<6>(head, reply, 0);
        swap::<16>(head, reply, IPV6 + 8);
        sum += words::<32>(head, IPV6 + 8);
        set(reply, IPV6 + 4, (udp_len as u16).to_be_bytes());
        set(reply, IPV6 + 6, [PROTOCOL_UDP, TIME_TO_LIVE]);
    }
    swap::<2>(head, reply, UDP);
    set(reply, UDP + 4, (udp_len as u16).to_be_bytes());
    // The length stands in the pseudo-header and in the header (RFC 768).
    sum + words::<4>(head, UDP) + 2 * checksum::number(udp_len as u16)
}

/// Writes two neighbours of `N` octets in each other's place.
#[inline(always)]
fn swap<const N: usize>(head: &[u8; HEAD_LEN], reply: &mut [u8; HEAD_LEN], at: usize) {
    if let (Some(to), Some(from)) = (reply.get_mut(at..at + N), head.get(at + N..at + 2 * N)) {
        to.copy_from_slice(from);
    }
    if let (Some(to), Some(from)) = (reply.get_mut(at + N..at + 2 * N), head.get(at..at + N)) {
        to.copy_from_slice(from);
    }
}

/// The sum of `N` octets.
#[inline(always)]
pub(crate) fn words<const N: usize>(head: &[u8; HEAD_LEN], at: usize) -> u64 {
    let mut sum = 0;
    for pair in 0..N / 2 {
        sum += checksum::word(octet(head, at + 2 * pair), octet(head, at + 2 * pair + 1));
    }
    sum
}
