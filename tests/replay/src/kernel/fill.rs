//! The maps as the agent fills them.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use dns_core::{
    encode::{self, Forms},
    entries::{Entries, reconcile, write},
    objects::Skipped,
    policy::Policy,
    projection::{Resolved, View},
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
        let held = self.table.owners();
        let nothing = held.iter().map(|owner| (owner, Entries::default()));
        write(&mut self.table, &mut self.store, nothing);
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
            let done = reconcile(
                &mut self.table,
                &mut self.store,
                view,
                &self.forms,
                affected,
            );
            filled.note(done.skipped);
            filled.note(done.unwritten);
            filled.refused = done.changed.refused;
            let control = self.store.control();
            control.suspend_denials(!world.fresh() || done.deaf);
            self.may_answer = true;
        }
        filled.names = self.table.entries();
        Ok(filled)
    }
}
