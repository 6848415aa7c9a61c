//! Kubernetes objects, reduced to what DNS needs and compact in memory: a cluster may have
//! 100,000 endpoints.
//!
//! Pure. How they are read out of YAML and JSON is in [`written`].

pub mod written;

use std::{collections::BTreeMap, fmt, net::IpAddr};

/// The kinds of objects that are watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1` Namespace.
    Namespace,
    /// `v1` Service.
    Service,
    /// `discovery.k8s.io/v1` EndpointSlice.
    EndpointSlice,
}

impl Kind {
    /// Every kind, in the order of the enumeration.
    pub const ALL: [Self; 3] = [Self::Namespace, Self::Service, Self::EndpointSlice];

    /// The kind's name as Kubernetes writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Names one object of the cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectReference {
    /// The object's kind.
    pub kind: Kind,
    /// Its namespace; empty for a Namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl fmt::Display for ObjectReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(formatter, "{} {}", self.kind, self.name)
        } else {
            write!(formatter, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// An object, or a part of one, that is not served, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Skipped {
    /// The object, or the file and line where it should be.
    pub object: String,
    /// Why, in one sentence for a person.
    pub reason: String,
}

/// How many reasons of one object are spelled out.
const REASONS: usize = 3;

impl Skipped {
    /// What is told of one object for all these reasons together: the first few, and how many there are more.
    #[must_use]
    pub fn for_all(object: String, reasons: &[String]) -> Self {
        let mut reason = reasons[..reasons.len().min(REASONS)].join("; ");
        if let Some(more) = reasons.len().checked_sub(REASONS).filter(|more| *more > 0) {
            reason += &format!("; and {more} more of the kind");
        }
        Self { object, reason }
    }

    /// The same without control characters, which would spoil a terminal or a log.
    #[must_use]
    pub fn printable(&self) -> Self {
        Self {
            object: printable(&self.object),
            reason: printable(&self.reason),
        }
    }
}

/// A text without control characters.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            printable.extend(letter.escape_default());
        } else {
            printable.push(letter);
        }
    }
    printable
}

impl fmt::Display for Skipped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, reason } = self.printable();
        write!(formatter, "{object}: {reason}")
    }
}

/// An object of any watched kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A namespace.
    Namespace(Namespace),
    /// A service.
    Service(Service),
    /// Some of a service's endpoints.
    EndpointSlice(EndpointSlice),
}

impl Object {
    /// The object's kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Namespace(_) => Kind::Namespace,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
        }
    }

    /// The object's namespace (empty for a Namespace) and name.
    #[must_use]
    pub fn key(&self) -> (&str, &str) {
        match self {
            Self::Namespace(namespace) => ("", &namespace.name),
            Self::Service(service) => (&service.namespace, &service.name),
            Self::EndpointSlice(slice) => (&slice.namespace, &slice.name),
        }
    }

    /// Fills in what the API server would, of what decides about names: a port's protocol, and the label
    /// with a namespace's own name.
    pub fn fill_in(&mut self) {
        let unset = |protocol: &mut Protocol| {
            if *protocol == Protocol::Unset {
                *protocol = Protocol::Tcp;
            }
        };
        match self {
            Self::Namespace(namespace) => {
                let name = namespace.name.clone();
                namespace
                    .labels
                    .insert("kubernetes.io/metadata.name".into(), name);
            }
            Self::Service(service) => {
                for port in &mut service.ports {
                    unset(&mut port.protocol);
                }
            }
            Self::EndpointSlice(slice) => {
                for port in &mut slice.ports {
                    unset(&mut port.protocol);
                }
            }
        }
    }

    /// The object's reference.
    #[must_use]
    pub fn reference(&self) -> ObjectReference {
        let (namespace, name) = self.key();
        ObjectReference {
            kind: self.kind(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }
}

/// A namespace. One that is being deleted exists until it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: Box<str>,
    /// Its labels, by which it may be chosen.
    pub labels: BTreeMap<Box<str>, Box<str>>,
}

