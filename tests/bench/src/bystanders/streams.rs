//! Two pods that talk to one another: a TCP connection as fast as it goes, and small datagrams.
//!
//! Two shared CPUs change their pace from one moment to the next, and with it every rate. The CPU time that both ends
//! take for the same work hardly does, so it stands beside each rate.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use nix::time::{ClockId, clock_gettime};
use tests::Pod;

use super::Pace;
use crate::{
    machine,
    progress::Progress,
    results::{Bystander, Ratio},
    scene::Scene,
};

/// What is written to the connection at once.
const CHUNK: usize = 128 * 1024;
/// A small datagram.
const DATAGRAM: usize = 64;
/// How long the receiver waits for datagrams that are still on their way.
const SILENCE: Duration = Duration::from_millis(10);

/// Two pods, and what carries what between them.
struct Way<'a> {
    from: &'a Pod,
    to: &'a Pod,
}

/// What came over in one slice.
struct Flow {
    /// Octets, or datagrams.
    count: f64,
    seconds: f64,
    /// CPU time of both ends.
    cpu_seconds: f64,
}

/// One protocol.
struct Stream {
    send: fn(&Way<'_>, Duration) -> Result<Flow>,
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    /// What makes the unit of units a second.
    unit_size: f64,
    cpu_key: &'static str,
    cpu_label: &'static str,
    cpu_unit: &'static str,
    /// What makes the CPU time's unit of seconds for each octet or datagram.
    cpu_size: f64,
}

const STREAMS: [Stream; 2] = [
    Stream {
        send: tcp,
        key: "tcp",
        label: "TCP from pod to pod",
        unit: "Gbit/s",
        unit_size: 8e-9,
        cpu_key: "tcp_cpu",
        cpu_label: "the same: CPU time for each megabyte",
        cpu_unit: "µs",
        cpu_size: 1e12,
    },
    Stream {
        send: udp,
        key: "udp",
        label: "datagrams of 64 octets from pod to pod",
        unit: "packets/s",
        unit_size: 1.0,
        cpu_key: "udp_cpu",
        cpu_label: "the same: CPU time for each packet",
        cpu_unit: "ns",
        cpu_size: 1e9,
    },
];

/// Measures both with the agent's program on both pods, and with none.
pub(super) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<Bystander>> {
    let with = Way {
        from: &scene.zerohop,
        to: &scene.zerohop_peer,
    };
    let without = Way {
        from: &scene.bare,
        to: &scene.bare_peer,
    };
    let progress = Progress::start("streams between pods", (STREAMS.len() * pace.rounds) as u64)?;
    let mut found = Vec::new();
    for stream in &STREAMS {
        let (mut rates, mut costs) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
        for round in 0..pace.rounds {
            // The one that goes first takes turns, too.
            for place in [round % 2, (round + 1) % 2] {
                let way = [&with, &without][place];
                let flow = (stream.send)(way, pace.slice).with_context(|| stream.label)?;
                rates[place].push(flow.count / flow.seconds * stream.unit_size);
                costs[place].push(flow.cpu_seconds / flow.count * stream.cpu_size);
            }
            progress.advance();
        }
        found.push(compared(stream.key, stream.label, stream.unit, rates));
        found.push(compared(
            stream.cpu_key,
            stream.cpu_label,
            stream.cpu_unit,
            costs,
        ));
    }
    progress.finish();
    Ok(found)
}

fn compared(key: &str, label: &str, unit: &str, [with, without]: [Vec<f64>; 2]) -> Bystander {
    Bystander {
        key: key.to_owned(),
        label: label.to_owned(),
        unit: unit.to_owned(),
        with: Ratio::of(with.iter().copied()).median,
        without: Ratio::of(without.iter().copied()).median,
        ratio: Ratio::between(with, without),
    }
}

/// A connection that is written to for `length`.
fn tcp(way: &Way<'_>, length: Duration) -> Result<Flow> {
    let listener = way
        .to
        .namespace()
        .enter(|| TcpListener::bind((way.to.ipv4(), 0)).context("listen in the pod"))?;
    let address = listener.local_addr().context("ask for the port")?;
    let mut out = way
        .from
        .namespace()
        .enter(|| TcpStream::connect(address).with_context(|| format!("connect to {address}")))?;
    let (mut into, _) = listener.accept().context("accept the connection")?;
    both_ends(
        move || {
            let chunk = vec![0; CHUNK];
            let begin = Instant::now();
            while begin.elapsed() < length {
                out.write_all(&chunk).context("write to the connection")?;
            }
            Ok(())
        },
        move || {
            let mut chunk = vec![0; CHUNK];
            let mut count = 0;
            let begin = Instant::now();
            loop {
                match into.read(&mut chunk).context("read from the connection")? {
                    0 => return Ok((count as f64, begin.elapsed().as_secs_f64())),
                    octets => count += octets,
                }
            }
        },
    )
}

/// Datagrams that are sent one after the other for `length`. The path ends in the sender's own system call, so that the
/// rate is the sender's; the receiver keeps its socket empty.
fn udp(way: &Way<'_>, length: Duration) -> Result<Flow> {
    let into = socket(way.to, SocketAddr::from((way.to.ipv4(), 0)))?;
    into.set_read_timeout(Some(SILENCE))
        .context("limit the wait for a datagram")?;
    let address = into.local_addr().context("ask for the port")?;
    let out = socket(way.from, SocketAddr::from((way.from.ipv4(), 0)))?;
    out.connect(address)
        .with_context(|| format!("find a way to {address}"))?;
    let (count, sent) = std::sync::mpsc::channel();
    both_ends(
        move || {
            let begin = Instant::now();
            let mut packets = 0;
            while begin.elapsed() < length {
                for _ in 0..64 {
                    out.send(&[0; DATAGRAM]).context("send a datagram")?;
                    packets += 1;
                }
            }
            // The other end waits for it.
            let _ = count.send((f64::from(packets), begin.elapsed().as_secs_f64()));
            Ok(())
        },
        move || {
            let mut datagram = [0; DATAGRAM];
            loop {
                match into.recv(&mut datagram) {
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context("receive a datagram"),
                }
            }
            sent.recv().context("the sender has ended early")
        },
    )
}

fn socket(pod: &Pod, address: SocketAddr) -> Result<UdpSocket> {
    pod.namespace()
        .enter(|| UdpSocket::bind(address).context("open a UDP socket"))
}

/// Runs both ends, each on a CPU of its own where there are two; the receiving one says what came and for how long.
fn both_ends(
    send: impl FnOnce() -> Result<()> + Send,
    receive: impl FnOnce() -> Result<(f64, f64)> + Send,
) -> Result<Flow> {
    let cpus = machine::cpus()?;
    thread::scope(|scope| {
        let receiving = scope.spawn(move || {
            machine::pin(cpus - 1)?;
            let flow = receive()?;
            Ok((flow, cpu_time()?))
        });
        let sending = scope.spawn(move || {
            machine::pin(cpus.saturating_sub(2))?;
            send()?;
            cpu_time()
        });
        let ended = sending.join();
        let sent: Result<f64> = ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let ended = receiving.join();
        let came: Result<((f64, f64), f64)> =
            ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let ((count, seconds), receiver) = came?;
        Ok(Flow {
            count,
            seconds,
            cpu_seconds: sent? + receiver,
        })
    })
}

/// The CPU time of the calling thread since its start, in seconds.
fn cpu_time() -> Result<f64> {
    let time =
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("ask for the thread's CPU time")?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}
