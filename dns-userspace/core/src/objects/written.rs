//! Objects as Kubernetes writes them in JSON and YAML. Only the needed fields are parsed; every
//! one may be missing or `null`, as in the API's own Go types.

mod endpoints;

use std::collections::BTreeMap;

use serde::{Deserialize, de::IgnoredAny};

pub use self::endpoints::{Mirrored, WrittenEndpoints};
use super::{
    Address, Endpoint, EndpointPort, EndpointSlice, Kind, Namespace, Object, Protocol, Service,
    ServicePort, Skipped,
};

/// An object of one kind in its written form.
pub trait Written {
    /// The kind.
    const KIND: Kind;

    /// The object's metadata.
    fn metadata(&self) -> &Metadata;

    /// Whether a cluster makes EndpointSlices for it by itself: it is a Service that selects pods.
    fn selects_pods(&self) -> bool {
        false
    }

    /// The object in its compact form, and which parts of it were left out.
    ///
    /// # Errors
    /// Objects without a name.
    fn into_object(self) -> Result<(Object, Vec<Skipped>), Skipped>;
}

/// The needed fields of `metadata`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// The object's name.
    pub name: Option<String>,
    /// Its namespace; missing means `default`.
    pub namespace: Option<String>,
    /// Its version, as the API server counts.
    pub resource_version: Option<String>,
    /// Its labels.
    pub labels: Option<BTreeMap<Box<str>, Option<Box<str>>>>,
}

/// The label that names the service of an EndpointSlice.
pub const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl Metadata {
    /// The object's namespace, with what Kubernetes fills in where none is written.
    #[must_use]
    pub fn namespace_or_default(&self) -> &str {
        match self.namespace.as_deref() {
            Some("") | None => "default",
            Some(namespace) => namespace,
        }
    }

    /// The object's name, if it has one.
    #[must_use]
    pub fn given_name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    fn required_name(&self, kind: Kind) -> Result<&str, Skipped> {
        self.given_name().ok_or_else(|| Skipped {
            object: format!("{kind} in namespace {}", self.namespace_or_default()),
            reason: "it has no metadata.name".to_owned(),
        })
    }
}

/// A Namespace as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WrittenNamespace {
    metadata: Metadata,
}

impl Written for WrittenNamespace {
    const KIND: Kind = Kind::Namespace;

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn into_object(self) -> Result<(Object, Vec<Skipped>), Skipped> {
        let name = self.metadata.required_name(Self::KIND)?.into();
        let labels = self.metadata.labels.unwrap_or_default().into_iter();
        let labels = labels
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect();
        Ok((Object::Namespace(Namespace { name, labels }), Vec::new()))
    }
}

