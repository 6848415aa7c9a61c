//! What is known becomes facts for the heartbeat, and what forbids every answer is told.

use std::net::SocketAddr;

use dns_core::permission::Obstacle;
use tokio::time::Instant;

use super::{Phase, Reconciler};
use crate::datapath::control;

impl Reconciler {
    /// What forbids every answer.
    fn obstacle(&self) -> Option<Obstacle> {
        if self.policy.is_silent() {
            Some(Obstacle::LeftAll)
        } else if !self.world.complete() {
            Some(Obstacle::NotListed)
        } else if self.policy.agreed().is_none() {
            Some(Obstacle::NoPolicy)
        } else if self.phase != Phase::Filled {
            Some(Obstacle::Filling)
        } else if self.rewritten_at.is_some() {
            Some(Obstacle::LeftAll)
        } else if self.store.stale() > 0 {
            Some(Obstacle::Stale(self.store.stale()))
        } else if self.dns.addresses().is_empty() {
            Some(Obstacle::NoAddress)
        } else {
            None
        }
    }

    /// All that the source had told by then is in the maps, but for what [`super::large::Large::oldest`] excepts; zero: never
    /// yet.
    pub(super) fn settled(&self) -> u64 {
        match self.phase {
            Phase::Filled => {
                let large = self.large.oldest(control::now());
                let oldest = self.dirty.oldest().into_iter().chain(large).min();
                oldest.unwrap_or_else(|| self.world.quiet())
            }
            Phase::Waiting | Phase::Filling => 0,
        }
    }

    /// Tells the heartbeat what is known now. Returns what forbids every answer.
    pub(super) fn permit(&mut self) -> Option<Obstacle> {
        let control = self.store.control();
        control.suspend_answers(self.store.stale() > 0);
        if self.phase == Phase::Filled {
            let deaf = self.table.settle(&mut self.store);
            self.store.control().suspend_denials(deaf);
        }
        let obstacle = self.obstacle();
        let settled = self.settled();
        self.heartbeat.tell(|facts| {
            facts.settled = settled;
            facts.obstacle.clone_from(&obstacle);
            facts.absence_is_certain = self.world.fresh();
            facts.endpoints.lost = self.endpoints_lost;
            facts.endpoints.servers = self.alone.servers();
        });
        obstacle
    }

    /// Says when questions begin to be answered, and when they are not any more. Returns whether that has changed.
    pub(super) fn tell_obstacle(&mut self, obstacle: Option<Obstacle>) -> bool {
        if self.said.as_ref() == Some(&obstacle) {
            return false;
        }
        let before = self.said.replace(obstacle.clone());
        let is_new = self.told.is_new(&format!("{obstacle:?}"), Instant::now());
        // The Service may come and go.
        let has_come_or_gone = matches!(
            (before, &obstacle),
            (Some(Some(Obstacle::NoAddress)), None) | (Some(None), Some(Obstacle::NoAddress))
        );
        if has_come_or_gone && !is_new {
            return true;
        }
        match &obstacle {
            // It was told with the policy, or with what is listed.
            Some(
                Obstacle::LeftAll | Obstacle::NotListed | Obstacle::NoPolicy | Obstacle::Filling,
            ) => {}
            Some(Obstacle::Stale(entries)) => {
                if is_new {
                    tracing::error!(
                        entries,
                        "the kernel refuses to remove entries that must not stay, so nothing is answered until it does; the DNS service answers meanwhile"
                    );
                }
            }
            Some(Obstacle::NoAddress) => {
                let (namespace, name) = self.dns.service();
                tracing::warn!(
                    "not ready: no address of the cluster's DNS is known, for there is no Service {namespace}/{name} with a UDP port; name another by --dns-service, or an address by --dns-address"
                );
            }
            None => {
                let addresses = self.dns.addresses().iter();
                let addresses: Vec<String> = addresses.map(SocketAddr::to_string).collect();
                tracing::info!(
                    names = self.table.entries(),
                    interfaces = self.interfaces.borrow().attached,
                    "answering questions to {}",
                    addresses.join(", ")
                );
            }
        }
        true
    }
}
