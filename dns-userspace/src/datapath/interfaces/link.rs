//! A link as rtnetlink describes it.

use super::{AttachPoint, Interface};
use crate::datapath::netlink::{attributes, text, u32_at};

const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_INFO_KIND: u16 = 1;

/// Octets of `struct ifinfomsg` before the attributes.
const LINK_HEADER_LEN: usize = 16;
/// linux/if_arp.h: frames begin with an Ethernet header.
const ARPHRD_ETHER: u16 = 1;
const IFF_UP: u32 = 1;
const IFF_LOOPBACK: u32 = 8;
/// A link as the kernel describes it, of whatever kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::datapath) struct Link {
    pub(in crate::datapath) index: u32,
    pub(in crate::datapath) name: String,
    mtu: u32,
    up: bool,
    pub(super) loopback: bool,
    /// Whether its frames have an Ethernet header.
    pub(super) ethernet: bool,
    pub(super) kind: Option<String>,
    pub(super) peer_in_other_namespace: bool,
}

impl Link {
    /// Reads the payload of RTM_NEWLINK or RTM_DELLINK. `None` for what is not about a link itself:
    /// a bridge announces its ports by messages of the same type, and of family AF_BRIDGE.
    pub(in crate::datapath) fn read(payload: &[u8]) -> Option<Self> {
        if i32::from(*payload.first()?) != nix::libc::AF_UNSPEC {
            return None;
        }
        let flags = u32_at(payload, 8)?;
        let mut link = Self {
            index: u32_at(payload, 4)?,
            name: String::new(),
            mtu: 0,
            up: flags & IFF_UP != 0,
            loopback: flags & IFF_LOOPBACK != 0,
            ethernet: payload.get(2..4)? == ARPHRD_ETHER.to_ne_bytes(),
            kind: None,
            peer_in_other_namespace: false,
        };
        for (kind, value) in attributes(payload.get(LINK_HEADER_LEN..)?) {
            match kind {
                IFLA_IFNAME => link.name = text(value),
                IFLA_MTU => link.mtu = u32_at(value, 0)?,
                IFLA_LINK_NETNSID => link.peer_in_other_namespace = true,
                IFLA_LINKINFO => {
                    link.kind = attributes(value)
                        .find(|(kind, _)| *kind == IFLA_INFO_KIND)
                        .map(|(_, value)| text(value));
                }
                _ => {}
            }
        }
        Some(link)
    }

    /// As an interface to attach to at `point`.
    pub(super) fn at(self, point: AttachPoint) -> Interface {
        Interface {
            index: self.index,
            name: self.name,
            mtu: self.mtu,
            up: self.up,
            kind: self.kind,
            peer_in_other_namespace: self.peer_in_other_namespace,
            point,
        }
    }
}
