//! What `zerohop status --output json` prints.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The datapath's counters and what the agent is attached to.
#[derive(Clone, Debug, Deserialize)]
pub struct Status {
    /// Questions answered in the kernel, by kind.
    pub answered: Answered,
    /// DNS packets left to the DNS service, by reason.
    pub passed: BTreeMap<String, u64>,
    /// The busiest destinations of port 53 that are not known as the DNS service.
    #[serde(default)]
    pub unknown_destinations: Vec<UnknownDestination>,
    /// Devices with a program.
    #[serde(default)]
    pub interfaces: Vec<AttachedInterface>,
    /// What is left of the lease, in seconds; negative or absent when it is over.
    #[serde(default)]
    pub lease_seconds: Option<f64>,
}

/// Counts of answers given in the kernel.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Answered {
    /// With records.
    pub answer: u64,
    /// The name exists, with other types only.
    pub nodata: u64,
    /// The name does not exist.
    pub nxdomain: u64,
}

/// A destination of questions that is not known as the DNS service.
#[derive(Clone, Debug, Deserialize)]
pub struct UnknownDestination {
    /// The IP address.
    pub address: String,
    /// How many questions went there.
    pub questions: u64,
}

/// A device with one of our programs.
#[derive(Clone, Debug, Deserialize)]
pub struct AttachedInterface {
    /// The device's name in the node's namespace.
    pub name: String,
    /// Where the program hangs: `tcx`, `clsact` or `xdp`.
    pub hook: String,
}

impl Status {
    /// All questions answered in the kernel.
    pub fn answered_in_kernel(&self) -> u64 {
        self.answered.answer + self.answered.nodata + self.answered.nxdomain
    }

    /// All DNS packets that were left to the DNS service.
    pub fn passed_on(&self) -> u64 {
        self.passed.values().sum()
    }
}
