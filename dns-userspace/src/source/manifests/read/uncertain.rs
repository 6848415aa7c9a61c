//! Objects of which the name is all that is known: what they would give passes, for without them it would be
//! denied.

use dns_core::objects::{
    EndpointSlice, Namespace, Object, Service,
    written::{Metadata, Mirrored, SERVICE_NAME},
};

use super::{Place, Reading, endpoints::service};

impl Reading {
    /// Takes in an object that cannot be read, for this reason. If its names are not known either, none is denied.
    pub(super) fn add_uncertain(
        &mut self,
        place: Place<'_>,
        line: u64,
        kind: &str,
        metadata: &Metadata,
        reason: &str,
    ) {
        let at = place.at(line);
        let namespace = metadata.namespace_or_default();
        let labels = metadata.labels.as_ref();
        let of_service = labels.and_then(|labels| labels.get(SERVICE_NAME)?.as_deref());
        let object = match (kind, metadata.given_name(), of_service) {
            ("Namespace", Some(name), _) => Object::Namespace(Namespace::named(name)),
            ("Service", Some(name), _) => Object::Service(Service {
                namespace: namespace.into(),
                name: name.into(),
                external_name: None,
                cluster_ips: Box::default(),
                ports: Box::default(),
                uncertain: true,
            }),
            ("EndpointSlice", name, Some(service)) => {
                // Names of slices matter only in so far as they differ.
                let instead = format!("a slice of {service} at {at}");
                let name = name.unwrap_or(&instead);
                Object::EndpointSlice(EndpointSlice::unknown(namespace, name, service))
            }
            ("Endpoints", Some(name), _) => {
                let uncertain = Mirrored::Uncertain(reason.to_owned());
                return self.insert_endpoints(at, service(namespace, name), uncertain);
            }
            _ => return self.cannot_read(&at, &format!("{kind}: {reason}")),
        };
        let reference = object.reference();
        let reason = format!("{reference}: {reason}; its names are left to the DNS service");
        self.skip(at, reason);
        self.selecting.remove(&reference);
        self.insert(place.at(1), object);
    }
}
