//! The HTTP side: paths, lists page by page, watches as streams.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    parameters::Parameters,
    selection::Selection,
    store::{Resource, Store},
    stream,
};

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A server on loopback; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves `store` on a free port of the loopback of the calling thread's network namespace.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(store: Store) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("listen on loopback for the Kubernetes API")?;
        let address = listener.local_addr().context("read the port")?;
        let task = tokio::spawn(serve(listener, store));
        Ok(Self { address, task })
    }

    /// The server's URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A kubeconfig with this server, which knows no users.
    #[must_use]
    pub fn kubeconfig(&self) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url()}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        })
    }
}

async fn serve(listener: TcpListener, store: Store) {
    // Dropping the set ends the connections with the server.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok((socket, _)) = listener.accept().await else {
            continue;
        };
        // An event must not wait for the acknowledgement of the one before.
        let _ = socket.set_nodelay(true);
        let store = store.clone();
        let answer = service_fn(move |request| {
            let response = respond(&store, &request);
            async move { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(socket), answer);
        connections.spawn(async move {
            // A client that goes away is no fault.
            let _ = connection.await;
        });
    }
}

fn respond(store: &Store, request: &Request<Incoming>) -> Response<Body> {
    let uri = request.uri();
    if request.method() != hyper::Method::GET {
        return status(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            "the objects are changed by the test alone",
        );
    }
    let resource = Resource::ALL
        .into_iter()
        .find(|resource| resource.path() == uri.path().trim_end_matches('/'));
    match resource {
        Some(resource) => objects(
            store,
            resource,
            &Parameters::read(uri.query().unwrap_or("")),
        ),
        None => document(uri.path()),
    }
}

fn objects(store: &Store, resource: Resource, parameters: &Parameters) -> Response<Body> {
    let selection = Selection::read(&parameters.label_selector, &parameters.field_selector);
    let selection = match selection {
        Ok(selection) => selection,
        Err(reason) => return status(StatusCode::BAD_REQUEST, "BadRequest", &reason),
    };
    if !parameters.watch {
        return list(store, resource, &selection, parameters);
    }
    if parameters.send_initial_events && !parameters.allow_watch_bookmarks {
        let reason = "sendInitialEvents needs allowWatchBookmarks";
        return status(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", reason);
    }
    let events = stream::events(store.clone(), resource, selection, parameters);
    json_response(StatusCode::OK, StreamBody::new(events).boxed_unsync())
}

/// A page of a list. A token is the place where the next page begins and the version of the first.
fn list(
    store: &Store,
    resource: Resource,
    selection: &Selection,
    parameters: &Parameters,
) -> Response<Body> {
    let (version, mut objects) = store.list(resource);
    objects.retain(|object| selection.holds(object));
    let token = parameters.r#continue.split_once('.');
    let begin = match token.map(|(place, first)| (place.parse::<usize>(), first.parse::<u64>())) {
        // Between two pages nothing may have changed: a server that keeps no old state has no choice.
        Some((Ok(place), Ok(first))) if first == version => place,
        Some(_) => {
            let reason = "the provided continue parameter is too old";
            return status(StatusCode::GONE, "Expired", reason);
        }
        None => 0,
    };
    let rest = objects.get(begin..).unwrap_or_default();
    let page = match parameters.limit {
        0 => rest,
        limit => rest.get(..limit).unwrap_or(rest),
    };
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if page.len() < rest.len() {
        metadata["continue"] = json!(format!("{}.{version}", begin + page.len()));
        metadata["remainingItemCount"] = json!(rest.len() - page.len());
    }
    let mut text = format!(
        r#"{{"kind":"{}List","apiVersion":"{}","metadata":{metadata},"items":["#,
        resource.kind(),
        resource.api_version()
    )
    .into_bytes();
    for (index, object) in page.iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        text.extend_from_slice(object.text());
    }
    text.extend_from_slice(b"]}");
    json_response(StatusCode::OK, Full::from(text).boxed_unsync())
}

/// What clients read besides objects.
fn document(path: &str) -> Response<Body> {
    let group = json!({
        "name": "discovery.k8s.io",
        "versions": [{"groupVersion": "discovery.k8s.io/v1", "version": "v1"}],
        "preferredVersion": {"groupVersion": "discovery.k8s.io/v1", "version": "v1"},
    });
    let document = match path {
        "/version" => json!({
            "major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "0", "platform": "linux/amd64",
            "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.24", "compiler": "gc",
        }),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}),
        "/apis/discovery.k8s.io" => group,
        "/api/v1" => resources(|resource| resource.api_version() == "v1", "v1"),
        "/apis/discovery.k8s.io/v1" => resources(
            |resource| resource.api_version() != "v1",
            "discovery.k8s.io/v1",
        ),
        "/healthz" | "/livez" | "/readyz" => json!("ok"),
        _ => return status(StatusCode::NOT_FOUND, "NotFound", "there is no such path"),
    };
    whole(StatusCode::OK, &document)
}

fn resources(of_group: impl Fn(Resource) -> bool, group: &str) -> Value {
    let listed: Vec<Value> = Resource::ALL
        .into_iter()
        .filter(|resource| of_group(*resource))
        .map(|resource| {
            json!({
                "name": resource.path().rsplit('/').next(),
                "namespaced": !resource.is_cluster_wide(),
                "kind": resource.kind(),
                "singularName": "",
                "verbs": ["list", "watch"],
            })
        })
        .collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": listed})
}

fn status(code: StatusCode, reason: &str, message: &str) -> Response<Body> {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code.as_u16(),
    });
    whole(code, &status)
}

fn whole(code: StatusCode, document: &Value) -> Response<Body> {
    let text = Full::new(Bytes::from(document.to_string()));
    json_response(code, text.boxed_unsync())
}

/// JSON also for those who would rather have protobuf: they list JSON as well.
fn json_response(code: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
