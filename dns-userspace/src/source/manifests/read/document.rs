//! The documents of a YAML stream, each told from the others before any is parsed.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::{DuplicateKeyPolicy, UserMessageFormatter};

/// Why a document cannot be read, and in which of its lines, counted from 1.
pub(super) struct Unreadable {
    pub(super) line: u64,
    pub(super) reason: String,
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: u64::try_from(error.line()).unwrap_or(1).max(1),
            reason: error.to_string(),
        }
    }
}

/// Reads one document.
pub(super) fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    read(text, DuplicateKeyPolicy::Error)
}

/// Reads one document that is invalid, of keys that are equal the last one, if nothing else is wrong with it.
pub(super) fn with_the_last_of_equal_keys(text: &str) -> Option<Value> {
    read(text, DuplicateKeyPolicy::LastWins).ok()
}

fn read<T: DeserializeOwned>(
    text: &str,
    duplicate_keys: DuplicateKeyPolicy,
) -> Result<T, Unreadable> {
    // The limits that a server needs against strangers' YAML would refuse a large cluster's.
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: duplicate_keys,
        // YAML 1.2: a namespace may be called `n` or `no`, which older YAML takes for false.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_events: usize::MAX,
            max_nodes: usize::MAX,
            max_total_scalar_bytes: usize::MAX,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| Unreadable {
        line: error
            .location()
            .map_or(1, |location| location.line())
            .max(1),
        reason: without_place(error.render_with_formatter(&UserMessageFormatter)),
    })
}

/// A reason without the parser's own words on the line, which it counts from the document's beginning.
fn without_place(reason: String) -> String {
    match reason.rsplit_once(" at line ") {
        Some((text, place)) if !place.contains('\n') => match place.rsplit_once("column ") {
            Some((_, column)) => format!("{text} at column {column}"),
            None => text.to_owned(),
        },
        _ => reason,
    }
}

/// The documents of a YAML stream and the number of lines before each. A line that begins with `---` or `...` ends a
/// document wherever it stands (YAML 1.2 §9.1.2), so an invalid document is told from its neighbours without being
/// parsed.
pub(super) fn documents(text: &str) -> Vec<(u64, &str)> {
    let mut documents = Vec::new();
    let (mut start, mut lines_before) = (0, 0);
    let mut offset = 0;
    for (index, line) in (0..).zip(text.split_inclusive('\n')) {
        if is_marker("---", line) {
            documents.push((lines_before, &text[start..offset]));
            // The rest of the marker's line may hold content; the marker itself is kept with it.
            (start, lines_before) = (offset, index);
        }
        offset += line.len();
        if is_marker("...", line) {
            documents.push((lines_before, &text[start..offset]));
            (start, lines_before) = (offset, index + 1);
        }
    }
    documents.push((lines_before, &text[start..]));
    documents.retain(|(_, document)| document.lines().any(has_content));
    documents
}

fn is_marker(marker: &str, line: &str) -> bool {
    let rest = line.strip_prefix(marker);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Whether a line is more than a marker, a comment or a directive (`%YAML 1.2`).
fn has_content(line: &str) -> bool {
    let line = line.strip_prefix("---").unwrap_or(line).trim();
    let line = line.strip_prefix("...").unwrap_or(line).trim();
    !(line.is_empty() || line.starts_with(['#', '%']))
}
