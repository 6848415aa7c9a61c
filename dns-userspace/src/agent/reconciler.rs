//! The reconciler: what the agent works on, and how the maps come to hold it when something has happened.

mod alone;
mod dirty;
mod dns;
mod external;
mod large;
mod look;
mod permit;
mod policy;
mod report;
mod skipped;
mod unheard;
mod write;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anyhow::Context as _;
use dns_core::{
    encode::Forms,
    entries::{AT_ONCE, Entries},
    external::Resolved,
    objects::Kind,
    permission::{Endpoints, Facts, Obstacle},
    projection::{self, View},
    table::Table,
    world::{Event, Owner, World},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    alone::Alone,
    dirty::Dirty,
    dns::Dns,
    external::External,
    large::{LARGE, Large},
    look::LastLook,
    policy::AgreedPolicy,
    skipped::NotServed,
    unheard::Unheard,
};
use super::{heartbeat::Heartbeat, interfaces::Coverage};
use crate::{
    config::Config,
    datapath::{
        clients::Clients,
        control::{self, ControlMap},
        kernel_log,
        object::Loaded,
        store::Store,
    },
    telemetry::Telemetry,
    told::Told,
};

/// Beats between two tries of names that the maps have refused, and how many owners are tried then.
const RETRY_EVERY: u32 = 10;
const RETRIED: usize = 256;
/// Beats between two looks at what the datapath has counted.
const LOOK_EVERY: u32 = 60;
/// How long owners are worked out before input is looked at again.
const SLICE: Duration = Duration::from_millis(20);

/// Everything that the task works on.
pub(super) struct Reconciler {
    policy: AgreedPolicy,
    /// The serial number of SOA records.
    serial: u32,
    dns: Dns,
    world: World,
    external: External,
    dirty: Dirty,
    large: Large,
    table: Table,
    store: Store,
    heartbeat: Heartbeat,
    interfaces: watch::Receiver<Coverage>,
    phase: Phase,
    /// How many owners must have left the queue until the maps hold nothing of an earlier policy.
    rewritten_at: Option<u64>,
    /// Since when the source of endpoints is lost.
    endpoints_lost: Option<u64>,
    alone: Alone,
    /// Whether this agent has ever been ready: see [`report`].
    ready: bool,
    /// Whether the maps began as those of an earlier agent.
    adopted: bool,
    /// Whether the policy may have changed.
    policy_dirty: bool,
    /// What was last said about whether questions are answered: what forbids it, or nothing does.
    said: Option<Option<Obstacle>>,
    not_served: NotServed,
    unheard: Unheard,
    telemetry: Arc<Telemetry>,
    pin_directory: String,
    /// The last owner whose refused names were tried again.
    retried: Option<Owner>,
    beats: u32,
    last_look: LastLook,
    /// What was said of conditions that may last.
    told: Told,
}

/// What the maps hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// What an earlier agent has left there, or nothing: not all is listed yet, or the policy is not known.
    Waiting,
    /// Some of what the first complete lists say.
    Filling,
    /// All of it, and nothing else.
    Filled,
}

/// What is known at the start: what an earlier agent has permitted holds, if it reckons by the same clock.
pub(super) fn first_facts(config: &Config, control: &ControlMap) -> Facts {
    Facts {
        settled: 0,
        obstacle: Some(Obstacle::NotListed),
        inherited: control.permission(),
        absence_is_certain: false,
        endpoints: Endpoints::heard(config.endpoints_kept, config.late),
    }
}

