//! One question after the other over one socket, each sent when the reply to the one before has come.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;

use super::Reply;
use crate::{question::Kind, scene::Scene};

/// How long a reply may take. Nothing is sent twice: after that it is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest reply that is taken.
const REPLY_MAX: usize = 4096;

/// A connected socket of a pod, and one question. Its own part of a round trip is as small as it can be: one send, one
/// receive, and the clock once at each end.
pub(crate) struct ClosedLoop {
    what: &'static str,
    socket: UdpSocket,
    question: Vec<u8>,
    reply: [u8; REPLY_MAX],
    id: u16,
    /// The response code of the last whole reply.
    code: u8,
}

impl ClosedLoop {
    /// Opens the socket in the pod that asks.
    ///
    /// # Errors
    ///
    /// The pod has no way to the server.
    pub(crate) fn open(scene: &Scene, kind: &Kind) -> Result<Self> {
        let socket = socket_to(scene, kind)?;
        socket
            .set_read_timeout(Some(PATIENCE))
            .context("limit the wait for a reply")?;
        Ok(Self {
            what: kind.key,
            socket,
            question: kind.question.encode(),
            reply: [0; REPLY_MAX],
            id: 0,
            code: 0,
        })
    }

    /// Asks once and reads the whole reply. Its response code is what all that follow must have.
    ///
    /// # Errors
    ///
    /// None comes, or what comes is no reply.
    pub(crate) fn whole_reply(&mut self) -> Result<Reply> {
        self.prepare();
        self.socket
            .send(&self.question)
            .context("send a question")?;
        let octets = self
            .receive()
            .with_context(|| format!("get a reply to {}", self.what))?;
        let octets = octets.with_context(|| format!("{}: no reply came", self.what))?;
        let reply = Reply::parse(&self.reply[..octets]).with_context(|| self.what)?;
        self.code = self.reply[3] & 0x0f;
        Ok(reply)
    }

    /// Asks for `length` and records the round trips in nanoseconds. Returns how many questions were lost.
    ///
    /// # Errors
    ///
    /// A reply has another response code than the last whole one, or the socket fails.
    pub(crate) fn run(&mut self, length: Duration, times: &mut Histogram<u64>) -> Result<u64> {
        let begin = Instant::now();
        let mut lost = 0;
        loop {
            self.prepare();
            let sent = Instant::now();
            self.socket
                .send(&self.question)
                .context("send a question")?;
            let came = self.receive();
            let received = Instant::now();
            match came? {
                Some(_) if self.reply[3] & 0x0f == self.code => {
                    let time = received - sent;
                    times.saturating_record(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
                }
                Some(_) => bail!(
                    "{}: a reply has response code {} where another one had {}",
                    self.what,
                    self.reply[3] & 0x0f,
                    self.code
                ),
                None => lost += 1,
            }
            if received - begin >= length {
                return Ok(lost);
            }
        }
    }

    /// Asks `count` times.
    ///
    /// # Errors
    ///
    /// A question is lost, or the socket fails.
    pub(crate) fn ask(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            self.prepare();
            self.socket
                .send(&self.question)
                .context("send a question")?;
            let came = self.receive()?;
            ensure!(came.is_some(), "{}: no reply came", self.what);
        }
        Ok(())
    }

    /// Sends the question `count` times and waits for nothing.
    ///
    /// # Errors
    ///
    /// The socket fails.
    pub(crate) fn send(&mut self, count: u32) -> Result<()> {
        for _ in 0..count {
            self.prepare();
            self.socket
                .send(&self.question)
                .context("send a question")?;
        }
        Ok(())
    }

    /// Gives the question a new ID, so that a late reply is not taken for the next one's.
    fn prepare(&mut self) {
        self.id = self.id.wrapping_add(1);
        self.question[..2].copy_from_slice(&self.id.to_be_bytes());
    }

    /// The length of the reply to the last question; none if none comes in time.
    fn receive(&mut self) -> Result<Option<usize>> {
        loop {
            match self.socket.recv(&mut self.reply) {
                Ok(octets) if octets >= 12 && self.reply[..2] == self.id.to_be_bytes() => {
                    return Ok(Some(octets));
                }
                // The reply to an earlier question, which was given up.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error).context("receive a reply"),
            }
        }
    }
}

/// A socket in the pod that asks, connected to the server.
pub(crate) fn socket_to(scene: &Scene, kind: &Kind) -> Result<UdpSocket> {
    let server = kind.server;
    kind.pod(scene).namespace().enter(|| {
        let socket = UdpSocket::bind(("0.0.0.0", 0)).context("open a UDP socket")?;
        socket
            .connect(server)
            .with_context(|| format!("find a way to {server}"))?;
        Ok(socket)
    })
}
