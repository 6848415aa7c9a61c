//! A program that never stops asking, and notices what it does not get.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use anyhow::{Result, anyhow, ensure};
use tests::{Pod, Question, eventually, hickory_proto::rr::RecordType};

use crate::site::{Answerer, LIMIT, SERVERS, address, answer, full};

#[derive(Debug, Default)]
struct Seen {
    stop: AtomicBool,
    kernel: AtomicU64,
    service: AtomicU64,
}

impl Seen {
    fn count(&self, by: Answerer) -> &AtomicU64 {
        match by {
            Answerer::Kernel => &self.kernel,
            Answerer::Service => &self.service,
        }
    }
}

/// Asks for `web` one question after the other, until it is stopped. Who has answered counts when it has two in a row.
pub(crate) struct Asker {
    seen: Arc<Seen>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Asker {
    /// Starts to ask from `pod`.
    pub(crate) fn start(pod: &Pod) -> Result<Self> {
        let client = pod.client(address(SERVERS[0]))?;
        let seen = Arc::new(Seen::default());
        let shared = Arc::clone(&seen);
        let ask = move || {
            let mut question = Question::new(&full("web"), RecordType::A);
            while !shared.stop.load(Ordering::Relaxed) {
                question.id = question.id.wrapping_add(1);
                let mut answer = answer(&client.resolve(&question)?)?;
                if answer.by == Answerer::Service {
                    // One question alone may pass: its ID came round, or its checksum stands as well as it is to be
                    // finished.
                    question.id = question.id.wrapping_add(1);
                    answer = self::answer(&client.resolve(&question)?)?;
                }
                ensure!(answer.data == ["10.96.0.80"], "{answer:?}");
                shared.count(answer.by).fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        Ok(Self {
            seen,
            thread: Some(thread::spawn(ask)),
        })
    }

    /// Waits for an answer by `by` to a question that has not been asked yet.
    pub(crate) fn wait_for_next(&self, by: Answerer) -> Result<()> {
        let count = self.seen.count(by);
        // The one that is under way may have been asked before.
        let enough = count.load(Ordering::Relaxed) + 2;
        eventually(LIMIT, &format!("{by:?} to answer"), || {
            ensure!(count.load(Ordering::Relaxed) >= enough);
            Ok(())
        })
    }

    /// How many questions `by` has answered.
    pub(crate) fn count(&self, by: Answerer) -> u64 {
        self.seen.count(by).load(Ordering::Relaxed)
    }

    /// Stops; fails if a single question was lost or got a wrong answer.
    pub(crate) fn stop(mut self) -> Result<()> {
        self.seen.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().expect("it is stopped once");
        thread
            .join()
            .map_err(|_| anyhow!("the asking thread panicked"))?
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.seen.stop.store(true, Ordering::Relaxed);
    }
}
