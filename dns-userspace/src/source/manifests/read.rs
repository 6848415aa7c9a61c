//! The text of manifests into objects, as the API server would understand it. Pure.
//!
//! The YAML parser is serde-saphyr: maintained, never panics by design, reads into typed values
//! with line numbers, and is what the Kubernetes client uses for kubeconfig files anyway.

mod document;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, de::DeserializeOwned};

use self::document::{Unreadable, documents, yaml};
use crate::objects::{
    Address, Endpoint, EndpointSlice, Kind, Namespace, Object, ObjectReference, Service, Skipped,
    written::{
        Metadata, SERVICE_NAME, Written, WrittenEndpointSlice, WrittenNamespace, WrittenService,
    },
};

/// Everything that was read. Two readings are equal if there is nothing new to tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reading {
    objects: BTreeMap<ObjectReference, (Object, String)>,
    /// Namespaces that objects of any kind name.
    namespaces: BTreeSet<String>,
    /// What is not served, or not as it is written.
    pub(super) skipped: Vec<Skipped>,
    /// The first place that may hold names which are not known.
    pub(super) unreadable: Option<String>,
    /// The number of objects of kinds that DNS has no interest in.
    pub(super) other_kinds: usize,
}

/// What every object has, and lists of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Header {
    api_version: Option<String>,
    kind: Option<String>,
    metadata: Option<Metadata>,
    items: Option<Vec<serde_json::Value>>,
}

/// One object in the form in which it was found.
enum Body<'text> {
    Yaml(&'text str),
    Json(serde_json::Value),
}

/// Where a document begins: a file and the number of lines before it.
#[derive(Clone, Copy)]
struct Place<'text> {
    file: &'text str,
    lines_before: u64,
}

impl Reading {
    /// The objects, in the order of their references.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.objects.values().map(|(object, _)| object)
    }

    /// Whether anything was written that can be served.
    pub(super) fn is_usable(&self) -> bool {
        self.objects.values().any(|(_, place)| !place.is_empty())
    }

    /// Logs what a person should know, but not again what was told of the reading before.
    pub(super) fn log(&self, before: &Self) {
        let told: BTreeSet<&Skipped> = before.skipped.iter().collect();
        for skipped in self
            .skipped
            .iter()
            .filter(|skipped| !told.contains(skipped))
        {
            tracing::warn!("{skipped}");
        }
        tracing::info!(
            "read {} objects from manifests, {} of other kinds",
            self.objects.len(),
            self.other_kinds
        );
    }

    /// Notes that a file or folder cannot be read.
    pub(super) fn cannot_read(&mut self, place: &str, reason: &str) {
        self.skip(place.to_owned(), reason.to_owned());
        self.unreadable.get_or_insert(place.to_owned());
    }

    /// Reads the documents of a YAML file. One that is invalid does not spoil the others.
    pub(super) fn add_yaml(&mut self, file: &str, text: &str) {
        for (lines_before, document) in documents(text) {
            let place = Place { file, lines_before };
            match yaml::<Option<Header>>(document) {
                Ok(None) => {}
                Ok(Some(header)) => self.add(place, header, Body::Yaml(document)),
                Err(unreadable) => self.cannot_read_document(place, &unreadable),
            }
        }
    }

    /// Reads a JSON file: one object.
    pub(super) fn add_json(&mut self, file: &str, text: &str) {
        let place = Place {
            file,
            lines_before: 0,
        };
        let value: Result<serde_json::Value, _> = serde_json::from_str(text);
        match value.map_err(Unreadable::from) {
            Ok(value) => self.add_value(place, value, None),
            Err(unreadable) => self.cannot_read_document(place, &unreadable),
        }
    }

    /// Adds the namespaces that exist without being written.
    pub(super) fn finish(&mut self) {
        let named = std::mem::take(&mut self.namespaces);
        let always = ["default", "kube-system"].map(str::to_owned);
        for name in named.into_iter().chain(always) {
            let mut object = Object::Namespace(Namespace::named(&name));
            object.fill_in();
            self.objects
                .entry(object.reference())
                .or_insert((object, String::new()));
        }
    }

    fn add_value(&mut self, place: Place<'_>, value: serde_json::Value, list: Option<&Header>) {
        let header = match Header::deserialize(&value) {
            Ok(header) => header.or_of_list(list),
            Err(error) => return self.cannot_read_document(place, &Unreadable::from(error)),
        };
        self.add(place, header, Body::Json(value));
    }

    fn add(&mut self, place: Place<'_>, mut header: Header, body: Body<'_>) {
        let items = header.items.take();
        let Some(kind) = header.kind.as_deref() else {
            let reason = "it has no kind, so it is no Kubernetes object".to_owned();
            return self.skip(place.at(1), reason);
        };
        if let Some(items) = items.filter(|_| kind.ends_with("List")) {
            for item in items {
                self.add_value(place, item, Some(&header));
            }
            return;
        }
        let metadata = header.metadata.unwrap_or_default();
        if let Some(namespace) = metadata
            .namespace
            .as_deref()
            .filter(|name| !name.is_empty())
        {
            self.namespaces.insert(namespace.to_owned());
        }
        match (header.api_version.as_deref().unwrap_or("v1"), kind) {
            ("v1", "Namespace") => self.add_object::<WrittenNamespace>(place, &metadata, body),
            ("v1", "Service") => self.add_object::<WrittenService>(place, &metadata, body),
            ("discovery.k8s.io/v1", "EndpointSlice") => {
                self.add_object::<WrittenEndpointSlice>(place, &metadata, body);
            }
            _ => self.other_kinds += 1,
        }
    }

    fn add_object<W: Written + DeserializeOwned>(
        &mut self,
        place: Place<'_>,
        metadata: &Metadata,
        body: Body<'_>,
    ) {
        let written = match body {
            Body::Yaml(document) => yaml::<W>(document),
            Body::Json(value) => serde_json::from_value::<W>(value).map_err(Unreadable::from),
        };
        let object = match written.map(Written::into_object) {
            Ok(Ok((object, skipped))) => {
                for skipped in skipped {
                    self.skip(place.at(1), skipped.to_string());
                }
                if needs_address(&object) {
                    let reason = "it has no clusterIP, and only a cluster can assign one; its name \
                                  is left to the DNS service: write a clusterIP, or clusterIP: None";
                    self.skip(place.at(1), format!("{}: {reason}", object.reference()));
                }
                object
            }
            Ok(Err(skipped)) => return self.skip(place.at(1), skipped.to_string()),
            Err(unreadable) => {
                let Some(object) = doubtful(W::KIND, metadata) else {
                    return self.cannot_read_document(place, &unreadable);
                };
                self.skip(
                    place.at(unreadable.line),
                    format!(
                        "{}: {}; its names are left to the DNS service",
                        object.reference(),
                        unreadable.reason
                    ),
                );
                object
            }
        };
        self.insert(place, object);
    }

    fn insert(&mut self, place: Place<'_>, mut object: Object) {
        object.fill_in();
        let reference = object.reference();
        let earlier = self
            .objects
            .insert(reference.clone(), (object, place.at(1)));
        if let Some((_, earlier)) = earlier {
            let reason = format!("{reference} stands here again; this one counts, not {earlier}");
            self.skip(place.at(1), reason);
        }
    }

    fn cannot_read_document(&mut self, place: Place<'_>, unreadable: &Unreadable) {
        self.cannot_read(&place.at(unreadable.line), &unreadable.reason);
    }

    fn skip(&mut self, object: String, reason: String) {
        self.skipped.push(Skipped { object, reason });
    }
}

