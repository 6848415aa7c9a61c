//! What the cluster's DNS service is set up to answer: zones, lifetimes, options, and what it does that
//! we leave to it.
//!
//! Pure. Every other module here takes its choices from one [`Policy`] value; `corefile` makes it from
//! a Corefile.

mod intersect;
mod lifetimes;
mod selector;
mod version;

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
};

use hickory_proto::rr::Name;

pub use self::{
    intersect::intersect,
    lifetimes::{Capping, Lifetimes},
    selector::{Selector, SelectorError},
    version::Rules,
};

/// Everything in which two clusters' DNS services may differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Policy {
    /// The zones that hold the cluster's names, each with its options. A zone of which nothing may be
    /// answered is not here but among `left`.
    pub zones: Vec<Zone>,
    /// What of the DNS service's set-up is left to it, and why: for people.
    pub left: Vec<Left>,
    /// No reply's OPT offers, and no reply is larger than, this many octets (`bufsize`); `u16::MAX`: no
    /// limit.
    pub size_cap: u16,
    /// What the cache of the zone in which an ExternalName service lies does to the lifetimes of a reply with
    /// records from outside the cluster ([`Capping::NONE`] without a cache); what other caches did is in the
    /// records' lifetimes already. None: the DNS service does not resolve external names, or it
    /// is not certain that it does so for everybody alike.
    pub external: Option<Capping>,
}

/// A part of the DNS service's names that is left to it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Left {
    /// The zone or name, `.` for everything, or a few words where it is no name.
    pub what: String,
    /// Why, in one sentence for a person; where it comes from a file, with line and column.
    pub reason: String,
}

/// A zone of the cluster, such as `cluster.local.`, and how it is served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Zone {
    /// The zone's name: lower-case, fully qualified. Below `in-addr.arpa.` or `ip6.arpa.` it is a reverse
    /// zone.
    pub name: Name,
    /// The zone that the names in PTR records lie in: the first one of the same set-up that is no reverse
    /// zone.
    pub primary: Name,
    /// Lifetimes of what is answered.
    pub lifetimes: Lifetimes,
    /// Whether absent names are denied (NXDOMAIN). Not so with `fallthrough` or `autopath`.
    pub denies: bool,
    /// How several addresses of one answer are ordered.
    pub order: Order,
    /// Whether replies have additional records (not with `minimal`).
    pub glue: bool,
    /// Query types that are never denied in the zone, by NODATA or NXDOMAIN, such as ANY with the plugin
    /// `any` and AAAA with `dns64`; at most two.
    pub left_types: BTreeSet<u16>,
    /// Which objects there are, and under which names.
    pub services: Services,
    /// Names that are left to the DNS service, at every query type; names below them are not.
    pub left_names: BTreeSet<Name>,
    /// Names that are left to the DNS service together with all names below them.
    pub left_trees: BTreeSet<Name>,
    /// What depends on the DNS server's version.
    pub rules: Rules,
}

/// The order of the addresses of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Any order, another one in each reply (`loadbalance`).
    Turned,
    /// The order of the objects.
    AsGiven,
    /// Not known: more than one address is left to the DNS service (`loadbalance weighted`).
    Uncertain,
}

/// The options of CoreDNS's `kubernetes` plugin that decide what is found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Services {
    /// Only these namespaces exist (`namespaces`); none: all.
    pub namespaces: Option<BTreeSet<String>>,
    /// Only namespaces with these labels exist (`namespace_labels`).
    pub namespace_labels: Option<Selector>,
    /// Whether a service with cluster addresses exists that has no ready endpoint (not with
    /// `ignore empty_service`).
    pub empty_exist: bool,
    /// Whether endpoints are known (not with `noendpoints`).
    pub endpoints: bool,
    /// Whether an endpoint without a host name is called by its pod (`endpoint_pod_names`).
    pub pod_names: bool,
    /// What is below `pod`.
    pub pods: Pods,
    /// Whether `ZONE.pin._zone.SERVICE` and `ZONE.prefer._zone.SERVICE` may be names (`zonal`).
    pub zonal: bool,
}

/// What is below the name `pod` of a zone (`pods`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Pods {
    /// Nothing.
    Disabled,
    /// Namespaces, and below each every address.
    Insecure,
    /// Namespaces, and below each the addresses of its pods.
    Verified,
}

/// Labels of a namespace's name below its zone: `default.svc`.
const NAMESPACE_LABELS: u16 = 2;

