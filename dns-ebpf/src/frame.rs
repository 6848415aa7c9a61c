//! Ethernet, VLAN, IPv4, IPv6, UDP: recognising a question to a DNS address, and turning it round.
//!
//! The packet is kept so that UDP and DNS always lie at the same place in [`Scratch::frame`], and the name at a
//! multiple of 8: an IPv6 frame begins at octet 6, an IPv4 frame at octet 26, and VLAN tags are left out.
//!
//! ```text
//!        6         20                          60    68    80
//! IPv6   Ethernet | IPv6                      | UDP | DNS | name …
//!                     26         40
//! IPv4                Ethernet | IPv4         | UDP | DNS | name …
//! ```
//!
//! [`Scratch::frame`]: crate::Scratch::frame

mod glance;
mod turn;

use core::hint::cold_path;

use self::glance::{glance, is_transport};
pub(crate) use self::turn::{turn_round, words};
use crate::{
    answer::{Control, Destination},
    packet::{Admission, FRAME_LEN, Packet, Tables},
    pass::Pass,
};

/// Offsets in [`Scratch::frame`](crate::Scratch::frame).
pub(crate) mod field {
    /// Where an IPv6 frame begins.
    pub(crate) const IPV6_FRAME: usize = 6;
    /// Where an IPv4 frame begins.
    pub(crate) const IPV4_FRAME: usize = 26;
    /// The IPv4 header (RFC 791 §3.1).
    pub(crate) const IPV4: usize = 40;
    /// The IPv6 header (RFC 8200 §3).
    pub(crate) const IPV6: usize = 20;
    /// The UDP header (RFC 768).
    pub(crate) const UDP: usize = 60;
    /// The DNS header (RFC 1035 §4.1.1).
    pub(crate) const DNS: usize = 68;
    /// The question.
    pub(crate) const NAME: usize = 80;
}
use field::{DNS, IPV4, IPV4_FRAME, IPV6, IPV6_FRAME, NAME, UDP};

const ETHERNET_LEN: usize = 14;
/// Where an Ethernet frame says what it carries.
const TYPE_AT: usize = 12;
const TAG_LEN: usize = 4;
const IPV4_LEN: usize = 20;
pub(crate) const UDP_LEN: usize = 8;
/// The headers of an IPv4 question; no question at all is shorter.
const HEADERS_MIN: usize = NAME - IPV4_FRAME;
const TYPE_IPV4: u16 = 0x0800;
const TYPE_IPV6: u16 = 0x86dd;
const TYPE_VLAN: u16 = 0x8100;
const TYPE_SERVICE_VLAN: u16 = 0x88a8;
const PROTOCOL_TCP: u8 = 6;
const PROTOCOL_UDP: u8 = 17;
const DNS_PORT: u16 = 53;
/// The third word of an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
const MAPPED: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
/// The shortest message with a question: header, root name, type, class.
const MESSAGE_MIN: usize = 12 + 1 + 4;
/// The longest message: CoreDNS reads datagrams into 512 octets (specification §2).
const MESSAGE_MAX: usize = 512;

/// A question's way in, as far as its way back needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Where it begins in scratch: see the module's table.
    pub(crate) begin: usize,
    /// Octets of VLAN tags in the packet.
    pub(crate) tags: usize,
    /// Length of the packet.
    pub(crate) len: usize,
    /// Octets of the message from the question's name on.
    pub(crate) question_len: usize,
}

/// What is to be known of a datagram to a known DNS address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recognised {
    pub(crate) frame: Frame,
    pub(crate) control: Control,
    /// By what it is to be admitted.
    pub(crate) admission: Admission,
    /// Whether the one before was admitted by the same; else the lease is to be looked at.
    pub(crate) is_admitted: bool,
}

impl Frame {
    /// Where the question's name lies in the packet.
    #[inline(always)]
    pub(crate) fn name_at(&self) -> usize {
        NAME - self.begin + self.tags
    }

    /// The sender's address, as it lies in memory; IPv4 as an IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2).
    #[inline(always)]
    pub(crate) fn source(&self, frame: &[u8; FRAME_LEN]) -> [u32; 4] {
        if self.begin == IPV4_FRAME {
            return [0, 0, MAPPED, word(frame, IPV4 + 12)];
        }
        cold_path();
        [0, 4, 8, 12].map(|at| word(frame, IPV6 + 8 + at))
    }

    /// Length of the IP packet in a frame of `len` octets.
    #[inline(always)]
    pub(crate) fn ip_len(&self, len: usize) -> usize {
        len - ETHERNET_LEN - self.tags
    }
}

