//! The machine: what it is, how much of its CPU time is spent, and on which of its CPUs a thread runs.

use std::{
    fs, hint,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context as _, Result};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::utsname::uname,
    unistd::Pid,
};

use crate::results::Machine;

/// What `/proc/stat` counts in.
const TICKS_PER_SECOND: f64 = 100.0;

impl Machine {
    /// This machine.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub(crate) fn here() -> Result<Self> {
        let processors = read("/proc/cpuinfo")?;
        let memory = read("/proc/meminfo")?;
        let system = uname().context("ask for the kernel's release")?;
        let kibibytes = field(&memory, "MemTotal").and_then(|text| text.split(' ').next());
        Ok(Self {
            processor: field(&processors, "model name")
                .unwrap_or("unknown")
                .to_owned(),
            cpus: cpus()?,
            kernel: system.release().to_string_lossy().into_owned(),
            memory_octets: kibibytes.and_then(|text| text.parse().ok()).unwrap_or(0) * 1024,
        })
    }
}

/// How many CPUs there are.
///
/// # Errors
///
/// The system does not say.
pub(crate) fn cpus() -> Result<usize> {
    let count = thread::available_parallelism().context("count the CPUs")?;
    Ok(count.get())
}

/// Runs `action` on a thread that stays on one CPU, counted from zero. What it measures is then not disturbed by being
/// moved, and its caches stay warm; processes that others have started run where they like.
///
/// # Errors
///
/// There is no such CPU, and those of `action`.
pub(crate) fn on_cpu<T: Send>(cpu: usize, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let inside = || {
        pin(cpu)?;
        action()
    };
    thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Runs `action` while a thread on each CPU does something else all the time.
///
/// # Errors
///
/// Those of `action`, and the CPUs cannot be counted.
pub(crate) fn while_busy<T>(action: impl FnOnce() -> Result<T>) -> Result<T> {
    let is_over = AtomicBool::new(false);
    let cpus = cpus()?;
    thread::scope(|scope| {
        for cpu in 0..cpus {
            let is_over = &is_over;
            scope.spawn(move || {
                // Where it may not stay on one, the others make up for it.
                let _ = pin(cpu);
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let _ended = EndsWhenDropped(&is_over);
        action()
    })
}

/// Says that something is over when it goes, also by a panic.
struct EndsWhenDropped<'flag>(&'flag AtomicBool);

impl Drop for EndsWhenDropped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Keeps the calling thread on one CPU.
///
/// # Errors
///
/// There is no such CPU.
pub(crate) fn pin(cpu: usize) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)
        .and_then(|()| sched_setaffinity(Pid::from_raw(0), &set))
        .with_context(|| format!("stay on CPU {cpu}"))
}

/// The CPU time that all CPUs together have spent since the start, in seconds: in programs and in the kernel, not idle
/// and not taken by others on the same host.
///
/// # Errors
///
/// `/proc/stat` cannot be read or understood.
pub(crate) fn cpu_seconds() -> Result<f64> {
    spent(&read("/proc/stat")?).context("understand /proc/stat")
}

/// The sum of user, nice, system, irq and softirq of all CPUs.
fn spent(text: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with("cpu "))?;
    let counts: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map_while(|count| count.parse().ok())
        .collect();
    let &[user, nice, system, _idle, _wait, irq, softirq, ..] = &counts[..] else {
        return None;
    };
    Some((user + nice + system + irq + softirq) as f64 / TICKS_PER_SECOND)
}

/// The value of the first line `NAME: VALUE`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim())
    })
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_and_stolen_time_is_not_spent() {
        let text = "cpu  100 20 30 4000 500 6 7 800 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(spent(text), Some(1.63));
        assert_eq!(spent("cpu 1 2"), None);
    }

    #[test]
    fn the_first_processor_names_the_model() {
        let text =
            "processor\t: 0\nmodel name\t: Fast 3000\n\nprocessor\t: 1\nmodel name\t: Slow\n";
        assert_eq!(field(text, "model name"), Some("Fast 3000"));
    }
}
