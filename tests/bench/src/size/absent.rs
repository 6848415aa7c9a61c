//! Absent names that are asked for while something else is done: how often the kernel leaves them to the DNS service, since
//! the deadline of denials is over.
//!
//! Each question is sent at its time, whatever has become of those before, and the kernel's own counters tell what it was.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use dns_ebpf::{Answered, Pass};
use tests::{Question, hickory_proto::rr::RecordType};

use super::{cluster::absent_name, look_up::LookUps, maps::counted};
use crate::results::Absent;

/// The time between two questions.
const EVERY: Duration = Duration::from_millis(1);

/// Asks for absent names while `work` is done.
///
/// # Errors
/// Those of the work; and what the kernel refuses.
pub(super) fn ask_during<T>(
    look_ups: &LookUps,
    pins: &Path,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Absent)> {
    let socket = look_ups.socket()?;
    socket
        .set_nonblocking(true)
        .context("ask without waiting")?;
    let count = || -> Result<[u64; 2]> {
        Ok([
            counted(pins, Answered::Nxdomain as u32)?,
            counted(pins, Pass::NoDenial as u32)?,
        ])
    };
    let before = count()?;
    let is_over = AtomicBool::new(false);
    let (done, asked) = thread::scope(|scope| {
        let asking = scope.spawn(|| ask(&socket, &is_over));
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        match asking.join() {
            Ok(asked) => Ok((done?, asked?)),
            Err(_) => bail!("the thread that asks for absent names has panicked"),
        }
    })?;
    let [denied, over] = count()?;
    let absent = Absent {
        asked,
        denied: denied - before[0],
        over: over - before[1],
    };
    Ok((done, absent))
}

/// Asks until it is over, and returns how often.
fn ask(socket: &UdpSocket, is_over: &AtomicBool) -> Result<u64> {
    let begin = Instant::now();
    let mut asked: u32 = 0;
    let mut reply = [0; 512];
    while !is_over.load(Ordering::Relaxed) {
        let question = Question::new(&absent_name(asked), RecordType::A).encode();
        thread::sleep((begin + EVERY * asked).saturating_duration_since(Instant::now()));
        loop {
            match socket.send(&question) {
                Ok(_) => break,
                // Nobody listens where the DNS service would be: this tells of a question before that was left.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error).context("send a question"),
            }
        }
        asked += 1;
        // What came is not looked at: the kernel counts.
        while socket.recv(&mut reply).is_ok() {}
    }
    Ok(asked.into())
}
