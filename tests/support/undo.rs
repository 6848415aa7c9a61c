//! What has to be undone: on drop, and when SIGINT or SIGTERM ends the process early.

use std::{
    collections::BTreeMap,
    process,
    sync::{
        Condvar, Mutex, MutexGuard, Once, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

/// The status with which a shell reports a program that SIGINT ended.
const INTERRUPTED: i32 = 130;
static ORDINARY_END: AtomicBool = AtomicBool::new(false);

type Action = Box<dyn FnOnce() + Send>;

static PENDING: Mutex<Pending> = Mutex::new(Pending {
    next: 0,
    actions: BTreeMap::new(),
    running: 0,
    cleaning: None,
});

/// Told when an action that runs on a drop has ended.
static ENDED: Condvar = Condvar::new();

struct Pending {
    next: u64,
    actions: BTreeMap<u64, Action>,
    /// How many actions run on a drop at this moment.
    running: usize,
    /// The thread that cleans up after an interruption. From then on every other thread stops where it would make
    /// or undo something: it would work on what is being taken away, or end the process half-way.
    cleaning: Option<ThreadId>,
}

impl Pending {
    fn is_for_another_thread(&self) -> bool {
        self.cleaning
            .is_some_and(|cleaning| cleaning != thread::current().id())
    }
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
    ///
    /// After an interruption it does not return, nor does a drop: all that is left to do is done by the handler.
    pub fn on_drop(action: impl FnOnce() + Send + 'static) -> Self {
        handle_interrupts();
        let mut pending = lock();
        if pending.is_for_another_thread() {
            drop(pending);
            stop_here();
        }
        let number = pending.next;
        pending.next += 1;
        pending.actions.insert(number, Box::new(action));
        Self { number }
    }
}

impl Undo {
    /// There is nothing left to undo. This does not return if an interruption has undone it.
    pub fn forgo(self) {
        let mut pending = lock();
        if pending.actions.remove(&self.number).is_none() && pending.is_for_another_thread() {
            drop(pending);
            stop_here();
        }
        drop(pending);
        std::mem::forget(self);
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        let mut pending = lock();
        if pending.is_for_another_thread() {
            drop(pending);
            stop_here();
        }
        let Some(action) = pending.actions.remove(&self.number) else {
            return;
        };
        pending.running += 1;
        // The lock is released before the action runs: an action may itself drop another one.
        drop(pending);
        let _running = Running;
        action();
    }
}

/// An action that runs on a drop; counted down also when it panics.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        lock().running -= 1;
        ENDED.notify_all();
    }
}

/// The handler ends the process.
fn stop_here() -> ! {
    loop {
        thread::park();
    }
}

/// Waits for SIGINT or SIGTERM, which from here on are the ordinary end: every pending action runs, and
/// the process ends with success.
pub fn until_interrupted() -> ! {
    handle_interrupts();
    ORDINARY_END.store(true, Ordering::Relaxed);
    stop_here()
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
    lock().cleaning = Some(thread::current().id());
    loop {
        let mut pending = lock();
        // What was begun on a drop may be half done, and may drop others in turn.
        while pending.running > 0 {
            pending = ENDED.wait(pending).unwrap_or_else(PoisonError::into_inner);
        }
        let newest = pending.actions.pop_last();
        // One at a time and not under the lock, for the same reason as in `drop`.
        drop(pending);
        match newest {
            Some((_, action)) => action(),
            None => return,
        }
    }
}

fn lock() -> MutexGuard<'static, Pending> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}
