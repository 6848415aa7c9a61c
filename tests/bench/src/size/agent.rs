//! The agent as a process among others: what it takes of memory and CPU time.

use std::{fs, time::Duration};

use anyhow::{Context as _, Result};
use nix::{time::clock_getcpuclockid, unistd::Pid};

/// A process, by its number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Consumer(pub(super) i32);

impl Consumer {
    /// The highest resident set so far, in octets.
    pub(super) fn peak_octets(self) -> Result<u64> {
        self.status_octets("VmHWM:")
    }

    /// The resident set now, in octets.
    pub(super) fn resident_octets(self) -> Result<u64> {
        self.status_octets("VmRSS:")
    }

    /// CPU time of all of its threads so far, in the kernel and outside.
    pub(super) fn cpu_time(self) -> Result<Duration> {
        let clock = clock_getcpuclockid(Pid::from_raw(self.0));
        let time = clock.and_then(|clock| clock.now());
        let time = time.with_context(|| format!("read the CPU time of process {}", self.0))?;
        Ok(time.into())
    }

    fn status_octets(self, field: &str) -> Result<u64> {
        let path = format!("/proc/{}/status", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        let value = text.lines().find_map(|line| line.strip_prefix(field));
        let kibibytes = value.and_then(|value| value.trim().strip_suffix(" kB"));
        let kibibytes: u64 = kibibytes
            .and_then(|number| number.trim().parse().ok())
            .with_context(|| format!("{path} has no {field} in kB"))?;
        Ok(kibibytes * 1024)
    }
}
