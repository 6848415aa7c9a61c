//! The agent: one task that takes changes in and carries them into the kernel, and three threads: one that reads, one that
//! tells the kernel what it may do, and one that looks after interfaces.

mod heartbeat;
mod interfaces;
mod reader;
mod reconciler;
mod safeguard;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use dns_core::{entries::Entries, external::Resolved, rollout::Seen, world::Event};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::{JoinError, JoinHandle},
    time::{Interval, MissedTickBehavior, interval},
};

pub use self::safeguard::Safeguard;
use self::{
    heartbeat::{Heartbeat, HeartbeatThread},
    interfaces::{Coverage, InterfaceThread, Interfaces},
    reader::ReaderThread,
    reconciler::Reconciler,
};
use crate::{
    config::Config,
    datapath::{
        attach::{PinError, PinLock, ensure_bpffs, remove_pins},
        interfaces::InterfaceWatch,
        object,
    },
    telemetry::{self, Telemetry},
};

/// How often is looked at what no event tells of.
const BEAT: Duration = Duration::from_secs(1);
/// How often a lock that another agent holds is tried.
const LOCK_TRIES: u32 = 10;
/// How long a passing trouble is waited out.
const PAUSE: Duration = Duration::from_millis(200);
/// Events taken in before what they changed is carried into the kernel.
const BATCH: usize = 256;
/// Changes of the DNS servers' set-up that may wait; none of them is left out.
const CHANGES: usize = 16;

/// Runs until a signal asks to stop. The kernel stops answering at once then; programs and maps stay pinned
/// for the next agent, and `zerohop detach` removes them. The `safeguard` is for who must end the lease at once.
///
/// # Errors
/// What keeps the agent from starting, as a sentence with cause and remedy; or which of its parts has ended.
pub async fn run(config: Config, safeguard: &Safeguard) -> anyhow::Result<()> {
    let terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let (sender, events) = mpsc::channel(BATCH * 4);
    let (seen_sender, seen) = mpsc::channel(CHANGES);
    let (resolved_sender, resolved) = mpsc::channel(BATCH);
    let (worked_out_sender, worked_out) = mpsc::channel(1);
    let mut inlets = Inlets {
        events,
        seen,
        resolved,
        worked_out,
    };
    let Started {
        mut reconciler,
        heartbeat,
        interfaces,
        mut reader,
        mut server,
        _lock,
    } = start(
        config,
        safeguard,
        Outlets {
            events: sender,
            seen: seen_sender,
            resolved: resolved_sender,
            worked_out: worked_out_sender,
        },
    )
    .await?;
    // A task of its own, for this one may be at work on objects.
    let stop = tokio::spawn(stop(terminate, interrupt, heartbeat.heartbeat()));
    let stopped = first_to_end(
        stop,
        reader.ended(),
        server.ended(),
        work(&mut reconciler, &heartbeat, &mut inlets),
    )
    .await;
    // The kernel answers nothing from here on.
    drop(heartbeat);
    drop((reader, server));
    // Before the lock, so that the next agent attaches alone.
    drop(interfaces);
    tracing::info!(
        "stopped: the kernel answers nothing; `zerohop detach` removes what is still pinned"
    );
    stopped
}

/// Waits until one of the agent's parts ends: a fault, unless it is that which waits for a signal.
///
/// What panics instead is no matter of this: see [`Safeguard`].
async fn first_to_end(
    signal: impl Future<Output = Result<(), JoinError>>,
    reader: impl Future<Output = ()>,
    server: impl Future<Output = ()>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        biased;
        signal = signal => signal.context("wait for a signal to stop; this is a fault of zerohop"),
        () = reader => anyhow::bail!("the thread that reads has ended; this is a fault of zerohop"),
        () = server => anyhow::bail!("the HTTP server has ended; this is a fault of zerohop"),
        ended = work => ended,
    }
}

/// Where changes come in.
struct Inlets {
    events: mpsc::Receiver<Event>,
    seen: mpsc::Receiver<Seen>,
    resolved: mpsc::Receiver<Resolved>,
    worked_out: mpsc::Receiver<Entries>,
}

/// Where they come from.
struct Outlets {
    events: mpsc::Sender<Event>,
    seen: mpsc::Sender<Seen>,
    resolved: mpsc::Sender<Resolved>,
    worked_out: mpsc::Sender<Entries>,
}

