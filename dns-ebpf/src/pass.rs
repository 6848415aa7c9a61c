//! Every reason to leave a packet alone, and every way of answering it.

/// Why a packet is left to the real DNS service.
///
/// One value is three things: the error type of the datapath, the index of its counter in the
/// `COUNTERS` map, and (by [`Pass::label`]) the label of its metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Pass {
    /// Not a DNS packet: neither UDP nor TCP, or to another port. Never counted.
    NotDns = 0,
    /// UDP to port 53 of an address that is not a known DNS address.
    UnknownDestination = 1,
    /// TCP to a known DNS address: the kernel answers datagrams only.
    Tcp = 2,
    /// IPv4 options, a fragment, or lengths that contradict each other.
    Frame = 3,
    /// The lease has run out: the agent has not renewed it, so nothing is answered.
    Lease = 4,
    /// Another packet is being answered on this CPU (a preemptible softirq).
    Busy = 5,
    /// A response, or an opcode other than QUERY.
    NotQuery = 6,
    /// Counts other than one question and at most one additional record.
    Counts = 7,
    /// The question's name is cut, compressed, over 255 octets, or of too many labels.
    Name = 8,
    /// A class other than IN.
    Class = 9,
    /// The additional record is not a well-formed OPT of version 0 with known options.
    Opt = 10,
    /// Bytes after the last record.
    Trailing = 11,
    /// No entry for the name, and nothing that says that it does not exist.
    UnknownName = 12,
    /// The name is known; this query type at it is left to the DNS service.
    QueryType = 13,
    /// The name is absent, but absent names are not denied for the moment.
    NoDenial = 14,
    /// The reply is larger than the client takes.
    ClientSize = 15,
    /// The reply is larger than the interface's MTU.
    Mtu = 16,
    /// The agent was writing the entry of a name that this question looked up, or of one of the same stripe, or forms and
    /// zones: see [`Changes`](crate::answer::Changes).
    Changing = 17,
    /// The answer's time has run out.
    Expired = 18,
    /// The client spells the zone in a way that the stored answer cannot repeat.
    Spelling = 19,
    /// The entry or a section contradicts itself: a fault of the agent.
    Entry = 20,
    /// A kernel helper failed, and the packet was put back as it came.
    Restored = 21,
    /// The answer is of an external name, and the client asks in a way that is handed on there: without RD, with
    /// CD, for DNSSEC records (DO), or for its subnet.
    External = 22,
    /// The question's UDP checksum is wrong, or may be taken for a whole one as well as for one that is still to be
    /// finished.
    Checksum = 23,
    /// No reply could reach the sender, or it would reach many: a group's MAC address, a source that is none of a host's
    /// or the DNS address itself, source port zero.
    Source = 24,
    /// The client has asked this before, and probably not got our answer.
    Repeat = 25,
    /// The client has probably not got our last answers, and is not answered for the time being: see
    /// [`Client::ration`](crate::answer::Client::ration).
    Unheard = 26,
    /// What the name has comes from endpoints, and the agent has not heard of these for long: see
    /// [`Control::endpoints`](crate::answer::Control::endpoints).
    Endpoints = 27,
}

impl Pass {
    /// Every reason, in the order of its counter.
    pub const ALL: [Pass; 28] = [
        Pass::NotDns,
        Pass::UnknownDestination,
        Pass::Tcp,
        Pass::Frame,
        Pass::Lease,
        Pass::Busy,
        Pass::NotQuery,
        Pass::Counts,
        Pass::Name,
        Pass::Class,
        Pass::Opt,
        Pass::Trailing,
        Pass::UnknownName,
        Pass::QueryType,
        Pass::NoDenial,
        Pass::ClientSize,
        Pass::Mtu,
        Pass::Changing,
        Pass::Expired,
        Pass::Spelling,
        Pass::Entry,
        Pass::Restored,
        Pass::External,
        Pass::Checksum,
        Pass::Source,
        Pass::Repeat,
        Pass::Unheard,
        Pass::Endpoints,
    ];

    /// The label of this reason in metrics and in `zerohop status`.
    pub const fn label(self) -> &'static str {
        match self {
            Pass::NotDns => "not_dns",
            Pass::UnknownDestination => "unknown_destination",
            Pass::Tcp => "tcp",
            Pass::Frame => "frame",
            Pass::Lease => "lease",
            Pass::Busy => "busy",
            Pass::NotQuery => "not_query",
            Pass::Counts => "counts",
            Pass::Name => "name",
            Pass::Class => "class",
            Pass::Opt => "opt",
            Pass::Trailing => "trailing",
            Pass::UnknownName => "unknown_name",
            Pass::QueryType => "query_type",
            Pass::NoDenial => "no_denial",
            Pass::ClientSize => "client_size",
            Pass::Mtu => "mtu",
            Pass::Changing => "changing",
            Pass::Expired => "expired",
            Pass::Spelling => "spelling",
            Pass::Entry => "entry",
            Pass::Restored => "restored",
            Pass::External => "external",
            Pass::Checksum => "checksum",
            Pass::Source => "source",
            Pass::Repeat => "repeat",
            Pass::Unheard => "unheard",
            Pass::Endpoints => "endpoints",
        }
    }
}

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Answered {
    /// With records.
    Records = 32,
    /// NOERROR without records: the name exists, this type at it does not.
    Nodata = 33,
    /// NXDOMAIN: the name does not exist.
    Nxdomain = 34,
}

impl Answered {
    /// Every kind of answer, in the order of its counter.
    pub const ALL: [Answered; 3] = [Answered::Records, Answered::Nodata, Answered::Nxdomain];

    /// The label of this kind in metrics and in `zerohop status`.
    pub const fn label(self) -> &'static str {
        match self {
            Answered::Records => "answer",
            Answered::Nodata => "nodata",
            Answered::Nxdomain => "nxdomain",
        }
    }
}

/// The counter of packets that were dropped because a reply failed half-way and could not be put back.
pub const TORN: u32 = 35;
/// The number of counters: [`Pass`] from 0 on, [`Answered`] from 32 on, [`TORN`] last.
pub const COUNTERS: u32 = 36;
