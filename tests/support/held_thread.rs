//! One thread of a program that is stopped while the others go on.

use std::{fs, marker::PhantomData};

use anyhow::{Context, Result, bail};
use nix::{
    sys::{
        ptrace::{self, Options},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

/// A thread of another process, stopped until this is dropped.
#[derive(Debug)]
pub struct HeldThread {
    thread: Pid,
    /// The kernel lets only the thread that holds it let it go.
    _stays_here: PhantomData<*const ()>,
}

impl HeldThread {
    /// Stops the thread called `name` of the process `process`.
    ///
    /// # Errors
    ///
    /// When there is no such thread, or the kernel does not let this process stop it.
    pub fn hold(process: i32, name: &str) -> Result<Self> {
        let thread = find(process, name)?;
        let failed = || format!("stop the thread {name} ({thread})");
        ptrace::seize(thread, Options::empty()).with_context(failed)?;
        let held = Self {
            thread,
            _stays_here: PhantomData,
        };
        ptrace::interrupt(thread).with_context(failed)?;
        waitpid(thread, Some(WaitPidFlag::__WALL)).with_context(failed)?;
        Ok(held)
    }
}

impl Drop for HeldThread {
    fn drop(&mut self) {
        // A thread that has ended meanwhile has nothing to be let go of.
        if let Err(error) = ptrace::detach(self.thread, None)
            && error != nix::errno::Errno::ESRCH
        {
            eprintln!("let the thread {} go: {error}", self.thread);
        }
    }
}

fn find(process: i32, name: &str) -> Result<Pid> {
    let folder = format!("/proc/{process}/task");
    let failed = || format!("list the threads in {folder}");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        // A thread may end meanwhile.
        let Ok(found) = fs::read_to_string(entry.path().join("comm")) else {
            continue;
        };
        if found.trim_end() == name {
            let number = entry.file_name().to_string_lossy().parse();
            return Ok(Pid::from_raw(number.with_context(failed)?));
        }
        names.push(found.trim_end().to_owned());
    }
    bail!("process {process} has no thread {name}, but {names:?}")
}
