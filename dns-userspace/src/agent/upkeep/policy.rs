//! The policy in effect, and how another one takes its place.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use dns_core::{
    encode::{self, Forms},
    in_force::{Effective, InForce, Now, Options, Seen},
    objects::Protocol,
    policy::{Left, Policy},
    world::{Owner, World},
};
use tokio::time::Instant;

use super::Upkeep;
use crate::{agent::fit::fit, config::SetUp, datapath::control};

/// The policy in effect.
#[derive(Debug)]
pub(super) struct InEffect {
    in_force: InForce,
    /// What may be answered, as it was last worked out; none before the set-up was read.
    effective: Option<Effective>,
    /// Since when, since the Unix epoch.
    since: Duration,
    /// What the maps are written by; none: they are not this agent's, or half-written.
    written: Option<Written>,
    /// Owners that changed while the maps could not be written.
    missed: BTreeSet<Owner>,
}

/// What the maps are written by.
#[derive(Debug)]
pub(super) struct Written {
    /// The policy, without the reasons for what is left.
    pub(super) policy: Policy,
    pub(super) forms: Forms,
}

impl InEffect {
    pub(super) fn new(set_up: &SetUp, options: Options) -> Self {
        let in_force = match set_up {
            SetUp::Given(running) => InForce::given(options, (**running).clone(), now()),
            SetUp::Cluster { .. } => InForce::new(options),
        };
        Self {
            in_force,
            effective: None,
            since: Duration::ZERO,
            written: None,
            missed: BTreeSet::new(),
        }
    }

    /// What the maps are written by.
    pub(super) fn written(&self) -> Option<&Written> {
        self.written.as_ref()
    }

    /// What may be answered; none before the set-up was read.
    pub(super) fn effective(&self) -> Option<&Effective> {
        self.effective.as_ref()
    }

    /// Since when, since the Unix epoch.
    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// Whether it is known how the DNS servers are set up.
    pub(super) fn is_known(&self) -> bool {
        self.in_force.is_known()
    }

    /// The Corefiles that may be in force, for people.
    fn texts(&self) -> BTreeSet<Option<String>> {
        let effective = self.effective.iter();
        let texts = effective.flat_map(|effective| {
            let newest = effective.revisions.iter().cloned().map(Some);
            let earlier = effective.earlier.iter();
            newest.chain(earlier.map(|earlier| earlier.revision.clone()))
        });
        texts.collect()
    }

    /// Whether it is known that nothing may be answered, or the maps do not say what may be.
    pub(super) fn is_silent(&self) -> bool {
        self.effective.as_ref().is_some_and(|effective| {
            let written = self.written.as_ref().map(|written| &written.policy);
            effective.policy.zones.is_empty()
                || written != Some(&without_reasons(&effective.policy))
        })
    }

    /// Works out what may be answered now. Returns the reasons that were not told before, if it has changed.
    fn work_out(&mut self, world: &World, service: &(String, String)) -> Option<Vec<Left>> {
        if !self.in_force.has_begun() {
            return None;
        }
        self.in_force.set_ports(ports(world, service));
        let now = now();
        let mut effective = self.in_force.effective(now);
        effective.policy = fit(effective.policy);
        let before = self.effective.replace(effective);
        let effective = self.effective.as_ref()?;
        if before.as_ref().map(|before| &before.policy) == Some(&effective.policy) {
            return None;
        }
        self.since = now.since_epoch;
        let told = before.map(|before| before.policy.left).unwrap_or_default();
        let left = effective.policy.left.iter();
        let left: BTreeSet<&Left> = left.filter(|left| !told.contains(left)).collect();
        Some(left.into_iter().cloned().collect())
    }
}

impl Upkeep {
    /// Takes in how the DNS servers are set up.
    pub(in crate::agent) fn see(&mut self, seen: Seen) -> anyhow::Result<()> {
        self.policy.in_force.observe(seen, now());
        self.follow_policy();
        if self.reconciled {
            self.permit();
        } else {
            self.reconcile()?;
        }
        self.tell();
        Ok(())
    }