impl Header {
    /// Fills in what the items of a typed list (such as a ServiceList) may leave out.
    fn or_of_list(mut self, list: Option<&Self>) -> Self {
        let Some(list) = list else {
            return self;
        };
        if self.kind.is_none() {
            let kind = list
                .kind
                .as_deref()
                .and_then(|kind| kind.strip_suffix("List"));
            self.kind = kind.filter(|kind| !kind.is_empty()).map(str::to_owned);
            self.api_version = self.api_version.or_else(|| list.api_version.clone());
        }
        self
    }
}

impl Place<'_> {
    fn at(self, line: u64) -> String {
        format!("{}:{}", self.file, self.lines_before + line)
    }
}

fn needs_address(object: &Object) -> bool {
    match object {
        Object::Service(service) => {
            service.external_name.is_none() && service.cluster_ips.is_empty()
        }
        Object::Namespace(_) | Object::EndpointSlice(_) => false,
    }
}

/// What stands for an object whose fields cannot be read but whose name can: something that makes
/// its names pass, for without it they would be denied.
fn doubtful(kind: Kind, metadata: &Metadata) -> Option<Object> {
    let name: Box<str> = metadata
        .name
        .as_deref()
        .filter(|name| !name.is_empty())?
        .into();
    let namespace: Box<str> = metadata.namespace_or_default().into();
    Some(match kind {
        Kind::Namespace => Object::Namespace(Namespace::named(&name)),
        Kind::Service => Object::Service(Service {
            namespace,
            name,
            external_name: None,
            cluster_ips: Box::new([]),
            ports: Box::new([]),
            doubtful: true,
        }),
        Kind::EndpointSlice => Object::EndpointSlice(EndpointSlice {
            namespace,
            name,
            service: Some(metadata.labels.as_ref()?.get(SERVICE_NAME)?.clone()?),
            endpoints: Box::new([Endpoint {
                address: Address::Text("".into()),
                hostname: None,
                pod: None,
                ready: true,
            }]),
            ports: Box::new([]),
            doubtful: true,
        }),
    })
}

#[cfg(test)]
mod tests;
