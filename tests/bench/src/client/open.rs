//! Questions on schedule, whether or not replies come: an open loop. Times count from when a question was due, so that
//! a server that is late with one is late with those that wait behind it, too.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    os::fd::AsFd as _,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use hdrhistogram::Histogram;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{signal::SigSet, time::TimeSpec},
};

use super::closed::socket_to;
use crate::{distribution::histogram, question::Kind, scene::Scene};

/// How late a question may be sent. A client that was held up for longer takes its schedule up again where it is: what
/// it has missed would go out as one burst, and be late by the client's own doing.
const LATE: Duration = Duration::from_millis(5);

/// How long before the next question is due a sleep ends. From there on the clock is watched, for a sleep ends late.
const WATCH: Duration = Duration::from_micros(120);

/// How long the replies to the last questions may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// What became of the questions.
pub(crate) struct Outcome {
    /// From when a question was due to its reply, in nanoseconds.
    pub(crate) times: Histogram<u64>,
    pub(crate) lost: u64,
}

/// A question that waits for its reply.
type Due = Option<Instant>;

/// Asks `rate` times a second for `length`.
///
/// # Errors
///
/// The pod has no way to the server, or the socket fails.
pub(crate) fn run(scene: &Scene, kind: &Kind, rate: u32, length: Duration) -> Result<Outcome> {
    let socket = socket_to(scene, kind)?;
    socket
        .set_nonblocking(true)
        .context("make a socket that does not wait")?;
    let mut question = kind.question.encode();
    let mut open: Vec<Due> = vec![None; 1 << 16];
    let mut times = histogram()?;
    let mut begin = Instant::now();
    let mut sent: u32 = 0;
    loop {
        let due = begin + Duration::from_secs_f64(f64::from(sent) / f64::from(rate));
        if due - begin >= length {
            break;
        }
        receive_until(due, &socket, &mut open, &mut times)?;
        let late = due.elapsed();
        let held_up = late.saturating_sub(LATE);
        begin += held_up;
        let id = sent as u16;
        question[..2].copy_from_slice(&id.to_be_bytes());
        open[usize::from(id)] = Some(due + held_up);
        socket.send(&question).context("send a question")?;
        sent += 1;
    }
    let end = Instant::now() + PATIENCE;
    while open.iter().any(Option::is_some) && Instant::now() < end {
        receive(&socket, &mut open, &mut times)?;
    }
    Ok(Outcome {
        lost: u64::from(sent) - times.len(),
        times,
    })
}

/// Takes replies until the time has come.
fn receive_until(
    due: Instant,
    socket: &UdpSocket,
    open: &mut [Due],
    times: &mut Histogram<u64>,
) -> Result<()> {
    loop {
        receive(socket, open, times)?;
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let Some(sleep) = left.checked_sub(WATCH) else {
            continue;
        };
        let mut ready = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        let limit = Some(TimeSpec::from_duration(sleep));
        match ppoll(&mut ready, limit, None::<SigSet>) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error).context("wait for a reply"),
        }
    }
}

/// Takes all replies that are there.
fn receive(socket: &UdpSocket, open: &mut [Due], times: &mut Histogram<u64>) -> Result<()> {
    let mut reply = [0; 4096];
    loop {
        match socket.recv(&mut reply) {
            Ok(octets) if octets >= 12 => {
                let place = usize::from(u16::from_be_bytes([reply[0], reply[1]]));
                if let Some(due) = open[place].take() {
                    let time = due.elapsed().as_nanos();
                    times.saturating_record(u64::try_from(time).unwrap_or(u64::MAX));
                }
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("receive a reply"),
        }
    }
}
