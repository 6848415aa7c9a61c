//! What interfaces and attachments both need of rtnetlink: requests with their answers, and a
//! lenient reading of messages.
//!
//! Messages are written by `netlink-packet-route` and read by hand: its parsers refuse a whole
//! message for one attribute that they do not expect, and a foreign filter or a newer kernel must
//! not hide an interface from us.

use std::{fmt, io, ops::ControlFlow};

use rtnetlink::{
    packet_core::{
        NLM_F_ACK, NLM_F_DUMP, NLM_F_MULTIPART, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR,
        NetlinkMessage, NetlinkPayload,
    },
    packet_route::{RouteNetlinkMessage, link::LinkMessage},
    sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE},
};

/// Octets of a receive buffer: the kernel sends no more than 32 KiB in one datagram of a dump.
pub(super) const RECEIVE_LEN: usize = 64 << 10;

const HEADER_LEN: usize = 16;
const ATTRIBUTE_HEADER_LEN: usize = 4;
/// The two high bits of an attribute's type are flags.
const ATTRIBUTE_TYPE_MASK: u16 = 0x3fff;
/// Where the attributes of an error message begin: behind the code and the header of the request.
const ERROR_ATTRIBUTES: usize = 4 + HEADER_LEN;
const NLMSGERR_ATTR_MSG: u16 = 1;

/// A refusal by the kernel, or a socket that failed.
#[derive(Debug)]
pub(super) struct Refusal {
    error: io::Error,
    explanation: Option<String>,
}

impl Refusal {
    /// The error number, if the operating system gave one.
    pub(super) fn errno(&self) -> Option<i32> {
        self.error.raw_os_error()
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self {
            error,
            explanation: None,
        }
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        match refusal.explanation {
            None => refusal.error,
            Some(_) => Self::new(refusal.error.kind(), refusal.to_string()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.explanation {
            None => self.error.fmt(formatter),
            Some(explanation) => write!(formatter, "{} ({explanation})", self.error),
        }
    }
}

/// One message as it came: its type, the sequence number of the request that it answers, and what
/// follows the header.
pub(super) struct Received<'a> {
    pub(super) kind: u16,
    /// Whether it is part of a dump. A notification has the sequence number of the request that
    /// caused it, whoever made that, so the number alone does not tell.
    pub(super) of_dump: bool,
    pub(super) sequence: u32,
    pub(super) payload: &'a [u8],
}

/// The messages of one datagram; what lies about its length ends the iteration.
pub(super) fn messages(mut datagram: &[u8]) -> impl Iterator<Item = Received<'_>> {
    std::iter::from_fn(move || {
        let length = u32_at(datagram, 0)? as usize;
        let kind = u16_at(datagram, 4)?;
        let of_dump = u16_at(datagram, 6)? & NLM_F_MULTIPART != 0;
        let sequence = u32_at(datagram, 8)?;
        let payload = datagram.get(HEADER_LEN..length)?;
        datagram = datagram.get(aligned(length)..).unwrap_or_default();
        Some(Received {
            kind,
            of_dump,
            sequence,
            payload,
        })
    })
}

/// The attributes in `bytes` as type and value.
pub(super) fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(bytes, 0)?);
        let kind = u16_at(bytes, 2)? & ATTRIBUTE_TYPE_MASK;
        let value = bytes.get(ATTRIBUTE_HEADER_LEN..length)?;
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The number at `offset`, in the machine's byte order, as netlink has it.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    let octets = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_ne_bytes(octets.try_into().ok()?))
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    let octets = bytes.get(offset..offset.checked_add(2)?)?;
    Some(u16::from_ne_bytes(octets.try_into().ok()?))
}

