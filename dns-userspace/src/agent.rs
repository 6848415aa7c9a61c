//! The agent: one task that takes changes in and carries them into the kernel.

mod upkeep;

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinHandle,
    time::{Interval, MissedTickBehavior, interval},
};

use self::upkeep::Upkeep;
use crate::{
    config::Config,
    datapath::{
        attach::{PinError, PinLock, ensure_bpffs, remove_pins},
        interfaces::InterfaceWatch,
        object,
    },
    world::Event,
};

/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How often a lock that another agent holds is tried.
const LOCK_TRIES: u32 = 10;
/// How long a passing trouble is waited out.
const PAUSE: Duration = Duration::from_millis(200);
/// Events taken in before what they changed is carried into the kernel.
const BATCH: usize = 256;

/// Runs until a signal asks to stop. The kernel stops answering at once then; programs and maps stay pinned
/// for the next agent, and `zerohop detach` removes them.
///
/// # Errors
/// What keeps the agent from starting, as a sentence with cause and remedy.
pub async fn run(config: Config) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let (sender, mut events) = mpsc::channel(BATCH * 4);
    let started = start(config, sender).await?;
    let Started {
        mut upkeep,
        mut interfaces,
        source,
        _lock,
    } = started;
    let stopped = tokio::select! {
        biased;
        () = asked_to_stop(&mut terminate, &mut interrupt) => Ok(()),
        ended = work(&mut upkeep, &mut interfaces, &mut events) => ended,
    };
    source.abort();
    upkeep.end_lease();
    tracing::info!(
        "stopped: the kernel answers nothing; `zerohop detach` removes what is still pinned"
    );
    stopped
}

/// Takes in what happens, until the source ends or the maps cannot be read any more.
async fn work(
    upkeep: &mut Upkeep,
    interfaces: &mut InterfaceWatch,
    events: &mut mpsc::Receiver<Event>,
) -> anyhow::Result<()> {
    let mut heartbeat = heartbeat();
    loop {
        tokio::select! {
            biased;
            _ = heartbeat.tick() => upkeep.beat(),
            event = interfaces.next() => match event {
                Ok(event) => upkeep.interface(event, interfaces),
                // The kernel was short of memory, say: the next call lists everything again.
                Err(error) => {
                    tracing::warn!("{error}");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            taken = take(events) => match taken {
                Some(batch) => upkeep.take_in(batch)?,
                None => anyhow::bail!("the source of objects has ended; this is a fault of zerohop"),
            },
        }
    }
}

/// What runs once everything has started.
struct Started {
    upkeep: Upkeep,
    interfaces: InterfaceWatch,
    source: JoinHandle<()>,
    _lock: PinLock,
}

/// Starts everything, or leaves nothing behind that was not there before.
async fn start(config: Config, events: mpsc::Sender<Event>) -> anyhow::Result<Started> {
    let directory = config.pin_directory.clone();
    ensure_bpffs(&directory)?;
    let found = object::is_pinned(&directory);
    let lock = lock(&directory).await?;
    match start_locked(config, events).await {
        Ok((upkeep, interfaces, source)) => Ok(Started {
            upkeep,
            interfaces,
            source,
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
    events: mpsc::Sender<Event>,
) -> anyhow::Result<(Upkeep, InterfaceWatch, JoinHandle<()>)> {
    let interfaces = InterfaceWatch::start(config.selection.clone()).await?;
    if let Some(missing) = interfaces.missing().next() {
        anyhow::bail!("{missing}");
    }
    let source = config.source.clone().start(events).await?;
    let upkeep = Upkeep::new(&config).inspect_err(|_| source.abort())?;
    Ok((upkeep, interfaces, source))
}

fn heartbeat() -> Interval {
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

async fn asked_to_stop(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// The events that are there, at least one; none when the source has ended.
async fn take(events: &mut mpsc::Receiver<Event>) -> Option<Vec<Event>> {
    let mut batch = Vec::new();
    (events.recv_many(&mut batch, BATCH).await > 0).then_some(batch)
}
