//! Requests to the API server, from its own audit log.

use anyhow::{Context, Result};
use serde::Deserialize;

/// A request about objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Request {
    /// What was wanted of them, such as `watch`.
    pub verb: String,
    /// Their kind, such as `configmaps` or `daemonsets.apps`.
    pub resource: String,
    /// The namespace; none: all of them.
    pub namespace: Option<String>,
    /// The status code of the answer.
    pub code: u16,
}

/// A line of the log.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    verb: String,
    user: User,
    object_ref: Option<Object>,
    response_status: Option<Status>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    resource: Option<String>,
    namespace: Option<String>,
    api_group: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    code: u16,
}

/// The requests of `user` in the audit log `text`, whose last line may still be being written.
pub(crate) fn of_user(user: &str, text: &str) -> Result<Vec<Request>> {
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let mut requests = Vec::new();
    for line in complete.lines() {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("understand the audit log: {line}"))?;
        if line.user.username == user {
            requests.extend(request(line));
        }
    }
    Ok(requests)
}

/// None for what is not about objects, such as the server's version.
fn request(line: Line) -> Option<Request> {
    let object = line.object_ref?;
    let resource = object.resource?;
    Some(Request {
        verb: line.verb,
        resource: match object.api_group {
            Some(group) => format!("{resource}.{group}"),
            None => resource,
        },
        namespace: object.namespace,
        code: line.response_status.map_or(0, |status| status.code),
    })
}
