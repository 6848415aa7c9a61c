//! What becomes of `v1` Endpoints, which is clear only when everything has been read; and of services of which
//! endpoints are missing.
//!
//! A cluster has both Endpoints and EndpointSlices of a service, so where slices are written they count, and the
//! Endpoints say the same once more.

use std::collections::{BTreeMap, BTreeSet};

use dns_core::objects::{
    Endpoint, EndpointPort, EndpointSlice, Kind, Object, ObjectReference, Service,
    written::{Metadata, Mirrored, WrittenEndpoints},
};

use super::{Body, Place, Reading, document::Unreadable};

/// The kind, as objects state it.
const KIND: &str = "Endpoints";

/// The slices of each service that has any.
type Sliced<'read> = BTreeMap<ObjectReference, Vec<&'read EndpointSlice>>;

impl Reading {
    /// Takes in Endpoints.
    pub(super) fn add_endpoints(&mut self, place: Place<'_>, metadata: &Metadata, body: Body<'_>) {
        let written = match body.read::<WrittenEndpoints>() {
            Ok(written) => written,
            Err(Unreadable { line, reason }) => {
                return self.add_uncertain(place, line, KIND, metadata, &reason);
            }
        };
        let Some(name) = metadata.given_name() else {
            return self.add_uncertain(place, 1, KIND, metadata, "it has no metadata.name");
        };
        let of = service(metadata.namespace_or_default(), name);
        self.insert_endpoints(place.at(1), of, written.mirrored(metadata, name));
    }

    /// Keeps what a cluster makes of the Endpoints of a service.
    pub(super) fn insert_endpoints(&mut self, at: String, of: ObjectReference, made: Mirrored) {
        let object = format!("{KIND} {}/{}", of.namespace, of.name);
        if let Some((_, earlier)) = self.endpoints.insert(of, (made, at.clone())) {
            self.skip_earlier(at, &object, &earlier);
        }
    }

    /// Adds slices for the Endpoints of services that have none, and uncertain ones where endpoints are missing.
    pub(super) fn mirror_endpoints(&mut self) {
        let endpoints = std::mem::take(&mut self.endpoints);
        let sliced = self.sliced();
        let mut uncertainties = Vec::new();
        for (reference, (object, place)) in &self.objects {
            let (made, place) = match endpoints.get(reference) {
                Some((made, place)) => (made, place),
                None => (&Mirrored::Nothing, place),
            };
            if let Object::Service(service) = object
                && let Some(reason) = self.missing(reference, service, made, &sliced)
            {
                uncertainties.push((place.clone(), reference.clone(), reason));
            }
        }
        let sliced: BTreeSet<ObjectReference> = sliced.into_keys().collect();
        let left = uncertainties.iter().map(|(_, of, _)| of.clone());
        let left: BTreeSet<ObjectReference> = left.collect();
        for (of, (made, place)) in endpoints {
            let counts = self.objects.contains_key(&of) && !sliced.contains(&of);
            match made {
                Mirrored::Slices(slices) if counts => {
                    for slice in slices {
                        self.insert(place.clone(), Object::EndpointSlice(slice));
                    }
                }
                _ if left.contains(&of) => {}
                _ => self.others.add(KIND, "v1", &of.namespace, &of.name),
            }
        }
        for (place, of, reason) in uncertainties {
            self.leave(place, &of, &reason);
        }
    }

    /// Makes pass what depends on the endpoints of a service, and says so.
    fn leave(&mut self, place: String, of: &ObjectReference, reason: &str) {
        let sentence =
            format!("{of}: {reason}; what depends on its endpoints is left to the DNS service");
        self.skip(place.clone(), sentence);
        let name = format!("{} (endpoints that are missing)", of.name);
        let slice = EndpointSlice::unknown(&of.namespace, &name, &of.name);
        self.insert(place, Object::EndpointSlice(slice));
    }

    /// The services that have slices.
    fn sliced(&self) -> Sliced<'_> {
        let mut sliced = Sliced::new();
        for (object, _) in self.objects.values() {
            if let Object::EndpointSlice(slice) = object
                && let Some(name) = &slice.service
            {
                let of = sliced.entry(service(&slice.namespace, name));
                of.or_default().push(slice);
            }
        }
        sliced
    }

    /// Why endpoints of a service are missing, of whose own Endpoints a cluster makes this; none: they are all here.
    fn missing(
        &self,
        reference: &ObjectReference,
        service: &Service,
        made: &Mirrored,
        sliced: &Sliced<'_>,
    ) -> Option<String> {
        let selects_pods = self.selecting.contains(reference);
        let has_names = service.external_name.is_none() && !service.cluster_ips.is_empty();
        match (made, sliced.get(reference)) {
            (Mirrored::Uncertain(reason) | Mirrored::Elsewhere(reason), None) => {
                Some(format!("its Endpoints cannot be used: {reason}"))
            }
            // A cluster would mirror what is in them, beside the slices.
            (Mirrored::Uncertain(reason), Some(_)) if !selects_pods => {
                Some(format!("its Endpoints cannot be used: {reason}"))
            }
            (Mirrored::Nothing, None) if selects_pods && has_names => Some(
                "it selects pods, and no EndpointSlice or Endpoints here say which: write them"
                    .to_owned(),
            ),
            (Mirrored::Slices(made), Some(slices)) if !selects_pods => {
                let reason = "its Endpoints give ready addresses with names or ports that its EndpointSlices do not give";
                (!say_all_of(slices, made)).then(|| reason.to_owned())
            }
            _ => None,
        }
    }
}

/// Whether slices say of each endpoint that is ready what `made` says.
fn say_all_of(slices: &[&EndpointSlice], made: &[EndpointSlice]) -> bool {
    let names = |endpoint: &Endpoint| {
        let Endpoint {
            address,
            hostname,
            pod,
            ..
        } = endpoint;
        (address.clone(), hostname.clone(), pod.clone())
    };
    let mut ports: BTreeMap<_, Vec<&[EndpointPort]>> = BTreeMap::new();
    for slice in slices {
        for endpoint in slice.endpoints.iter().filter(|endpoint| endpoint.ready) {
            ports.entry(names(endpoint)).or_default().push(&slice.ports);
        }
    }
    made.iter().all(|made| {
        let mut ready = made.endpoints.iter().filter(|endpoint| endpoint.ready);
        ready.all(|endpoint| {
            let given = ports.get(&names(endpoint));
            let has = |port| {
                given
                    .iter()
                    .copied()
                    .flatten()
                    .any(|ports| ports.contains(port))
            };
            given.is_some() && made.ports.iter().all(has)
        })
    })
}

/// The reference of a service.
pub(super) fn service(namespace: &str, name: &str) -> ObjectReference {
    ObjectReference {
        kind: Kind::Service,
        namespace: namespace.into(),
        name: name.into(),
    }
}
