//! The thread that looks after interfaces.

use std::{io, thread};

use tokio::{runtime::Handle, sync::oneshot};

use super::Interfaces;

/// The thread's name, by which a person finds it among the others.
const THREAD: &str = "interfaces";

/// The running thread. Dropping it lets the thread finish what it is at, and waits for that: nothing is attached
/// afterwards.
pub(in crate::agent) struct InterfaceThread {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Drop for InterfaceThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self
            .thread
            .take()
            .is_some_and(|thread| thread.join().is_err())
        {
            tracing::error!(
                "the thread that looks after interfaces has panicked; this is a fault of zerohop"
            );
        }
    }
}

impl Interfaces {
    /// Begins to look after the interfaces of the calling thread's network namespace. To be called within a runtime.
    ///
    /// # Errors
    /// The system's, if there can be no further thread.
    pub(in crate::agent) fn start(self) -> io::Result<InterfaceThread> {
        let (stop, stopped) = oneshot::channel();
        let runtime = Handle::current();
        let thread = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || runtime.block_on(self.run(stopped)))?;
        Ok(InterfaceThread {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}
