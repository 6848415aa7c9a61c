//! A stub resolver reduced to its socket: sends octets, receives octets.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use hickory_proto::op::Message;

use crate::{latency::Latencies, namespace::Namespace, question::Question};

const LIMIT: Duration = Duration::from_secs(2);

/// A connected UDP socket inside a namespace.
#[derive(Debug)]
pub struct Client {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Client {
    /// Opens a socket in `namespace` that talks to `server` alone and waits up to 2 s for an answer.
    ///
    /// # Errors
    ///
    /// When the namespace has no route to the server.
    pub fn new(namespace: &Namespace, server: SocketAddr) -> Result<Self> {
        let any: IpAddr = match server {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = namespace.enter(|| {
            let socket = UdpSocket::bind((any, 0)).context("open a UDP socket")?;
            socket
                .connect(server)
                .with_context(|| format!("find a way to {server} from {}", namespace.name()))?;
            Ok(socket)
        })?;
        let client = Self { socket, server };
        client.set_limit(LIMIT)?;
        Ok(client)
    }

    /// Sets how long to wait for an answer.
    ///
    /// # Errors
    ///
    /// On a limit of zero.
    pub fn set_limit(&self, limit: Duration) -> Result<()> {
        self.socket
            .set_read_timeout(Some(limit))
            .context("limit the wait for an answer")
    }

    /// Sends `message` and returns the next datagram from the server, whatever it is.
    ///
    /// # Errors
    ///
    /// When none comes within the limit, or the server's port is closed.
    pub fn ask(&self, message: &[u8]) -> Result<Vec<u8>> {
        self.send(message)?;
        match self.receive()? {
            Some(answer) => Ok(answer),
            None => bail!("{} gave no answer", self.server),
        }
    }

    /// Asks `question` and parses the answer.
    ///
    /// # Errors
    ///
    /// As [`Client::ask`]; and when hickory-proto rejects the answer or its ID is another one.
    pub fn resolve(&self, question: &Question) -> Result<Message> {
        let answer = self.ask(&question.encode())?;
        let message = Message::from_vec(&answer)
            .with_context(|| format!("parse the answer of {}: {answer:02x?}", self.server))?;
        if message.metadata.id != question.id {
            bail!(
                "asked {:04x}, answered {:04x}",
                question.id,
                message.metadata.id
            );
        }
        Ok(message)
    }

    /// Sends `message` and does not wait.
    ///
    /// # Errors
    ///
    /// When the kernel refuses it.
    pub fn send(&self, message: &[u8]) -> Result<()> {
        let sent = self.socket.send(message);
        sent.with_context(|| format!("send a question to {}", self.server))?;
        Ok(())
    }

    /// The next datagram from the server, or `None` when none comes within the limit.
    ///
    /// # Errors
    ///
    /// When the server's port is closed.
    pub fn receive(&self) -> Result<Option<Vec<u8>>> {
        let mut buffer = vec![0; 65_535];
        match self.socket.recv(&mut buffer) {
            Ok(octets) => {
                buffer.truncate(octets);
                Ok(Some(buffer))
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            Err(error) => Err(error).with_context(|| format!("hear from {}", self.server)),
        }
    }

    /// Asks `question` `count` times, each after the answer to the one before, and measures from just
    /// before the send until just after the receive.
    ///
    /// # Errors
    ///
    /// When an answer does not come, or its ID or response code is another than that of the first.
    pub fn measure(&self, question: &Question, count: usize) -> Result<Latencies> {
        let mut message = question.encode();
        let mut buffer = vec![0; 65_535];
        let expected = self.resolve(question)?.metadata.response_code;
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            // An ID of its own for each, so that a late answer cannot pass for the next one's.
            let id = u16::try_from(number & 0xffff)
                .unwrap_or_default()
                .to_be_bytes();
            message[..2].copy_from_slice(&id);
            let start = Instant::now();
            self.socket.send(&message).context("send a question")?;
            let octets = self.socket.recv(&mut buffer);
            times.push(start.elapsed());
            let octets = octets
                .with_context(|| format!("answer {number} of {count} from {}", self.server))?;
            let code = buffer.get(3).map(|flags| u16::from(flags & 0x0f));
            if octets < 12 || buffer[..2] != id || code != Some(u16::from(expected) & 0x0f) {
                bail!(
                    "answer {number} of {count} from {} is another question's",
                    self.server
                );
            }
        }
        Ok(Latencies::new(times))
    }
}
