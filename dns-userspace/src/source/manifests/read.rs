//! The text of manifests into objects, as the API server would understand it. Pure.
//!
//! The YAML parser is serde-saphyr: maintained, never panics by design, reads into typed values
//! with line numbers, and is what the Kubernetes client uses for kubeconfig files anyway.

mod document;
mod endpoints;
mod header;
mod kinds;
mod others;
mod uncertain;

use std::collections::{BTreeMap, BTreeSet};

use dns_core::objects::{
    Namespace, Object, ObjectReference, Skipped,
    written::{
        Metadata, Mirrored, SERVICE_NAME, Written, WrittenEndpointSlice, WrittenNamespace,
        WrittenService,
    },
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::{
    document::{Unreadable, documents, with_the_last_of_equal_keys, yaml},
    header::{Header, List, Place},
    others::Others,
};

/// How many warnings are logged of one reading.
const WARNINGS_MAX: usize = 100;

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
    /// What DNS has no interest in.
    pub(super) others: Others,
    /// What a cluster makes of each Endpoints object, and where that stands, by its service.
    endpoints: BTreeMap<ObjectReference, (Mirrored, String)>,
    /// The services that select pods.
    selecting: BTreeSet<ObjectReference>,
}

/// One object in the form in which it was found.
enum Body<'text> {
    Yaml(&'text str),
    Json(Value),
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
        for warning in self.warnings(before) {
            tracing::warn!("{warning}");
        }
        if let Some(document) = &self.unreadable
            && before.unreadable != self.unreadable
        {
            tracing::warn!("absent names are not denied until {document} can be read");
        }
        tracing::info!("read {} objects from manifests", self.objects.len());
        if self.others != before.others && !self.others.is_empty() {
            tracing::info!("of no use for DNS: {}", self.others);
        }
    }

    /// What is not served, and was not told before: the first of it, and how much more there is.
    fn warnings(&self, before: &Self) -> Vec<String> {
        let told: BTreeSet<&Skipped> = before.skipped.iter().collect();
        let mut new = self
            .skipped
            .iter()
            .filter(|skipped| !told.contains(skipped));
        let first = new.by_ref().take(WARNINGS_MAX);
        let mut warnings: Vec<String> = first.map(ToString::to_string).collect();
        let more = new.count();
        if more > 0 {
            warnings.push(format!(
                "and {more} more; `zerohop status` says how many there are in all"
            ));
        }
        warnings
    }

    /// Notes that a file or folder cannot be read.
    pub(super) fn cannot_read(&mut self, place: &str, reason: &str) {
        self.skip(place.to_owned(), reason.to_owned());
        self.unreadable.get_or_insert(place.to_owned());
    }

    /// Reads the documents of a YAML file. One that is invalid does not spoil the others.
    pub(super) fn add_yaml(&mut self, file: &str, text: &str) {
        for (lines_before, document) in documents(text) {
            let place = Place::document(file, lines_before);
            match yaml::<Option<Header>>(document) {
                Ok(None) => {}
                Ok(Some(header)) => self.add(place, header, Body::Yaml(document)),
                Err(unreadable) => {
                    let value = with_the_last_of_equal_keys(document);
                    self.add_invalid(place, value.as_ref(), None, &unreadable);
                }
            }
        }
    }

    /// Reads a JSON file: objects, one after another.
    pub(super) fn add_json(&mut self, file: &str, text: &str) {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
        let (mut begin, mut lines_before) = (0, 0);
        while let Some(value) = values.next() {
            match value.map_err(Unreadable::from) {
                Ok(value) => self.add_value(Place::document(file, lines_before), value, None),
                // What follows cannot be told from it.
                Err(unreadable) => {
                    let place = Place::document(file, 0);
                    return self.cannot_read_document(place, &unreadable);
                }
            }
            let rest = text[values.byte_offset()..].trim_start();
            let end = text.len() - rest.len();
            lines_before += text[begin..end].matches('\n').count() as u64;
            begin = end;
        }
    }

    /// Adds what exists without being written: namespaces, and slices for Endpoints.
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
        self.mirror_endpoints();
    }

    fn add_value(&mut self, place: Place<'_>, value: Value, list: Option<&List>) {
        match Header::of(&value) {
            Ok(header) => self.add(place, header.or_of_list(list), Body::Json(value)),
            Err(unreadable) => self.add_invalid(place, Some(&value), list, &unreadable),
        }
    }

    /// Takes in a document or item that is no valid object, for this reason. Where it tells its name nevertheless, only
    /// what is below that name is uncertain.
    fn add_invalid(
        &mut self,
        place: Place<'_>,
        value: Option<&Value>,
        list: Option<&List>,
        unreadable: &Unreadable,
    ) {
        let known = value.and_then(Header::of_invalid);
        let known = known.map(|header| header.or_of_list(list));
        let Some((kind, api_version, metadata)) = known.and_then(Header::named) else {
            return self.cannot_read_document(place, unreadable);
        };
        self.note_namespace(&metadata);
        match kinds::recognise(&kind, &api_version) {
            None => self.add_other(&kind, &api_version, &metadata),
            Some(_) => {
                self.add_uncertain(place, unreadable.line, &kind, &metadata, &unreadable.reason);
            }
        }
    }

    fn add(&mut self, place: Place<'_>, mut header: Header, body: Body<'_>) {
        if let Some(list) = header.list() {
            return self.add_items(place, header.items.take(), &list);
        }
        let metadata = header.metadata.unwrap_or_default();
        let Some(kind) = header.kind.as_deref() else {
            let name = metadata.given_name().unwrap_or("without a name");
            let reason = format!("{name}: it has no kind, so it is no Kubernetes object");
            return self.skip(place.at(1), reason);
        };
        self.note_namespace(&metadata);
        let api_version = header.api_version.as_deref().unwrap_or_default();
        match kinds::recognise(kind, api_version) {
            None => return self.add_other(kind, api_version, &metadata),
            Some(Err(reason)) => return self.add_uncertain(place, 1, kind, &metadata, &reason),
            Some(Ok(())) => {}
        }
        match kind {
            "Namespace" => self.add_object::<WrittenNamespace>(place, &metadata, body),
            "Service" => self.add_object::<WrittenService>(place, &metadata, body),
            "EndpointSlice" => self.add_object::<WrittenEndpointSlice>(place, &metadata, body),
            _ => self.add_endpoints(place, &metadata, body),
        }
    }

    fn add_items(&mut self, place: Place<'_>, items: Option<Value>, list: &List) {
        match items.unwrap_or_default() {
            Value::Null => {}
            Value::Array(items) => {
                for (number, item) in (1..).zip(items) {
                    self.add_value(place.item(number), item, Some(list));
                }
            }
            _ => self.cannot_read(&place.at(1), "it is a list, and its items are none"),
        }
    }

    fn note_namespace(&mut self, metadata: &Metadata) {
        let namespace = metadata.namespace.as_deref();
        if let Some(namespace) = namespace.filter(|name| !name.is_empty()) {
            self.namespaces.insert(namespace.to_owned());
        }
    }

    fn add_other(&mut self, kind: &str, api_version: &str, metadata: &Metadata) {
        let namespace = metadata.namespace.as_deref().unwrap_or_default();
        let name = metadata.given_name().unwrap_or("without a name");
        self.others.add(kind, api_version, namespace, name);
    }

    fn add_object<W: Written + DeserializeOwned>(
        &mut self,
        place: Place<'_>,
        metadata: &Metadata,
        body: Body<'_>,
    ) {
        let kind = W::KIND.name();
        let written = match body.read::<W>() {
            Ok(written) => written,
            Err(Unreadable { line, reason }) => {
                return self.add_uncertain(place, line, kind, metadata, &reason);
            }
        };
        let selects_pods = written.selects_pods();
        let (object, skipped) = match written.into_object() {
            Ok(read) => read,
            Err(unnamed) => {
                return self.add_uncertain(place, 1, kind, metadata, &unnamed.reason);
            }
        };
        for skipped in skipped {
            self.skip(place.at(1), skipped.to_string());
        }
        if needs_address(&object) {
            let reason = "it has no clusterIP, and only a cluster can assign one; its name \
                          is left to the DNS service: write a clusterIP, or clusterIP: None";
            self.skip(place.at(1), format!("{}: {reason}", object.reference()));
        }
        if let Object::EndpointSlice(slice) = &object
            && slice.service.is_none()
        {
            let reason =
                format!("it has no label {SERVICE_NAME}, so it gives no service endpoints");
            self.skip(place.at(1), format!("{}: {reason}", object.reference()));
        }
        let reference = object.reference();
        match selects_pods {
            true => self.selecting.insert(reference),
            false => self.selecting.remove(&reference),
        };
        self.insert(place.at(1), object);
    }

    fn insert(&mut self, place: String, mut object: Object) {
        object.fill_in();
        let reference = object.reference();
        let now = (object, place.clone());
        if let Some((_, earlier)) = self.objects.insert(reference.clone(), now) {
            self.skip_earlier(place, &reference.to_string(), &earlier);
        }
    }

    fn skip_earlier(&mut self, place: String, object: &str, earlier: &str) {
        let reason = format!("{object} stands here again; this one counts, not {earlier}");
        self.skip(place, reason);
    }

    fn cannot_read_document(&mut self, place: Place<'_>, unreadable: &Unreadable) {
        self.cannot_read(&place.at(unreadable.line), &unreadable.reason);
    }

    fn skip(&mut self, object: String, reason: String) {
        self.skipped.push(Skipped { object, reason });
    }
}

impl Body<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, Unreadable> {
        match self {
            Self::Yaml(document) => yaml(document),
            Self::Json(value) => serde_json::from_value(value).map_err(Unreadable::from),
        }
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

#[cfg(test)]
mod tests;