    /// Works out the policy, and makes the maps follow it if it has changed.
    pub(super) fn follow_policy(&mut self) {
        // Before that, it is not known at which port the servers are asked.
        if !self.world.complete() {
            return;
        }
        let texts = self.policy.texts();
        if let Some(left) = self.policy.work_out(&self.world, &self.dns_service) {
            self.tell_policy(&left);
            self.external.doubt();
        }
        // By another text the servers may ask somebody else for external names.
        let other_texts = self.policy.texts() != texts;
        if other_texts {
            self.external.start_over();
        }
        if self.policy.is_silent() {
            self.external.doubt();
            self.write_effective();
        }
        self.follow_external();
        if other_texts && self.reconciled {
            self.carry(&BTreeSet::new());
        }
    }

    /// Makes the maps follow the policy that is in effect.
    fn write_effective(&mut self) {
        // From here on the kernel answers nothing, unless what is written is what an earlier agent has written.
        if self.policy.written.is_some() {
            self.store.control().end_lease();
        }
        let wanted = self.policy.effective.as_ref();
        let Some(wanted) = wanted.map(|effective| without_reasons(&effective.policy)) else {
            return;
        };
        if wanted.zones.is_empty() {
            // What is written stays, and is kept up to date for when it holds again.
            return;
        }
        match self.write_policy(wanted) {
            Ok(written) => self.policy.written = Some(written),
            Err(error) => {
                // It is tried again with the next heartbeat.
                self.policy.written = None;
                self.store.control().end_lease();
                let error = format!("nothing is answered: the policy cannot be written: {error:#}");
                if self.told.is_new(&error, Instant::now()) {
                    tracing::warn!("{error}; trying again, quietly");
                }
                return;
            }
        }
        if self.reconciled {
            let mut owners = self.world.owners();
            owners.append(&mut self.policy.missed);
            self.carry(&owners);
        }
    }

    /// Writes what all entries share. If the maps may hold entries of another policy, the lease ends.
    fn write_policy(&mut self, policy: Policy) -> anyhow::Result<Written> {
        let forms = Forms::of(&policy)?;
        let zones = encode::zones(&policy, self.serial).context("write the zones' names")?;
        self.store.control().claim(policy.mark(&forms));
        self.store.put_policy(&policy, forms.rows(), &zones)?;
        Ok(Written { policy, forms })
    }

    /// Notes owners that cannot be carried now.
    pub(super) fn miss(&mut self, owners: &BTreeSet<Owner>) {
        self.policy.missed.extend(owners.iter().cloned());
    }

    fn tell_policy(&self, left: &[Left]) {
        let Some(effective) = self.policy.effective() else {
            return;
        };
        let from: Vec<&str> = effective.revisions.iter().map(String::as_str).collect();
        let from = from.join(", ");
        if effective.policy.zones.is_empty() {
            tracing::warn!("nothing is answered in the kernel by {from}");
        } else {
            let zones: Vec<String> = effective
                .policy
                .zones
                .iter()
                .map(|zone| format!("{} (ttl {})", zone.name, zone.lifetimes.records))
                .collect();
            tracing::info!(
                earlier = effective.earlier.len(),
                "zones by {from}: {}",
                zones.join(", ")
            );
        }
        for Left { what, reason } in left {
            tracing::warn!(%what, "left to the DNS service: {reason}");
        }
    }
}

/// What of a policy decides what the maps hold.
fn without_reasons(policy: &Policy) -> Policy {
    Policy {
        left: Vec::new(),
        ..policy.clone()
    }
}

/// The UDP ports at which the endpoints of a service receive what is sent to its UDP ports.
fn ports(world: &World, (namespace, name): &(String, String)) -> BTreeSet<u16> {
    let Some(service) = world.service(namespace, name) else {
        return BTreeSet::new();
    };
    let names: BTreeSet<_> = service
        .ports
        .iter()
        .filter(|port| port.protocol == Protocol::Udp)
        .map(|port| &port.name)
        .collect();
    let slices = world.slices_of(namespace, name);
    slices
        .flat_map(|slice| &slice.ports)
        .filter(|port| port.protocol == Protocol::Udp && names.contains(&port.name))
        .filter_map(|port| port.port)
        .collect()
}

fn now() -> Now {
    Now {
        since_boot: Duration::from_nanos(control::now()),
        since_epoch: SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default(),
    }
}

/// A plausible serial of a SOA record: recent Unix time.
pub(super) fn serial() -> u32 {
    now().since_epoch.as_secs() as u32
}
