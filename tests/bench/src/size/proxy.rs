//! Counts the octets between clients and an API server.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

/// A proxy of one server; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Proxy {
    port: u16,
    octets: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    /// Listens on a free port of the loopback, in the runtime's network namespace.
    ///
    /// # Errors
    /// When no port can be had.
    pub(super) async fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("listen on loopback for clients of the API server")?;
        let port = listener.local_addr().context("read the port")?.port();
        let octets = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(serve(listener, server, Arc::clone(&octets)));
        Ok(Self { port, octets, task })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Octets from the server to clients so far.
    pub(super) fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, server: SocketAddr, octets: Arc<AtomicU64>) {
    // Dropping the set ends the connections with the proxy.
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let Ok(server) = TcpStream::connect(server).await else {
            continue;
        };
        // An event must not wait for the acknowledgement of the one before.
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        connections.spawn(carry(from_client, to_server, None));
        connections.spawn(carry(from_server, to_client, Some(Arc::clone(&octets))));
    }
}

/// Carries octets one way until an end closes; a client that goes away is no fault.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, octets: Option<Arc<AtomicU64>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if let Some(octets) = &octets {
            octets.fetch_add(length as u64, Ordering::Relaxed);
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
