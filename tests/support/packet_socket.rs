//! Whole frames in and out of one device, past the kernel's IP and UDP (AF_PACKET).

use std::{
    io::IoSliceMut,
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use nix::{
    cmsg_space,
    errno::Errno,
    ifaddrs::{InterfaceAddress, getifaddrs},
    libc,
    net::if_::InterfaceFlags,
    setsockopt_impl,
    sys::{
        socket::{
            AddressFamily, ControlMessageOwned, LinkAddr, MsgFlags, RecvMsg, SockFlag,
            SockProtocol, SockType, UnknownCmsg, recvmsg, sendto, setsockopt, socket,
            sockopt::{ReceiveTimeout, SetBool},
        },
        time::{TimeVal, TimeValLike},
    },
};

use crate::{
    frame::{Checksum, Datagram, MacAddress},
    namespace::Namespace,
};

/// `sll_pkttype` of what this machine sent itself (linux/if_packet.h).
const PACKET_OUTGOING: u8 = 4;

/// Makes the kernel say more of each frame (`struct tpacket_auxdata`, linux/if_packet.h).
#[derive(Clone, Copy)]
struct AuxiliaryData;

setsockopt_impl!(
    AuxiliaryData,
    libc::SOL_PACKET,
    libc::PACKET_AUXDATA,
    bool,
    SetBool
);

/// A raw socket on one device. It sees every frame that arrives there from its opening on, with the
/// octets as they are: nobody has summed them, and the kernel says of which that is still to be done. It moves an outermost VLAN tag out of the frame,
/// so that such a tag is not seen on arrival.
#[derive(Debug)]
pub struct PacketSocket {
    socket: OwnedFd,
    device: LinkAddr,
    interface: String,
}

impl PacketSocket {
    /// Opens a socket on `interface` in `namespace`.
    ///
    /// # Errors
    ///
    /// Without CAP_NET_RAW, or when there is no such interface.
    pub fn open(namespace: &Namespace, interface: &str) -> Result<Self> {
        let device = device(namespace, interface)?;
        let socket = namespace.enter(|| {
            socket(
                AddressFamily::Packet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::EthAll,
            )
            .context("open a packet socket")
        })?;
        setsockopt(&socket, AuxiliaryData, &true).context("ask for the state of each checksum")?;
        Ok(Self {
            socket,
            device,
            interface: interface.to_owned(),
        })
    }

    /// The device's own hardware address.
    pub fn mac_address(&self) -> MacAddress {
        self.device.addr().unwrap_or_default()
    }

    /// Sends a whole frame.
    ///
    /// # Errors
    ///
    /// When the device is down or the frame exceeds its MTU.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let sent = sendto(
            self.socket.as_raw_fd(),
            frame,
            &self.device,
            MsgFlags::empty(),
        );
        sent.with_context(|| format!("send {} octets on {}", frame.len(), self.interface))?;
        Ok(())
    }

    /// The next UDP datagram that arrives for which `wanted` is true, with the sum of its checksum.
    ///
    /// # Errors
    ///
    /// When none arrives within `limit`.
    pub fn receive(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Datagram) -> bool,
    ) -> Result<Datagram> {
        let start = Instant::now();
        let mut buffer = vec![0; 65_535];
        while let Some(left) = limit.checked_sub(start.elapsed()) {
            let microseconds = i64::try_from(left.as_micros()).unwrap_or(i64::MAX).max(1);
            setsockopt(
                &self.socket,
                ReceiveTimeout,
                &TimeVal::microseconds(microseconds),
            )
            .context("limit the wait for a frame")?;
            let datagram = match self.receive_datagram(&mut buffer) {
                Err(Errno::EAGAIN | Errno::EINTR) => continue,
                received => received.context("receive a frame")?,
            };
            if let Some(datagram) = datagram.filter(&mut wanted) {
                return Ok(datagram);
            }
        }
        bail!(
            "no such datagram arrived on {} within {limit:?}",
            self.interface
        )
    }

    /// The next frame, if it has arrived here and carries UDP. A sum that is unfinished without being marked so is
    /// wrong, and so is any other in a frame that is marked.
    fn receive_datagram(&self, buffer: &mut [u8]) -> nix::Result<Option<Datagram>> {
        let mut control = cmsg_space!(libc::tpacket_auxdata);
        let mut parts = [IoSliceMut::new(buffer)];
        let socket = self.socket.as_raw_fd();
        let message = recvmsg(socket, &mut parts, Some(&mut control), MsgFlags::empty())?;
        let arrived = message.address.is_some_and(|sender: LinkAddr| {
            sender.ifindex() == self.device.ifindex() && sender.pkttype() != PACKET_OUTGOING
        });
        let (octets, is_unfinished) = (message.bytes, is_unfinished(&message)?);
        let frame = buffer.get(..octets).filter(|_| arrived);
        let mut datagram = frame.and_then(|frame| Datagram::parse(frame).ok());
        if let Some(datagram) = &mut datagram
            && is_unfinished != (datagram.checksum == Checksum::Unfinished)
        {
            datagram.checksum = Checksum::Wrong;
        }
        Ok(datagram)
    }
}

/// Whether the kernel says of a frame that its checksum is still to be finished.
fn is_unfinished(message: &RecvMsg<'_, '_, LinkAddr>) -> nix::Result<bool> {
    let is_status = |said: &ControlMessageOwned| {
        // The first word of the auxiliary data is its status.
        matches!(said, ControlMessageOwned::Unknown(UnknownCmsg { cmsg_header, data_bytes })
        if cmsg_header.cmsg_type == libc::PACKET_AUXDATA
            && data_bytes.first_chunk().is_some_and(|status| {
                u32::from_ne_bytes(*status) & libc::TP_STATUS_CSUMNOTREADY != 0
            }))
    };
    Ok(message.cmsgs()?.any(|said| is_status(&said)))
}

/// The hardware address of `interface` in `namespace`.
pub(crate) fn mac_address(namespace: &Namespace, interface: &str) -> Result<MacAddress> {
    let address = device(namespace, interface)?.addr();
    address.with_context(|| format!("{interface} has no hardware address"))
}

/// Whether `interface` in `namespace` can send and receive.
pub(crate) fn is_running(namespace: &Namespace, interface: &str) -> Result<bool> {
    let entry = entry(namespace, interface)?;
    Ok(entry.flags.contains(InterfaceFlags::IFF_RUNNING))
}

fn device(namespace: &Namespace, interface: &str) -> Result<LinkAddr> {
    let address = entry(namespace, interface)?.address;
    let device = address.and_then(|address| address.as_link_addr().copied());
    device.with_context(|| format!("{interface} has no link layer"))
}

fn entry(namespace: &Namespace, interface: &str) -> Result<InterfaceAddress> {
    let is_device = |entry: &InterfaceAddress| {
        let address = entry.address.as_ref();
        entry.interface_name == interface
            && address.is_some_and(|address| address.as_link_addr().is_some())
    };
    namespace.enter(|| {
        getifaddrs()
            .context("list the interfaces")?
            .find(is_device)
            .with_context(|| format!("{} has no interface {interface}", namespace.name()))
    })
}
