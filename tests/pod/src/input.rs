//! Standard input as the sign to end.

use std::{
    io::{self, Read as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Becomes true when standard input ends, if that is `wanted`.
pub(crate) fn ended(wanted: bool) -> Arc<AtomicBool> {
    let ended = Arc::new(AtomicBool::new(false));
    if wanted {
        let ended = ended.clone();
        thread::spawn(move || {
            // An error ends the input as well.
            let _ = io::stdin().read_to_end(&mut Vec::new());
            ended.store(true, Ordering::Relaxed);
        });
    }
    ended
}
