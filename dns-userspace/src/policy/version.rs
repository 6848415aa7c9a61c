//! What depends on the DNS server's version (specification §20).

/// The rules of one version of CoreDNS; what is not known of it is `None`, and the names that depend on it
/// are left to the DNS service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rules {
    /// Whether a label that is made from an IPv6 address and ends in a dash gets a zero appended
    /// (1.12.3 and later).
    pub zero_appended: Option<bool>,
    /// Whether the address of an endpoint has a name only if the endpoint has a `hostname`
    /// (1.11.4 and 1.12.0).
    pub reverse_needs_hostname: Option<bool>,
    /// The most CNAME records of an answer from within the zone; longer chains are denied.
    pub chain: u8,
    /// Chains longer than `chain` and up to this are uncertain, and left to the DNS service.
    pub chain_uncertain: u8,
}

impl Default for Rules {
    /// The rules of 1.12.3 and later.
    fn default() -> Self {
        Self {
            zero_appended: Some(true),
            reverse_needs_hostname: Some(false),
            chain: 11,
            chain_uncertain: 11,
        }
    }
}

impl Rules {
    /// What holds for every version that is supported.
    pub const UNKNOWN: Self = Self {
        zero_appended: None,
        reverse_needs_hostname: None,
        chain: 8,
        chain_uncertain: 11,
    };
}
