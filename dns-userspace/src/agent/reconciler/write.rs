//! What the maps shall hold of each owner: worked out, on several threads where there is much of it, and written.

use std::{num::NonZero, panic, thread};

use dns_core::{
    encode::{self, Draft, Forms},
    objects::Skipped,
    projection::{self, View},
    world::Owner,
};

use super::Reconciler;

/// How many owners are worked out before they are written. All that is made of them is in memory at once: some
/// 10 kB for a headless service of ten endpoints.
pub(super) const AT_ONCE: usize = 256;

/// How many owners are worth a thread.
const A_THREAD: usize = 64;

/// What has been made of one owner.
#[derive(Default)]
struct Made {
    drafts: Vec<Draft>,
    /// What of its objects cannot be expressed.
    skipped: Vec<Skipped>,
    /// Which of its record sets cannot be written.
    unwritten: Vec<Skipped>,
}

impl Made {
    fn of(owner: &Owner, view: View<'_>, forms: &Forms) -> Self {
        let mut made = Self::default();
        // Drafts are smaller than nodes, of which a large service has very many.
        made.skipped = projection::each_node_of(view, owner, &mut |node| {
            let (draft, mut left) = encode::encode(&node, forms);
            made.drafts.extend(draft);
            made.unwritten.append(&mut left);
        });
        made.skipped.extend(projection::uncertainties(view, owner));
        made
    }
}

impl Reconciler {
    /// Makes the maps hold what the state of the world says of these owners. Returns how many names they refused.
    pub(super) fn write(&mut self, owners: &[Owner]) -> usize {
        let mut refused = 0;
        for (owner, made) in owners.iter().zip(self.work_out(owners)) {
            self.not_served.set(owner, made.skipped, &made.unwritten);
            let changed = self.table.set(&mut self.store, owner, made.drafts);
            refused += changed.refused;
            self.heed(changed);
        }
        refused
    }

    /// What is made of each of these owners, in their order.
    fn work_out(&self, owners: &[Owner]) -> Vec<Made> {
        let Some((view, forms)) = self.view() else {
            return owners.iter().map(|_| Made::default()).collect();
        };
        let all = |owners: &[Owner]| -> Vec<Made> {
            let made = owners.iter().map(|owner| Made::of(owner, view, forms));
            made.collect()
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
            let made = workers.into_iter().map(thread::ScopedJoinHandle::join);
            let made = made.map(|made| made.unwrap_or_else(|fault| panic::resume_unwind(fault)));
            made.flatten().collect()
        })
    }
}
