//! Follows the objects of one kind: a list, then watches one after the other.
//!
//! Each watch is asked to end after some seconds, shortly before which the server may send a
//! bookmark. Both prove that the server is alive and that nothing up to there is missed. So silence
//! means trouble, and no further request is needed to notice it.

mod quiet;

use std::{pin::pin, sync::Arc, time::Duration};

use dns_core::{
    objects::{Kind, ObjectReference, written::Written},
    world::Event,
};
use futures_util::{Stream, StreamExt};
use kube::{
    Client,
    core::{Request, WatchEvent, params::WatchParams},
    runtime::{utils::Backoff as _, watcher::DefaultBackoff},
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Notify, mpsc::Sender},
    time::{Instant, Interval},
};

use super::{
    list::{self, Next},
    path,
    trouble::Trouble,
    unread::Unread,
};
use crate::told::Told;

/// How long a kind may be silent before it counts as lost.
const SILENCE: Duration = Duration::from_secs(30);

/// How long a watch lasts in ordinary times: less than the silence that means trouble.
const WATCH_SECONDS: u32 = 25;

/// How long the first watch after a trouble lasts: its end proves that nothing is missed.
const FIRST_WATCH_SECONDS: u32 = 4;

/// How long the first watch after a standstill lasts: the server is probably well, and answers end until then.
const WATCH_SECONDS_AFTER_STANDSTILL: u32 = 2;

/// How long a streamed list may take.
const LIST_SECONDS: u32 = 290;

/// The annotation of the bookmark that ends a streamed list.
const LIST_END: &str = "k8s.io/initial-events-end";

/// Follows one kind.
pub(super) struct Follower {
    client: Client,
    /// The server's address, for messages.
    server: Box<str>,
    kind: Kind,
    events: Sender<Event>,
    /// Up to where everything is known; none if a list is needed.
    version: Option<String>,
    /// Whether a watch since the last list has shown that lists lead to watches.
    proven: bool,
    /// Whether the server is believed to stream lists.
    streaming: bool,
    /// The last trouble, until the kind is up to date again.
    lost: Option<String>,
    /// Whether every object has been listed once.
    listed: bool,
    /// Which troubles were told, until a whole watch went well: a proxy may end each one early, for ever.
    told: Told,
    unread: Unread,
    backoff: DefaultBackoff,
    /// When to look next whether there is something to read.
    looks: Interval,
    /// When this last had its turn, and a long standstill since then that was not minded yet.
    turn: quiet::Turn,
    still: bool,
    /// Since when it has stood still, and not heard from the server that nothing is missed.
    proof_awaited: Option<Instant>,
    /// Wakes the followers of the other kinds when one has come through again.
    reached: Arc<Notify>,
}

impl Follower {
    /// A follower that has yet to read its first list.
    pub(super) fn new(
        client: Client,
        server: &str,
        kind: Kind,
        events: Sender<Event>,
        reached: Arc<Notify>,
    ) -> Self {
        Self {
            client,
            server: server.into(),
            kind,
            events,
            version: None,
            proven: false,
            streaming: true,
            lost: None,
            listed: false,
            told: Told::default(),
            unread: Unread::default(),
            backoff: DefaultBackoff::default(),
            looks: quiet::looks(),
            turn: quiet::Turn::now(),
            still: false,
            proof_awaited: None,
            reached,
        }
    }

    /// Follows the kind until nobody listens.
    pub(super) async fn run<W: Written + Clone + DeserializeOwned>(mut self) {
        loop {
            let Err(trouble) = self.step::<W>().await else {
                continue;
            };
            let lost = match trouble {
                Trouble::NoReceiver => return,
                Trouble::NoStreaming(_) => {
                    tracing::info!("{}", trouble.sentence(&self.server, self.kind));
                    self.streaming = false;
                    continue;
                }
                Trouble::Expired if self.proven => {
                    self.version = None;
                    match self.lose(&trouble).await {
                        // The server is there and its lists have led to a watch: no need to wait.
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    }
                }
                Trouble::StoodStill => match self.lose(&trouble).await {
                    // The server may be there.
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
                Trouble::Expired | Trouble::NoVersion => {
                    self.version = None;
                    self.lose(&trouble).await
                }
                Trouble::Client(_) | Trouble::Silence(_) | Trouble::EndedEarly => {
                    self.lose(&trouble).await
                }
            };
            if lost.is_err() {
                return;
            }
            let pause = self.backoff.next().unwrap_or(SILENCE);
            let (reached, events) = (Arc::clone(&self.reached), self.events.clone());
            let waited = self.attend(async {
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = reached.notified() => {}
                    () = events.closed() => {}
                }
            });
            if let Err(Trouble::NoReceiver) = waited.await {
                return;
            }
        }
    }

