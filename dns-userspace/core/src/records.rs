//! The records of one name, and how questions without a record are answered there.
//!
//! Pure. The projection makes [`Node`]s out of Kubernetes objects; the encoder makes map entries
//! out of nodes.

use dns_ebpf::answer::{SECTION_HEAD, SECTION_MAX};
use hickory_proto::rr::{Name, Record, RecordType};

/// A name that exists in a zone, with everything that is answered at it.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The name: lower-case, fully qualified.
    pub name: Name,
    /// The zone that holds the name: an index into `Policy::zones`.
    pub zone: usize,
    /// The answers, at most one set for each query type, in the order of the type's number.
    pub sets: Vec<RecordSet>,
    /// How query types without a record set are answered at this name.
    pub here: Denial,
    /// How names below this one are answered that are no nodes themselves:
    /// [`Denial::Absent`] or [`Denial::Pass`].
    pub below: Denial,
    /// Whether what it has and lacks comes from endpoints: such nodes are left to the DNS service when their state has not
    /// been heard of for long.
    pub of_endpoints: bool,
}

/// The answer to one query type.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordSet {
    /// The QTYPE that this set answers.
    pub query_type: RecordType,
    /// The answer section, in the order in which it is sent; the owner of the first record is the node's
    /// name. Empty: the question is left to the DNS service.
    pub answers: Vec<Record>,
    /// The additional section without OPT: addresses of the targets of SRV answers.
    pub additional: Vec<Record>,
    /// Whether the addresses at the end of the answers, all of one size, start at a random place in each reply.
    pub rotate: bool,
    /// When the answer may not be given any more: CLOCK_BOOTTIME in nanoseconds; zero: never.
    pub ends: u64,
    /// Whether hardly anybody asks for it: it is answered if it fits the name's entry, or while fewer than half
    /// of a map's sections are taken by optional sets; else left to the DNS service.
    pub optional: bool,
}

/// Octets of a record before its data: a pointer to its owner, type, class, lifetime and length (RFC 1035 §4.1.3).
const RECORD_HEAD: usize = 12;

/// Whether a reply here may hold so many records with so many octets of data in all. A set of more need not be built: it
/// is left to the DNS service.
#[must_use]
pub fn may_fit(records: usize, data: usize) -> bool {
    records * RECORD_HEAD + data <= SECTION_MAX - SECTION_HEAD
}

impl RecordSet {
    /// Leaves this query type to the DNS service.
    #[must_use]
    pub fn left(query_type: RecordType) -> Self {
        Self {
            query_type,
            answers: Vec::new(),
            additional: Vec::new(),
            rotate: false,
            ends: 0,
            optional: false,
        }
    }

    /// Whether this query type is left to the DNS service.
    #[must_use]
    pub fn is_left(&self) -> bool {
        self.answers.is_empty()
    }
}

/// How questions are answered for which there is no record set. NODATA and NXDOMAIN carry the
/// zone's SOA record in their authority section (RFC 2308 §2). Zone transfers (AXFR, IXFR) and the zone's
/// `left_types` are left to the DNS service under every variant; and where the zone does not deny absent
/// names, so is everything that says NXDOMAIN here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// Nothing is certain: every type is left to the DNS service.
    Pass,
    /// The name exists: NODATA for every type.
    Exists,
    /// The name only holds other names: NODATA, but NXDOMAIN for TXT (as CoreDNS answers).
    Empty,
    /// The zone's own name: like `Empty`, but NS is left to the DNS service.
    Apex,
    /// The name does not exist: NXDOMAIN, but NODATA for SOA (as CoreDNS answers).
    Absent,
}
