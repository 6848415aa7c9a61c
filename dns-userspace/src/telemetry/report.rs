//! The document of `/status`.

use serde::{Deserialize, Serialize};

/// What the agent knows and does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Where this agent pins its maps; empty from an agent that does not say.
    #[serde(default)]
    pub pin_directory: String,
    /// Whether this agent has taken its node over: objects and set-up of the DNS servers read, interfaces attached
    /// to, and what may be answered is answered. Once so, it stays so.
    #[serde(default)]
    pub ready: bool,
    /// Whether the kernel answers questions.
    pub answering: bool,
    /// Why not; one sentence.
    pub reason: Option<String>,
    /// What may be answered.
    pub policy: PolicyReport,
    /// Whether absent names are denied.
    pub denials: DenialsReport,
    /// Whether what comes from endpoints is answered.
    #[serde(default)]
    pub endpoints: EndpointsReport,
    /// The kinds of objects that answers are made from.
    pub kinds: Vec<KindReport>,
    /// Addresses and ports that count as the cluster's DNS.
    pub dns_addresses: Vec<String>,
    /// Names in the kernel's maps.
    pub names: u64,
    /// Names that the maps have refused.
    pub refused: u64,
    /// Names that ask for any port or protocol and have no entry.
    pub left_out: u64,
    /// Services of very many endpoints whose own name is left until they are worked out.
    #[serde(default)]
    pub large_services_left: u64,
    /// Interfaces that the datapath is attached to.
    pub interfaces: u64,
    /// Of these, on how many other programs run before the datapath.
    #[serde(default)]
    pub interfaces_behind: u64,
    /// Interfaces that could not be looked after the last time, and why.
    #[serde(default)]
    pub interfaces_failing: SkippedReport,
    /// Objects, or parts of them, that are not served.
    pub skipped: SkippedReport,
    /// What is asked of external names that ExternalName services lead to.
    pub external: ExternalReport,
    /// Clients that have probably not got the kernel's answers.
    #[serde(default)]
    pub breaker: BreakerReport,
}

/// Clients that have probably not got the kernel's answers, and are left to the DNS service for a while.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerReport {
    /// How many there are.
    pub unheard: u64,
    /// How often the agent has begun to leave one to the DNS service.
    pub opened: u64,
    /// Whether there are so many that something of the node itself is likely to be wrong.
    pub many: bool,
    /// Some of them.
    pub first: Vec<UnheardReport>,
}

/// A client that has probably not got the kernel's answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnheardReport {
    /// The interface that it is behind.
    pub interface: String,
    /// Its address.
    pub client: String,
    /// In how many seconds some of its questions are answered again; none: they are.
    pub seconds_left: Option<u64>,
    /// How often in a row it was left to the DNS service.
    pub times: u32,
    /// Why; a part of a sentence. None: an earlier agent knew.
    pub reason: Option<String>,
}

/// What may be answered, and why no more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyReport {
    /// Zones that are answered.
    pub zones: Vec<ZoneReport>,
    /// What is left to the DNS service.
    pub left: Vec<LeftReport>,
    /// Where the newest Corefiles come from, with their revisions.
    pub corefiles: Vec<String>,
    /// Since when this is the agreed policy, in seconds since the Unix epoch.
    pub since: u64,
    /// Texts that have been replaced, and that DNS servers may still run by: only what they and the new ones
    /// agree on is answered.
    pub earlier: Vec<EarlierReport>,
    /// That some of the DNS servers' set-up may not be read any more; none: all of it may be.
    #[serde(default)]
    pub refusal: Option<RefusalReport>,
}

/// The DNS servers' set-up may not be read any more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalReport {
    /// Why, and what to do about it; one sentence.
    pub reason: String,
    /// For how many seconds more the last policy is kept; 0: it is left.
    pub seconds_left: u64,
}

/// A zone that is answered. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneReport {
    /// Its name.
    pub zone: String,
    /// Lifetime of records.
    pub ttl: u32,
    /// Lifetime of denials.
    pub denial_ttl: u32,
    /// Whether the zone lets absent names be denied.
    pub denies: bool,
}

/// A part of the names that is left to the DNS service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LeftReport {
    /// The zone or name; `.` is everything.
    pub what: String,
    /// Why; one sentence.
    pub reason: String,
}

/// A text that DNS servers may still have beside a newer one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierReport {
    /// The text; none if it was never seen.
    pub revision: Option<String>,
    /// When it was replaced, in seconds since the Unix epoch.
    pub replaced: u64,
    /// In how many seconds no server has it any more, for certain; none: when the pods that have it are gone.
    pub seconds_left: Option<u64>,
}

/// Whether absent names are denied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialsReport {
    /// Whether they are, where their zone lets them.
    pub denied: bool,
    /// Why not; one sentence.
    pub reason: Option<String>,
}

/// What is done with that which comes from endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointsReport {
    /// Whether it is left to the DNS service.
    pub left: bool,
    /// Whether it is answered for no other reason than that no server of the DNS service replies.
    pub alone: bool,
    /// What is the matter; one sentence. None: endpoints are heard of.
    pub reason: Option<String>,
}

/// How far the agent is with a kind of objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindReport {
    /// The kind, such as `EndpointSlice`.
    pub kind: String,
    /// Whether all of them are known as they are now.
    pub up_to_date: bool,
    /// Why not; one sentence.
    pub reason: Option<String>,
}

/// What is not served, not answered or not looked after.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SkippedReport {
    /// How many there are.
    pub count: u64,
    /// Some of them.
    pub first: Vec<TextReport>,
}

/// Something, and a reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextReport {
    /// What it is about.
    pub object: String,
    /// Why; one sentence.
    pub reason: String,
}

/// What is asked of external names: for each name its A and its AAAA records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalReport {
    /// How many questions there are.
    pub wanted: u64,
    /// Of how many the answer is known and holds.
    pub fresh: u64,
    /// Those that were not answered the last time they were asked, and why.
    pub failing: SkippedReport,
}
