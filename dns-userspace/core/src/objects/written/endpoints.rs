//! `v1` Endpoints as written, and the EndpointSlices that a cluster mirrors them into: the cluster's DNS server
//! reads only these.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Metadata, TargetReference, WrittenPort, usable};
use crate::objects::{Address, Endpoint, EndpointPort, EndpointSlice, Protocol, Skipped};

/// A cluster mirrors no more addresses of one subset.
const MIRRORED_MAX: usize = 1000;

/// This label says that somebody else makes the EndpointSlices.
const SKIP_MIRROR: &str = "endpointslice.kubernetes.io/skip-mirror";
/// This annotation says that the object is a lock and not about endpoints.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// This annotation says, as `truncated`, that the cluster has left endpoints out.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";

/// Endpoints as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WrittenEndpoints {
    metadata: Annotated,
    subsets: Option<Vec<Subset>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Annotated {
    annotations: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Subset {
    addresses: Option<Vec<WrittenAddress>>,
    not_ready_addresses: Option<Vec<WrittenAddress>>,
    ports: Option<Vec<WrittenPort>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenAddress {
    ip: Option<String>,
    hostname: Option<String>,
    target_ref: Option<TargetReference>,
}

/// What a cluster makes of Endpoints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirrored {
    /// These slices.
    Slices(Vec<EndpointSlice>),
    /// Nothing: they are about something else.
    Nothing,
    /// Nothing: slices that are written beside them stand for them, for this reason.
    Elsewhere(String),
    /// It is not certain, for this reason.
    Uncertain(String),
}

impl WrittenEndpoints {
    /// What a cluster makes of these Endpoints, which belong to the service of the same name.
    #[must_use]
    pub fn mirrored(self, metadata: &Metadata, name: &str) -> Mirrored {
        let annotations = self.metadata.annotations.unwrap_or_default();
        let labels = metadata.labels.as_ref();
        let label = labels.and_then(|labels| labels.get(SKIP_MIRROR)?.as_deref());
        let capacity = annotations.get(OVER_CAPACITY).and_then(Option::as_deref);
        if annotations.contains_key(LEADER) {
            return Mirrored::Nothing;
        }
        if label == Some("true") {
            let reason = "their label skip-mirror says that EndpointSlices stand for them";
            return Mirrored::Elsewhere(reason.to_owned());
        }
        if capacity == Some("truncated") {
            let reason = "their annotation over-capacity says that some were left out";
            return Mirrored::Uncertain(reason.to_owned());
        }
        match by_ports(self.subsets.unwrap_or_default()) {
            Ok(groups) => Mirrored::Slices(slices(groups, metadata.namespace_or_default(), name)),
            Err(reason) => Mirrored::Uncertain(reason),
        }
    }
}

/// Addresses and whether they are ready, once for each set of ports that they have.
type ByPorts = BTreeMap<Vec<EndpointPort>, BTreeMap<WrittenAddress, bool>>;

/// The addresses by their ports: subsets with the same ports are one.
fn by_ports(subsets: Vec<Subset>) -> Result<ByPorts, String> {
    let mut groups = ByPorts::new();
    for subset in subsets {
        let (ports, skipped) = usable(subset.ports, |port| {
            Ok(EndpointPort {
                port: Some(port.number()?.ok_or("a port has no number")?),
                protocol: match port.protocol() {
                    Protocol::Unset => Protocol::Tcp,
                    given => given,
                },
                name: port.name.unwrap_or_default().into(),
            })
        });
        if !skipped.is_empty() {
            return Err(Skipped::for_all(String::new(), &skipped).reason);
        }
        let ready = subset.addresses.unwrap_or_default();
        let not_ready = subset.not_ready_addresses.unwrap_or_default();
        let count = ready.len() + not_ready.len();
        if count > MIRRORED_MAX {
            return Err(format!(
                "they have {count} addresses in one subset, of which a cluster mirrors {MIRRORED_MAX}"
            ));
        }
        let ready = ready.into_iter().map(|address| (address, true));
        let not_ready = not_ready.into_iter().map(|address| (address, false));
        let mut ports = ports.into_vec();
        ports.sort();
        groups
            .entry(ports)
            .or_default()
            .extend(ready.chain(not_ready));
    }
    Ok(groups)
}

fn slices(groups: ByPorts, namespace: &str, service: &str) -> Vec<EndpointSlice> {
    let slice = |(number, (ports, addresses)): (usize, (Vec<EndpointPort>, BTreeMap<_, _>))| {
        EndpointSlice {
            namespace: namespace.into(),
            // No object can have this name, and a person sees where it comes from.
            name: format!("{service} (Endpoints, part {number})").into(),
            service: Some(service.into()),
            endpoints: addresses.into_iter().map(endpoint).collect(),
            ports: ports.into(),
            uncertain: false,
        }
    };
    (1..).zip(groups).map(slice).collect()
}

fn endpoint((address, ready): (WrittenAddress, bool)) -> Endpoint {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Into::into);
    Endpoint {
        address: Address::from(address.ip.as_deref().unwrap_or_default()),
        hostname: given(address.hostname),
        pod: given(address.target_ref.and_then(|target| target.name)),
        ready,
    }
}
