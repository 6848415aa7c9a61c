//! The HTTP server: `/metrics`, `/status`, `/healthz` and `/readyz`.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use anyhow::anyhow;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Bytes, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinHandle, spawn_blocking},
};

use super::{
    Telemetry,
    metrics::{self, Kernel},
};
use crate::datapath::{counters::Counters, reader};

/// How many clients are served at once; more wait.
const CONNECTIONS: usize = 32;
/// How long a client may take over its request.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a port that is taken is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a passing trouble, such as too many open files, is waited out.
const PAUSE: Duration = Duration::from_millis(200);

/// Waits up to [`PATIENCE`] for the port, since the agent that this one replaces may still have it.
///
/// # Errors
/// The port is another program's, or the system lets nobody listen there: with the remedy.
pub async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let begin = Instant::now();
    loop {
        match TcpListener::bind(address).await {
            Err(error) if error.kind() == ErrorKind::AddrInUse && begin.elapsed() < PATIENCE => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(cannot_listen(address, &error)),
            Ok(listener) => return Ok(listener),
        }
    }
}

fn cannot_listen(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let cause = match error.kind() {
        ErrorKind::AddrInUse => format!(
            "another program has the port and kept it for {} s; end that one (`ss -ltnp 'sport = :{}'` shows it), or",
            PATIENCE.as_secs(),
            address.port()
        ),
        _ => "the system refuses it;".to_owned(),
    };
    anyhow!(
        "listen on {address} for metrics, status and probes: {error}: {cause} choose another address by --listen IP:PORT \
         (the chart's listen.address and listen.port), or serve none of it by --listen none"
    )
}

/// Serves until the task is aborted.
pub fn start(listener: TcpListener, telemetry: Arc<Telemetry>) -> JoinHandle<()> {
    if let Ok(address) = listener.local_addr() {
        tracing::info!("metrics and status are served at http://{address}");
    }
    tokio::spawn(serve(listener, telemetry))
}

async fn serve(listener: TcpListener, telemetry: Arc<Telemetry>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let telemetry = Arc::clone(&telemetry);
                tokio::spawn(async move {
                    converse(stream, telemetry).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "a client could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, telemetry: Arc<Telemetry>) {
    let service = service_fn(|request| {
        let telemetry = Arc::clone(&telemetry);
        async move { Ok::<_, Infallible>(answer(&request, telemetry).await) }
    });
    let conversation = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = conversation.await {
        tracing::debug!(%error, "a client of the HTTP server went away");
    }
}

async fn answer<B>(request: &Request<B>, telemetry: Arc<Telemetry>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    match request.uri().path() {
        "/metrics" => show_metrics(telemetry).await,
        "/status" => show_status(&telemetry),
        "/healthz" if telemetry.is_alive() => plain(StatusCode::OK, "ok\n"),
        "/healthz" => plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the agent's task is stuck\n",
        ),
        "/readyz" => show_readiness(&telemetry),
        _ => plain(
            StatusCode::NOT_FOUND,
            "there are /metrics, /status, /healthz and /readyz\n",
        ),
    }
}

async fn show_metrics(telemetry: Arc<Telemetry>) -> Response<Full<Bytes>> {
    let directory = telemetry.pin_directory.clone();
    let read = spawn_blocking(move || -> anyhow::Result<Kernel> {
        Ok(Kernel {
            counts: Counters::open(&directory)?.read()?,
            lease_seconds: reader::lease_left(&directory)?.as_secs_f64(),
        })
    });
    let kernel = match read.await {
        Ok(Ok(kernel)) => Some(kernel),
        Ok(Err(error)) => {
            tracing::debug!("the counters cannot be read: {error:#}");
            None
        }
        Err(_) => None,
    };
    let report = telemetry.report();
    match metrics::text(report.as_deref(), kernel.as_ref(), SystemTime::now()) {
        Ok(text) => of_type(
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            StatusCode::OK,
            text,
        ),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn show_status(telemetry: &Telemetry) -> Response<Full<Bytes>> {
    let Some(report) = telemetry.report() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the agent is starting\n");
    };
    match serde_json::to_string(&*report) {
        Ok(text) => of_type("application/json", StatusCode::OK, text),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn show_readiness(telemetry: &Telemetry) -> Response<Full<Bytes>> {
    match telemetry.report() {
        Some(report) => match (report.ready, report.reason.as_deref()) {
            (true, None) => plain(StatusCode::OK, "ok\n"),
            (true, Some(reason)) => {
                let text = format!("ok, and nothing is answered now: {reason}\n");
                plain(StatusCode::OK, &text)
            }
            (false, reason) => {
                let reason = reason.unwrap_or("interfaces are being attached to");
                plain(StatusCode::SERVICE_UNAVAILABLE, &format!("{reason}\n"))
            }
        },
        None => plain(StatusCode::SERVICE_UNAVAILABLE, "the agent is starting\n"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    of_type("text/plain; charset=utf-8", status, text.to_owned())
}

fn of_type(content: &'static str, status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let value = header::HeaderValue::from_static(content);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_becomes_free_is_waited_for() {
        let held = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = held.local_addr().unwrap();
        let waiting = tokio::spawn(listen(address));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(held);
        let listener = waiting.await.unwrap().unwrap();
        assert_eq!(listener.local_addr().unwrap(), address);
    }

    #[tokio::test]
    async fn an_address_that_the_node_has_not_got_is_refused_at_once_with_the_remedy() {
        let nowhere = SocketAddr::from(([192, 0, 2, 1], 9553));
        let refused = listen(nowhere).await.unwrap_err().to_string();
        for part in ["listen on 192.0.2.1:9553", "--listen IP:PORT"] {
            assert!(refused.contains(part), "{refused}");
        }
        assert!(!refused.contains("another program"), "{refused}");
    }
}
