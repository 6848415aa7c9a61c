//! What changes come to.

use std::ops::AddAssign;

/// What a change came to, or several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Entries put or replaced.
    pub put: usize,
    /// Entries removed.
    pub removed: usize,
    /// Names that the maps refused.
    pub refused: usize,
    /// Whether in the end the parent of a refused name denies, as it could not be told to stop: then nothing may
    /// be denied. Of several changes: whether it was so after any of them.
    pub deaf: bool,
}

impl AddAssign for Changed {
    fn add_assign(&mut self, other: Self) {
        self.put += other.put;
        self.removed += other.removed;
        self.refused += other.refused;
        self.deaf |= other.deaf;
    }
}
