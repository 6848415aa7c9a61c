//! The program in the test pods. It prints JSON, one value for each run, as [`pod::protocol`] describes it.

mod ask;
mod connect;
mod exchange;
mod filter;
mod input;
mod load;
mod serve;
mod start;
mod watch;

use std::io;

use clap::Parser;

/// Asks, loads, connects and serves from inside a pod.
#[derive(Parser)]
#[command(name = "pod")]
enum Verb {
    /// Asks the questions on standard input, one after the other
    Ask(ask::Options),
    /// Filters another pod's packets until the end of standard input; for a privileged pod in the node's network
    Filter(filter::Options),
    /// Asks again and again, on schedule or as fast as it goes, and counts what became of it
    Load(load::Options),
    /// Looks a name up and connects, on schedule, as an application does
    Connect(connect::Options),
    /// Accepts connections and closes them, until SIGTERM
    Serve(serve::Options),
    /// Asks one question again and again, and tells when the reply becomes another
    Watch(watch::Options),
    /// Does nothing until SIGTERM
    Stay,
}

fn main() -> anyhow::Result<()> {
    match Verb::parse() {
        Verb::Ask(options) => ask::run(&options, io::stdin().lock(), io::stdout().lock()),
        Verb::Filter(options) => filter::run(&options, io::stdin().lock(), io::stdout().lock()),
        Verb::Load(options) => load::run(&options, io::stdout().lock()),
        Verb::Connect(options) => connect::run(&options, io::stdout().lock()),
        Verb::Serve(options) => serve::run(&options),
        Verb::Watch(options) => watch::run(&options, io::stdout().lock()),
        Verb::Stay => tests::undo::until_interrupted(),
    }
}
