//! What the cluster's DNS service is set up to answer: zones, lifetimes and order of records.
//!
//! Pure. Every other pure module takes its choices from one [`Policy`] value.

use std::hash::{DefaultHasher, Hash, Hasher};

use hickory_proto::rr::Name;

/// A zone of the cluster, such as `cluster.local.`
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Zone {
    /// The zone's name: lower-case, fully qualified.
    pub name: Name,
}

impl Zone {
    /// Reads a zone's name as a person writes it: with or without the final dot, in any case.
    ///
    /// # Errors
    /// Names that are not a domain name, and the root.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let invalid = |reason: String| ZoneError {
            text: text.to_owned(),
            reason,
        };
        let mut name = Name::from_ascii(text).map_err(|error| invalid(error.to_string()))?;
        if name.is_root() || name.num_labels() == 0 {
            return Err(invalid("the root is not a zone of a cluster".to_owned()));
        }
        name.set_fqdn(true);
        Ok(Self {
            name: name.to_lowercase(),
        })
    }
}

/// Why a text is not a zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a zone's name: {reason}; write it like cluster.local")]
pub struct ZoneError {
    /// What was given.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The fields of the SOA record of a negative answer (RFC 1035 §3.3.13, RFC 2308), in seconds.
/// Its names are `ns.dns.ZONE` and `hostmaster.ZONE`; the serial is the agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StartOfAuthority {
    /// Lifetime of the SOA record itself, and so of the denial in a resolver's cache.
    pub ttl: u32,
    /// REFRESH.
    pub refresh: u32,
    /// RETRY.
    pub retry: u32,
    /// EXPIRE.
    pub expire: u32,
    /// MINIMUM.
    pub minimum: u32,
}

/// Everything in which two clusters' DNS services may differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The zones that hold the cluster's names; all of them serve the same names.
    pub zones: Vec<Zone>,
    /// Lifetime of positive answers, in seconds.
    pub ttl: u32,
    /// The SOA record of negative answers.
    pub soa: StartOfAuthority,
    /// Whether the addresses of one answer start at a random place in each reply.
    pub rotate: bool,
}

impl Policy {
    /// The policy of kubeadm's Corefile (Kubernetes 1.32 and later): `ttl 30`, `cache 30`, `loadbalance`.
    #[must_use]
    pub fn kubeadm(zones: Vec<Zone>) -> Self {
        Self {
            zones,
            ttl: 30,
            soa: StartOfAuthority {
                ttl: 30,
                refresh: 7_200,
                retry: 1_800,
                expire: 86_400,
                minimum: 30,
            },
            rotate: true,
        }
    }

    /// A number that differs between policies, and between ways of writing them down (`forms`), that make
    /// different entries.
    #[must_use]
    pub fn mark(&self, forms: &impl Hash) -> u32 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        forms.hash(&mut hasher);
        hasher.finish() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_lower_case_and_fully_qualified_however_it_is_written() {
        for text in [
            "cluster.local",
            "cluster.local.",
            "Cluster.LOCAL",
            "CLUSTER.local.",
        ] {
            assert_eq!(
                Zone::parse(text).unwrap().name.to_ascii(),
                "cluster.local.",
                "{text}"
            );
        }
    }

    #[test]
    fn the_root_and_names_that_are_none_are_no_zones() {
        for text in ["", ".", "a..b", &"a".repeat(64)] {
            let error = Zone::parse(text).unwrap_err();
            assert!(error.to_string().contains("cluster.local"), "{error}");
        }
    }
}