    /// One list or one watch.
    async fn step<W: Written + Clone + DeserializeOwned>(&mut self) -> Result<(), Trouble> {
        match self.version.clone() {
            Some(version) => self.watch::<W>(version).await,
            None if self.streaming => {
                let list = self.streamed_list::<W>().await;
                list.map_err(Trouble::of_streamed_list)
            }
            None => self.paged_list::<W>().await,
        }
    }

    async fn paged_list<W: Written + DeserializeOwned>(&mut self) -> Result<(), Trouble> {
        let mut token = None;
        loop {
            let first = token.is_none();
            let (client, path) = (self.client.clone(), path(self.kind));
            let page = list::fetch::<W>(&client, path, token);
            let page = self.attend(page).await??;
            if first {
                self.relisting().await?;
            }
            let next = page.next()?;
            for written in page.items {
                self.apply(written).await?;
            }
            match next {
                Next::Page(next) => token = Some(next),
                Next::End(version) => return self.listed(version).await,
            }
        }
    }

    async fn streamed_list<W: Written + Clone + DeserializeOwned>(
        &mut self,
    ) -> Result<(), Trouble> {
        // An empty version asks for the newest state, not for a cache that may lag behind.
        let stream = self.open::<W>("", LIST_SECONDS, true).await?;
        let mut stream = pin!(stream);
        self.relisting().await?;
        while let Some(event) = self.attend(next(stream.as_mut())).await?? {
            match event {
                WatchEvent::Added(written) | WatchEvent::Modified(written) => {
                    self.apply(written).await?;
                }
                WatchEvent::Deleted(written) => self.delete(&written).await?,
                WatchEvent::Bookmark(bookmark) => {
                    if bookmark.metadata.annotations.contains_key(LIST_END) {
                        return self.listed(bookmark.metadata.resource_version).await;
                    }
                }
                WatchEvent::Error(status) => return Err(status.into()),
            }
        }
        Err(Trouble::EndedEarly)
    }

    async fn watch<W: Written + Clone + DeserializeOwned>(
        &mut self,
        version: String,
    ) -> Result<(), Trouble> {
        let seconds = match self.lost {
            Some(_) if self.awaits_proof() => WATCH_SECONDS_AFTER_STANDSTILL,
            Some(_) => FIRST_WATCH_SECONDS,
            None => WATCH_SECONDS,
        };
        let begin = Instant::now();
        let stream = self.open::<W>(&version, seconds, false).await?;
        let mut stream = pin!(stream);
        while let Some(event) = self.attend(next(stream.as_mut())).await?? {
            match event {
                WatchEvent::Added(written) | WatchEvent::Modified(written) => {
                    let version = version_of(&written)?;
                    self.apply(written).await?;
                    self.version = Some(version);
                }
                WatchEvent::Deleted(written) => {
                    self.delete(&written).await?;
                    self.version = Some(version_of(&written)?);
                }
                WatchEvent::Bookmark(bookmark) => {
                    self.version = Some(bookmark.metadata.resource_version);
                    self.up_to_date().await?;
                }
                WatchEvent::Error(status) => return Err(status.into()),
            }
        }
        // A server that restarts, or a proxy, ends a watch before the time that was asked for.
        if begin.elapsed() + Duration::from_secs(1) < Duration::from_secs(seconds.into()) {
            return Err(Trouble::EndedEarly);
        }
        // A server sends no bookmarks of a kind that has not changed since the server's own start.
        // What was missed before a watch comes at its beginning, so a full one proves as much.
        self.up_to_date().await?;
        if seconds == WATCH_SECONDS && self.told.over() {
            tracing::info!("{}s are up to date again", self.kind);
        }
        Ok(())
    }

