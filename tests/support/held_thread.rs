//! One thread of a program that is stopped while the others go on, or made to panic.

use std::{fs, marker::PhantomData, process::Command};

use anyhow::{Context, Result, bail};
use nix::{
    sys::{
        ptrace::{self, Options},
        wait::{WaitPidFlag, waitpid},
    },
    unistd::Pid,
};

use crate::namespace::checked;

/// A function of Rust's library that takes nothing and panics.
const PANIC: &str = "core::panicking::panic_cannot_unwind";
/// How far below the stack pointer a function may have put what it still needs.
const RED_ZONE: u64 = 128;

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

    /// Lets the thread go on where it panics, whatever it was at. Its program is one of Rust with its symbols.
    ///
    /// # Errors
    ///
    /// When the function is not found there, or the kernel does not let this process send the thread there.
    pub fn panic(self) -> Result<()> {
        let place = address_of(self.thread, PANIC)?;
        let failed = || format!("send the thread {} elsewhere", self.thread);
        let mut registers = ptrace::getregs(self.thread).with_context(failed)?;
        // No system call is to be begun again.
        registers.orig_rax = u64::MAX;
        registers.rip = place;
        // As after a call: the stack is aligned but for the return address.
        registers.rsp = ((registers.rsp - RED_ZONE) & !0xf) - 8;
        // Whoever walks the stack for a backtrace finds its end here.
        ptrace::write(self.thread, registers.rsp as ptrace::AddressType, 0).with_context(failed)?;
        ptrace::setregs(self.thread, registers).with_context(failed)
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

/// Where the function `name` of the program of this process lies in its memory.
fn address_of(process: Pid, name: &str) -> Result<u64> {
    let program = fs::read_link(format!("/proc/{process}/exe")).context("find the program")?;
    let symbols = checked(Command::new("nm").arg("--demangle").arg(&program))?;
    let symbols = String::from_utf8_lossy(&symbols.stdout).into_owned();
    let mut lines = symbols.lines();
    let line = lines.find(|line| line.ends_with(&format!(" {name}")));
    let within = line.and_then(|line| line.split(' ').next());
    let within = within.with_context(|| format!("{} has no {name}", program.display()))?;
    // The program's first piece is mapped at its beginning.
    let maps =
        fs::read_to_string(format!("/proc/{process}/maps")).context("read its memory map")?;
    let path = program.to_string_lossy();
    let first = maps.lines().find(|line| line.ends_with(&*path));
    let begin = first.and_then(|line| line.split('-').next());
    let begin = begin.with_context(|| format!("{path} is not in the memory of {process}"))?;
    Ok(u64::from_str_radix(begin, 16)? + u64::from_str_radix(within, 16)?)
}
