//! What every object has, and lists of objects; and where an object stands.

use dns_core::objects::written::{Metadata, SERVICE_NAME};
use serde::Deserialize;
use serde_json::Value;

use super::{document::Unreadable, kinds};

/// What every object has, and lists of objects.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    default,
    expecting = "a Kubernetes object with kind and metadata"
)]
pub(super) struct Header {
    pub(super) api_version: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) metadata: Option<Metadata>,
    pub(super) items: Option<Value>,
}

/// What the items of a typed list (such as a ServiceList) may leave out.
pub(super) struct List {
    kind: Option<String>,
    api_version: Option<String>,
}

/// Where an object stands: a file, the number of lines before its document, and the number of the list's item that it is.
#[derive(Clone, Copy)]
pub(super) struct Place<'text> {
    file: &'text str,
    lines_before: u64,
    item: Option<usize>,
}

impl Header {
    /// That of an object in JSON.
    pub(super) fn of(value: &Value) -> Result<Self, Unreadable> {
        Self::deserialize(value).map_err(Unreadable::from)
    }

    /// What can be told of an object that is not valid as a whole; nothing of a list, whose items are not known.
    pub(super) fn of_invalid(value: &Value) -> Option<Self> {
        let text = |value: &Value, key: &str| value.get(key)?.as_str().map(str::to_owned);
        let metadata = value.get("metadata")?;
        let service = metadata.get("labels").and_then(|labels| {
            let service = labels.get(SERVICE_NAME)?.as_str()?;
            Some([(SERVICE_NAME.into(), Some(service.into()))].into())
        });
        value.get("items").is_none().then(|| Self {
            api_version: text(value, "apiVersion"),
            kind: text(value, "kind"),
            metadata: Some(Metadata {
                name: text(metadata, "name"),
                namespace: text(metadata, "namespace"),
                labels: service,
                ..Metadata::default()
            }),
            items: None,
        })
    }

    /// Kind, apiVersion and metadata of an object that has a kind.
    pub(super) fn named(self) -> Option<(String, String, Metadata)> {
        let api_version = self.api_version.unwrap_or_default();
        Some((self.kind?, api_version, self.metadata.unwrap_or_default()))
    }

    /// Fills in what it may leave out as an item of a list.
    pub(super) fn or_of_list(mut self, list: Option<&List>) -> Self {
        if let (None, Some(list)) = (&self.kind, list) {
            self.kind.clone_from(&list.kind);
            self.api_version = self.api_version.or_else(|| list.api_version.clone());
        }
        self
    }

    /// The list that it is of; none: it is an object of another kind, whatever that is called.
    pub(super) fn list(&self) -> Option<List> {
        let of = self.kind.as_deref()?.strip_suffix("List")?;
        let holds_objects = || match &self.items {
            Some(Value::Array(items)) => items.iter().all(Value::is_object),
            _ => false,
        };
        (of.is_empty() || kinds::is_known(of) || holds_objects()).then(|| List {
            kind: (!of.is_empty()).then(|| of.to_owned()),
            api_version: self.api_version.clone(),
        })
    }
}

impl<'text> Place<'text> {
    /// The place of a document with so many lines of the file before it.
    pub(super) fn document(file: &'text str, lines_before: u64) -> Self {
        Self {
            file,
            lines_before,
            item: None,
        }
    }

    /// The place of an item of the list here, counted from 1.
    pub(super) fn item(self, number: usize) -> Self {
        Self {
            item: Some(number),
            ..self
        }
    }

    /// This line of the document, in words.
    pub(super) fn at(self, line: u64) -> String {
        let line = self.lines_before + line;
        match self.item {
            None => format!("{}:{line}", self.file),
            Some(number) => format!("{}:{line}, item {number}", self.file),
        }
    }
}