/// A text attribute up to its terminating zero.
pub(super) fn text(value: &[u8]) -> String {
    let end = value
        .iter()
        .position(|octet| *octet == 0)
        .unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// What an error message says; an acknowledgement is an error message with code 0.
pub(super) fn verdict(payload: &[u8]) -> Result<(), Refusal> {
    let code = u32_at(payload, 0).unwrap_or_default().cast_signed();
    if code == 0 {
        return Ok(());
    }
    let explanation = attributes(payload.get(ERROR_ATTRIBUTES..).unwrap_or_default())
        .find(|(kind, _)| *kind == NLMSGERR_ATTR_MSG)
        .map(|(_, value)| text(value));
    Err(Refusal {
        error: io::Error::from_raw_os_error(code.saturating_neg()),
        explanation,
    })
}

/// A request in bytes, ready to be sent.
pub(super) fn request(message: RouteNetlinkMessage, flags: u16, sequence: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::from(message);
    message.header.flags = NLM_F_REQUEST | flags;
    message.header.sequence_number = sequence;
    debug_assert!(matches!(message.payload, NetlinkPayload::InnerMessage(_)));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// The request for all links of the network namespace, in bytes.
pub(super) fn links_request(sequence: u32) -> Vec<u8> {
    request(
        RouteNetlinkMessage::GetLink(LinkMessage::default()),
        NLM_F_DUMP,
        sequence,
    )
}

/// A blocking socket for requests; the kernel answers each before `send` returns, so nothing ever
/// waits here.
pub(super) struct Requests {
    socket: Socket,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Requests {
    /// Opens a socket in the network namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        socket.set_cap_ack(true)?;
        socket.set_ext_ack(true)?;
        Ok(Self {
            socket,
            sequence: 0,
            buffer: Vec::with_capacity(RECEIVE_LEN),
        })
    }

    /// Has the kernel carry out `message`.
    pub(super) fn carry_out(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), Refusal> {
        self.exchange(
            |sequence| request(message, flags | NLM_F_ACK, sequence),
            |_, _| {},
        )
    }

    /// Asks for all objects that `message` describes and hands type and payload of each to `take`.
    pub(super) fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        take: impl FnMut(u16, &[u8]),
    ) -> Result<(), Refusal> {
        self.exchange(|sequence| request(message, NLM_F_DUMP, sequence), take)
    }

    /// Asks for all links of the network namespace and hands the payload of each to `take`.
    pub(super) fn links(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), Refusal> {
        self.exchange(links_request, |_, payload| take(payload))
    }

    fn exchange(
        &mut self,
        request: impl FnOnce(u32) -> Vec<u8>,
        mut take: impl FnMut(u16, &[u8]),
    ) -> Result<(), Refusal> {
        self.sequence = self.sequence.wrapping_add(1);
        self.socket.send(&request(self.sequence), 0)?;
        loop {
            self.buffer.clear();
            self.socket.recv(&mut self.buffer, 0)?;
            if let ControlFlow::Break(end) = read(&self.buffer, self.sequence, &mut take) {
                return end;
            }
        }
    }
}

/// Reads one datagram of answers to the request `sequence`; breaks at the end of the answer.
fn read(
    datagram: &[u8],
    sequence: u32,
    take: &mut impl FnMut(u16, &[u8]),
) -> ControlFlow<Result<(), Refusal>> {
    for message in messages(datagram).filter(|message| message.sequence == sequence) {
        match message.kind {
            NLMSG_ERROR => return ControlFlow::Break(verdict(message.payload)),
            NLMSG_DONE => return ControlFlow::Break(done(message.payload)),
            kind => take(kind, message.payload),
        }
    }
    ControlFlow::Continue(())
}

/// The end of a dump carries an error code of its own.
pub(super) fn done(payload: &[u8]) -> Result<(), Refusal> {
    let code = u32_at(payload, 0).unwrap_or_default().cast_signed();
    if code < 0 {
        return Err(io::Error::from_raw_os_error(code.saturating_neg()).into());
    }
    Ok(())
}

fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_end_where_a_length_lies() {
        let bytes = [8, 0, 1, 0x80, 1, 2, 3, 4, 200, 0, 2, 0, 5, 6, 7, 8];
        let read: Vec<_> = attributes(&bytes).collect();
        assert_eq!(read, [(1, &[1_u8, 2, 3, 4][..])]);
    }

    #[test]
    fn a_length_shorter_than_its_own_header_ends_the_reading() {
        assert_eq!(attributes(&[3, 0, 1, 0]).count(), 0);
        assert_eq!(messages(&[0; 32]).count(), 0);
    }

    #[test]
    fn an_acknowledgement_is_no_refusal_and_a_refusal_keeps_its_number() {
        assert!(verdict(&[0; 20]).is_ok());
        let mut refusal = [0; 20];
        refusal[..4].copy_from_slice(&(-nix::libc::ENODEV).to_ne_bytes());
        assert_eq!(
            verdict(&refusal).unwrap_err().errno(),
            Some(nix::libc::ENODEV)
        );
    }
}