impl Reconciler {
    /// Takes over the loaded maps. Where `resolved` leads, answers come out that belong to [`Self::note_resolved`], and where
    /// `worked_out` leads, what belongs to [`Self::note_worked_out`].
    pub(super) fn new(
        config: &Config,
        loaded: &mut Loaded,
        heartbeat: Heartbeat,
        interfaces: watch::Receiver<Coverage>,
        telemetry: Arc<Telemetry>,
        resolved: mpsc::Sender<Resolved>,
        worked_out: mpsc::Sender<Entries>,
    ) -> anyhow::Result<Self> {
        if let Err(error) = kernel_log::follow(&mut loaded.object) {
            tracing::warn!("the datapath's own messages will not be seen: {error:#}");
        }
        let store = Store::new(&mut loaded.object, Arc::clone(&loaded.control))?;
        // What is absent may have come since an earlier agent has looked.
        store.control().suspend_denials(true);
        let clients = Clients::new(&mut loaded.object)?;
        let table = match loaded.adopted {
            true => Table::adopting(store.adopt()?),
            false => Table::default(),
        };
        let mut reconciler = Self {
            policy: AgreedPolicy::new(&config.set_up, config.reading),
            serial: policy::serial(),
            dns: Dns::new(config),
            world: World::default(),
            external: External::new(resolved),
            dirty: Dirty::default(),
            large: Large::new(worked_out),
            table,
            store,
            heartbeat,
            interfaces,
            phase: Phase::Waiting,
            rewritten_at: None,
            endpoints_lost: None,
            alone: Alone::new(config),
            ready: false,
            adopted: loaded.adopted,
            policy_dirty: true,
            said: None,
            not_served: NotServed::default(),
            unheard: Unheard::new(clients),
            telemetry,
            pin_directory: config.pin_directory.display().to_string(),
            retried: None,
            beats: 0,
            last_look: LastLook::default(),
            told: Told::default(),
        };
        reconciler.begin_to_look();
        Ok(reconciler)
    }

    /// Notes what the source has told.
    pub(super) fn note_events(&mut self, batch: Vec<Event>) {
        let mut affected = BTreeSet::new();
        let quiet = self.world.quiet();
        for event in batch {
            self.not_served.note(&event);
            affected.extend(self.world.apply(event));
            // Absent names pass as soon as it is not certain that they are absent.
            if !self.world.fresh() {
                self.heartbeat
                    .tell(|facts| facts.absence_is_certain = false);
            }
        }
        let lost = self.world.is_lost(Kind::EndpointSlice);
        self.endpoints_lost = lost.then(|| self.endpoints_lost.unwrap_or_else(control::now));
        if self.phase == Phase::Waiting {
            // All owners are dirty when that is over. Until then anything may be what the policy waits for.
            self.policy_dirty = true;
            return;
        }
        if affected.contains(&self.dns.owner()) {
            self.dns.mark_dirty();
            // The servers' port chooses among the Corefile's server blocks.
            self.policy_dirty = true;
        }
        let affected = match self.view() {
            Some((view, _)) => projection::dependents(view, affected),
            None => affected,
        };
        self.external.note(&self.world, &affected);
        self.dirty.note(affected, quiet);
    }

    /// Brings the maps up to what is noted: the policy, external targets, records, addresses, permission, report, in this
    /// order. Of much work some is done, and the rest the next time.
    pub(super) fn settle(&mut self) -> anyhow::Result<()> {
        let policy_dirty = std::mem::take(&mut self.policy_dirty);
        if policy_dirty {
            self.follow_policy();
        }
        self.follow_external();
        self.write_dirty()?;
        if self.phase == Phase::Filled && self.dns.is_dirty() {
            self.follow_servers();
            self.dns.find(&self.world, &mut self.store, &mut self.told);
        }
        let obstacle = self.permit();
        if self.tell_obstacle(obstacle) || policy_dirty {
            self.tell();
        }
        Ok(())
    }

    /// In how long [`Self::settle`] has something to do; none: not before something is noted.
    pub(super) fn next(&self) -> Option<Duration> {
        if self.has_dirty_records() {
            return Some(Duration::ZERO);
        }
        let large = match self.writes_records() {
            true => self.large.next(control::now()),
            false => None,
        };
        let ages = self.until_something_ages();
        large.into_iter().chain(ages).min()
    }

    /// Whether it is known what the maps shall hold.
    fn writes_records(&self) -> bool {
        self.policy.stored().is_some() && self.phase != Phase::Waiting
    }

    fn has_dirty_records(&self) -> bool {
        self.writes_records() && !self.dirty.is_empty()
    }

