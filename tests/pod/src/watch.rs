//! `pod watch`: one question again and again; a line for each reply that is another than the one before, and for each
//! question without a reply.

use std::{
    io::Write,
    net::SocketAddr,
    sync::atomic::Ordering,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result};
use data_encoding::HEXLOWER;
use hickory_proto::{op::Message, rr::RecordType};
use pod::protocol::{Asked, Replied, Seen, Transport, Watched};

use crate::{exchange::Exchange, input};

/// What is offered in OPT.
const SIZE: u16 = 4096;

/// What to ask, and how often.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address and port
    #[arg(long, value_name = "IP:PORT")]
    server: SocketAddr,
    /// The name, complete
    #[arg(long)]
    name: String,
    /// The type
    #[arg(long = "type", value_name = "TYPE", default_value = "A")]
    record_type: RecordType,
    /// How long to wait after a reply, in microseconds
    #[arg(long, value_name = "MICROSECONDS", default_value_t = 1_000)]
    pause: u64,
    /// How long a reply may take, in milliseconds; nothing is sent twice
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 2_000)]
    patience: u64,
    /// End after this many questions
    #[arg(long, value_name = "NUMBER")]
    questions: Option<u64>,
    /// End when standard input ends
    #[arg(long)]
    until_input_ends: bool,
}

/// Asks until it is told to end, and writes a line with a [`Watched`] for each reply that differs and each that does
/// not come. The first reply is announced by a line on standard error.
pub(crate) fn run(options: &Options, mut output: impl Write) -> Result<()> {
    let exchange = Exchange::new(options.server, Duration::from_millis(options.patience));
    let asked = Asked {
        name: options.name.clone(),
        record_type: options.record_type.into(),
        edns: Some(SIZE),
        transport: Transport::Udp,
    };
    let ended = input::ended(options.until_input_ends);
    let mut last: Option<Seen> = None;
    let mut announced = false;
    let mut count = 0;
    while options.questions != Some(count) && !ended.load(Ordering::Relaxed) {
        let replied = exchange.ask(&asked);
        let at = SystemTime::now().duration_since(UNIX_EPOCH);
        let at = at.context("read the clock")?.as_nanos();
        let seen = seen(&replied)?;
        let came = seen.response_code.is_some();
        if !came || last.as_ref() != Some(&seen) {
            let watched = Watched {
                at: u64::try_from(at).context("read the clock")?,
                microseconds: replied.microseconds,
                seen: seen.clone(),
            };
            serde_json::to_writer(&mut output, &watched).context("write a reply")?;
            writeln!(output).context("write a reply")?;
            output.flush().context("write a reply")?;
            last = Some(seen);
        }
        if came && !announced {
            eprintln!("the first reply came");
            announced = true;
        }
        count += 1;
        // A pace, not a wait for something.
        thread::sleep(Duration::from_micros(options.pause));
    }
    Ok(())
}

fn seen(replied: &Replied) -> Result<Seen> {
    let Some(reply) = &replied.reply else {
        return Ok(Seen {
            response_code: None,
            by_kernel: false,
            addresses: [].into(),
        });
    };
    let octets = HEXLOWER.decode(reply.as_bytes()).context("read a reply")?;
    let message = Message::from_vec(&octets).context("read a reply")?;
    let addresses = message
        .answers
        .iter()
        .filter_map(|record| record.data.ip_addr());
    Ok(Seen {
        response_code: Some(message.metadata.response_code.into()),
        by_kernel: replied.crossed_no_router(),
        addresses: addresses.collect(),
    })
}
