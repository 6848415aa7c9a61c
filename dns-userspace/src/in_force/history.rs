//! The texts that servers of one way to run may have.
//!
//! A server has read the text that its volume held at some moment. It reads again when it starts, and with the
//! plugin `reload` every so often. So after a change no server has the earlier text any more
//!
//! * once the kubelets have brought the change into the volumes and the earlier text's own `reload` has looked
//!   (its interval and its jitter), or
//! * once every pod was made after the change.
//!
//! Texts that were never seen are treated like the present one's predecessor with the present one's `reload`.

use std::time::Duration;

use super::{Earlier, Now, Running};
use crate::corefile::{Mounted, reload_of};

/// What servers may have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text<'a> {
    /// This.
    Seen(&'a Mounted),
    /// A text that was replaced before anybody watched.
    Unseen,
}

/// The present text, and those before it that servers may still have.
#[derive(Debug)]
pub struct History {
    running: Running,
    before: Vec<Before>,
}

#[derive(Debug)]
struct Before {
    /// None: it was never seen.
    text: Option<Mounted>,
    revision: Option<String>,
    /// When its end was seen, by CLOCK_BOOTTIME.
    seen: Duration,
    /// How long ago its end was then.
    age: Duration,
    /// When it was replaced, by the API server's clock.
    replaced: Duration,
}

impl History {
    /// A history that begins now. If the servers were not `followed` until now, they may have an earlier text.
    #[must_use]
    pub fn begin(running: Running, followed: bool, now: Now) -> Self {
        let mut history = Self {
            running,
            before: Vec::new(),
        };
        if !followed {
            history.expect_unseen(now);
        }
        history
    }

    /// The same history, with what is seen now.
    #[must_use]
    pub fn followed_by(mut self, running: Running, relisted: bool, now: Now) -> Self {
        let earlier = std::mem::replace(&mut self.running, running);
        if earlier.mounted == self.running.mounted {
            return self;
        }
        // A ConfigMap that is gone leaves no time.
        let changed = self
            .running
            .changed
            .filter(|_| self.running.changed != earlier.changed);
        self.before.push(Before {
            text: Some(earlier.mounted),
            revision: Some(earlier.revision),
            seen: now.since_boot,
            age: Duration::ZERO,
            replaced: changed.unwrap_or(now.since_epoch),
        });
        if relisted {
            // Between the two texts there may have been a third.
            self.expect_unseen(now);
        }
        self
    }

    fn expect_unseen(&mut self, now: Now) {
        let replaced = self.running.changed.unwrap_or(now.since_epoch);
        self.before.push(Before {
            text: None,
            revision: None,
            seen: now.since_boot,
            age: now.since_epoch.saturating_sub(replaced),
            replaced,
        });
    }

    /// How the servers run now.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Forgets texts that no server can have any more.
    pub fn forget(&mut self, sync: Duration, now: Now) {
        let running = &self.running;
        self.before
            .retain(|before| !before.is_gone(running, sync, now));
    }

    /// Every text that a server may have.
    pub fn may_run(&self) -> impl Iterator<Item = Text<'_>> {
        let before = self.before.iter().map(|before| match &before.text {
            Some(text) => Text::Seen(text),
            None => Text::Unseen,
        });
        [Text::Seen(&self.running.mounted)]
            .into_iter()
            .chain(before)
    }

    /// The texts before the present one, for people.
    pub fn earlier(&self, sync: Duration) -> impl Iterator<Item = Earlier> {
        self.before.iter().map(move |before| Earlier {
            revision: before.revision.clone(),
            replaced: before.replaced,
            until: before
                .reload(&self.running)
                .map(|reload| before.seen + (sync + reload).saturating_sub(before.age)),
        })
    }
}

impl Before {
    fn is_gone(&self, running: &Running, sync: Duration, now: Now) -> bool {
        let pods_are_new = match running.oldest_pod {
            // Times of objects are whole seconds.
            Some(oldest) => oldest.as_secs() > self.replaced.as_secs(),
            // Servers without a pod answer nobody. One that is only not listed yet is waited for.
            None => self.has_passed(sync, now),
        };
        let was_reloaded = self
            .reload(running)
            .is_some_and(|reload| self.has_passed(sync + reload, now));
        pods_are_new || was_reloaded
    }

    /// How long servers with this text take to notice another one in their volume; none: they never do.
    fn reload(&self, running: &Running) -> Option<Duration> {
        if !running.updated_in_place {
            return None;
        }
        reload_of(self.text.as_ref().unwrap_or(&running.mounted))
    }

    /// Whether it was replaced this long ago.
    fn has_passed(&self, time: Duration, now: Now) -> bool {
        now.since_boot.saturating_sub(self.seen) + self.age >= time
    }
}
