//! The reader: a thread with a runtime of its own, in which all that comes from outside the agent is read.
//!
//! It has one thread, so that a task that yields knows that everybody else had a turn: by that the source of objects can
//! say that there is nothing more to read ([`Event::Quiet`]).

use std::{io, thread};

use anyhow::Context as _;
use dns_core::{rollout::Seen, world::Event};
use futures_util::future::select_all;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use crate::{
    config::{Config, SetUp},
    source::{Source, cluster::dns_server},
};

/// What is read.
struct Read {
    source: Source,
    set_up: SetUp,
    dns_service: (String, String),
    events: mpsc::Sender<Event>,
    seen: mpsc::Sender<Seen>,
}

/// The running thread. Dropping it ends what it reads, and waits for that.
pub(super) struct ReaderThread {
    stop: Option<oneshot::Sender<()>>,
    /// Closed when the thread ends.
    ended: oneshot::Receiver<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl ReaderThread {
    /// Starts to read.
    ///
    /// # Errors
    /// As those of [`Source::start`] and [`dns_server::start`].
    pub(super) async fn start(
        config: &Config,
        events: mpsc::Sender<Event>,
        seen: mpsc::Sender<Seen>,
    ) -> anyhow::Result<Self> {
        let read = Read {
            source: config.source.clone(),
            set_up: config.set_up.clone(),
            dns_service: config.dns_service.clone(),
            events,
            seen,
        };
        let (stop, stopped) = oneshot::channel();
        let (started_sender, started) = oneshot::channel();
        let (ended_sender, ended) = oneshot::channel();
        let thread = thread::Builder::new().name("reader".to_owned());
        let thread = thread.spawn(move || {
            // It is dropped when this thread ends, also by a panic.
            let _ended: oneshot::Sender<()> = ended_sender;
            run(read, stopped, started_sender);
        });
        let reader = Self {
            stop: Some(stop),
            ended,
            thread: Some(thread.context("start a thread that reads")?),
        };
        started.await.context("the thread that reads has ended")??;
        Ok(reader)
    }

    /// Waits until the thread has ended by itself, which is a fault.
    pub(super) async fn ended(&mut self) {
        // Nothing is ever sent.
        let _ = (&mut self.ended).await;
    }
}

impl Drop for ReaderThread {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic was told already.
            let _ = thread.join();
        }
    }
}

fn run(read: Read, stopped: oneshot::Receiver<()>, started: oneshot::Sender<anyhow::Result<()>>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            // Nobody listens any more if the agent ends already; so below.
            let _ = started.send(Err(failed(error)));
            return;
        }
    };
    runtime.block_on(async {
        let tasks = match start(read).await {
            Ok(tasks) => tasks,
            Err(error) => {
                let _ = started.send(Err(error));
                return;
            }
        };
        let _ = started.send(Ok(()));
        tokio::select! {
            _ = stopped => {}
            _ = select_all(tasks) => {}
        }
    });
    // A file system that does not answer must not keep the agent from ending.
    runtime.shutdown_background();
}

async fn start(read: Read) -> anyhow::Result<Vec<JoinHandle<()>>> {
    let mut tasks = vec![read.source.start(read.events).await?];
    if let SetUp::Cluster { kubeconfig } = read.set_up {
        tasks.push(dns_server::start(kubeconfig, read.dns_service, read.seen).await?);
    }
    Ok(tasks)
}

fn failed(error: io::Error) -> anyhow::Error {
    anyhow::Error::new(error).context("start a runtime for what is read")
}
