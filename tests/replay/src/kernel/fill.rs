//! What the agent puts into the maps, and in which order; this is the one place that knows how.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use dns_core::{
    encode::{self, Forms},
    objects::Skipped,
    policy::Policy,
    projection::{self, Resolved, View},
    world::{Affected, World},
};

use super::Kernel;

/// What came of filling the maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// Names in the maps.
    pub names: usize,
    /// Names that the maps refused; they are left to the DNS service.
    pub refused: usize,
    /// What the agent would tell of objects that it does not answer for.
    pub skipped: BTreeSet<(String, String)>,
}

impl Filled {
    fn note(&mut self, skipped: Vec<Skipped>) {
        let pairs = skipped
            .into_iter()
            .map(|Skipped { object, reason }| (object, reason));
        self.skipped.extend(pairs);
    }
}

impl Kernel {
    /// Makes the maps hold exactly what the agent would put there for this policy, these objects, and what is
    /// known of external names. While the world is not complete that is nothing, and nothing is
    /// answered.
    ///
    /// # Errors
    /// The zones' names cannot be written, or the kernel's.
    pub fn fill(
        &mut self,
        policy: &Policy,
        world: &World,
        resolved: &dyn Resolved,
    ) -> Result<Filled> {
        self.may_answer = false;
        self.store.control().end_lease();
        for owner in std::mem::take(&mut self.owners) {
            self.table.set(&mut self.store, &owner, Vec::new());
        }
        self.policy = policy.clone();
        let forms = Forms::of(policy)?;
        let zones = encode::zones(policy, self.serial).context("write the zones' names")?;
        let control = self.store.control();
        control.claim(policy.mark(&forms));
        self.store.put_policy(policy, forms.rows(), &zones)?;
        self.forms = forms;
        self.carry(world, resolved, world.owners())
    }

    /// Brings up to date what depends on these owners: after the world has changed those that
    /// [`World::apply`] named.
    ///
    /// # Errors
    /// None today; what the maps refuse is counted.
    pub fn carry(
        &mut self,
        world: &World,
        resolved: &dyn Resolved,
        affected: Affected,
    ) -> Result<Filled> {
        let mut filled = Filled::default();
        if world.complete() {
            let view = View {
                policy: &self.policy,
                world,
                resolved,
                serial: self.serial,
            };
            for owner in projection::dependents(view, affected) {
                let (nodes, skipped) = projection::nodes_of(view, &owner);
                filled.note(skipped);
                let mut drafts = Vec::with_capacity(nodes.len());
                for node in &nodes {
                    let (draft, skipped) = encode::encode(node, &self.forms);
                    drafts.extend(draft);
                    filled.note(skipped);
                }
                let changed = self.table.set(&mut self.store, &owner, drafts);
                filled.refused += changed.refused;
                self.owners.insert(owner);
            }
            let deaf = self.table.settle(&mut self.store);
            self.store.control().suspend_denials(!world.fresh() || deaf);
            self.may_answer = true;
        }
        filled.names = self.table.entries();
        Ok(filled)
    }
}
