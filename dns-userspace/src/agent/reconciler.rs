//! The reconciler: what the agent works on, and how the maps come to hold it when something has happened.

mod external;
mod look;
mod policy;
mod report;
mod skipped;
mod synchronised;
mod unheard;
mod write;

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use dns_core::{
    encode::Forms,
    external::Resolved,
    projection::{self, View},
    table::{Changed, Table},
    world::{Event, Owner, World},
};
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use self::{
    external::External, look::LastLook, policy::AgreedPolicy, skipped::NotServed,
    synchronised::Synchronised, unheard::Unheard,
};
use super::interfaces::Coverage;
use crate::{
    config::Config,
    datapath::{clients::Clients, control::NEVER, kernel_log, object::Loaded, store::Store},
    telemetry::Telemetry,
    told::Told,
};

/// Heartbeats between two tries of names that the maps have refused, and how many owners are tried then.
const RETRY_EVERY: u32 = 10;
const RETRIED: usize = 256;
/// Heartbeats between two looks at what the datapath has counted.
const LOOK_EVERY: u32 = 60;

/// Everything that the task works on.
pub(super) struct Reconciler {
    policy: AgreedPolicy,
    /// The serial number of SOA records.
    serial: u32,
    dns_service: (String, String),
    more_addresses: Vec<SocketAddr>,
    world: World,
    external: External,
    table: Table,
    store: Store,
    interfaces: watch::Receiver<Coverage>,
    /// Whether the maps hold what the first complete lists say.
    reconciled: bool,
    /// Whether this agent has ever been ready: see [`report`].
    ready: bool,
    /// Whether the maps began as those of an earlier agent.
    adopted: bool,
    addresses: BTreeSet<SocketAddr>,
    /// Whether the kernel knows them.
    located: bool,
    /// What was last said about whether questions are answered.
    said: Option<Readiness>,
    not_served: NotServed,
    synchronised: Synchronised,
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

/// Whether questions are answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Readiness {
    /// The policy leaves everything to the DNS service.
    NothingAnswered,
    /// The kernel refuses to remove entries that must not stay.
    Stale,
    NoAddress,
    Answering,
}

