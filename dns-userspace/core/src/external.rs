//! External names: those outside the cluster that ExternalName services point to. What the cluster's DNS service says of
//! their addresses is kept for as long as it said.
//!
//! For A and AAAA questions at an ExternalName service CoreDNS asks itself for the target and sends what it
//! found behind the CNAME record (specification §9 items 4 and 8). The agent asks the same DNS service the same
//! questions ahead of time; [`Answers`] keeps the replies while they last. Whatever is not known or not fresh is
//! left to the DNS service.

mod answers;

use hickory_proto::rr::{Name, Record, RecordType};

pub use self::answers::{Answer, Answers};

/// The query types that are resolved for each target.
pub const QUERY_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// A question at an external name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// What an ExternalName service points to: fully qualified, and asked for in this spelling.
    pub target: Name,
    /// One of [`QUERY_TYPES`].
    pub query_type: RecordType,
}

impl std::fmt::Display for Question {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.target, self.query_type)
    }
}

/// What the DNS service said, and may be kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// What was asked.
    pub question: Question,
    /// The answer section as it was received: the CNAME records of the chain in its order, then the
    /// addresses. Without addresses where the DNS service said that there are none (NODATA), or that the
    /// name does not exist (NXDOMAIN).
    pub records: Vec<Record>,
    /// For how long it may be kept, counted from `asked`, in seconds.
    pub lifetime: u32,
    /// The time just before the question was sent: CLOCK_BOOTTIME in nanoseconds. The reply was true after
    /// that, so nothing is kept longer than the DNS service itself would keep it.
    pub asked: u64,
}
