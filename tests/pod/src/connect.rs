//! `pod connect`: connections as an application makes them, on schedule.

use std::{
    io::Write,
    net::{TcpStream, ToSocketAddrs as _},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::Connected;

use crate::start::StartAt;

/// So many connections may be in the making at once; later ones wait, which counts as their time.
const WORKERS: usize = 64;

/// How late a worker may wake up for a connection. One that was held up for longer leaves it out: what follows would
/// begin as one burst, and its times would be the client's own.
const LATE: Duration = Duration::from_millis(20);

/// Where to connect, how often and for how long.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The name, resolved by `getaddrinfo` as `/etc/resolv.conf` says
    #[arg(long)]
    host: String,
    /// The TCP port
    #[arg(long, default_value_t = 80)]
    port: u16,
    /// Connections a second, begun on schedule whether or not earlier ones are there
    #[arg(long, value_name = "NUMBER")]
    rate: u32,
    /// For how long
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How long the connection's set-up may take once the address is known, in milliseconds
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 5_000)]
    patience: u64,
    #[command(flatten)]
    start: StartAt,
}

/// Connects, and writes a [`Connected`].
pub(crate) fn run(options: &Options, mut output: impl Write) -> Result<()> {
    ensure!(options.rate > 0, "--rate 0: no connection would be made");
    let next = AtomicU64::new(0);
    options.start.wait()?;
    let start = Instant::now();
    let mut all = Connected::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| scope.spawn(|| connect_in_turn(options, &next, start)))
            .collect();
        for worker in workers {
            // A worker that panics has said so on standard error; its connections are missing in the sum.
            if let Ok(connected) = worker.join() {
                all.looked_up.extend(connected.looked_up);
                all.connected.extend(connected.connected);
                all.held_up += connected.held_up;
                for (trouble, count) in connected.failed {
                    *all.failed.entry(trouble).or_default() += count;
                }
            }
        }
    });
    serde_json::to_writer(&mut output, &all).context("write what became of it")?;
    writeln!(output).context("write what became of it")
}

/// Takes the next connection of the schedule until it ends.
fn connect_in_turn(options: &Options, next: &AtomicU64, start: Instant) -> Connected {
    let mut done = Connected::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let due = number as f64 / f64::from(options.rate);
        if due >= options.seconds {
            return done;
        }
        let due = start + Duration::from_secs_f64(due);
        let early = due.saturating_duration_since(Instant::now());
        // While all workers wait for others, a connection's time runs from when it was due. A worker that slept and
        // was woken late is late by the client's own doing.
        let begin = match early.is_zero() {
            true => due,
            false => {
                thread::sleep(early);
                Instant::now()
            }
        };
        if begin.saturating_duration_since(due) > LATE {
            done.held_up += 1;
            continue;
        }
        match connect(options, begin) {
            Ok([looked_up, connected]) => {
                done.looked_up.push(looked_up);
                done.connected.push(connected);
            }
            Err(error) => *done.failed.entry(format!("{error:#}")).or_default() += 1,
        }
    }
}

/// Looks the name up and connects; when each was done, in microseconds after `begin`.
fn connect(options: &Options, begin: Instant) -> Result<[f64; 2]> {
    let microseconds = || begin.elapsed().as_secs_f64() * 1e6;
    let address = (&*options.host, options.port)
        .to_socket_addrs()
        .with_context(|| format!("look {} up", options.host))?
        .next()
        .with_context(|| format!("{} has no address", options.host))?;
    let looked_up = microseconds();
    let patience = Duration::from_millis(options.patience);
    TcpStream::connect_timeout(&address, patience)
        .with_context(|| format!("connect to {address}"))?;
    Ok([looked_up, microseconds()])
}