/// Notes what happens, and settles it, until the source ends or the maps cannot be read any more.
async fn work(
    reconciler: &mut Reconciler,
    heartbeat: &HeartbeatThread,
    Inlets {
        events,
        seen,
        resolved,
        worked_out,
    }: &mut Inlets,
) -> anyhow::Result<()> {
    let mut beats = every(BEAT);
    loop {
        let next = reconciler.next();
        tokio::select! {
            biased;
            _ = beats.tick() => {
                anyhow::ensure!(heartbeat.is_alive(), "the heartbeat has ended; this is a fault of zerohop");
                reconciler.beat()?;
            }
            // A set-up that is given never changes, and nobody sends.
            Some(seen) = seen.recv() => reconciler.note_set_up(seen),
            Some(entries) = worked_out.recv() => reconciler.note_worked_out(entries),
            Some(batch) = take(resolved) => reconciler.note_resolved(batch),
            taken = take(events) => match taken {
                Some(batch) => reconciler.note_events(batch),
                None => anyhow::bail!("the source of objects has ended; this is a fault of zerohop"),
            },
            () = pause(next) => {}
        }
        reconciler.settle()?;
        // However much there is to do: whoever waits for the end of this or of another part gets a look.
        tokio::task::yield_now().await;
    }
}

/// What runs once everything has started.
struct Started {
    reconciler: Reconciler,
    heartbeat: HeartbeatThread,
    interfaces: InterfaceThread,
    reader: ReaderThread,
    server: Server,
    _lock: PinLock,
}

/// The HTTP server's task, if there is one; it ends when this is dropped.
struct Server(Option<JoinHandle<()>>);

impl Server {
    /// Waits until it has ended by itself.
    async fn ended(&mut self) {
        match &mut self.0 {
            Some(task) => {
                let _ = task.await;
            }
            None => std::future::pending().await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Starts everything, or leaves nothing behind that was not there before.
async fn start(config: Config, safeguard: &Safeguard, outlets: Outlets) -> anyhow::Result<Started> {
    let directory = config.pin_directory.clone();
    ensure_bpffs(&directory)?;
    let found = object::is_pinned(&directory);
    let lock = lock(&directory).await?;
    match start_locked(config, safeguard, outlets).await {
        Ok(parts) => {
            let (reconciler, heartbeat, interfaces, reader, server) = parts;
            Ok(Started {
                reconciler,
                heartbeat,
                interfaces,
                reader,
                server,
                _lock: lock,
            })
        }
        Err(error) => {
            drop(lock);
            if !found && let Err(left) = remove_pins(&directory) {
                tracing::warn!("after the failed start, not everything could be removed: {left}");
            }
            Err(error)
        }
    }
}

/// Locks the pin folder, with patience for an agent that has been killed and is still ending.
async fn lock(directory: &Path) -> Result<PinLock, PinError> {
    for _ in 0..LOCK_TRIES {
        match PinLock::acquire(directory) {
            Err(PinError::InUse { .. }) => tokio::time::sleep(PAUSE).await,
            locked => return locked,
        }
    }
    PinLock::acquire(directory)
}

type Parts = (
    Reconciler,
    HeartbeatThread,
    InterfaceThread,
    ReaderThread,
    Server,
);

/// Everything that can fail for a reason of the options comes before anything is loaded.
async fn start_locked(
    config: Config,
    safeguard: &Safeguard,
    Outlets {
        events,
        seen,
        resolved,
        worked_out,
    }: Outlets,
) -> anyhow::Result<Parts> {
    let listener = match config.listen {
        Some(address) => Some(telemetry::listen(address).await?),
        None => None,
    };
    let links = InterfaceWatch::start(config.selection.clone()).await?;
    if let Some(missing) = links.missing().next() {
        anyhow::bail!("{missing}");
    }
    let reader = ReaderThread::start(&config, events, seen).await?;
    let telemetry = Arc::new(Telemetry::new(config.pin_directory.clone()));
    let mut loaded = object::load(&config.pin_directory, config.sizes)?;
    safeguard.watch_over(&loaded.control);
    let facts = reconciler::first_facts(&config, &loaded.control);
    let heartbeat = Heartbeat::start(Arc::clone(&loaded.control), facts)
        .context("start a thread for the heartbeat")?;
    let (coverage, covered) = watch::channel(Coverage::default());
    let reconciler = Reconciler::new(
        &config,
        &mut loaded,
        heartbeat.heartbeat(),
        covered,
        Arc::clone(&telemetry),
        resolved,
        worked_out,
    )?;
    let interfaces = Interfaces::new(&config, &mut loaded, links, coverage)?;
    let server = Server(listener.map(|listener| telemetry::start(listener, telemetry)));
    let interfaces = interfaces
        .start()
        .context("start a thread for interfaces")?;
    Ok((reconciler, heartbeat, interfaces, reader, server))
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Waits for a signal, and lets the kernel answer nothing from then on.
async fn stop(mut terminate: Signal, mut interrupt: Signal, heartbeat: Heartbeat) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    heartbeat.end();
}

/// Waits for that long; none: for ever.
async fn pause(time: Option<Duration>) {
    match time {
        // By that the runtime looks at what has come.
        Some(Duration::ZERO) => tokio::task::yield_now().await,
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// What is there, at least one; none when the source has ended.
async fn take<T>(events: &mut mpsc::Receiver<T>) -> Option<Vec<T>> {
    let mut batch = Vec::new();
    (events.recv_many(&mut batch, BATCH).await > 0).then_some(batch)
}
