//! Services of very many endpoints: one of them must keep nothing else waiting.
//!
//! Such a service is worked out by a thread of its own, from a copy, and its entries are written in pieces. While it waits
//! for that, its own node is left to the DNS service and denies nothing below, and then it does not count as input that
//! waits: see [`Large::oldest`]. Its other names may be older meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

use dns_core::{
    entries::{self, Entries, Writing},
    permission::WAITING,
    projection::{NothingResolved, View},
    table::Changed,
    world::Owner,
};
use tokio::{sync::mpsc, time::Instant};

use super::{Phase, Reconciler, policy::Stored};
use crate::datapath::control;

/// An owner of more work than this is large: see `World::work_of`. That is some 10 ms.
pub(super) const LARGE: usize = 100_000;
/// Names of an owner than more than this is large.
const LARGE_NAMES: usize = 5_000;
/// How many names are written before it is looked at the clock.
const A_PIECE: usize = 64;
/// How long a large owner is worked on at least before input is looked at, whatever else there is to do.
const AT_LEAST: Duration = Duration::from_millis(5);
/// How long a large owner may be dirty before its own node is left.
const LEFT_AFTER: Duration = WAITING.checked_div(2).unwrap();
/// How long an owner whose own node is left may be dirty before it counts as input that waits.
const OLDEST: Duration = Duration::from_secs(30);
/// How long is waited for an owner whose own node is left before the maps count as filled without it.
const FILLED_WITHOUT: Duration = Duration::from_secs(2);

/// Large owners that have to be worked out again.
pub(super) struct Large {
    /// Until when all that the source had told was noted, when each became dirty.
    waiting: BTreeMap<Owner, u64>,
    /// The one that is worked on. It may be waiting again.
    work: Option<Work>,
    /// Those whose own node is left.
    left: BTreeSet<Owner>,
    /// Those that were written by the policy that the maps hold.
    current: BTreeSet<Owner>,
    worked_out: mpsc::Sender<Entries>,
}

/// An owner that is worked on.
struct Work {
    owner: Owner,
    since: u64,
    policy: Arc<Stored>,
    /// None: its entries are being worked out.
    writing: Option<Writing>,
}

impl Large {
    /// What a thread has worked out comes through `worked_out`, and is to be given to [`Reconciler::note_worked_out`].
    pub(super) fn new(worked_out: mpsc::Sender<Entries>) -> Self {
        Self {
            waiting: BTreeMap::new(),
            work: None,
            left: BTreeSet::new(),
            current: BTreeSet::new(),
            worked_out,
        }
    }

    /// Takes in an owner; all that the source had told by `since` is noted already.
    fn note(&mut self, owner: Owner, since: u64) {
        self.waiting.entry(owner).or_insert(since);
    }

    fn is_dirty(&self, owner: &Owner) -> bool {
        self.waiting.contains_key(owner) || self.is_worked_on(owner)
    }

    fn is_worked_on(&self, owner: &Owner) -> bool {
        self.work.as_ref().is_some_and(|work| work.owner == *owner)
    }

    /// Every owner that waits or is worked on, and since when.
    fn dirty(&self) -> impl Iterator<Item = (&Owner, u64)> {
        let waiting = self.waiting.iter().map(|(owner, since)| (owner, *since));
        let work = self.work.iter().map(|work| (&work.owner, work.since));
        waiting.chain(work)
    }

    /// How many owners' own nodes are left until they are worked out.
    pub(super) fn left(&self) -> usize {
        self.left.len()
    }

    /// All that the source had told by then is in the maps, but for other names than their own of owners whose own node is
    /// left; and these are no older than [`OLDEST`].
    pub(super) fn oldest(&self, now: u64) -> Option<u64> {
        let counts = |(owner, since): &(&Owner, u64)| {
            !self.left.contains(*owner) || is_older(*since, OLDEST, now)
        };
        self.dirty().filter(counts).map(|(_, since)| since).min()
    }

    /// Whether the maps may count as filled without those that are dirty.
    pub(super) fn may_be_late(&self, now: u64) -> bool {
        let is_writing = |work: &Work| work.writing.is_some();
        !self.work.as_ref().is_some_and(is_writing)
            && self.dirty().all(|(owner, since)| {
                self.left.contains(owner)
                    && (self.current.contains(owner) || is_older(since, FILLED_WITHOUT, now))
            })
    }

    /// The maps are about to hold another policy.
    pub(super) fn forget_policy(&mut self) {
        self.current.clear();
    }

    /// Whether the maps hold nothing of an earlier policy.
    pub(super) fn is_current(&self) -> bool {
        self.dirty().all(|(owner, _)| self.current.contains(owner))
    }

    /// In how long there is something to do; none: not before something is noted.
    pub(super) fn next(&self, now: u64) -> Option<Duration> {
        match &self.work {
            None if self.waiting.is_empty() => None,
            Some(Work { writing: None, .. }) => {
                let due = self
                    .dirty()
                    .filter(|(owner, _)| !self.left.contains(*owner));
                due.map(|(_, since)| LEFT_AFTER.saturating_sub(age(since, now)))
                    .min()
            }
            None | Some(_) => Some(Duration::ZERO),
        }
    }

    /// The owner that has waited longest waits no more.
    fn take(&mut self) -> Option<(Owner, u64)> {
        let longest = self.waiting.iter().min_by_key(|(_, since)| **since);
        let owner = longest?.0.clone();
        self.waiting.remove_entry(&owner)
    }
}

