//! `pod ask`: questions in, replies out.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::{Context as _, Result};
use pod::protocol::Asked;

use crate::exchange::Exchange;

/// Whom to ask, and how patiently.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address and port
    #[arg(long, value_name = "IP:PORT")]
    server: SocketAddr,
    /// How long to wait for a reply, in milliseconds; nothing is sent twice
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000)]
    patience: u64,
}

/// Reads an array of [`Asked`] and writes an array of [`pod::protocol::Replied`] of the same length and order.
pub(crate) fn run(options: &Options, input: impl Read, mut output: impl Write) -> Result<()> {
    let asked: Vec<Asked> =
        serde_json::from_reader(input).context("read questions as a JSON array")?;
    let exchange = Exchange::new(options.server, Duration::from_millis(options.patience));
    let replied: Vec<_> = asked.iter().map(|asked| exchange.ask(asked)).collect();
    serde_json::to_writer(&mut output, &replied).context("write replies")?;
    writeln!(output).context("write replies")
}
