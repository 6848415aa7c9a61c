//! What the maps shall hold of each owner: worked out, on several threads where there is much of it, and written.

use std::{mem, num::NonZero, panic, thread};

use dns_core::{
    entries::{self, Entries},
    world::Owner,
};

use super::Reconciler;

/// How many owners are worth a thread.
const A_THREAD: usize = 64;

impl Reconciler {
    /// Makes the maps hold what the state of the world says of these owners. Returns how many names they refused.
    pub(super) fn write(&mut self, owners: &[Owner]) -> usize {
        let mut all = self.work_out(owners);
        for (owner, entries) in owners.iter().zip(&mut all) {
            let skipped = mem::take(&mut entries.skipped);
            self.not_served.set(owner, skipped, &entries.unwritten);
        }
        entries::write(&mut self.table, &mut self.store, owners.iter().zip(all)).refused
    }

    /// The entries of each of these owners, in their order.
    fn work_out(&self, owners: &[Owner]) -> Vec<Entries> {
        let Some((view, forms)) = self.view() else {
            return owners.iter().map(|_| Entries::default()).collect();
        };
        let all = |owners: &[Owner]| -> Vec<Entries> {
            let entries = owners.iter().map(|owner| Entries::of(owner, view, forms));
            entries.collect()
        };
        let cpus = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cpus.min(owners.len() / A_THREAD);
        if threads < 2 {
            return all(owners);
        }
        thread::scope(|scope| {
            let shares = owners.chunks(owners.len().div_ceil(threads));
            let workers: Vec<_> = shares
                .map(|share| scope.spawn(move || all(share)))
                .collect();
            let shares = workers.into_iter().map(thread::ScopedJoinHandle::join);
            let shares = shares.map(|all| all.unwrap_or_else(|fault| panic::resume_unwind(fault)));
            shares.flatten().collect()
        })
    }
}
