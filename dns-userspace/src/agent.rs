//! The agent: one task that takes changes in and carries them into the kernel, and one thread that looks after
//! interfaces.

mod interfaces;
mod reconciler;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use dns_core::{external::Resolved, rollout::Seen, world::Event};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval},
};

use self::{
    interfaces::{Coverage, InterfaceThread, Interfaces},
    reconciler::Reconciler,
};
use crate::{
    config::{Config, SetUp},
    datapath::{
        attach::{PinError, PinLock, ensure_bpffs, remove_pins},
        interfaces::InterfaceWatch,
        object,
    },
    source::cluster::dns_server,
    telemetry::{self, Telemetry},
};

/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often a lock that another agent holds is tried.
const LOCK_TRIES: u32 = 10;
/// How long a passing trouble is waited out.
const PAUSE: Duration = Duration::from_millis(200);
/// Events taken in before what they changed is carried into the kernel.
const BATCH: usize = 256;
/// Changes of the DNS servers' set-up that may wait; none of them is left out.
const CHANGES: usize = 16;

/// Runs until a signal asks to stop. The kernel stops answering at once then; programs and maps stay pinned
/// for the next agent, and `zerohop detach` removes them.
///
/// # Errors
/// What keeps the agent from starting, as a sentence with cause and remedy.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let (sender, events) = mpsc::channel(BATCH * 4);
    let (seen_sender, seen) = mpsc::channel(CHANGES);
    let (resolved_sender, resolved) = mpsc::channel(BATCH);
    let mut inlets = Inlets {
        events,
        seen,
        resolved,
    };
    let Started {
        mut reconciler,
        interfaces,
        tasks,
        _lock,
    } = start(
        config,
        Outlets {
            events: sender,
            seen: seen_sender,
            resolved: resolved_sender,
        },
    )
    .await?;
    let stopped = tokio::select! {
        biased;
        () = asked_to_stop(&mut terminate, &mut interrupt) => Ok(()),
        ended = work(&mut reconciler, &mut inlets) => ended,
    };
    drop(tasks);
    reconciler.end_lease();
    // Before the lock, so that the next agent attaches alone.
    drop(interfaces);
    tracing::info!(
        "stopped: the kernel answers nothing; `zerohop detach` removes what is still pinned"
    );
    stopped
}

/// Where changes come in.
struct Inlets {
    events: mpsc::Receiver<Event>,
    seen: mpsc::Receiver<Seen>,
    resolved: mpsc::Receiver<Resolved>,
}

/// Where they come from.
struct Outlets {
    events: mpsc::Sender<Event>,
    seen: mpsc::Sender<Seen>,
    resolved: mpsc::Sender<Resolved>,
}

/// Takes in what happens, until the source ends or the maps cannot be read any more.
async fn work(
    reconciler: &mut Reconciler,
    Inlets {
        events,
        seen,
        resolved,
    }: &mut Inlets,
) -> anyhow::Result<()> {
    let mut heartbeat = every(HEARTBEAT);
    loop {
        let next = reconciler.until_something_ages();
        tokio::select! {
            biased;
            _ = heartbeat.tick() => reconciler.beat()?,
            // A set-up that is given never changes, and nobody sends.
            Some(seen) = seen.recv() => reconciler.see(seen)?,
            Some(batch) = take(resolved) => reconciler.resolved(batch),
            () = pause(next) => reconciler.pass_time(),
            taken = take(events) => match taken {
                Some(batch) => reconciler.take_in(batch)?,
                None => anyhow::bail!("the source of objects has ended; this is a fault of zerohop"),
            },
        }
    }
}

/// What runs once everything has started.
struct Started {
    reconciler: Reconciler,
    interfaces: InterfaceThread,
    tasks: Tasks,
    _lock: PinLock,
}

/// Tasks that end when they are dropped.
#[derive(Default)]
struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Starts everything, or leaves nothing behind that was not there before.
async fn start(config: Config, outlets: Outlets) -> anyhow::Result<Started> {
    let directory = config.pin_directory.clone();
    ensure_bpffs(&directory)?;
    let found = object::is_pinned(&directory);
    let lock = lock(&directory).await?;
    match start_locked(config, outlets).await {
        Ok((reconciler, interfaces, tasks)) => Ok(Started {
            reconciler,
            interfaces,
            tasks,
            _lock: lock,
        }),
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

/// Everything that can fail for a reason of the options comes before anything is loaded.
async fn start_locked(
    config: Config,
    Outlets {
        events,
        seen,
        resolved,
    }: Outlets,
) -> anyhow::Result<(Reconciler, InterfaceThread, Tasks)> {
    let listener = match config.listen {
        Some(address) => Some(telemetry::listen(address).await?),
        None => None,
    };
    let links = InterfaceWatch::start(config.selection.clone()).await?;
    if let Some(missing) = links.missing().next() {
        anyhow::bail!("{missing}");
    }
    let mut tasks = Tasks::default();
    tasks.0.push(config.source.clone().start(events).await?);
    if let SetUp::Cluster { kubeconfig } = &config.set_up {
        let service = config.dns_service.clone();
        tasks
            .0
            .push(dns_server::start(kubeconfig.clone(), service, seen).await?);
    }
    let telemetry = Arc::new(Telemetry::new(config.pin_directory.clone()));
    let mut loaded = object::load(&config.pin_directory, config.sizes)?;
    let (coverage, covered) = watch::channel(Coverage::default());
    let reconciler = Reconciler::new(
        &config,
        &mut loaded,
        covered,
        Arc::clone(&telemetry),
        resolved,
    )?;
    let interfaces = Interfaces::new(&config, &mut loaded, links, coverage)?;
    if let Some(listener) = listener {
        tasks.0.push(telemetry::start(listener, telemetry));
    }
    let interfaces = interfaces
        .start()
        .context("start a thread for interfaces")?;
    Ok((reconciler, interfaces, tasks))
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

async fn asked_to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Waits for that long; none: for ever.
async fn pause(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// What is there, at least one; none when the source has ended.
async fn take<T>(events: &mut mpsc::Receiver<T>) -> Option<Vec<T>> {
    let mut batch = Vec::new();
    (events.recv_many(&mut batch, BATCH).await > 0).then_some(batch)
}
