//! JSON that goes into the program and comes out of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};

/// How a question is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// One datagram each way.
    Udp,
    /// A connection of its own, with lengths in front (RFC 1035 §4.2.2).
    Tcp,
}

/// A question to ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The name in presentation format, complete: no search list is applied.
    pub name: String,
    /// QTYPE.
    pub record_type: u16,
    /// The size that an OPT record offers, in octets; none: no OPT record.
    pub edns: Option<u16>,
    /// How it is sent.
    pub transport: Transport,
}

/// What became of a question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Replied {
    /// The question's octets as hexadecimal digits.
    pub question: String,
    /// The reply's octets as hexadecimal digits; none came if it is absent.
    pub reply: Option<String>,
    /// Why none came.
    pub trouble: Option<String>,
    /// From sending to receiving, in microseconds; over TCP with the connection's set-up.
    pub microseconds: f64,
    /// The TTL or hop limit that the reply arrived with, over UDP. A reply that the kernel made on the pod's own
    /// interface crossed no router: it has what the question was sent with, [`FIRST_HOP`].
    pub hop_limit: Option<u8>,
    /// The port that the question was sent from; none if it was not sent.
    #[serde(default)]
    pub source_port: Option<u16>,
}

/// The TTL or hop limit that questions are sent with.
pub const FIRST_HOP: u8 = 64;

/// Packets of TCP and UDP that a stateful filter has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filtered {
    /// The kernel's number of the program that meets what leaves the pod.
    pub program: u32,
    /// Left the pod.
    pub left: u64,
    /// Entered it, for they belonged to a flow that the pod began.
    pub entered: u64,
    /// Were kept from it.
    pub dropped: u64,
}

impl Replied {
    /// Whether the reply crossed no router: the kernel made it on the pod's own interface, or a server on the
    /// pod's own node did.
    pub fn crossed_no_router(&self) -> bool {
        self.hop_limit == Some(FIRST_HOP)
    }
}

/// What became of many questions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// Questions sent.
    pub sent: u64,
    /// Questions whose reply came in time.
    pub answered: u64,
    /// Questions without a reply in time: those sent without those answered.
    pub lost: u64,
    /// Some of those lost: when they were sent, in nanoseconds of UNIX time.
    pub lost_at: Vec<u64>,
    /// Replies that crossed no router, as [`Replied::crossed_no_router`] tells it.
    pub by_kernel: u64,
    /// How many of those answered have which response code (RFC 1035 §4.1.1).
    pub response_codes: BTreeMap<u8, u64>,
    /// How many of those answered have at least one record in the answer section.
    pub with_answers: u64,
    /// The arithmetic mean of the times from sending to receiving, in microseconds.
    pub mean: f64,
    /// The time that 50 % of them do not exceed, in microseconds.
    pub p50: f64,
    /// The time that 90 % of them do not exceed, in microseconds.
    pub p90: f64,
    /// The time that 99 % of them do not exceed, in microseconds.
    pub p99: f64,
    /// The time that 99.9 % of them do not exceed, in microseconds.
    pub p999: f64,
    /// The longest of them, in microseconds.
    pub max: f64,
    /// All of them, ascending, each with how often it was measured: in nanoseconds, to three significant digits. Those
    /// of several loads can be put together, which percentiles cannot.
    #[serde(default)]
    pub latencies: Vec<(u64, u64)>,
    /// When sending began, in nanoseconds of UNIX time.
    #[serde(default)]
    pub begun: u64,
    /// From the first question to the last one's sending, in seconds.
    pub seconds: f64,
    /// For how much of this nothing was sent because the client itself was not let run, in seconds.
    pub held_up: f64,
}

/// What became of many connections.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Connected {
    /// When the address of each was known, in microseconds after the connection was begun, in no order. One that was due
    /// while all workers waited for others was begun when it was due.
    pub looked_up: Vec<f64>,
    /// When each was there, in microseconds after it was begun, in no order.
    pub connected: Vec<f64>,
    /// How many were left out because the client itself was not let run when they were due.
    #[serde(default)]
    pub held_up: u64,
    /// How many failed, by what went wrong.
    pub failed: BTreeMap<String, u64>,
}

/// A reply that was another than the one before, or the first; or a question without a reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// When it came, or when it was given up, in nanoseconds of UNIX time.
    pub at: u64,
    /// From sending to receiving, in microseconds.
    pub microseconds: f64,
    /// What it says.
    pub seen: Seen,
}

/// What a reply says, and who made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The response code (RFC 1035 §4.1.1); none: no reply came.
    pub response_code: Option<u16>,
    /// Whether the reply crossed no router, as [`Replied::crossed_no_router`] tells it.
    pub by_kernel: bool,
    /// The addresses in its answer section.
    pub addresses: BTreeSet<IpAddr>,
}
