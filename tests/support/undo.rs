//! What has to be undone: on drop, and when SIGINT or SIGTERM ends the process early.

use std::{
    collections::BTreeMap,
    process,
    sync::{
        Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// The status with which a shell reports a program that SIGINT ended.
const INTERRUPTED: i32 = 130;
static ORDINARY_END: AtomicBool = AtomicBool::new(false);

type Action = Box<dyn FnOnce() + Send>;

static PENDING: Mutex<Pending> = Mutex::new(Pending {
    next: 0,
    actions: BTreeMap::new(),
});

struct Pending {
    next: u64,
    actions: BTreeMap<u64, Action>,
}

/// Runs an action once: when it is dropped, or when the process is interrupted before that.
///
/// On an interruption the newest action runs first, so that what was made last goes first.
#[must_use = "dropping it runs the action at once"]
#[derive(Debug)]
pub struct Undo {
    number: u64,
}

impl Undo {
    /// Registers `action`. The first call also installs the handler for SIGINT and SIGTERM.
    pub fn on_drop(action: impl FnOnce() + Send + 'static) -> Self {
        handle_interrupts();
        let mut pending = lock();
        let number = pending.next;
        pending.next += 1;
        pending.actions.insert(number, Box::new(action));
        Self { number }
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        // The lock is released before the action runs: an action may itself drop another one.
        let action = lock().actions.remove(&self.number);
        if let Some(action) = action {
            action();
        }
    }
}

/// Waits for SIGINT or SIGTERM, which from here on are the ordinary end: every pending action runs, and
/// the process ends with success.
pub fn until_interrupted() -> ! {
    handle_interrupts();
    ORDINARY_END.store(true, Ordering::Relaxed);
    loop {
        thread::park();
    }
}

/// Makes SIGINT and SIGTERM run every pending action and end the process with status 130.
fn handle_interrupts() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let installed = ctrlc::set_handler(|| {
            let ordinary = ORDINARY_END.load(Ordering::Relaxed);
            let prelude = if ordinary { "" } else { "interrupted: " };
            eprintln!("{prelude}cleaning up");
            everything();
            process::exit(if ordinary { 0 } else { INTERRUPTED });
        });
        if let Err(error) = installed {
            eprintln!("Ctrl-C will not clean up, because its handler cannot be set: {error}");
        }
    });
}

fn everything() {
    // One at a time and not under the lock, for the same reason as in `drop`.
    while let Some((_, action)) = { lock().actions.pop_last() } {
        action();
    }
}

fn lock() -> MutexGuard<'static, Pending> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}