    async fn open<W: Clone + DeserializeOwned>(
        &mut self,
        version: &str,
        seconds: u32,
        list: bool,
    ) -> Result<impl Stream<Item = Result<WatchEvent<W>, kube::Error>> + use<W>, Trouble> {
        let parameters = WatchParams {
            timeout: Some(seconds),
            bookmarks: true,
            send_initial_events: list,
            ..WatchParams::default()
        };
        let request = Request::new(path(self.kind))
            .watch(&parameters, version)
            .map_err(kube::Error::BuildRequest)?;
        let client = self.client.clone();
        let opened = tokio::time::timeout(SILENCE, client.request_events::<W>(request));
        match self.attend(opened).await? {
            Ok(stream) => Ok(stream?),
            Err(_) => Err(Trouble::Silence(SILENCE)),
        }
    }

    async fn apply(&mut self, written: impl Written) -> Result<(), Trouble> {
        let reference = self.reference(&written);
        let (object, skipped) = match written.into_object() {
            Ok((object, skipped)) => (Some(object), skipped),
            Err(skipped) => (None, vec![skipped]),
        };
        if let Some(object) = object {
            self.tell(Event::Applied(object)).await?;
        }
        for new in self.unread.news(&reference, &skipped) {
            tracing::warn!("{new}");
        }
        for skipped in skipped {
            self.tell(Event::Skipped(skipped)).await?;
        }
        Ok(())
    }

    async fn delete(&mut self, written: &impl Written) -> Result<(), Trouble> {
        let reference = self.reference(written);
        self.unread.news(&reference, &[]);
        self.tell(Event::Deleted(reference)).await
    }

    fn reference(&self, written: &impl Written) -> ObjectReference {
        let metadata = written.metadata();
        let namespace = match self.kind {
            Kind::Namespace => "",
            Kind::Service | Kind::EndpointSlice => metadata.namespace_or_default(),
        };
        ObjectReference {
            kind: self.kind,
            namespace: namespace.into(),
            name: metadata.name.as_deref().unwrap_or_default().into(),
        }
    }

    async fn relisting(&mut self) -> Result<(), Trouble> {
        self.unread.relisting();
        self.tell(Event::Relisting(self.kind)).await
    }

    async fn listed(&mut self, version: String) -> Result<(), Trouble> {
        self.version = Some(version);
        self.proven = false;
        self.recovered();
        self.unread.listed();
        if !std::mem::replace(&mut self.listed, true) {
            tracing::info!("every {} is listed", self.kind);
        }
        self.tell(Event::Listed(self.kind)).await
    }

    async fn up_to_date(&mut self) -> Result<(), Trouble> {
        self.proven = true;
        self.recovered();
        self.tell(Event::Heard(self.kind)).await
    }

    fn recovered(&mut self) {
        self.proof_awaited = None;
        self.backoff.reset();
        if self.lost.take().is_some() {
            self.reached.notify_waiters();
        }
    }

    /// Tells a trouble, but not the same one again and again.
    async fn lose(&mut self, trouble: &Trouble) -> Result<(), Trouble> {
        let reason = trouble.sentence(&self.server, self.kind);
        if self.told.is_new(&reason, Instant::now()) {
            tracing::warn!(kind = ?self.kind, "{reason}");
        }
        if self.lost.as_ref() == Some(&reason) {
            return Ok(());
        }
        self.lost = Some(reason.clone());
        let kind = self.kind;
        self.tell(Event::Lost { kind, reason }).await
    }

    async fn tell(&mut self, event: Event) -> Result<(), Trouble> {
        self.room().await?.send(event);
        Ok(())
    }
}

/// The next event of a watch; none at its end.
async fn next<W>(
    mut stream: impl Stream<Item = Result<WatchEvent<W>, kube::Error>> + Unpin,
) -> Result<Option<WatchEvent<W>>, Trouble> {
    match tokio::time::timeout(SILENCE, stream.next()).await {
        Ok(event) => Ok(event.transpose()?),
        Err(_) => Err(Trouble::Silence(SILENCE)),
    }
}

fn version_of(written: &impl Written) -> Result<String, Trouble> {
    let version = written.metadata().resource_version.clone();
    version
        .filter(|version| !version.is_empty())
        .ok_or(Trouble::NoVersion)
}
