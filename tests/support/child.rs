//! Programs that are run to their end, and that an interruption ends before anything else is undone.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::undo::Undo;

/// A running program in a process group of its own: Ctrl-C reaches us alone, and we end it first.
#[derive(Debug)]
pub struct OwnedChild {
    child: Child,
    ended: Arc<Ended>,
    end: Undo,
}

/// Whether the program has ended.
#[derive(Debug, Default)]
struct Ended {
    is_so: Mutex<bool>,
    changed: Condvar,
}

impl OwnedChild {
    /// Starts `command`. On an interruption it gets SIGTERM, and SIGKILL if it has not ended after `patience`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn spawn(command: &mut Command, patience: Duration) -> io::Result<Self> {
        let child = command.process_group(0).spawn()?;
        let group = i32::try_from(child.id()).map_err(io::Error::other)?;
        let ended = Arc::new(Ended::default());
        let state = Arc::clone(&ended);
        let end = Undo::on_drop(move || state.end(Pid::from_raw(group), patience));
        Ok(Self { child, ended, end })
    }

    /// Waits for its end. If an interruption has ended it, this does not return.
    ///
    /// # Errors
    ///
    /// The system cannot wait for it.
    pub fn wait(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait();
        *self
            .ended
            .is_so
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.ended.changed.notify_all();
        self.end.forgo();
        status
    }
}

impl Ended {
    /// Ends the process group, unless its leader has ended: then its number may be another's.
    fn end(&self, group: Pid, patience: Duration) {
        let is_so = self.is_so.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_so {
            return;
        }
        // It may end at this very moment, and then there is nothing to do.
        let _ = killpg(group, Signal::SIGTERM);
        let (is_so, _) = self
            .changed
            .wait_timeout_while(is_so, patience, |is_so| !*is_so)
            .unwrap_or_else(PoisonError::into_inner);
        if !*is_so {
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_by_itself_tells_its_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        let child = OwnedChild::spawn(&mut command, Duration::ZERO).expect("sh");
        assert_eq!(child.wait().expect("its end").code(), Some(3));
    }

    #[test]
    fn a_program_that_nobody_waits_for_is_ended() {
        let mut command = Command::new("sleep");
        command.arg("1000");
        let child = OwnedChild::spawn(&mut command, Duration::ZERO).expect("sleep");
        let group = Pid::from_raw(i32::try_from(child.child.id()).expect("a process id"));
        let OwnedChild { mut child, end, .. } = child;
        drop(end);
        assert!(!child.wait().expect("its end").success());
        assert!(killpg(group, None).is_err(), "the group is gone");
    }
}