impl Policy {
    /// Where the kernel looks for the closest encloser of an absent name, in labels: no zone has fewer than the first
    /// number; most absent names are made by the search path and lie in a namespace, whose name has the second.
    #[must_use]
    pub fn search_labels(&self) -> [u16; 2] {
        let labels = |name: &Name| u16::from(name.num_labels());
        let fewest = self.zones.iter().map(|zone| labels(&zone.name)).min();
        let cluster = self.zones.first().map(|zone| labels(&zone.primary));
        [fewest.unwrap_or(1), cluster.unwrap_or(1) + NAMESPACE_LABELS]
    }
}

impl Services {
    /// The plugin without any option but `pods insecure`.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            namespaces: None,
            namespace_labels: None,
            empty_exist: true,
            endpoints: true,
            pod_names: false,
            pods: Pods::Insecure,
            zonal: false,
        }
    }
}

impl Zone {
    /// Reads a zone's name as a person writes it, with or without the final dot, in any case, and serves
    /// it as kubeadm's Corefile does (Kubernetes 1.32 and later): `ttl 30`, `cache 30`, `loadbalance`.
    ///
    /// # Errors
    /// Names that are not a domain name, and the root.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let name = zone_name(text)?;
        Ok(Self {
            primary: name.clone(),
            denies: !is_reverse(&name),
            name,
            lifetimes: Lifetimes::new(30, Some(Capping::of_seconds(30))),
            order: Order::Turned,
            glue: true,
            left_types: BTreeSet::new(),
            services: Services::plain(),
            left_names: BTreeSet::new(),
            left_trees: BTreeSet::new(),
            rules: Rules::default(),
        })
    }

    /// Whether this zone holds the names of addresses (RFC 1035 §3.5, RFC 3596 §2.5).
    #[must_use]
    pub fn is_reverse(&self) -> bool {
        is_reverse(&self.name)
    }
}

/// A zone's name as a person writes it: lower-case and fully qualified.
///
/// # Errors
/// Names that are not a domain name, and the root.
pub fn zone_name(text: &str) -> Result<Name, ZoneError> {
    let invalid = |reason: String| ZoneError {
        text: text.to_owned(),
        reason,
    };
    let mut name = Name::from_ascii(text).map_err(|error| invalid(error.to_string()))?;
    if name.is_root() || name.num_labels() == 0 {
        return Err(invalid("the root is not a zone of a cluster".to_owned()));
    }
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

/// Whether a name, in lower case, is that of a reverse zone or lies in one.
#[must_use]
pub fn is_reverse(name: &Name) -> bool {
    let mut labels = name.iter().rev();
    labels.next() == Some(b"arpa")
        && matches!(labels.next(), Some(label) if label == b"in-addr" || label == b"ip6")
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

impl Policy {
    /// The policy of kubeadm's Corefile (Kubernetes 1.32 and later) for these zones.
    #[must_use]
    pub fn kubeadm(zones: Vec<Zone>) -> Self {
        Self {
            zones,
            left: Vec::new(),
            size_cap: u16::MAX,
            external: Some(Capping::of_seconds(30)),
        }
    }

    /// A policy under which nothing is answered.
    #[must_use]
    pub fn nothing(reason: String) -> Self {
        Self {
            zones: Vec::new(),
            left: vec![Left {
                what: ".".to_owned(),
                reason,
            }],
            size_cap: u16::MAX,
            external: None,
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

    #[test]
    fn the_search_for_an_absent_name_begins_at_a_namespace_of_the_cluster_and_ends_at_the_shallowest_zone()
     {
        let mut zones = ["k8s.corp.example", "in-addr.arpa"].map(|zone| Zone::parse(zone).unwrap());
        zones[1].primary = zones[0].name.clone();
        let policy = Policy::kubeadm(zones.into());
        assert_eq!(policy.search_labels(), [2, 5]);
        assert_eq!(Policy::kubeadm(Vec::new()).search_labels(), [1, 3]);
    }

    #[test]
    fn a_reverse_zone_is_known_by_its_name() {
        for (text, reverse) in [
            ("in-addr.arpa", true),
            ("96.10.in-addr.arpa", true),
            ("IP6.ARPA", true),
            ("arpa", false),
            ("cluster.local", false),
            ("in-addr.arpa.local", false),
        ] {
            assert_eq!(Zone::parse(text).unwrap().is_reverse(), reverse, "{text}");
        }
    }
}
