//! The server as a client meets it, over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use super::*;

const LIMIT: Duration = Duration::from_secs(10);

fn service(name: &str) -> Value {
    json!({"kind": "Service", "metadata": {"namespace": "shop", "name": name}})
}

/// A connection on which a path was asked for, after the head of the response.
async fn open(server: &Server, path: &str) -> (u16, BufReader<TcpStream>) {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        reader
            .read_line(&mut head)
            .await
            .expect("a line of the head");
    }
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (code.expect("a code"), reader)
}

async fn get(server: &Server, path: &str) -> (u16, Value) {
    let (code, mut reader) = open(server, path).await;
    let mut body = Vec::new();
    reader.read_to_end(&mut body).await.expect("a body");
    (code, serde_json::from_slice(&body).expect("JSON"))
}

/// The next event of a watch; the lines between are the chunks' sizes.
async fn event(reader: &mut BufReader<TcpStream>) -> (String, Value) {
    loop {
        let mut line = String::new();
        let read = timeout(LIMIT, reader.read_line(&mut line)).await;
        assert!(
            read.expect("in time").expect("a line") > 0,
            "the watch ended"
        );
        if line.starts_with('{') {
            let mut event: Value = serde_json::from_str(&line).expect("JSON");
            return (
                event["type"].as_str().expect("a type").to_owned(),
                event["object"].take(),
            );
        }
    }
}

fn with_server<T>(action: impl AsyncFnOnce(Store, Server) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::default();
        let server = Server::start(store.clone()).await.expect("a server");
        action(store, server).await
    })
}

#[test]
fn a_list_comes_page_by_page_and_a_change_between_pages_expires_it() {
    with_server(async |store, server| {
        for name in ["a", "b", "c"] {
            store.put(service(name));
        }
        let (code, first) = get(&server, "/api/v1/services?limit=2").await;
        assert_eq!(
            (code, first["items"].as_array().map(Vec::len)),
            (200, Some(2))
        );
        let token = first["metadata"]["continue"].as_str().expect("a token");
        let path = format!("/api/v1/services?limit=2&continue={token}");
        let (code, second) = get(&server, &path).await;
        assert_eq!(
            (code, second["items"].as_array().map(Vec::len)),
            (200, Some(1))
        );
        assert!(second["metadata"].get("continue").is_none());
        store.put(service("d"));
        assert_eq!(get(&server, &path).await.0, 410);
    });
}

#[test]
fn a_streamed_list_ends_with_its_bookmark_and_goes_on_as_a_watch() {
    with_server(async |store, server| {
        store.put(service("a"));
        let path = "/api/v1/services?watch=true&sendInitialEvents=true&allowWatchBookmarks=true\
                    &resourceVersionMatch=NotOlderThan";
        let (code, mut watch) = open(&server, path).await;
        assert_eq!(code, 200);
        assert_eq!(event(&mut watch).await.0, "ADDED");
        let (kind, bookmark) = event(&mut watch).await;
        assert_eq!(kind, "BOOKMARK");
        assert_eq!(
            bookmark["metadata"]["annotations"]["k8s.io/initial-events-end"],
            "true"
        );
        store.put(service("a"));
        assert_eq!(event(&mut watch).await.0, "MODIFIED");
        store.delete(&key_of(&service("a")).expect("a key"));
        let (kind, last) = event(&mut watch).await;
        assert_eq!(kind, "DELETED");
        let (version, _) = store.list(Resource::Services);
        assert_eq!(last["metadata"]["resourceVersion"], version.to_string());
    });
}

#[test]
fn a_watch_from_a_forgotten_version_is_told_that_it_is_gone() {
    with_server(async |store, server| {
        let (version, _) = store.list(Resource::Services);
        store.put(service("a"));
        store.compact();
        let path = format!("/api/v1/services?watch=1&resourceVersion={version}");
        let (_, mut watch) = open(&server, &path).await;
        let (kind, status) = event(&mut watch).await;
        assert_eq!(
            (kind.as_str(), status["code"].as_u64()),
            ("ERROR", Some(410))
        );
    });
}

#[test]
fn an_object_that_leaves_the_selection_is_deleted_for_its_watchers() {
    with_server(async |store, server| {
        let labelled = |team: &str| {
            let mut service = service("a");
            service["metadata"]["labels"] = json!({"team": team});
            service
        };
        store.put(labelled("a"));
        let path = "/api/v1/services?watch=1&resourceVersion=0&labelSelector=team%3Da";
        let (_, mut watch) = open(&server, path).await;
        assert_eq!(event(&mut watch).await.0, "ADDED");
        store.put(labelled("b"));
        assert_eq!(event(&mut watch).await.0, "DELETED");
    });
}

#[test]
fn what_is_not_there_is_answered_with_a_status() {
    with_server(async |_, server| {
        let (code, status) = get(&server, "/apis/apps/v1/deployments").await;
        assert_eq!((code, status["kind"].as_str()), (404, Some("Status")));
        let (code, _) = get(&server, "/api/v1/services?labelSelector=a+b+c").await;
        assert_eq!(code, 400);
        assert_eq!(get(&server, "/version").await.1["minor"], "34");
    });
}