/// The big-endian number at `at`.
#[inline(always)]
pub(crate) fn number<const N: usize>(octets: &[u8; N], at: usize) -> u16 {
    match (octets.get(at), octets.get(at + 1)) {
        (Some(high), Some(low)) => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

#[inline(always)]
fn octet<const N: usize>(octets: &[u8; N], at: usize) -> u8 {
    octets.get(at).copied().unwrap_or(0)
}

/// Reads the headers of a packet; whatever is not a question to a known DNS address ends here.
///
/// Nearly all packets do, so most are recognised where they lie, before anything is copied.
#[inline(always)]
pub(crate) fn recognise(
    packet: &impl Packet,
    tables: &impl Tables,
    frame: &mut [u8; FRAME_LEN],
    admitted: &Admission,
) -> Result<Recognised, Pass> {
    let begin = tables.forget(glance(packet, tables)?) & 0x1f;
    if packet.len() < HEADERS_MIN {
        return Err(Pass::NotDns);
    }
    load(packet, frame, begin, 0)?;
    let (begin, tags) = untagged(packet, tables, frame, begin)?;
    if packet.len() < NAME - begin + tags {
        return Err(Pass::NotDns);
    }
    let (udp_len, (control, admission, is_admitted)) = if begin == IPV4_FRAME {
        ipv4(packet, tables, frame, admitted, tags)?
    } else {
        cold_path();
        ipv6(tables, frame, admitted)?
    };
    let begin = tables.forget(begin) & 0x1f;
    let question_len = measured(packet, frame, UDP - begin + tags, udp_len)?;
    Ok(Recognised {
        frame: Frame {
            begin,
            tags,
            len: packet.len(),
            question_len,
        },
        control,
        admission,
        is_admitted,
    })
}

/// Copies the packet without its first `tags` octets of VLAN tags to `begin`; what scratch does not hold of it is
/// left out.
#[inline(always)]
fn load(
    packet: &impl Packet,
    frame: &mut [u8; FRAME_LEN],
    begin: usize,
    tags: usize,
) -> Result<(), Pass> {
    let len = packet.len().min(FRAME_LEN - begin);
    if tags == 0 {
        return packet.load(0, frame, begin, len).or(Err(Pass::NotDns));
    }
    let addresses = packet.load(0, frame, begin, TYPE_AT);
    addresses
        .and_then(|()| packet.load(TYPE_AT + tags, frame, begin + TYPE_AT, len - TYPE_AT - tags))
        .or(Err(Pass::NotDns))
}

/// Finds out where a frame that was loaded to `begin` has to begin, and how many octets of VLAN tags (IEEE 802.1Q,
/// 802.1ad) it has, and loads it again unless it lies right.
#[inline(always)]
fn untagged(
    packet: &impl Packet,
    tables: &impl Tables,
    frame: &mut [u8; FRAME_LEN],
    loaded: usize,
) -> Result<(usize, usize), Pass> {
    let mut tags = 0;
    let mut carries = number(frame, loaded + TYPE_AT);
    for _ in 0..2 {
        if matches!(carries, TYPE_VLAN | TYPE_SERVICE_VLAN) {
            cold_path();
            tags += TAG_LEN;
            carries = number(frame, loaded + TYPE_AT + tags);
        }
    }
    let begin = match carries {
        TYPE_IPV4 => IPV4_FRAME,
        TYPE_IPV6 => IPV6_FRAME,
        _ => return Err(Pass::NotDns),
    };
    let tags = tables.forget(tags) & 0x0f;
    let begin = tables.forget(begin) & 0x1f;
    if begin != loaded || tags != 0 {
        cold_path();
        load(packet, frame, begin, tags)?;
    }
    Ok((begin, tags))
}

#[inline(always)]
fn ipv4(
    packet: &impl Packet,
    tables: &impl Tables,
    frame: &[u8; FRAME_LEN],
    admitted: &Admission,
    tags: usize,
) -> Result<(usize, Admitted), Pass> {
    let version = octet(frame, IPV4);
    let fragment = number(frame, IPV4 + 6);
    // Only the first fragment has ports.
    if version >> 4 != 4 || fragment & 0x1fff != 0 {
        return Err(Pass::NotDns);
    }
    let header_len = usize::from(version & 0x0f) * 4;
    let mut port = number(frame, UDP + 2);
    if header_len > IPV4_LEN {
        cold_path();
        if packet.len() < ETHERNET_LEN + tags + header_len + UDP_LEN {
            return Err(Pass::NotDns);
        }
        port = number(frame, IPV4 + header_len + 2);
    }
    let destination = [0, 0, MAPPED, word(frame, IPV4 + 16), port_word(port)];
    let admitted = destined(tables, octet(frame, IPV4 + 9), destination, admitted)?;
    if header_len != IPV4_LEN || fragment & 0x3fff != 0 {
        return Err(Pass::Frame);
    }
    let first = octet(frame, IPV4 + 12);
    // RFC 1122 §3.2.1.3: this network, loopback, groups and what is reserved. Less one, zero is the greatest.
    let is_host = first.wrapping_sub(1) < 223 && first != 127;
    let is_own = word(frame, IPV4 + 12) == word(frame, IPV4 + 16);
    if !is_host || is_own || is_strange(frame, IPV4_FRAME) {
        return Err(Pass::Source);
    }
    let udp_len = usize::from(number(frame, IPV4 + 2)).wrapping_sub(IPV4_LEN);
    Ok((udp_len, admitted))
}

/// Whether a frame at `begin` comes from a group's MAC address or goes to one, or comes from port zero.
#[inline(always)]
fn is_strange(frame: &[u8; FRAME_LEN], begin: usize) -> bool {
    // IEEE 802: the first bit on the wire says that an address is a group's.
    let groups = octet(frame, begin) | octet(frame, begin + 6);
    groups & 1 != 0 || number(frame, UDP) == 0
}

/// The four octets at `at`, as they lie in memory.
#[inline(always)]
fn word(frame: &[u8; FRAME_LEN], at: usize) -> u32 {
    let octets = frame.get(at..).and_then(|rest| rest.first_chunk());
    u32::from_ne_bytes(*octets.unwrap_or(&[0; 4]))
}

/// The last word of a destination: its port and two zeros.
#[inline(always)]
fn port_word(port: u16) -> u32 {
    let [high, low] = port.to_be_bytes();
    u32::from_ne_bytes([high, low, 0, 0])
}

#[inline(always)]
fn ipv6(
    tables: &impl Tables,
    frame: &[u8; FRAME_LEN],
    admitted: &Admission,
) -> Result<(usize, Admitted), Pass> {
    if octet(frame, IPV6) >> 4 != 6 {
        return Err(Pass::NotDns);
    }
    let address = |index: usize| word(frame, IPV6 + 24 + index * 4);
    let port = port_word(number(frame, UDP + 2));
    let destination = [address(0), address(1), address(2), address(3), port];
    let admitted = destined(tables, octet(frame, IPV6 + 6), destination, admitted)?;
    let source = |index: usize| word(frame, IPV6 + 8 + index * 4);
    // RFC 4291 §2.4: unspecified, loopback and mapped addresses begin with eight zeros, groups with 0xff.
    let is_host = source(0) | source(1) != 0 && octet(frame, IPV6 + 8) != 0xff;
    let is_own = (0..4).all(|index| source(index) == address(index));
    if !is_host || is_own || is_strange(frame, IPV6_FRAME) {
        return Err(Pass::Source);
    }
    Ok((usize::from(number(frame, IPV6 + 4)), admitted))
}

/// The control record, by what the datagram is to be admitted, and whether the one before was admitted by the same.
type Admitted = (Control, Admission, bool);

/// Whether the datagram goes to a known DNS address, which the words of a [`Destination`] say.
#[inline(always)]
fn destined(
    tables: &impl Tables,
    protocol: u8,
    destination: [u32; 5],
    admitted: &Admission,
) -> Result<Admitted, Pass> {
    let control = tables.control().ok_or(Pass::NotDns)?;
    let [.., port] = destination;
    let [high, low, ..] = port.to_ne_bytes();
    let port = u16::from_be_bytes([high, low]);
    if !is_transport(protocol) || port != DNS_PORT && !tables.ports().contains(&port) {
        return Err(Pass::NotDns);
    }
    let admission = Admission {
        lease: control.lease,
        finished: control.finished,
        tick: tables.tick(),
        destination,
        reserved: 0,
    };
    let is_admitted = admission.is(admitted);
    let destination = Destination::of_words(destination);
    match (
        is_admitted || tables.is_destination(&destination),
        protocol == PROTOCOL_UDP,
    ) {
        (true, true) => Ok((control, admission, is_admitted)),
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
    frame: &[u8; FRAME_LEN],
    udp_at: usize,
    udp_len: usize,
) -> Result<usize, Pass> {
    if usize::from(number(frame, UDP + 4)) != udp_len || udp_at + udp_len != packet.len() {
        return Err(Pass::Frame);
    }
    let message_len = udp_len.wrapping_sub(UDP_LEN);
    if !(MESSAGE_MIN..=MESSAGE_MAX).contains(&message_len) {
        return Err(Pass::Frame);
    }
    Ok(message_len - (NAME - DNS))
}
