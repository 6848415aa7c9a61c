//! A frame that carries UDP, taken apart for a test to look at.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};

use super::{IPV4, IPV6, MacAddress, SERVICE_VLAN, UDP, VLAN, folded_sum, pseudo_sum, udp_sum};

/// What is in the checksum field of a UDP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The right sum.
    Right,
    /// The pseudo-header's sum: the sender leaves the whole one to a device (CHECKSUM_PARTIAL).
    Unfinished,
    /// Zero: the sender made none, which IPv6 forbids.
    Absent,
    /// Another sum than that of the octets.
    Wrong,
}

/// A frame that carries UDP, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// The frame's source.
    pub source_mac: MacAddress,
    /// The frame's destination.
    pub destination_mac: MacAddress,
    /// VLAN tags from the outermost inwards: ethertype and tag control information.
    pub tags: Vec<(u16, u16)>,
    /// Source address and port.
    pub source: SocketAddr,
    /// Destination address and port.
    pub destination: SocketAddr,
    /// TTL or hop limit.
    pub hop_limit: u8,
    /// Whether the IPv4 header sums up; true for IPv6, whose header has no sum.
    pub header_checksum_right: bool,
    /// The state of the UDP checksum.
    pub checksum: Checksum,
    /// The UDP payload.
    pub payload: Vec<u8>,
    /// Octets after the end of the IP packet.
    pub trailing: Vec<u8>,
}

impl Datagram {
    /// Takes a whole frame apart.
    ///
    /// # Errors
    ///
    /// When it is no UDP in IPv4 without options or in IPv6 without extension headers, or is cut off.
    pub fn parse(frame: &[u8]) -> Result<Self> {
        let mut rest = Octets(frame);
        let destination_mac = rest.array()?;
        let source_mac = rest.array()?;
        let mut tags = Vec::new();
        let mut ethertype = rest.word()?;
        while matches!(ethertype, VLAN | SERVICE_VLAN) {
            tags.push((ethertype, rest.word()?));
            ethertype = rest.word()?;
        }
        let packet = match ethertype {
            IPV4 => IpPacket::parse_ipv4(rest.0)?,
            IPV6 => IpPacket::parse_ipv6(rest.0)?,
            _ => bail!("ethertype {ethertype:04x} is no IP"),
        };
        if packet.protocol != UDP {
            bail!("IP protocol {} is not UDP", packet.protocol);
        }
        let mut rest = Octets(packet.payload);
        let source = SocketAddr::new(packet.source, rest.word()?);
        let destination = SocketAddr::new(packet.destination, rest.word()?);
        if usize::from(rest.word()?) != packet.payload.len() {
            bail!("UDP and IP disagree about the length");
        }
        let checksum = match rest.word()? {
            0 => Checksum::Absent,
            _ if udp_sum(packet.source, packet.destination, packet.payload) == 0xffff => {
                Checksum::Right
            }
            found
                if found == pseudo_sum(packet.source, packet.destination, packet.payload.len()) =>
            {
                Checksum::Unfinished
            }
            _ => Checksum::Wrong,
        };
        Ok(Self {
            source_mac,
            destination_mac,
            tags,
            source,
            destination,
            hop_limit: packet.hop_limit,
            header_checksum_right: packet.header_checksum_right,
            checksum,
            payload: rest.0.to_vec(),
            trailing: packet.trailing.to_vec(),
        })
    }
}

struct IpPacket<'frame> {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    hop_limit: u8,
    header_checksum_right: bool,
    payload: &'frame [u8],
    trailing: &'frame [u8],
}

impl<'frame> IpPacket<'frame> {
    fn parse_ipv4(packet: &'frame [u8]) -> Result<Self> {
        let mut rest = Octets(packet);
        let header: [u8; 20] = rest.array()?;
        if header[0] != 0x45 {
            bail!("IPv4 options, or no IPv4");
        }
        let whole = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let payload_len = whole.checked_sub(20).context("an IPv4 length below 20")?;
        let (payload, trailing) = rest.split(payload_len)?;
        Ok(Self {
            source: <[u8; 4]>::try_from(&header[12..16])?.into(),
            destination: <[u8; 4]>::try_from(&header[16..20])?.into(),
            protocol: header[9],
            hop_limit: header[8],
            header_checksum_right: folded_sum(&[&header]) == 0xffff,
            payload,
            trailing,
        })
    }

    fn parse_ipv6(packet: &'frame [u8]) -> Result<Self> {
        let mut rest = Octets(packet);
        let header: [u8; 40] = rest.array()?;
        if header[0] >> 4 != 6 {
            bail!("no IPv6");
        }
        let (payload, trailing) =
            rest.split(usize::from(u16::from_be_bytes([header[4], header[5]])))?;
        Ok(Self {
            source: <[u8; 16]>::try_from(&header[8..24])?.into(),
            destination: <[u8; 16]>::try_from(&header[24..40])?.into(),
            protocol: header[6],
            hop_limit: header[7],
            header_checksum_right: true,
            payload,
            trailing,
        })
    }
}

/// The octets not yet read.
struct Octets<'frame>(&'frame [u8]);

impl<'frame> Octets<'frame> {
    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH]> {
        let (head, rest) = self.0.split_first_chunk().context("the frame is cut off")?;
        self.0 = rest;
        Ok(*head)
    }

    fn word(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn split(&self, place: usize) -> Result<(&'frame [u8], &'frame [u8])> {
        self.0
            .split_at_checked(place)
            .context("the frame is cut off")
    }
}