impl Reconciler {
    /// Takes over the loaded maps. Where `resolved` leads, answers come out that belong to [`Self::resolved`].
    pub(super) fn new(
        config: &Config,
        loaded: &mut Loaded,
        interfaces: watch::Receiver<Coverage>,
        telemetry: Arc<Telemetry>,
        resolved: mpsc::Sender<Resolved>,
    ) -> anyhow::Result<Self> {
        if let Err(error) = kernel_log::follow(&mut loaded.object) {
            tracing::warn!("the datapath's own messages will not be seen: {error:#}");
        }
        let store = Store::new(&mut loaded.object, Arc::clone(&loaded.control))?;
        store.control().set_denials(0);
        let clients = Clients::new(&mut loaded.object)?;
        let table = match loaded.adopted {
            true => Table::adopting(store.adopt()?),
            false => Table::default(),
        };
        let mut reconciler = Self {
            policy: AgreedPolicy::new(&config.set_up, config.reading),
            serial: policy::serial(),
            dns_service: config.dns_service.clone(),
            more_addresses: config.dns_addresses.clone(),
            world: World::default(),
            external: External::new(resolved),
            table,
            store,
            interfaces,
            reconciled: false,
            ready: false,
            adopted: loaded.adopted,
            addresses: BTreeSet::new(),
            located: false,
            said: None,
            not_served: NotServed::default(),
            synchronised: Synchronised::default(),
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

    /// Lets the kernel answer nothing from now on.
    pub(super) fn end_lease(&self) {
        self.store.control().end_lease();
    }

    /// Takes events in, and carries what they changed into the kernel.
    pub(super) fn take_in(&mut self, batch: Vec<Event>) -> anyhow::Result<()> {
        let mut affected = BTreeSet::new();
        for event in batch {
            self.synchronised.note(&event);
            self.not_served.note(&event);
            affected.extend(self.world.apply(event));
            // Absent names pass as soon as it is not certain that they are absent.
            if !self.world.fresh() {
                self.store.control().set_denials(0);
            }
        }
        if !self.reconciled {
            self.follow_policy();
            return self.reconcile();
        }
        let dns_service = Owner::service(&self.dns_service.0, &self.dns_service.1);
        let dns_changed = affected.contains(&dns_service);
        let affected = match self.view() {
            Some((view, _)) => projection::dependents(view, affected),
            None => affected,
        };
        self.external.note(&self.world, &affected);
        self.carry(&affected);
        if dns_changed {
            self.find_addresses();
            // The servers' port chooses among the Corefile's server blocks.
            self.follow_policy();
        }
        self.permit();
        Ok(())
    }

    /// Makes the maps hold what the first complete lists say, and nothing else, once there is a policy.
    fn reconcile(&mut self) -> anyhow::Result<()> {
        if !self.world.complete() || self.policy.stored().is_none() {
            self.permit();
            return Ok(());
        }
        let owners = self.world.owners();
        self.external.mark_dirty();
        self.table.remove_others(&mut self.store, &owners);
        let mut refused = self.update(&owners);
        let mut left = 0;
        if self.adopted {
            left = self
                .store
                .retain(&self.table.names(), &self.table.sections())?;
            self.table.end_adoption();
            // What was left over may have taken their room.
            let again = self.table.to_retry();
            refused = self.write(&again.iter().collect::<Vec<_>>());
        }
        self.tell_refused(refused);
        self.reconciled = true;
        tracing::info!(
            names = self.table.entries(),
            left_over = left,
            "the maps hold the cluster's names"
        );
        self.find_addresses();
        self.permit();
        Ok(())
    }

    /// Recomputes owners from the state of the world, and those whose answers of external names have
    /// changed; writes the differences.
    fn carry(&mut self, owners: &BTreeSet<Owner>) {
        let refused = self.update(owners);
        self.tell_refused(refused);
    }

    /// The same, quietly. Returns how many names the maps refused.
    fn update(&mut self, owners: &BTreeSet<Owner>) -> usize {
        self.follow_external();
        if self.policy.stored().is_none() {
            self.mark_dirty(owners);
            return 0;
        }
        self.external.tell_time();
        let mut aged = self.external.take_changed();
        aged.retain(|owner| !owners.contains(owner));
        let owners: Vec<&Owner> = owners.iter().chain(&aged).collect();
        self.write(&owners)
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
        let view = View {
            policy: &stored.policy,
            world: &self.world,
            resolved: self.external.answers(),
            serial: self.serial,
        };
        Some((view, &stored.forms))
    }

    /// Works out which addresses are the cluster's DNS.
    fn find_addresses(&mut self) {
        self.follow_servers();
        let (namespace, name) = &self.dns_service;
        let mut addresses: BTreeSet<SocketAddr> =
            projection::dns_addresses(&self.world, namespace, name)
                .into_iter()
                .collect();
        addresses.extend(&self.more_addresses);
        if addresses != self.addresses || !self.located {
            let left = match self.store.set_destinations(&addresses) {
                Ok(left) => left,
                Err(error) => {
                    let error = format!("{error:#}");
                    if self.told.is_new(&error, Instant::now()) {
                        tracing::warn!("{error}; trying again, quietly");
                    }
                    return;
                }
            };
            if !left.is_empty() && self.told.is_new("DNS addresses are left", Instant::now()) {
                let left: Vec<String> = left.iter().map(SocketAddr::to_string).collect();
                tracing::warn!(
                    "these DNS addresses are too many, or have one port too many: their questions go to the DNS service: {}",
                    left.join(", ")
                );
            }
            self.addresses = addresses;
            self.located = true;
        }
    }

    /// Lets the kernel answer and deny, as far as the world is known.
    fn permit(&mut self) {
        if self.policy.is_silent() {
            self.store.control().end_lease();
            self.said = Some(Readiness::NothingAnswered);
            return;
        }
        if !self.reconciled {
            return;
        }
        let deaf = self.table.settle(&mut self.store);
        let is_certain = self.world.fresh() && !deaf;
        let control = self.store.control();
        control.set_denials(if is_certain { NEVER } else { 0 });
        control.set_endpoints(NEVER);
        let readiness = if self.store.stale() > 0 {
            self.store.control().end_lease();
            Readiness::Stale
        } else if self.addresses.is_empty() {
            Readiness::NoAddress
        } else {
            self.store.control().renew_lease();
            Readiness::Answering
        };
        if self.said.as_ref() == Some(&readiness) {
            return;
        }
        match readiness {
            // It was told with the policy.
            Readiness::NothingAnswered => {}
            Readiness::Stale => tracing::error!(
                entries = self.store.stale(),
                "the kernel refuses to remove entries that must not stay, so nothing is answered until it does; the DNS service answers meanwhile"
            ),
            Readiness::NoAddress => {
                let (namespace, name) = &self.dns_service;
                tracing::warn!(
                    "not ready: no address of the cluster's DNS is known, for there is no Service {namespace}/{name} with a UDP port; name another by --dns-service, or an address by --dns-address"
                );
            }
            Readiness::Answering => {
                let addresses: Vec<String> =
                    self.addresses.iter().map(SocketAddr::to_string).collect();
                tracing::info!(
                    names = self.table.entries(),
                    interfaces = self.interfaces.borrow().attached,
                    "answering questions to {}",
                    addresses.join(", ")
                );
            }
        }
        self.said = Some(readiness);
    }

    /// Renews the lease, looks whether time has changed the policy, and tries again what the maps refused.
    pub(super) fn beat(&mut self) -> anyhow::Result<()> {
        self.interfaces.has_changed().context(
            "the thread that looks after interfaces has ended; this is a fault of zerohop",
        )?;
        self.follow_policy();
        if !self.reconciled {
            self.reconcile()?;
        }
        if self.reconciled {
            self.store.remove_stale();
            if self.beats.is_multiple_of(RETRY_EVERY) {
                self.retry();
                self.find_addresses();
            }
            self.permit();
        }
        self.unheard.beat();
        self.beats = self.beats.wrapping_add(1);
        if self.beats.is_multiple_of(LOOK_EVERY) {
            self.look();
        }
        self.tell();
        Ok(())
    }

    /// Tries refused names again. Owners take turns.
    fn retry(&mut self) {
        if self.policy.stored().is_none() {
            return;
        }
        self.external.tell_time();
        let all = self.table.to_retry();
        let later = all
            .iter()
            .filter(|owner| self.retried.as_ref() < Some(owner));
        let owners: Vec<Owner> = later.chain(&all).take(RETRIED).cloned().collect();
        self.retried = owners.last().cloned();
        let refused = self.write(&owners.iter().collect::<Vec<_>>());
        self.tell_refused(refused);
    }

    /// Lets nothing be denied as soon as a parent denies what could not be put.
    fn heed(&self, changed: Changed) {
        if changed.deaf {
            self.store.control().set_denials(0);
        }
    }
}
