//! Two pods that talk to one another: a TCP connection as fast as it goes, and small datagrams.
//!
//! Both ends are one thread on one CPU, which sends a piece and then receives all that has come: few enough octets that
//! they are still in the processor's caches, for else the memory's share hides everything else.
//! A packet's whole way, through both veths and the node, happens in the system call that sends it. So nothing depends
//! on how two threads find one another, which on two shared CPUs changes rates by a half from one moment to the next;
//! and the CPU time of the thread, which stands beside each rate, is all there is, and does not count what others take.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
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

/// What is written to the connection, or read from it, at once.
const CHUNK: usize = 64 * 1024;
/// A small datagram.
const DATAGRAM: usize = 64;
/// How many datagrams are sent before the socket of the other end is emptied.
const BATCH: usize = 64;
/// Before each slice: the connection is as fast as it gets, and the caches are warm.
const WARM_UP: Duration = Duration::from_millis(10);

/// Two ends in two pods; each call sends some and receives what has come, and returns how much that was.
type Exchange = Box<dyn FnMut() -> io::Result<usize> + Send>;

/// One protocol.
struct Stream {
    open: fn(&Pod, &Pod) -> Result<Exchange>,
    key: &'static str,
    label: &'static str,
    unit: &'static str,
    /// What makes the unit of octets, or datagrams, a second.
    unit_size: f64,
    /// For what the CPU time is told, and what makes nanoseconds for that of seconds for an octet or a datagram.
    piece: &'static str,
    piece_size: f64,
}

const STREAMS: [Stream; 2] = [
    Stream {
        open: tcp,
        key: "tcp",
        label: "TCP from pod to pod, both ends on one CPU",
        unit: "Gbit/s",
        unit_size: 8e-9,
        piece: "kilobyte",
        piece_size: 1e12,
    },
    Stream {
        open: udp,
        key: "udp",
        label: "datagrams of 64 octets from pod to pod, both ends on one CPU",
        unit: "packets/s",
        unit_size: 1.0,
        piece: "packet",
        piece_size: 1e9,
    },
];

/// One way while it is measured: the rate and the CPU time for a piece in each round.
struct Lane {
    exchange: Exchange,
    rates: Vec<f64>,
    costs: Vec<f64>,
}

/// Measures both with the agent's program on both pods, with an empty one, and with none.
pub(super) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<Bystander>> {
    let steps = STREAMS.len() * pace.rounds;
    let progress = Progress::start("streams between pods", steps as u64)?;
    let mut found = Vec::new();
    for stream in &STREAMS {
        let lane = |from, to| {
            anyhow::Ok(Lane {
                exchange: (stream.open)(from, to)?,
                rates: Vec::new(),
                costs: Vec::new(),
            })
        };
        let mut lanes = [
            lane(&scene.zerohop, &scene.zerohop_peer)?,
            lane(&scene.empty, &scene.empty_peer)?,
            lane(&scene.bare, &scene.bare_peer)?,
        ];
        machine::on_cpu(machine::cpus()? - 1, || {
            for round in 0..pace.rounds {
                // The one that goes first takes turns, too.
                for place in 0..lanes.len() {
                    let lane = &mut lanes[(place + round) % 3];
                    slice(&mut lane.exchange, WARM_UP).context(stream.label)?;
                    let flow = slice(&mut lane.exchange, pace.slice).context(stream.label)?;
                    lane.rates
                        .push(flow.count / flow.seconds * stream.unit_size);
                    lane.costs
                        .push(flow.cpu_seconds / flow.count * stream.piece_size);
                }
                progress.advance();
            }
            Ok(())
        })?;
        found.extend(compared(stream, &lanes));
    }
    progress.finish();
    Ok(found)
}

fn compared(stream: &Stream, [with, empty, without]: &[Lane; 3]) -> [Bystander; 3] {
    let Stream {
        key, label, piece, ..
    } = stream;
    let row = |key, label, unit: &str, [with, without]: [&Vec<f64>; 2]| Bystander {
        key,
        label,
        unit: unit.to_owned(),
        with: Ratio::of(with.iter().copied()).median,
        without: Ratio::of(without.iter().copied()).median,
        ratio: Ratio::between(with.iter().copied(), without.iter().copied()),
    };
    [
        row(
            (*key).to_owned(),
            (*label).to_owned(),
            stream.unit,
            [&with.rates, &without.rates],
        ),
        row(
            format!("{key}_cpu"),
            format!("the same: CPU time for each {piece}"),
            "ns",
            [&with.costs, &without.costs],
        ),
        row(
            format!("{key}_cpu_over_empty"),
            "the same, beside an empty program".to_owned(),
            "ns",
            [&with.costs, &empty.costs],
        ),
    ]
}

/// What came over in one slice.
struct Flow {
    /// Octets, or datagrams.
    count: f64,
    seconds: f64,
    cpu_seconds: f64,
}

/// Exchanges for `length`.
fn slice(exchange: &mut Exchange, length: Duration) -> Result<Flow> {
    let (begin, spent) = (Instant::now(), cpu_time()?);
    let mut count = 0;
    while begin.elapsed() < length {
        count += exchange().context("send and receive")?;
    }
    Ok(Flow {
        count: count as f64,
        seconds: begin.elapsed().as_secs_f64(),
        cpu_seconds: cpu_time()? - spent,
    })
}

/// A connection; what is counted are the octets that came.
fn tcp(from: &Pod, to: &Pod) -> Result<Exchange> {
    let listener = to
        .namespace()
        .enter(|| TcpListener::bind((to.ipv4(), 0)).context("listen in the pod"))?;
    let address = listener.local_addr().context("ask for the port")?;
    let mut out = from
        .namespace()
        .enter(|| TcpStream::connect(address).with_context(|| format!("connect to {address}")))?;
    let (mut into, _) = listener.accept().context("accept the connection")?;
    for end in [&out, &into] {
        end.set_nonblocking(true)
            .context("make a connection that does not wait")?;
    }
    let (chunk, mut came) = (vec![0; CHUNK], vec![0; CHUNK]);
    Ok(Box::new(move || {
        done(out.write(&chunk))?;
        let mut count = 0;
        loop {
            match done(into.read(&mut came))? {
                0 => return Ok(count),
                octets => count += octets,
            }
        }
    }))
}

/// Two sockets; what is counted are the datagrams that came.
fn udp(from: &Pod, to: &Pod) -> Result<Exchange> {
    let socket = |pod: &Pod| {
        let socket = pod.namespace().enter(|| {
            let any_port = SocketAddr::from((pod.ipv4(), 0));
            UdpSocket::bind(any_port).context("open a UDP socket")
        })?;
        socket
            .set_nonblocking(true)
            .context("make a socket that does not wait")?;
        anyhow::Ok(socket)
    };
    let (out, into) = (socket(from)?, socket(to)?);
    let address = into.local_addr().context("ask for the port")?;
    out.connect(address)
        .with_context(|| format!("find a way to {address}"))?;
    let mut came = [0; DATAGRAM];
    Ok(Box::new(move || {
        for _ in 0..BATCH {
            done(out.send(&[0; DATAGRAM]))?;
        }
        let mut count = 0;
        while done(into.recv(&mut came))? > 0 {
            count += 1;
        }
        Ok(count)
    }))
}

/// What was sent or received; nothing where the kernel would have had to wait.
fn done(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

/// The CPU time of the calling thread since its start, in seconds.
fn cpu_time() -> Result<f64> {
    let time =
        clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).context("ask for the thread's CPU time")?;
    Ok(time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9)
}
