//! The HTTP server: `/metrics`, `/status`, `/healthz` and `/readyz`.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

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
/// How long a passing trouble, such as too many open files, is waited out.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves at `address` until the task is aborted. That it cannot, because the port is in use for one, is said
/// and no more: DNS is answered all the same.
pub async fn start(address: SocketAddr, telemetry: Arc<Telemetry>) -> Option<JoinHandle<()>> {
    let listener = match TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(
                "neither metrics nor status are served: cannot listen on {address} ({error}); choose another \
                 address by --listen IP:PORT, or switch it off by --listen none"
            );
            return None;
        }
    };
    let address = listener.local_addr().unwrap_or(address);
    tracing::info!("metrics and status are served at http://{address}");
    Some(tokio::spawn(serve(listener, telemetry)))
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
