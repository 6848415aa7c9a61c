//! Sets of addresses over time, and the one that the EndpointSlices make.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader},
    net::IpAddr,
    process::{Child, ChildStdout, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::kubectl::Kubectl;

/// Sets of addresses, each from a moment on, in nanoseconds of UNIX time.
#[derive(Debug, Default)]
pub(super) struct Timeline(Vec<(u64, BTreeSet<IpAddr>)>);

impl Timeline {
    /// From `at` on these.
    pub(super) fn push(&mut self, at: u64, addresses: BTreeSet<IpAddr>) {
        self.0.push((at, addresses));
    }

    /// All that were ever there.
    pub(super) fn all(&self) -> BTreeSet<IpAddr> {
        self.0.iter().flat_map(|(_, set)| set).copied().collect()
    }

    /// Those that are there at the end.
    pub(super) fn last(&self) -> BTreeSet<IpAddr> {
        self.0
            .last()
            .map(|(_, set)| set.clone())
            .unwrap_or_default()
    }

    /// When an address was there for the first time.
    pub(super) fn came(&self, address: IpAddr) -> Option<u64> {
        let (at, _) = self.0.iter().find(|(_, set)| set.contains(&address))?;
        Some(*at)
    }

    /// When an address was gone for good; none: it never was there, or still is.
    pub(super) fn went(&self, address: IpAddr) -> Option<u64> {
        let last = self.0.iter().rposition(|(_, set)| set.contains(&address))?;
        self.0.get(last + 1).map(|(at, _)| *at)
    }
}

/// The value that `percent` per cent of them do not exceed, of sorted values (nearest rank); NaN of none.
pub(super) fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Follows a service's EndpointSlices until it is finished or dropped.
pub(super) struct Slices {
    child: Child,
    reader: Option<JoinHandle<()>>,
    timeline: Shared,
}

type Shared = Arc<Mutex<Timeline>>;

impl Slices {
    /// Begins now.
    pub(super) fn follow(kubectl: &Kubectl, namespace: &str, service: &str) -> Result<Self> {
        let label = format!("kubernetes.io/service-name={service}");
        let words = ["get", "endpointslices", "-n", namespace, "-l", &label];
        let how = ["-o", "json", "--watch", "--output-watch-events"];
        let mut child = kubectl
            .command(&[&words[..], &how].concat())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("watch EndpointSlices with kubectl")?;
        let output = child.stdout.take();
        let timeline = Shared::default();
        let reader = output.map(|output| {
            let timeline = timeline.clone();
            thread::spawn(move || read(output, &timeline))
        });
        Ok(Self {
            child,
            reader,
            timeline,
        })
    }

    /// The addresses that are ready by what has been read until now.
    pub(super) fn last(&self) -> BTreeSet<IpAddr> {
        lock(&self.timeline).last()
    }

    /// Ready addresses, from when each event was read on.
    pub(super) fn finish(mut self) -> Timeline {
        self.end();
        // One that panicked has left what it had read.
        let _ = self.reader.take().map(JoinHandle::join);
        std::mem::take(&mut *lock(&self.timeline))
    }

    fn end(&mut self) {
        // It may have ended; nothing is left to be done about either error.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Slices {
    fn drop(&mut self) {
        self.end();
    }
}

fn lock(timeline: &Mutex<Timeline>) -> MutexGuard<'_, Timeline> {
    timeline.lock().unwrap_or_else(PoisonError::into_inner)
}

/// kubectl writes each event in a line of its own.
fn read(output: ChildStdout, timeline: &Mutex<Timeline>) {
    let mut slices: BTreeMap<String, BTreeSet<IpAddr>> = BTreeMap::new();
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        // First of all, for reading many endpoints takes its time.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let Ok(event) = serde_json::from_str::<Value>(&line) else {
            // The last line when kubectl is ended while it writes.
            continue;
        };
        let slice = &event["object"];
        let name = slice["metadata"]["name"].as_str().unwrap_or_default();
        let ready = match event["type"].as_str() {
            Some("DELETED") => BTreeSet::new(),
            _ => ready(slice),
        };
        slices.insert(name.to_owned(), ready);
        let at = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        lock(timeline).push(at, slices.values().flatten().copied().collect());
    }
}

fn ready(slice: &Value) -> BTreeSet<IpAddr> {
    let endpoints = slice["endpoints"].as_array().into_iter().flatten();
    endpoints
        // One that says nothing is ready.
        .filter(|endpoint| endpoint["conditions"]["ready"] != false)
        .flat_map(|endpoint| endpoint["addresses"].as_array().into_iter().flatten())
        .filter_map(|address| address.as_str()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_came_when_it_was_first_there_and_went_after_it_was_last_there() {
        let [one, two] = [1, 2].map(|last| IpAddr::from([10, 0, 0, last]));
        let mut timeline = Timeline::default();
        for (at, set) in [
            (1, vec![]),
            (2, vec![one]),
            (3, vec![one, two]),
            (4, vec![two]),
        ] {
            timeline.push(at, set.into_iter().collect());
        }
        assert_eq!((timeline.came(one), timeline.went(one)), (Some(2), Some(4)));
        assert_eq!((timeline.came(two), timeline.went(two)), (Some(3), None));
        assert_eq!(timeline.last(), BTreeSet::from([two]));
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let values = [-1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            [0, 50, 99, 100].map(|at| percentile(&values, at)),
            [-1.0, 2.0, 4.0, 4.0]
        );
    }
}
