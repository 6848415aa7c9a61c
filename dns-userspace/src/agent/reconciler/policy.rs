//! The agreed policy, and how another one takes its place.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use dns_core::{
    encode::{self, Forms, expressible},
    objects::Protocol,
    permission::{Obstacle, Permission},
    policy::{Left, Policy},
    projection::View,
    rollout::{Agreed, Now, Options, Refusal, Rollout, Seen},
    world::World,
};
use tokio::time::Instant;

use super::{Phase, Reconciler, external::External};
use crate::{config::SetUp, datapath::control};

/// The policy on which the Corefiles of a rollout agree.
#[derive(Debug)]
pub(super) struct AgreedPolicy {
    rollout: Rollout,
    /// What may be answered, as it was last worked out; none before the set-up was read.
    agreed: Option<Agreed>,
    /// Since when, since the Unix epoch.
    since: Duration,
    /// The policy that the maps hold; none: they are not this agent's, or half-written.
    stored: Option<Arc<Stored>>,
}

/// A policy that the maps hold.
#[derive(Debug)]
pub(super) struct Stored {
    /// The policy, without the reasons for what is left.
    pub(super) policy: Policy,
    pub(super) forms: Forms,
}

impl Stored {
    /// Everything that records are made from by this policy.
    pub(super) fn view<'view>(
        &'view self,
        world: &'view World,
        external: &'view External,
        serial: u32,
    ) -> View<'view> {
        View {
            policy: &self.policy,
            world,
            resolved: external.answers(),
            serial,
        }
    }
}

impl AgreedPolicy {
    pub(super) fn new(set_up: &SetUp, options: Options) -> Self {
        let rollout = match set_up {
            SetUp::Given(running) => Rollout::given(options, (**running).clone(), now()),
            SetUp::Cluster { .. } => Rollout::new(options),
        };
        Self {
            rollout,
            agreed: None,
            since: Duration::ZERO,
            stored: None,
        }
    }

    /// The policy that the maps hold.
    pub(super) fn stored(&self) -> Option<&Arc<Stored>> {
        self.stored.as_ref()
    }

    /// What may be answered; none before the set-up was read.
    pub(super) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_ref()
    }

    /// Since when, since the Unix epoch.
    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// Whether it is known how the DNS servers are set up.
    pub(super) fn is_known(&self) -> bool {
        self.rollout.is_known()
    }

    /// Whether the set-up may not be read any more.
    fn is_refused(&self) -> bool {
        let agreed = self.agreed.as_ref();
        agreed.is_some_and(|agreed| agreed.refusal.as_ref().is_some_and(Refusal::lasts))
    }

    /// The Corefiles of the rollout, for people.
    fn texts(&self) -> BTreeSet<Option<String>> {
        let agreed = self.agreed.iter();
        let texts = agreed.flat_map(|agreed| {
            let newest = agreed.revisions.iter().cloned().map(Some);
            let earlier = agreed.earlier.iter();
            newest.chain(earlier.map(|earlier| earlier.revision.clone()))
        });
        texts.collect()
    }

    /// Whether it is known that nothing may be answered, or the maps do not say what may be.
    pub(super) fn is_silent(&self) -> bool {
        self.agreed.as_ref().is_some_and(|agreed| {
            let stored = self.stored.as_ref().map(|stored| &stored.policy);
            agreed.policy.zones.is_empty() || stored != Some(&without_reasons(&agreed.policy))
        })
    }

    /// Works out what may be answered now. Returns the reasons that were not told before, if it has changed.
    fn work_out(&mut self, world: &World, service: &(String, String)) -> Option<Vec<Left>> {
        if !self.rollout.has_begun() {
            return None;
        }
        self.rollout.set_ports(ports(world, service));
        let now = now();
        let mut agreed = self.rollout.agreed(now);
        agreed.policy = expressible(agreed.policy);
        let before = self.agreed.replace(agreed);
        let agreed = self.agreed.as_ref()?;
        if before.as_ref().map(|before| &before.policy) == Some(&agreed.policy) {
            return None;
        }
        self.since = now.since_epoch;
        let told = before.map(|before| before.policy.left).unwrap_or_default();
        let left = agreed.policy.left.iter();
        let left: BTreeSet<&Left> = left.filter(|left| !told.contains(left)).collect();
        Some(left.into_iter().cloned().collect())
    }
}

