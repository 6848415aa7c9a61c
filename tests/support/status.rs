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
    /// What the agent says about itself, if it could be asked.
    #[serde(default)]
    pub agent: Option<Report>,
    /// Why it could not be asked.
    #[serde(default)]
    pub agent_trouble: Option<String>,
}

/// What the agent says about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Report {
    /// Whether the agent has taken its node over.
    pub ready: bool,
    /// Whether the kernel answers questions.
    pub answering: bool,
    /// Why not.
    pub reason: Option<String>,
    /// What may be answered.
    pub policy: ReportedPolicy,
    /// What is done with that which comes from endpoints.
    pub endpoints: ReportedEndpoints,
    /// The kinds of objects that answers are made from.
    pub kinds: Vec<ReportedKind>,
    /// Addresses and ports that count as the cluster's DNS.
    pub dns_addresses: Vec<String>,
    /// What is asked of external names.
    pub external: ReportedExternal,
    /// Names in the kernel's maps.
    pub names: u64,
    /// Objects, or parts of them, that are not served.
    pub skipped: ReportedFailing,
    /// On how many interfaces other programs run before the datapath.
    pub interfaces_behind: u64,
    /// Clients that have probably not got the kernel's answers.
    pub breaker: ReportedBreaker,
}

/// Clients that are left to the DNS service, because they have probably not got the kernel's answers.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedBreaker {
    /// How many there are.
    pub unheard: u64,
    /// How often one has begun to be left to the DNS service.
    pub opened: u64,
    /// Some of them.
    pub first: Vec<ReportedUnheard>,
}

/// A client that is left to the DNS service.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedUnheard {
    /// The interface that it is behind.
    pub interface: String,
    /// Its address.
    pub client: String,
}

/// What is asked of external names that services lead to.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedExternal {
    /// How many questions there are.
    pub wanted: u64,
    /// Of how many the answer is known and holds.
    pub fresh: u64,
    /// Those that were not answered the last time.
    pub failing: ReportedFailing,
}

/// What does not work.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedFailing {
    /// How many.
    pub count: u64,
    /// Some of them.
    pub first: Vec<ReportedFailure>,
}

/// Something that does not work.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedFailure {
    /// A question, such as `db.example.com. A`, or an object, such as `Service shop/web`.
    pub object: String,
    /// Why.
    pub reason: String,
}

/// What may be answered.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedPolicy {
    /// Zones that are answered.
    pub zones: Vec<ReportedZone>,
    /// What is left to the DNS service.
    pub left: Vec<ReportedLeft>,
    /// Where the newest Corefiles come from.
    pub corefiles: Vec<String>,
    /// Texts that have been replaced and that servers may still have.
    pub earlier: Vec<ReportedEarlier>,
    /// That some of the set-up may not be read any more.
    pub refusal: Option<ReportedRefusal>,
}

/// The DNS servers' set-up may not be read any more.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedRefusal {
    /// Why.
    pub reason: String,
    /// For how many seconds more the last policy is kept.
    pub seconds_left: u64,
}

/// A zone that is answered.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedZone {
    /// Its name, with the final dot.
    pub zone: String,
    /// Lifetime of records, in seconds.
    pub ttl: u32,
}

/// Something that is left to the DNS service.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedLeft {
    /// The zone or name.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// A text that has been replaced and that servers may still have.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedEarlier {
    /// The text; none if it was never seen.
    pub revision: Option<String>,
    /// In how many seconds no server has it any more, for certain.
    pub seconds_left: Option<u64>,
}

/// What is done with that which comes from endpoints.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedEndpoints {
    /// Whether it is left to the DNS service.
    pub left: bool,
    /// Whether it is answered only because no server of the DNS service replies.
    pub alone: bool,
}

/// How far the agent is with a kind of objects.
#[derive(Clone, Debug, Deserialize)]
pub struct ReportedKind {
    /// The kind, such as `EndpointSlice`.
    pub kind: String,
    /// Whether all of them are known as they are now.
    pub up_to_date: bool,
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
    /// The device's number there.
    #[serde(default)]
    pub index: u32,
    /// Whether ours is the first program that a packet from the device meets.
    #[serde(default)]
    pub first: bool,
    /// In words, what runs before ours.
    #[serde(default)]
    pub behind: Vec<String>,
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

    /// How many of them were passed by chance: one that came a usual time-out after the last for its name, which may be a
    /// repeat, and one in 65,536, whose checksum stands as well as it is to be finished.
    pub fn passed_by_chance(&self) -> u64 {
        let count = |reason| self.passed.get(reason).copied().unwrap_or_default();
        count("repeat") + count("checksum")
    }
}
