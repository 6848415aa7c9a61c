//! The text of manifests into objects, as the API server would understand it. Pure.
//!
//! The YAML parser is serde-saphyr: maintained, never panics by design, reads into typed values
//! with line numbers, and is what the Kubernetes client uses for kubeconfig files anyway.

mod document;
mod endpoints;
mod kinds;
mod others;
mod uncertain;

use std::collections::{BTreeMap, BTreeSet};

use dns_core::objects::{
    Namespace, Object, ObjectReference, Skipped,
    written::{
        Metadata, Mirrored, Written, WrittenEndpointSlice, WrittenNamespace, WrittenService,
    },
};
use serde::{Deserialize, de::DeserializeOwned};

use self::{
    document::{Unreadable, documents, yaml},
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
        let of_list = kind.strip_suffix("List");
        if of_list.is_some_and(|of| items.is_some() || of.is_empty() || kinds::is_known(of)) {
            for item in items.into_iter().flatten() {
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
        let api_version = header.api_version.as_deref().unwrap_or_default();
        match kinds::recognise(kind, api_version) {
            None => {
                let namespace = metadata.namespace.as_deref().unwrap_or_default();
                let name = metadata.given_name().unwrap_or("without a name");
                return self.others.add(kind, api_version, namespace, name);
            }
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

impl Body<'_> {
    fn read<T: DeserializeOwned>(self) -> Result<T, Unreadable> {
        match self {
            Self::Yaml(document) => yaml(document),
            Self::Json(value) => serde_json::from_value(value).map_err(Unreadable::from),
        }
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

#[cfg(test)]
mod tests;