/// A Service as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct WrittenService {
    metadata: Metadata,
    spec: Option<ServiceSpec>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ServiceSpec {
    r#type: Option<String>,
    #[serde(rename = "clusterIP")]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs")]
    cluster_ips: Option<Vec<String>>,
    external_name: Option<String>,
    ports: Option<Vec<WrittenPort>>,
    selector: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct WrittenPort {
    name: Option<String>,
    port: Option<i64>,
    protocol: Option<String>,
}

impl Written for WrittenService {
    const KIND: Kind = Kind::Service;

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn selects_pods(&self) -> bool {
        let selector = self.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|selector| !selector.is_empty())
    }

    fn into_object(self) -> Result<(Object, Vec<Skipped>), Skipped> {
        let name: Box<str> = self.metadata.required_name(Self::KIND)?.into();
        let namespace: Box<str> = self.metadata.namespace_or_default().into();
        let spec = self.spec.unwrap_or_default();
        let external_name = (spec.r#type.as_deref() == Some("ExternalName"))
            .then(|| spec.external_name.unwrap_or_default().into());
        let cluster_ips = match spec.cluster_ips {
            Some(addresses) if !addresses.is_empty() => {
                addresses.iter().map(|text| text.as_str().into()).collect()
            }
            Some(_) | None => spec
                .cluster_ip
                .iter()
                .filter(|text| !text.is_empty())
                .map(|text| text.as_str().into())
                .collect(),
        };
        let object = format!("{} {namespace}/{name}", Self::KIND);
        let (ports, skipped) = usable(spec.ports, |port| {
            let number = port.number()?.ok_or("a port has no number")?;
            Ok(ServicePort {
                port: number,
                protocol: port.protocol(),
                name: port.name.unwrap_or_default().into(),
            })
        });
        let service = Service {
            namespace,
            name,
            external_name,
            cluster_ips,
            ports,
            uncertain: !skipped.is_empty(),
        };
        Ok((Object::Service(service), skipped_ports(&object, &skipped)))
    }
}

/// An EndpointSlice as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WrittenEndpointSlice {
    metadata: Metadata,
    endpoints: Option<Vec<WrittenEndpoint>>,
    ports: Option<Vec<WrittenPort>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenEndpoint {
    addresses: Option<Vec<String>>,
    conditions: Option<Conditions>,
    hostname: Option<String>,
    target_ref: Option<TargetReference>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Conditions {
    ready: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(default)]
struct TargetReference {
    name: Option<String>,
}

impl Written for WrittenEndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;

    fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    fn into_object(self) -> Result<(Object, Vec<Skipped>), Skipped> {
        let name: Box<str> = self.metadata.required_name(Self::KIND)?.into();
        let namespace: Box<str> = self.metadata.namespace_or_default().into();
        let object = format!("{} {namespace}/{name}", Self::KIND);
        let (ports, skipped) = usable(self.ports, |port| {
            Ok(EndpointPort {
                port: port.number()?,
                protocol: port.protocol(),
                name: port.name.unwrap_or_default().into(),
            })
        });
        let slice = EndpointSlice {
            namespace,
            name,
            service: self
                .metadata
                .labels
                .and_then(|mut labels| labels.remove(SERVICE_NAME))
                .flatten(),
            endpoints: self
                .endpoints
                .unwrap_or_default()
                .into_iter()
                .flat_map(WrittenEndpoint::into_endpoints)
                .collect(),
            ports,
            uncertain: !skipped.is_empty(),
        };
        Ok((
            Object::EndpointSlice(slice),
            skipped_ports(&object, &skipped),
        ))
    }
}

impl WrittenEndpoint {
    fn into_endpoints(self) -> impl Iterator<Item = Endpoint> {
        let hostname = self.hostname.filter(|hostname| !hostname.is_empty());
        let pod = self.target_ref.and_then(|target| target.name);
        let ready = self.conditions.unwrap_or_default().ready.unwrap_or(true);
        let addresses = self.addresses.unwrap_or_default().into_iter();
        addresses.map(move |address| Endpoint {
            address: Address::from(address.as_str()),
            hostname: hostname.as_deref().map(Into::into),
            pod: pod.as_deref().map(Into::into),
            ready,
        })
    }
}

impl WrittenPort {
    fn number(&self) -> Result<Option<u16>, String> {
        let Some(port) = self.port else {
            return Ok(None);
        };
        match u16::try_from(port) {
            Ok(number) if number > 0 => Ok(Some(number)),
            Ok(_) | Err(_) => Err(format!("port {port} is not between 1 and 65535")),
        }
    }

    fn protocol(&self) -> Protocol {
        Protocol::named(self.protocol.as_deref().unwrap_or_default())
    }
}

fn usable<P>(
    ports: Option<Vec<WrittenPort>>,
    read: impl Fn(WrittenPort) -> Result<P, String>,
) -> (Box<[P]>, Vec<String>) {
    let mut skipped = Vec::new();
    let ports = ports
        .unwrap_or_default()
        .into_iter()
        .filter_map(|port| read(port).map_err(|reason| skipped.push(reason)).ok())
        .collect();
    (ports, skipped)
}

fn skipped_ports(object: &str, reasons: &[String]) -> Vec<Skipped> {
    if reasons.is_empty() {
        return Vec::new();
    }
    let mut skipped = Skipped::for_all(object.to_owned(), reasons);
    skipped.reason += "; its names are left to the DNS service";
    vec![skipped]
}

#[cfg(test)]
mod tests;
