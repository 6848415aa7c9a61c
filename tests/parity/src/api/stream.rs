//! One watch: its events as lines of JSON, each as soon as it is there.

use std::{convert::Infallible, time::Duration, vec};

use bytes::Bytes;
use futures_util::{Stream, stream};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    parameters::Parameters,
    selection::Selection,
    store::{Change, Gone, Object, Resource, Store},
};

/// How often a client that takes bookmarks gets one at the latest.
const BOOKMARK: Duration = Duration::from_secs(10);
/// How many octets of initial events are written at once, at the least: a large list is never all in memory.
const PIECE: usize = 64 * 1024;
/// How long a watch lasts whose client does not say it.
const DEFAULT_SECONDS: u64 = 1_800;
/// The annotation of the bookmark that ends the initial events (Kubernetes API concepts, "Streaming lists").
const INITIAL_EVENTS_END: &str = "k8s.io/initial-events-end";

/// A watch under way.
struct Watch {
    store: Store,
    resource: Resource,
    selection: Selection,
    versions: watch::Receiver<u64>,
    bookmarks: bool,
    /// What is still to be told of the state in which the watch began.
    initial: vec::IntoIter<Object>,
    /// Whether its end is told.
    tells_end: bool,
    /// Up to where everything has been told.
    version: u64,
    end: Instant,
    next_bookmark: Instant,
    begun: bool,
    ended: bool,
}

/// The body of a watch's response.
pub(super) fn events(
    store: Store,
    resource: Resource,
    selection: Selection,
    parameters: &Parameters,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> + Send + use<> {
    let versions = store.versions();
    let seconds = parameters.timeout_seconds.unwrap_or(DEFAULT_SECONDS);
    // Without a version a watch begins with what there is; 0 leaves it to the server how old that may be.
    let from_now = matches!(parameters.resource_version.as_str(), "" | "0");
    let (version, initial) = match from_now || parameters.send_initial_events {
        true => store.list(resource),
        false => (parameters.resource_version.parse().unwrap_or(0), Vec::new()),
    };
    let now = Instant::now();
    let watch = Watch {
        store,
        resource,
        selection,
        versions,
        bookmarks: parameters.allow_watch_bookmarks,
        initial: initial.into_iter(),
        tells_end: parameters.send_initial_events,
        version,
        end: now + Duration::from_secs(seconds),
        next_bookmark: now + BOOKMARK,
        begun: false,
        ended: false,
    };
    stream::unfold(watch, |mut watch| async move {
        let octets = watch.next().await?;
        Some((Ok(Frame::data(octets.into())), watch))
    })
}

impl Watch {
    /// The next events; none at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut lines = self.next_initial();
        // Also if it is empty: the head of the response must not wait for the first event.
        if !std::mem::replace(&mut self.begun, true) {
            return Some(lines);
        }
        while !self.ended && lines.is_empty() {
            // Marked as seen before it is looked for, so that no change falls between.
            self.versions.borrow_and_update();
            match self.store.since(self.resource, self.version) {
                Ok((version, changes)) => {
                    self.version = version;
                    for change in &changes {
                        self.tell(change, &mut lines);
                    }
                }
                Err(Gone) => {
                    let gone = gone(self.version).to_string();
                    push(&mut lines, "ERROR", gone.as_bytes());
                    self.ended = true;
                }
            }
            if lines.is_empty() {
                self.wait(&mut lines).await;
            }
        }
        (!lines.is_empty()).then_some(lines)
    }

    /// The next piece of the initial events; empty when all have been told.
    fn next_initial(&mut self) -> Vec<u8> {
        let mut lines = Vec::new();
        for object in self.initial.by_ref() {
            if self.selection.holds(&object) {
                push(&mut lines, "ADDED", object.text());
            }
            if lines.len() >= PIECE {
                return lines;
            }
        }
        if std::mem::take(&mut self.tells_end) {
            let bookmark = bookmark(self.resource, self.version, true);
            push(&mut lines, "BOOKMARK", bookmark.to_string().as_bytes());
        }
        lines
    }

    async fn wait(&mut self, lines: &mut Vec<u8>) {
        let until = self.next_bookmark.min(self.end);
        match timeout_at(until, self.versions.changed()).await {
            Ok(Ok(())) => {}
            // The store is gone: nothing will ever change.
            Ok(Err(_)) => sleep_until(self.end).await,
            Err(_) => {
                self.next_bookmark = Instant::now() + BOOKMARK;
                if self.bookmarks {
                    let bookmark = bookmark(self.resource, self.version, false);
                    push(lines, "BOOKMARK", bookmark.to_string().as_bytes());
                }
            }
        }
        self.ended |= Instant::now() >= self.end;
    }

    /// An object that a change takes out of the selection is deleted for this client, and added when one
    /// brings it in.
    fn tell(&self, change: &Change, lines: &mut Vec<u8>) {
        let selected =
            |object: &Option<Object>| object.clone().filter(|object| self.selection.holds(object));
        match (selected(&change.before), selected(&change.after)) {
            (None, Some(after)) => push(lines, "ADDED", after.text()),
            (Some(_), Some(after)) => push(lines, "MODIFIED", after.text()),
            (Some(before), None) => {
                // A deletion has a version of its own.
                let mut last = before.value();
                last["metadata"]["resourceVersion"] = json!(change.version.to_string());
                push(lines, "DELETED", last.to_string().as_bytes());
            }
            (None, None) => {}
        }
    }
}

fn push(lines: &mut Vec<u8>, kind: &str, object: &[u8]) {
    lines.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
    lines.extend_from_slice(object);
    lines.extend_from_slice(b"}\n");
}

fn bookmark(resource: Resource, version: u64, ends_list: bool) -> Value {
    let mut bookmark = json!({
        "kind": resource.kind(),
        "apiVersion": resource.api_version(),
        "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null},
    });
    if ends_list {
        bookmark["metadata"]["annotations"] = json!({INITIAL_EVENTS_END: "true"});
    }
    bookmark
}

/// What a server says whose changes do not reach back so far.
fn gone(version: u64) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": format!("too old resource version: {version}"),
        "reason": "Expired", "code": 410,
    })
}
