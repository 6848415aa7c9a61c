//! The API server's clock, which it tells with every answer. Objects say by it when they were made and changed.

use std::{sync::Arc, time::Duration};

use dns_core::rollout::ServerClock;
use hyper::{HeaderMap, Request, header::DATE};
use k8s_openapi::jiff::fmt::rfc2822;
use kube::{Client, client::Body, runtime::watcher::DefaultBackoff};
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
    time::timeout,
};

use crate::datapath::control;

/// What everybody may ask for, and is small.
const PATH: &str = "/version";
/// How long an answer is waited for.
const LIMIT: Duration = Duration::from_secs(5);

/// Reads the clock, until it is dropped.
pub(super) struct Clock {
    reading: watch::Receiver<Reading>,
    again: Arc<Notify>,
    task: AbortHandle,
}

/// What is known of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// It has yet to be read.
    NotYet,
    /// It could not be read so far.
    Failed,
    /// As it was read last.
    Read(ServerClock),
}

impl Clock {
    /// Begins to read it, and tells when it was read.
    pub(super) fn start(client: Client, changed: Arc<Notify>) -> Self {
        let (sender, reading) = watch::channel(Reading::NotYet);
        let again = Arc::new(Notify::new());
        let task = tokio::spawn(follow(client, sender, Arc::clone(&again), changed));
        Self {
            reading,
            again,
            task: task.abort_handle(),
        }
    }

    /// What is known now.
    pub(super) fn reading(&self) -> Reading {
        *self.reading.borrow()
    }

    /// Reads it once more.
    pub(super) fn read_again(&self) {
        self.again.notify_one();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    client: Client,
    reading: watch::Sender<Reading>,
    again: Arc<Notify>,
    changed: Arc<Notify>,
) {
    let mut pauses = DefaultBackoff::default();
    loop {
        match read(&client).await {
            Some(clock) => {
                reading.send_replace(Reading::Read(clock));
                changed.notify_one();
                pauses = DefaultBackoff::default();
                again.notified().await;
            }
            None => {
                if *reading.borrow() == Reading::NotYet {
                    reading.send_replace(Reading::Failed);
                    changed.notify_one();
                }
                tokio::time::sleep(pauses.next().unwrap_or_default()).await;
            }
        }
    }
}

/// Also an answer that is a refusal tells the time.
async fn read(client: &Client) -> Option<ServerClock> {
    let request = Request::get(PATH).body(Body::empty()).ok()?;
    let asked = now();
    let answer = timeout(LIMIT, client.send(request)).await.ok()?.ok()?;
    let answered = now();
    Some(ServerClock {
        told: date_of(answer.headers())?,
        asked,
        answered,
    })
}

/// The header `Date` (RFC 9110 §6.6.1), since the Unix epoch.
fn date_of(headers: &HeaderMap) -> Option<Duration> {
    let date = rfc2822::parse(headers.get(DATE)?.to_str().ok()?).ok()?;
    Some(Duration::from_secs(
        u64::try_from(date.timestamp().as_second()).ok()?,
    ))
}

fn now() -> Duration {
    Duration::from_nanos(control::now())
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn the_date_of_an_answer_is_the_servers_time() {
        let of = |text| {
            date_of(&HeaderMap::from_iter([(
                DATE,
                HeaderValue::from_static(text),
            )]))
        };
        let expected = Some(Duration::from_secs(784_111_777));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), expected);
        assert_eq!(of("yesterday"), None);
        assert_eq!(date_of(&HeaderMap::new()), None);
    }
}
