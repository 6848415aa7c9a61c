//! As many answers as possible: a window of questions is out at any time, and each reply makes room for the next one.
//! Questions go and replies come in batches, so that the client's own part is small.

use std::{
    io::{IoSlice, IoSliceMut},
    net::UdpSocket,
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::socket::{ControlMessage, MsgFlags, MultiHeaders, recvmmsg, sendmmsg},
};

use super::closed::socket_to;
use crate::{question::Kind, scene::Scene};

/// How many questions are out at once, on each socket.
const WINDOW: usize = 32;

/// After how long without a reply all that are out count as lost.
const PATIENCE: Duration = Duration::from_millis(300);

/// The longest reply that is taken whole.
const REPLY_MAX: usize = 512;

/// A connected socket of a pod, and a window of the same question.
pub(crate) struct Window {
    what: &'static str,
    socket: UdpSocket,
    questions: Vec<Vec<u8>>,
    id: u16,
}

impl Window {
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
            questions: vec![kind.question.encode(); WINDOW],
            id: 0,
        })
    }

    /// Asks until `stop`, and adds to `answered` as replies come. Returns how many questions were lost.
    ///
    /// # Errors
    ///
    /// A reply has a response code other than NOERROR, or the socket fails.
    pub(crate) fn run(&mut self, stop: &AtomicBool, answered: &AtomicU64) -> Result<usize> {
        let mut out = 0;
        let mut lost = 0;
        while !stop.load(Ordering::Relaxed) {
            out += self.send(WINDOW - out)?;
            let came = self.receive()?;
            if came == 0 {
                lost += out;
                out = 0;
            }
            // A late reply to a question that was given up is an answer as well.
            out = out.saturating_sub(came);
            answered.fetch_add(came as u64, Ordering::Relaxed);
        }
        Ok(lost)
    }

    /// Sends up to `count` questions; returns how many the kernel took.
    fn send(&mut self, count: usize) -> Result<usize> {
        for question in &mut self.questions[..count] {
            self.id = self.id.wrapping_add(1);
            question[..2].copy_from_slice(&self.id.to_be_bytes());
        }
        let parts = self.questions[..count].iter();
        let parts: Vec<[IoSlice<'_>; 1]> = parts.map(|question| [IoSlice::new(question)]).collect();
        let mut headers = MultiHeaders::<()>::preallocate(count, None);
        let nowhere = vec![None; count];
        let nothing: [ControlMessage<'_>; 0] = [];
        let sent = sendmmsg(
            self.socket.as_raw_fd(),
            &mut headers,
            &parts,
            &nowhere,
            nothing,
            MsgFlags::empty(),
        );
        Ok(sent.context("send questions")?.count())
    }

    /// Waits for a reply and takes all that are there; 0 if none comes in time.
    fn receive(&mut self) -> Result<usize> {
        let mut replies = [[0; REPLY_MAX]; WINDOW];
        let mut parts: Vec<[IoSliceMut<'_>; 1]> = replies
            .iter_mut()
            .map(|reply| [IoSliceMut::new(reply)])
            .collect();
        let mut headers = MultiHeaders::<()>::preallocate(WINDOW, None);
        let received = recvmmsg(
            self.socket.as_raw_fd(),
            &mut headers,
            &mut parts,
            MsgFlags::MSG_WAITFORONE,
            None,
        );
        let count = match received {
            Ok(received) => received.count(),
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error).context("receive replies"),
        };
        for reply in &replies[..count] {
            ensure!(reply[2] & 0x80 != 0, "{}: a question came back", self.what);
            if reply[3] & 0x0f != 0 {
                bail!(
                    "{}: a reply has response code {}",
                    self.what,
                    reply[3] & 0x0f
                );
            }
        }
        Ok(count)
    }
}
