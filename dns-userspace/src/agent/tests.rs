//! Parts that end.

use std::future::{pending, ready};

use clap::Parser as _;

use super::*;
use crate::config::Args;

/// What the agent says when the first of its parts has ended; none: it was to end.
async fn said(
    signal: impl Future<Output = Result<(), JoinError>>,
    reader: impl Future<Output = ()>,
    server: impl Future<Output = ()>,
    work: impl Future<Output = anyhow::Result<()>>,
) -> Option<String> {
    let ended = first_to_end(signal, reader, server, work).await;
    ended.err().map(|error| format!("{error:#}"))
}

#[tokio::test]
async fn a_part_that_ends_ends_the_agent_with_a_sentence_that_names_it() {
    let reader = said(pending(), ready(()), pending(), pending()).await;
    let server = said(pending(), pending(), ready(()), pending()).await;
    let broken = ready(Err(anyhow::anyhow!("the maps cannot be read")));
    let work = said(pending(), pending(), pending(), broken).await;
    for (said, part) in [
        (reader, "the thread that reads has ended"),
        (server, "the HTTP server has ended"),
        (work, "the maps cannot be read"),
    ] {
        let said = said.expect("an error");
        assert!(said.contains(part), "{said}");
    }
}

#[tokio::test]
async fn only_a_signal_ends_the_agent_without_a_fault() {
    let signal = tokio::spawn(ready(()));
    assert_eq!(said(signal, pending(), pending(), pending()).await, None);
    let waiting = tokio::spawn(pending());
    waiting.abort();
    let said = said(waiting, pending(), pending(), pending()).await;
    let said = said.expect("an error");
    assert!(said.contains("wait for a signal"), "{said}");
}

#[tokio::test]
async fn an_http_server_that_ends_is_noticed_and_one_that_is_not_there_never_ends() {
    let mut server = Server(Some(tokio::spawn(ready(()))));
    server.ended().await;
    let mut none = Server(None);
    assert!(futures_util::poll!(std::pin::pin!(none.ended())).is_pending());
}

#[tokio::test]
async fn a_source_that_ends_by_itself_ends_the_thread_that_reads() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let arguments = ["zerohop", "--manifests", examples];
    let config = Args::try_parse_from(arguments).expect("arguments");
    let config = config.config().expect("a configuration");
    let (events, received) = mpsc::channel(1);
    let (seen, _) = mpsc::channel(1);
    let started = ReaderThread::start(&config, events, seen).await;
    let mut reader = started.expect("a reader");
    assert!(futures_util::poll!(std::pin::pin!(reader.ended())).is_pending());
    // What it reads is of no use any more.
    drop(received);
    reader.ended().await;
}
