//! What a panic does first, on whichever thread: it ends the lease.

use std::sync::{Arc, OnceLock};

use crate::datapath::control::ControlMap;

/// Ends the lease of the agent that it was given to, from anywhere and without waiting for anybody.
///
/// A task that panics is missed by nobody but who waits for its end, and a thread may hold what others wait for. So the
/// program's panic hook calls this before anything else, and then ends the process.
#[derive(Debug, Clone, Default)]
pub struct Safeguard(Arc<OnceLock<Arc<ControlMap>>>);

impl Safeguard {
    /// Lets the kernel answer nothing any more; before the maps are loaded there is nothing to end.
    pub fn end_lease(&self) {
        if let Some(control) = self.0.get() {
            control.end_for_good();
        }
    }

    /// From now on there is a lease to end.
    pub(super) fn watch_over(&self, control: &Arc<ControlMap>) {
        // It is given to one agent.
        let _ = self.0.set(Arc::clone(control));
    }
}