impl Reconciler {
    /// Takes an owner in if it is large, or else says that it is not.
    pub(super) fn note_large(&mut self, owner: &Owner, since: u64) -> bool {
        let is_large = self.large.is_dirty(owner)
            || self.world.work_of(owner) > LARGE
            || self.table.held_by(owner) > LARGE_NAMES;
        if is_large {
            self.large.note(owner.clone(), since);
        }
        is_large
    }

    /// Does some of what large owners need.
    pub(super) fn write_large(&mut self, until: Instant) {
        let Some(policy) = self.policy.stored().cloned() else {
            return;
        };
        self.leave_large(&policy);
        if self.large.work.is_none()
            && let Some((owner, since)) = self.large.take()
        {
            self.begin_large(owner, since, policy);
        }
        let until = until.max(Instant::now() + AT_LEAST);
        if let Some(Work {
            writing: Some(writing),
            ..
        }) = &mut self.large.work
        {
            while !writing.go_on(&mut self.table, &mut self.store, A_PIECE) {
                if Instant::now() > until {
                    return;
                }
            }
            self.end_large();
        }
    }

    /// Leaves the own nodes of owners that have been dirty for so long that they would keep others waiting.
    fn leave_large(&mut self, policy: &Stored) {
        let now = control::now();
        let is_due = |(owner, since): &(&Owner, u64)| {
            !self.large.left.contains(*owner) && is_older(*since, LEFT_AFTER, now)
        };
        let due = self.large.dirty().filter(is_due);
        for owner in due.map(|(owner, _)| owner.clone()).collect::<Vec<_>>() {
            let view = policy.view(&self.world, &self.external, self.serial);
            entries::leave(
                &mut self.table,
                &mut self.store,
                view,
                &policy.forms,
                &owner,
            );
            self.large.left.insert(owner);
        }
    }

    /// Lets a thread work an owner out; if it is large only by what the maps hold of it, does it at once.
    fn begin_large(&mut self, owner: Owner, since: u64, policy: Arc<Stored>) {
        let is_large = self.world.work_of(&owner) > LARGE;
        self.large.work = Some(Work {
            owner: owner.clone(),
            since,
            policy: Arc::clone(&policy),
            writing: None,
        });
        if is_large {
            let job = Job {
                world: self.world.only(&owner),
                owner: owner.clone(),
                policy: Arc::clone(&policy),
                serial: self.serial,
            };
            let worked_out = self.large.worked_out.clone();
            let thread = thread::Builder::new().name("large service".to_owned());
            // If it ends, the agent has ended.
            let work = move || drop(worked_out.blocking_send(job.work_out()));
            if thread.spawn(work).is_ok() {
                return;
            }
        }
        let entries = Entries::of(
            &owner,
            policy.view(&self.world, &self.external, self.serial),
            &policy.forms,
        );
        self.note_worked_out(entries);
    }

    /// Notes what was worked out.
    pub(in crate::agent) fn note_worked_out(&mut self, entries: Entries) {
        let Some(work) = &mut self.large.work else {
            return;
        };
        let policy = Arc::clone(&work.policy);
        let is_current = |stored: &Arc<Stored>| Arc::ptr_eq(stored, &policy);
        if !self.policy.stored().is_some_and(is_current) {
            // By an earlier policy.
            if let Some(Work { owner, since, .. }) = self.large.work.take() {
                let first = self.large.waiting.entry(owner).or_insert(since);
                *first = since.min(*first);
            }
            return;
        }
        self.not_served
            .set(&work.owner, entries.skipped, &entries.unwritten);
        self.large.left.insert(work.owner.clone());
        let writing = Writing::begin(
            &mut self.table,
            &mut self.store,
            policy.view(&self.world, &self.external, self.serial),
            &policy.forms,
            &work.owner,
            entries.drafts,
        );
        work.writing = Some(writing);
    }

    /// Ends what is written. An owner that has become dirty again stays left.
    fn end_large(&mut self) {
        let Some(Work {
            owner,
            policy,
            writing: Some(writing),
            ..
        }) = self.large.work.take()
        else {
            return;
        };
        let stored = self.policy.stored();
        let is_current = stored.is_some_and(|stored| Arc::ptr_eq(stored, &policy));
        let is_dirty = self.large.waiting.contains_key(&owner) || self.dirty.has(&owner);
        let true_now = is_current && !is_dirty;
        let Changed { refused, .. } = writing.end(&mut self.table, &mut self.store, true_now);
        if self.phase == Phase::Filled {
            self.tell_refused(refused);
        }
        if true_now {
            self.large.left.remove(&owner);
        }
        if is_current {
            self.large.current.insert(owner);
        }
    }
}

/// An owner to be worked out.
struct Job {
    world: dns_core::world::World,
    owner: Owner,
    policy: Arc<Stored>,
    serial: u32,
}

impl Job {
    fn work_out(&self) -> Entries {
        let view = View {
            policy: &self.policy.policy,
            world: &self.world,
            // It leads to no other name.
            resolved: &NothingResolved,
            serial: self.serial,
        };
        Entries::of(&self.owner, view, &self.policy.forms)
    }
}

fn age(since: u64, now: u64) -> Duration {
    Duration::from_nanos(now.saturating_sub(since))
}

fn is_older(since: u64, time: Duration, now: u64) -> bool {
    age(since, now) > time
}
