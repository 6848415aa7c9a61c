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
        let world = std::mem::take(&mut self.world);
        self.fill(world);
        println!("it has set all names after {:.1?}", start.elapsed());
        self.table.end_adoption();
        assert_eq!((self.refused, self.table.sections()), (0, sections));
    }
}
