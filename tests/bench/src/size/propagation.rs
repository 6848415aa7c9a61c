//! How long a change takes from the API server into the map.
//!
//! The clock starts right before the object is put into the synthetic server's store, and stops when a look-up
//! in the pinned map first finds another entry under the service's own name. So the figure holds all of the way:
//! the server writing the event, the loopback, the agent, the kernel's map, and up to [`LOOK_EVERY`] and a
//! timer's slack until this process looks.

use std::{
    sync::mpsc::{Receiver, Sender, TryRecvError, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use hdrhistogram::Histogram;

use super::{
    agent::Consumer,
    api::Api,
    cluster::{Shape, wire_name},
    maps::{Entry, Names},
};
use crate::{
    distribution::histogram,
    results::{Propagation, Times},
};

/// How often the maps are looked at.
const LOOK_EVERY: Duration = Duration::from_micros(50);
/// How long a change may take; a limit for the run, not for the figures.
const LIMIT: Duration = Duration::from_secs(20);

/// A change under way.
struct Change {
    name: Vec<u8>,
    before: Option<Entry>,
    put: Instant,
}

/// Makes this many changes a second for so long.
///
/// # Errors
/// A change does not come through, or the server cannot make so many.
pub(super) fn measure(
    api: &Api,
    shape: Shape,
    names: &Names,
    changes_per_second: u32,
    duration: Duration,
    agent: Consumer,
    revisions: &mut u32,
) -> Result<Propagation> {
    let count = (f64::from(changes_per_second) * duration.as_secs_f64()).ceil() as usize;
    let first = *revisions;
    *revisions += u32::try_from(count).context("fewer changes")?;
    let (begin, before) = (Instant::now(), agent.cpu_time()?);
    let (sender, changes) = channel();
    let histogram = thread::scope(|scope| {
        let driver =
            scope.spawn(move || drive(api, shape, names, changes_per_second, first, count, sender));
        let histogram = follow(names, &changes);
        drop(changes);
        match driver.join() {
            Ok(driven) => driven.and(histogram),
            Err(_) => bail!("the thread that makes changes has panicked"),
        }
    })?;
    let spent = agent.cpu_time()? - before;
    let agent_cpu = spent.as_secs_f64() / begin.elapsed().as_secs_f64();
    Ok(Propagation {
        changes_per_second,
        agent_cpu,
        times: Times::of(&histogram),
        ..Propagation::default()
    })
}

/// Makes the changes, each at its time.
fn drive(
    api: &Api,
    shape: Shape,
    names: &Names,
    changes_per_second: u32,
    first: u32,
    count: usize,
    sender: Sender<Change>,
) -> Result<()> {
    let services: Vec<u32> = shape.changing().collect();
    let begin = Instant::now();
    for index in 0..count {
        let turn = first as usize + index;
        let service = services[turn % services.len()];
        let revision = 1 + (turn / services.len()) as u32;
        let object = shape.changed(service, revision);
        let due = begin + Duration::from_secs_f64(index as f64 / f64::from(changes_per_second));
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let name = wire_name(service);
        let before = names.entry(&name)?;
        let put = Instant::now();
        api.replace(object)?;
        if sender.send(Change { name, before, put }).is_err() {
            return Ok(());
        }
    }
    let late = begin.elapsed().as_secs_f64() - count as f64 / f64::from(changes_per_second);
    ensure!(
        late < 1.0,
        "the machine is too busy for {changes_per_second} changes a second: they came {late:.1} s late"
    );
    Ok(())
}

/// Looks at the maps until every change has come through.
fn follow(names: &Names, changes: &Receiver<Change>) -> Result<Histogram<u64>> {
    let mut histogram = histogram()?;
    let mut under_way: Vec<Change> = Vec::new();
    loop {
        loop {
            match changes.try_recv() {
                Ok(change) => under_way.push(change),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) if under_way.is_empty() => return Ok(histogram),
                Err(TryRecvError::Disconnected) => break,
            }
        }
        let mut still = Vec::with_capacity(under_way.len());
        for change in under_way {
            if names.entry(&change.name)? == change.before {
                still.push(change);
            } else {
                let nanoseconds = change.put.elapsed().as_nanos() as u64;
                histogram.saturating_record(nanoseconds);
            }
        }
        under_way = still;
        if let Some(lost) = under_way.iter().find(|change| change.put.elapsed() > LIMIT) {
            bail!(
                "the change of {} has not come into the map after {LIMIT:?}",
                String::from_utf8_lossy(&lost.name)
            );
        }
        thread::sleep(LOOK_EVERY);
    }
}
