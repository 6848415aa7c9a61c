//! One question and its reply, over UDP or TCP.

use std::{
    io::{IoSliceMut, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use data_encoding::HEXLOWER;
use nix::{
    cmsg_space,
    sys::socket::{
        ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt,
        sockopt::{Ipv4RecvTtl, Ipv4Ttl, Ipv6RecvHopLimit, Ipv6Ttl},
    },
};
use pod::protocol::{Asked, FIRST_HOP, Replied, Transport};
use tests::{Question, hickory_proto::rr::RecordType};

/// The largest DNS message.
const MESSAGE_MAX: usize = 65_535;

/// A way to ask one server.
pub(crate) struct Exchange {
    server: SocketAddr,
    patience: Duration,
}

/// A reply as it came.
struct Received {
    octets: Vec<u8>,
    hop_limit: Option<u8>,
}

impl Exchange {
    /// Asks `server`, and waits for each reply for `patience`.
    pub(crate) fn new(server: SocketAddr, patience: Duration) -> Self {
        Self { server, patience }
    }

    /// Asks once. Each question has a socket of its own, as a resolver's have.
    pub(crate) fn ask(&self, asked: &Asked) -> Replied {
        let mut question = Question::new(&asked.name, RecordType::from(asked.record_type));
        if let Some(size) = asked.edns {
            question = question.with_edns(size);
        }
        let question = question.encode();
        let start = Instant::now();
        let mut source_port = None;
        let received = match asked.transport {
            Transport::Udp => self.over_udp(&question, &mut source_port),
            Transport::Tcp => self.over_tcp(&question, &mut source_port),
        };
        let microseconds = start.elapsed().as_secs_f64() * 1e6;
        let (reply, hop_limit, trouble) = match received {
            Ok(received) => (
                Some(HEXLOWER.encode(&received.octets)),
                received.hop_limit,
                None,
            ),
            Err(error) => (None, None, Some(format!("{error:#}"))),
        };
        Replied {
            question: HEXLOWER.encode(&question),
            reply,
            trouble,
            microseconds,
            hop_limit,
            source_port,
        }
    }

    fn over_udp(&self, question: &[u8], source_port: &mut Option<u16>) -> Result<Received> {
        let socket = socket_to(self.server)?;
        *source_port = socket.local_addr().ok().map(|address| address.port());
        let deadline = Instant::now() + self.patience;
        socket.send(question).context("send the question")?;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("no reply within {:?}", self.patience);
            }
            socket
                .set_read_timeout(Some(left))
                .context("set a time limit")?;
            let received = receive(&socket)?;
            // Another question's late reply has another ID.
            if received.octets.get(..2) == question.get(..2) {
                return Ok(received);
            }
        }
    }

    fn over_tcp(&self, question: &[u8], source_port: &mut Option<u16>) -> Result<Received> {
        let mut stream =
            TcpStream::connect_timeout(&self.server, self.patience).context("connect")?;
        *source_port = stream.local_addr().ok().map(|address| address.port());
        stream
            .set_read_timeout(Some(self.patience))
            .context("set a time limit")?;
        let length = u16::try_from(question.len()).context("a question over 65,535 octets")?;
        let framed = [&length.to_be_bytes()[..], question].concat();
        stream.write_all(&framed).context("send the question")?;
        let mut length = [0; 2];
        stream
            .read_exact(&mut length)
            .context("receive the length of the reply")?;
        let mut octets = vec![0; u16::from_be_bytes(length).into()];
        stream
            .read_exact(&mut octets)
            .context("receive the reply")?;
        Ok(Received {
            octets,
            hop_limit: None,
        })
    }
}

/// A UDP socket that takes replies of `server` only and is told their hop limits.
pub(crate) fn socket_to(server: SocketAddr) -> Result<UdpSocket> {
    let any = match server {
        SocketAddr::V4(_) => "0.0.0.0:0",
        SocketAddr::V6(_) => "[::]:0",
    };
    let socket = UdpSocket::bind(any).context("open a UDP socket")?;
    let first_hop = i32::from(FIRST_HOP);
    let told = match server {
        SocketAddr::V4(_) => setsockopt(&socket, Ipv4Ttl, &first_hop)
            .and_then(|()| setsockopt(&socket, Ipv4RecvTtl, &true)),
        SocketAddr::V6(_) => setsockopt(&socket, Ipv6Ttl, &first_hop)
            .and_then(|()| setsockopt(&socket, Ipv6RecvHopLimit, &true)),
    };
    told.context("ask for the hop limit of replies")?;
    socket
        .connect(server)
        .with_context(|| format!("connect a UDP socket to {server}"))?;
    Ok(socket)
}

fn receive(socket: &UdpSocket) -> Result<Received> {
    let mut octets = vec![0; MESSAGE_MAX];
    let (length, hop_limit) = receive_into(socket, &mut octets).context("receive the reply")?;
    octets.truncate(length);
    Ok(Received { octets, hop_limit })
}

/// Receives one datagram into `octets`; its length, and the hop limit that it arrived with.
pub(crate) fn receive_into(
    socket: &UdpSocket,
    octets: &mut [u8],
) -> nix::Result<(usize, Option<u8>)> {
    let mut space = cmsg_space!(i32);
    let mut parts = [IoSliceMut::new(octets)];
    let message = recvmsg::<SockaddrStorage>(
        socket.as_raw_fd(),
        &mut parts,
        Some(&mut space),
        MsgFlags::empty(),
    )?;
    let hop_limit = message.cmsgs()?.find_map(|told| match told {
        ControlMessageOwned::Ipv4Ttl(limit) | ControlMessageOwned::Ipv6HopLimit(limit) => {
            u8::try_from(limit).ok()
        }
        _ => None,
    });
    Ok((message.bytes, hop_limit))
}
