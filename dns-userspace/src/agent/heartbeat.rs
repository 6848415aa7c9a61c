//! The heartbeat: a thread of its own that tells the kernel again and again what it may do, by the facts that were last
//! told. It waits for nothing: work on objects, however long, only lets the facts grow old.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use dns_core::permission::{EndpointsState, Facts, decide};

use crate::datapath::control::{self, ControlMap};

/// How often the deadlines are moved.
const EVERY: Duration = Duration::from_millis(100);

/// The heartbeat, from anywhere.
#[derive(Debug, Clone)]
pub(super) struct Heartbeat(Arc<Shared>);

/// The thread; nothing is permitted any more when this is dropped.
#[derive(Debug)]
pub(super) struct HeartbeatThread {
    heartbeat: Heartbeat,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    control: Arc<ControlMap>,
    state: Mutex<State>,
    stopped: Condvar,
}

#[derive(Debug)]
struct State {
    facts: Facts,
    /// Nothing is permitted any more, and the thread ends.
    is_over: bool,
}

impl Heartbeat {
    /// Starts the thread. What an earlier agent has permitted holds by these facts for the time being.
    pub(super) fn start(control: Arc<ControlMap>, facts: Facts) -> io::Result<HeartbeatThread> {
        let heartbeat = Self(Arc::new(Shared {
            control,
            state: Mutex::new(State {
                facts,
                is_over: false,
            }),
            stopped: Condvar::new(),
        }));
        let thread = heartbeat.clone();
        let thread = thread::Builder::new()
            .name("heartbeat".to_owned())
            .spawn(move || thread.run())?;
        Ok(HeartbeatThread {
            heartbeat,
            thread: Some(thread),
        })
    }

    fn run(&self) {
        let mut state = self.state();
        while !state.is_over {
            self.0.permit(&mut state);
            let waited = self.0.stopped.wait_timeout(state, EVERY);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes in other facts, and acts by them at once.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Facts)) {
        let mut state = self.state();
        change(&mut state.facts);
        self.0.permit(&mut state);
    }

    /// How it stands with what comes from endpoints.
    pub(super) fn endpoints(&self) -> EndpointsState {
        self.state().facts.endpoints.state(control::now())
    }

    /// Permits nothing from now on, whatever is told.
    pub(super) fn end(&self) {
        self.0.control.end_for_good();
        self.state().is_over = true;
        self.0.stopped.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while facts were told may have left half of them: that one's process ends.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn permit(&self, state: &mut State) {
        let now = control::now();
        state.facts.follow(now);
        self.control.permit(decide(&state.facts, now));
    }
}

impl HeartbeatThread {
    pub(super) fn heartbeat(&self) -> Heartbeat {
        self.heartbeat.clone()
    }

    /// Whether the thread runs, or was told to end.
    pub(super) fn is_alive(&self) -> bool {
        let is_running = |thread: &JoinHandle<()>| !thread.is_finished();
        self.thread.as_ref().is_some_and(is_running) || self.heartbeat.state().is_over
    }
}

impl Drop for HeartbeatThread {
    fn drop(&mut self) {
        self.heartbeat.end();
        if let Some(thread) = self.thread.take() {
            // If it has panicked, that was told already.
            let _ = thread.join();
        }
    }
}
