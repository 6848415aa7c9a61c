//! The records of one name, and how questions without a record are answered there.
//!
//! Pure. The projection makes [`Node`]s out of Kubernetes objects; the encoder makes map entries
//! out of nodes.

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
}

/// The answer to one query type.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordSet {
    /// The QTYPE that this set answers.
    pub query_type: RecordType,
    /// The answer section; the owner of every record is the node's name.
    pub answers: Vec<Record>,
    /// The additional section without OPT.
    pub additional: Vec<Record>,
    /// Whether the answers, all of one size, start at a random place in each reply.
    pub rotate: bool,
}

/// How questions are answered for which there is no record set. NODATA and NXDOMAIN carry the
/// zone's SOA record in their authority section (RFC 2308 §2). Zone transfers (AXFR, IXFR) are
/// left to the DNS service under every variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// Nothing is certain: every type is left to the DNS service.
    Pass,
    /// The name exists: NODATA for every type.
    Exists,
    /// Like `Exists`, but SRV is left to the DNS service.
    ExistsWithoutService,
    /// The name of a Service of type ExternalName: A and AAAA, whose answer depends on the
    /// target's, are left to the DNS service; NODATA for every other type.
    Alias,
    /// The name only holds other names: NODATA, but NXDOMAIN for TXT (as CoreDNS answers).
    Empty,
    /// The zone's own name: like `Empty`, but NS and SOA are left to the DNS service.
    Apex,
    /// The name does not exist: NXDOMAIN, but NODATA for SOA (as CoreDNS answers).
    Absent,
}
