//! A new agent on maps that an earlier one has filled.

use super::*;

impl Filled {
    /// Lets a new agent take the maps over, which finds every section as it needs it.
    pub(super) fn start_again(&mut self) {
        let sections = self.table.sections();
        let start = Instant::now();
        let adopted = self.store.adopt().unwrap();
        println!(
            "\na new agent reads what was left in {:.1?}",
            start.elapsed()
        );
        self.table = Table::adopting(adopted);
        let owners = self.world.owners();
        self.table.remove_others(&mut self.store, &owners);
        self.reconcile(owners);
        println!("it has set all names after {:.1?}", start.elapsed());
        let left_over = self
            .store
            .retain(&self.table.names(), &self.table.sections());
        assert_eq!(left_over.unwrap(), 0);
        self.table.end_adoption();
        assert_eq!((self.refused, self.table.sections()), (0, sections));
    }
}
