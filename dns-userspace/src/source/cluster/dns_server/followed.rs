//! The objects of one kind, kept up to date.
//!
//! `kube`'s ready-made watcher may be used here, though not for the objects that answers are made from: a
//! quiet watch that has died is noticed late, but nothing is denied or answered because of what is *absent*
//! here, and a Corefile that is known is answered by like the last known objects are while the API server is
//! away. Objects that may not be read any more stay as they were last known; for how long that counts is the matter of
//! [`dns_core::rollout`].

use std::{collections::BTreeMap, fmt::Debug, pin::pin, sync::Arc};

use futures_util::StreamExt as _;
use kube::{
    Api, Resource, ResourceExt as _,
    runtime::{
        WatchStreamExt as _,
        watcher::{self, DefaultBackoff, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Notify, watch},
    task::AbortHandle,
};

/// How long a watch lasts; a connection that has died is noticed 5 s later.
const WATCH_SECONDS: u32 = 60;

/// Follows objects until it is dropped.
pub(super) struct Followed<K> {
    state: watch::Receiver<State<K>>,
    task: AbortHandle,
}

/// What is known of them.
#[derive(Debug)]
pub(super) struct State<K> {
    /// By name, as they were last known; none before the first list.
    pub(super) objects: Option<BTreeMap<String, K>>,
    /// How many lists were read.
    pub(super) lists: u64,
    /// Why they cannot be read; none: they can.
    pub(super) trouble: Option<Trouble>,
}

/// Why objects cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The server's or the connection's words.
    pub(super) message: String,
    /// Whether the server has refused: the credentials, or what they may do.
    pub(super) refused: bool,
}

impl<K> State<K> {
    /// Notes why objects cannot be read. A refusal stands until they are, for a server that cannot be reached says nothing
    /// of whether they may be; in its first words, since those for a list and for a watch differ, and would be told twice.
    fn note(&mut self, trouble: Trouble) {
        let is_refused = self.trouble.as_ref().is_some_and(|before| before.refused);
        if !is_refused {
            self.trouble = Some(trouble);
        }
    }
}

impl<K> Followed<K>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    /// Begins to follow the objects of `api` that `config` chooses, and tells of every change.
    pub(super) fn start(api: Api<K>, config: watcher::Config, changed: Arc<Notify>) -> Self {
        let (sender, state) = watch::channel(State {
            objects: None,
            lists: 0,
            trouble: None,
        });
        let task = tokio::spawn(follow(api, config.timeout(WATCH_SECONDS), sender, changed));
        Self {
            state,
            task: task.abort_handle(),
        }
    }

    /// What is known now.
    pub(super) fn state(&self) -> watch::Ref<'_, State<K>> {
        self.state.borrow()
    }
}

impl<K> Drop for Followed<K> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    state: watch::Sender<State<K>>,
    changed: Arc<Notify>,
) where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let mut pauses = DefaultBackoff::default();
    loop {
        // What a server refuses is begun anew: the watcher would go on where it was when it is allowed again,
        // and tell nothing.
        let mut events = pin!(watcher(api.clone(), config.clone()).default_backoff());
        let mut listing = BTreeMap::new();
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(error) => {
                    let trouble = trouble(&error);
                    let refused = trouble.refused;
                    state.send_modify(|state| state.note(trouble));
                    changed.notify_one();
                    if refused {
                        break;
                    }
                    continue;
                }
            };
            match event {
                Event::Init => listing.clear(),
                Event::InitApply(object) => drop(listing.insert(object.name_any(), object)),
                Event::InitDone => {
                    let listed = std::mem::take(&mut listing);
                    state.send_modify(|state| {
                        state.objects = Some(listed);
                        state.lists += 1;
                        state.trouble = None;
                    });
                }
                Event::Apply(object) => change(&state, |objects| {
                    objects.insert(object.name_any(), object);
                }),
                Event::Delete(object) => change(&state, |objects| {
                    objects.remove(&object.name_any());
                }),
            }
            changed.notify_one();
        }
        let pause = pauses.next().unwrap_or_default();
        tokio::time::sleep(pause).await;
    }
}

fn change<K>(state: &watch::Sender<State<K>>, change: impl FnOnce(&mut BTreeMap<String, K>)) {
    state.send_modify(|state| {
        state.trouble = None;
        if let Some(objects) = &mut state.objects {
            change(objects);
        }
    });
}

fn trouble(error: &watcher::Error) -> Trouble {
    let status = match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => match error {
            kube::Error::Api(status) => Some(status),
            _ => None,
        },
        watcher::Error::WatchError(status) => Some(status),
        watcher::Error::NoResourceVersion => None,
    };
    match status {
        Some(status) => Trouble {
            message: status.message.clone(),
            refused: matches!(status.code, 401 | 403 | 404),
        },
        None => Trouble {
            message: error.to_string(),
            refused: false,
        },
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answer(code: u16) -> Box<Status> {
        let mut status = Status::failure("why", "Reason");
        status.code = code;
        Box::new(status)
    }

    fn state() -> State<()> {
        State {
            objects: Some(BTreeMap::from([("coredns".to_owned(), ())])),
            lists: 1,
            trouble: None,
        }
    }

    #[test]
    fn only_who_may_not_read_is_refused() {
        for (code, refused) in [
            (401, true),
            (403, true),
            (404, true),
            (400, false),
            (410, false),
            (429, false),
            (500, false),
            (503, false),
            (504, false),
        ] {
            let listed = watcher::Error::InitialListFailed(kube::Error::Api(answer(code)));
            let begun = watcher::Error::WatchStartFailed(kube::Error::Api(answer(code)));
            let watched = watcher::Error::WatchError(answer(code));
            for error in [listed, begun, watched] {
                assert_eq!(trouble(&error).refused, refused, "{error}");
            }
        }
        assert!(!trouble(&watcher::Error::NoResourceVersion).refused);
    }

    #[test]
    fn objects_stay_whatever_the_trouble_and_a_refusal_stands_until_they_are_read() {
        let of = |code| trouble(&watcher::Error::WatchError(answer(code)));
        let otherwise = Trouble {
            message: "in other words".to_owned(),
            ..of(403)
        };
        let mut state = state();
        state.note(of(503));
        assert_eq!(state.trouble, Some(of(503)));
        for code in [403, 503, 429] {
            state.note(of(code));
            assert_eq!(state.trouble, Some(of(403)), "after {code}");
            assert!(state.objects.is_some(), "after {code}");
        }
        state.note(otherwise);
        assert_eq!(state.trouble, Some(of(403)));
    }
}
