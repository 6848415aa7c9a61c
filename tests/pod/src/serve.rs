//! `pod serve`: accepts connections and closes them.

use std::{
    net::{Ipv6Addr, TcpListener},
    thread,
};

use anyhow::{Context as _, Result};

/// Where to listen.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The TCP port
    #[arg(long, default_value_t = 80)]
    port: u16,
}

/// Serves until SIGTERM.
pub(crate) fn run(options: &Options) -> Result<()> {
    // The unspecified IPv6 address takes IPv4 as well; where there is no IPv6 the IPv4 one does.
    let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, options.port))
        .or_else(|_| TcpListener::bind(("0.0.0.0", options.port)))
        .with_context(|| format!("listen on TCP port {}", options.port))?;
    thread::spawn(move || {
        loop {
            // A connection that broke off is the client's finding.
            let _ = listener.accept();
        }
    });
    tests::undo::until_interrupted()
}
