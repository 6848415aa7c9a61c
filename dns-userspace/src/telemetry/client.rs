//! Asking a running agent.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Uri, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use super::Report;

/// How long an agent may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The port of an agent's URL without one.
const PORT: u16 = 9553;

/// What the agent at `agent`, such as `http://127.0.0.1:9553`, says about itself.
///
/// # Errors
/// That nobody answers there, or somebody else.
pub async fn fetch(agent: &str) -> anyhow::Result<Report> {
    let text = timeout(PATIENCE, get(agent, "/status"))
        .await
        .with_context(|| format!("the agent at {agent} does not answer"))??;
    serde_json::from_slice(&text)
        .with_context(|| format!("read what {agent} answers; is it an agent of this version?"))
}

async fn get(agent: &str, path: &str) -> anyhow::Result<Bytes> {
    let url: Uri = agent.parse().with_context(|| {
        format!("read {agent:?} as a URL; write it like http://127.0.0.1:{PORT}")
    })?;
    let (Some("http"), Some(authority)) = (url.scheme_str(), url.authority()) else {
        bail!("{agent:?} is no URL of an agent; write it like http://127.0.0.1:{PORT}");
    };
    let host = authority
        .host()
        .trim_start_matches('[')
        .trim_end_matches(']');
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(PORT)))
        .await
        .with_context(|| format!("connect to the agent at {agent}"))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .with_context(|| format!("talk to the agent at {agent}"))?;
    tokio::spawn(connection);
    let request = Request::get(path)
        .header(header::HOST, authority.as_str())
        .body(Empty::<Bytes>::new())
        .context("write the request")?;
    let response = sender
        .send_request(request)
        .await
        .with_context(|| format!("ask the agent at {agent}"))?;
    let status = response.status();
    let text = response
        .into_body()
        .collect()
        .await
        .with_context(|| format!("hear the agent at {agent} out"))?
        .to_bytes();
    if !status.is_success() {
        bail!(
            "the agent at {agent} answers {status}: {}",
            String::from_utf8_lossy(&text)
                .trim()
                .lines()
                .next()
                .unwrap_or_default()
        );
    }
    Ok(text)
}