impl Namespace {
    /// A namespace without labels.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            labels: BTreeMap::new(),
        }
    }
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// `spec.externalName` of a service of type ExternalName (empty if it has none); `None` for
    /// every other type.
    pub external_name: Option<Box<str>>,
    /// `spec.clusterIPs`, else `spec.clusterIP` if it has one; the text `None` marks a headless
    /// service. Empty if it is unknown what the service's addresses are.
    pub cluster_ips: Box<[Address]>,
    /// `spec.ports`.
    pub ports: Box<[ServicePort]>,
    /// Whether something of it could not be read, so that nothing is certain about its names.
    pub uncertain: bool,
}

impl Service {
    /// Whether the service's name stands for its endpoints.
    #[must_use]
    pub fn is_headless(&self) -> bool {
        matches!(self.cluster_ips.first(), Some(Address::Text(text)) if &**text == "None")
    }
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePort {
    /// Its name; empty if it has none.
    pub name: Box<str>,
    /// Its number.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A transport protocol of a port. Where an object names none the API server fills in TCP; a port
/// without one, as it may reach us from elsewhere, is found by no protocol's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protocol {
    /// None.
    Unset,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// Another one, in lower case.
    Other(Box<str>),
}

impl Protocol {
    /// The protocol of this name, in any letter case.
    #[must_use]
    pub fn named(text: &str) -> Self {
        match text.to_ascii_lowercase().as_str() {
            "" => Self::Unset,
            "tcp" => Self::Tcp,
            "udp" => Self::Udp,
            "sctp" => Self::Sctp,
            other => Self::Other(other.into()),
        }
    }

    /// Its name in lower case; empty if there is none.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Unset => "",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
            Self::Other(text) => text,
        }
    }
}

/// Some of a service's endpoints, all with the same ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointSlice {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
    /// The service it belongs to: the label `kubernetes.io/service-name`.
    pub service: Option<Box<str>>,
    /// Its endpoints, one for each address.
    pub endpoints: Box<[Endpoint]>,
    /// Its ports.
    pub ports: Box<[EndpointPort]>,
    /// Whether something of it could not be read, so that nothing is certain about its endpoints' names.
    pub uncertain: bool,
}

impl EndpointSlice {
    /// What stands for endpoints of a service that are not known, so that their names pass.
    #[must_use]
    pub fn unknown(namespace: &str, name: &str, service: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            service: Some(service.into()),
            endpoints: Box::default(),
            ports: Box::default(),
            uncertain: true,
        }
    }
}

/// One address of an endpoint. An endpoint with several addresses is several of these, which is
/// how DNS sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The address.
    pub address: Address,
    /// Its own name below the service's.
    pub hostname: Option<Box<str>>,
    /// The name of the pod behind it.
    pub pod: Option<Box<str>>,
    /// `conditions.ready`; unknown counts as ready.
    pub ready: bool,
}

/// A port of an endpoint slice.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointPort {
    /// Its name; empty if it has none.
    pub name: Box<str>,
    /// Its number; none means every port.
    pub port: Option<u16>,
    /// Its protocol.
    pub protocol: Protocol,
}

/// An address as an object states it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// An IP address in its canonical text form, which `Display` gives back.
    Ip(IpAddr),
    /// Any other text: a domain name, `None`, an address in an unusual form (such as
    /// `2001:DB8::1` or the IPv4-mapped `::ffff:192.0.2.1`), on whose meaning servers differ.
    Text(Box<str>),
}

// 100,000 endpoints are 6.4 MB plus their names.
const _: () = assert!(size_of::<Address>() == 24 && size_of::<Endpoint>() == 64);

impl From<&str> for Address {
    fn from(text: &str) -> Self {
        match text.parse::<IpAddr>() {
            Ok(IpAddr::V6(ip)) if ip.to_ipv4_mapped().is_some() => Self::Text(text.into()),
            Ok(ip) if ip.to_string() == text => Self::Ip(ip),
            Ok(_) | Err(_) => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(formatter),
            Self::Text(text) => formatter.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests;
