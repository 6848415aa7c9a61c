//! Many questions at once over one UDP socket.

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context as _, Result};

/// Questions that are sent before replies are taken.
const WINDOW: usize = 48;
/// How long a reply may take before the question is sent again.
const PATIENCE: Duration = Duration::from_millis(1_500);
/// How often a question is sent at most.
const TRIES: usize = 3;

/// A socket that talks to CoreDNS alone.
#[derive(Debug)]
pub(super) struct Asker {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Asker {
    /// Opens a socket in the calling thread's network namespace.
    pub(super) fn new(server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("open a UDP socket")?;
        socket
            .connect(server)
            .with_context(|| format!("find a way to {server}"))?;
        Ok(Self {
            socket,
            buffer: vec![0; 65_535],
        })
    }

    /// Sends every message, and returns the replies to those that are waited for; none where there was none
    /// after three tries. Each message must have an ID of its own.
    pub(super) fn ask(&mut self, messages: &[(Vec<u8>, bool)]) -> Result<Vec<Option<Vec<u8>>>> {
        let mut replies = vec![None; messages.len()];
        // Nothing of an earlier call may be taken for a reply.
        while self.receive(Duration::from_micros(1))?.is_some() {}
        let mut open: Vec<usize> = (0..messages.len()).collect();
        for _ in 0..TRIES {
            for window in open.chunks(WINDOW) {
                self.ask_window(messages, window, &mut replies)?;
            }
            open.retain(|index| messages[*index].1 && replies[*index].is_none());
        }
        Ok(replies)
    }

    fn ask_window(
        &mut self,
        messages: &[(Vec<u8>, bool)],
        window: &[usize],
        replies: &mut [Option<Vec<u8>>],
    ) -> Result<()> {
        let mut waiting = BTreeMap::new();
        for &index in window {
            let (message, is_awaited) = &messages[index];
            // CoreDNS may have been started anew: a refusal then belongs to the one before.
            let _ = self.socket.send(message);
            if let (true, Some(id)) = (is_awaited, message.first_chunk::<2>()) {
                waiting.insert(*id, index);
            }
        }
        while !waiting.is_empty() {
            let Some(reply) = self.receive(PATIENCE)? else {
                break;
            };
            let id = reply.first_chunk::<2>();
            if let Some(index) = id.and_then(|id| waiting.remove(id)) {
                replies[index] = Some(reply);
            }
        }
        Ok(())
    }

    fn receive(&mut self, limit: Duration) -> Result<Option<Vec<u8>>> {
        self.socket
            .set_read_timeout(Some(limit))
            .context("limit the wait for a reply")?;
        loop {
            let error = match self.socket.recv(&mut self.buffer) {
                Ok(length) => return Ok(self.buffer.get(..length).map(<[u8]>::to_vec)),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => return Ok(None),
                ErrorKind::ConnectionRefused | ErrorKind::Interrupted => {}
                _ => return Err(error).context("hear from CoreDNS"),
            }
        }
    }
}
