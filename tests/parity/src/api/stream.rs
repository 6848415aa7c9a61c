//! One watch: its events as lines of JSON, each as soon as it is there.

use std::{convert::Infallible, sync::Arc, time::Duration};

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
    store::{Change, Gone, Resource, Store},
};

/// How often a client that takes bookmarks gets one at the latest.
const BOOKMARK: Duration = Duration::from_secs(10);
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
    /// Up to where everything has been told.
    version: u64,
    end: Instant,
    next_bookmark: Instant,
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
    let mut first = Vec::new();
    // Without a version a watch begins with what there is; 0 leaves it to the server how old that may be.
    let from_now = matches!(parameters.resource_version.as_str(), "" | "0");
    let mut version = parameters.resource_version.parse().unwrap_or(0);
    if from_now || parameters.send_initial_events {
        let (now, objects) = store.list(resource);
        version = now;
        for object in objects.iter().filter(|object| selection.holds(object)) {
            push(&mut first, "ADDED", object);
        }
        if parameters.send_initial_events {
            push(&mut first, "BOOKMARK", &bookmark(resource, version, true));
        }
    }
    let now = Instant::now();
    let watch = Watch {
        store,
        resource,
        selection,
        versions,
        bookmarks: parameters.allow_watch_bookmarks,
        version,
        end: now + Duration::from_secs(seconds),
        next_bookmark: now + BOOKMARK,
        ended: false,
    };
    let begin = (watch, Some(first));
    stream::unfold(begin, |(mut watch, first)| async move {
        let octets = match first {
            // Also if it is empty: the head of the response must not wait for the first event.
            Some(first) => first,
            None => watch.next().await?,
        };
        Some((Ok(Frame::data(octets.into())), (watch, None)))
    })
}

impl Watch {
    /// The next events; none at the end.
    async fn next(&mut self) -> Option<Vec<u8>> {
        let mut lines = Vec::new();
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
                    push(&mut lines, "ERROR", &gone(self.version));
                    self.ended = true;
                }
            }
            if lines.is_empty() {
                self.wait(&mut lines).await;
            }
        }
        (!lines.is_empty()).then_some(lines)
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
                    push(lines, "BOOKMARK", &bookmark);
                }
            }
        }
        self.ended |= Instant::now() >= self.end;
    }

    /// An object that a change takes out of the selection is deleted for this client, and added when one
    /// brings it in.
    fn tell(&self, change: &Change, lines: &mut Vec<u8>) {
        let selected = |object: &Option<Arc<Value>>| {
            object.clone().filter(|object| self.selection.holds(object))
        };
        match (selected(&change.before), selected(&change.after)) {
            (None, Some(after)) => push(lines, "ADDED", &after),
            (Some(_), Some(after)) => push(lines, "MODIFIED", &after),
            (Some(before), None) => {
                // A deletion has a version of its own.
                let mut last = Value::clone(&before);
                last["metadata"]["resourceVersion"] = json!(change.version.to_string());
                push(lines, "DELETED", &last);
            }
            (None, None) => {}
        }
    }
}

fn push(lines: &mut Vec<u8>, kind: &str, object: &Value) {
    let line = json!({"type": kind, "object": object});
    lines.extend(line.to_string().into_bytes());
    lines.push(b'\n');
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