    /// Works dirty owners out, for a while, and writes the differences.
    fn write_dirty(&mut self) -> anyhow::Result<()> {
        self.begin_to_fill();
        if self.phase == Phase::Filled {
            self.external.tell_time();
            let changed = self.external.take_changed();
            self.dirty.note(changed, self.world.quiet());
        }
        let begun = Instant::now();
        let mut refused = 0;
        while self.has_dirty_records() {
            let owners = self.take_dirty();
            refused += self.write(&owners);
            if begun.elapsed() > SLICE {
                break;
            }
        }
        if self.writes_records() {
            self.write_large(begun + SLICE);
        }
        let all_but_late = self.dirty.is_empty() && self.large.may_be_late(control::now());
        match self.phase {
            Phase::Filling if all_but_late => self.end_filling()?,
            // What an earlier agent has left there may still take the room.
            Phase::Filling | Phase::Waiting => {}
            Phase::Filled => self.tell_refused(refused),
        }
        let rewritten = |end: u64| self.dirty.has_passed(end) && self.large.is_current();
        self.rewritten_at = self.rewritten_at.filter(|end| !rewritten(*end));
        Ok(())
    }

    /// The next dirty owners that are not large: so many, or of so much work, that they are worked out in some 10 ms.
    fn take_dirty(&mut self) -> Vec<Owner> {
        let (mut owners, mut work) = (Vec::new(), 0);
        while owners.len() < AT_ONCE
            && work < LARGE
            && let Some((owner, since)) = self.dirty.take()
        {
            if !self.note_large(&owner, since) {
                work += self.world.work_of(&owner);
                owners.push(owner);
            }
        }
        owners
    }

    /// Begins to make the maps hold what the first complete lists say, once there is a policy.
    fn begin_to_fill(&mut self) {
        if self.phase != Phase::Waiting || !self.world.complete() || self.policy.stored().is_none()
        {
            return;
        }
        let owners = self.world.owners();
        self.external.mark_dirty();
        self.follow_external();
        self.table.remove_others(&mut self.store, &owners);
        self.dirty.note(owners, self.world.quiet());
        self.phase = Phase::Filling;
    }

    /// Makes the maps hold nothing else.
    fn end_filling(&mut self) -> anyhow::Result<()> {
        let mut left = 0;
        if self.adopted {
            left = self
                .store
                .retain(&self.table.names(), &self.table.sections())?;
            self.table.end_adoption();
            // What was left over may have taken their room.
            let again = self.table.to_retry();
            self.dirty.note(again, self.world.quiet());
        }
        self.phase = Phase::Filled;
        tracing::info!(
            names = self.table.entries(),
            left_over = left,
            "the maps hold the cluster's names"
        );
        Ok(())
    }

    /// Says once that the maps refuse names; how many they have refused is a metric.
    fn tell_refused(&mut self, names: usize) {
        if names > 0 && self.told.is_new("names are refused", Instant::now()) {
            tracing::warn!(
                names,
                held = self.table.entries(),
                "the kernel's maps refused names, most likely because they are full: the DNS service answers these; --entries and --sections make the maps larger"
            );
        }
    }

    /// Everything that records are made from, and the forms of denial; none while the maps hold no policy.
    fn view(&self) -> Option<(View<'_>, &Forms)> {
        let stored = self.policy.stored()?;
        let view = stored.view(&self.world, &self.external, self.serial);
        Some((view, &stored.forms))
    }

    /// Notes what no event tells of: time that has changed the policy, names that the maps have refused.
    pub(super) fn beat(&mut self) -> anyhow::Result<()> {
        self.interfaces.has_changed().context(
            "the thread that looks after interfaces has ended; this is a fault of zerohop",
        )?;
        self.policy_dirty = true;
        self.follow_alone();
        if self.phase == Phase::Filled {
            self.store.remove_stale();
            if self.beats.is_multiple_of(RETRY_EVERY) {
                self.retry();
                self.dns.mark_dirty();
            }
        }
        self.unheard.beat();
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(LOOK_EVERY) {
            self.look();
        }
        Ok(())
    }

    /// Notes owners of refused names. They take turns.
    fn retry(&mut self) {
        let all = self.table.to_retry();
        let later = all
            .iter()
            .filter(|owner| self.retried.as_ref() < Some(owner));
        let owners: Vec<Owner> = later.chain(&all).take(RETRIED).cloned().collect();
        self.retried = owners.last().cloned();
        self.dirty
            .note(owners.into_iter().collect(), self.world.quiet());
    }
}