impl Reconciler {
    /// Notes how the DNS servers are set up.
    pub(in crate::agent) fn note_set_up(&mut self, seen: Seen) {
        self.policy.rollout.observe(seen, now());
        self.policy_dirty = true;
    }

    /// Works out the policy, and makes the maps follow it if it has changed.
    pub(super) fn follow_policy(&mut self) {
        // Before that, it is not known at which port the servers are asked.
        if !self.world.complete() {
            return;
        }
        let texts = self.policy.texts();
        let was_refused = self.policy.is_refused();
        if let Some(left) = self.policy.work_out(&self.world, self.dns.service()) {
            self.tell_policy(&left);
            self.external.mark_dirty();
        }
        self.tell_refusal(was_refused);
        // By another text the servers may ask somebody else for external names.
        let other_texts = self.policy.texts() != texts;
        if other_texts {
            self.external.start_over();
        }
        if self.policy.is_silent() {
            self.external.mark_dirty();
            self.store_agreed();
        }
    }

    /// Makes the maps follow the agreed policy.
    fn store_agreed(&mut self) {
        // From here on the kernel answers nothing, unless what the maps hold is what an earlier agent has written.
        if self.policy.stored.is_some() {
            self.heartbeat
                .tell(|facts| facts.obstacle = Some(Obstacle::LeftAll));
        }
        let wanted = self.policy.agreed.as_ref();
        let Some(wanted) = wanted.map(|agreed| without_reasons(&agreed.policy)) else {
            return;
        };
        if wanted.zones.is_empty() {
            // What the maps hold stays, and is kept up to date for when it holds again.
            return;
        }
        match self.write_policy(wanted) {
            Ok(stored) => self.policy.stored = Some(Arc::new(stored)),
            Err(error) => {
                // It is tried again with the next beat.
                self.policy.stored = None;
                let error = format!("nothing is answered: the policy cannot be written: {error:#}");
                if self.told.is_new(&error, Instant::now()) {
                    tracing::warn!("{error}; trying again, quietly");
                }
                return;
            }
        }
        if self.phase != Phase::Waiting {
            self.large.forget_policy();
            self.dirty.note(self.world.owners(), self.world.quiet());
            self.rewritten_at = Some(self.dirty.end());
        }
    }

    /// Writes what all entries share. If the maps may hold entries of another policy, the lease ends.
    fn write_policy(&mut self, policy: Policy) -> anyhow::Result<Stored> {
        let forms = Forms::of(&policy)?;
        let zones = encode::zones(&policy, self.serial).context("write the zones' names")?;
        let mark = policy.mark(&forms);
        if !self.store.control().is_of(mark) {
            self.heartbeat
                .tell(|facts| facts.inherited = Permission::default());
        }
        self.store.control().claim(mark);
        self.store.put_policy(&policy, forms.rows(), &zones)?;
        Ok(Stored { policy, forms })
    }

    /// Says once that the set-up may not be read any more, and that it may be again.
    fn tell_refusal(&mut self, was_refused: bool) {
        let refusal = self
            .policy
            .agreed()
            .and_then(|agreed| agreed.refusal.as_ref());
        let Some(refusal) = refusal.filter(|refusal| refusal.lasts()) else {
            if was_refused {
                tracing::info!("the set-up of the DNS servers may be read again");
            }
            return;
        };
        let kept = refusal.kept_until.saturating_sub(now().since_boot);
        if !kept.is_zero() && self.told.is_new(&refusal.reason, Instant::now()) {
            tracing::warn!(
                "the last policy is kept for {} s more: {}",
                kept.as_secs(),
                refusal.reason
            );
        }
    }

    fn tell_policy(&self, left: &[Left]) {
        let Some(agreed) = self.policy.agreed() else {
            return;
        };
        let from: Vec<&str> = agreed.revisions.iter().map(String::as_str).collect();
        let from = from.join(", ");
        if agreed.policy.zones.is_empty() {
            tracing::warn!("nothing is answered in the kernel by {from}");
        } else {
            let zones: Vec<String> = agreed
                .policy
                .zones
                .iter()
                .map(|zone| format!("{} (ttl {})", zone.name, zone.lifetimes.records))
                .collect();
            tracing::info!(
                earlier = agreed.earlier.len(),
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
