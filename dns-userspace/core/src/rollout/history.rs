//! The texts that servers of one way to run may have.
//!
//! A server has read the text that its volume held at some moment. It reads again when it starts, and with the
//! plugin `reload` every so often. So after a change no server has the earlier text any more
//!
//! * once the kubelets have brought the change into the volumes, the earlier text's own `reload` has looked
//!   (its interval and its jitter), and the server has begun with the later text, or
//! * once every pod was made after the change, or its container was started when the volume held the change.
//!
//! A text that every server refuses changes nothing: they go on with the text before, and with its `reload`.
//! Texts that were never seen are treated like the present one's predecessor with the present one's `reload`.

use std::time::Duration;

use super::{Earlier, Running, Times};
use crate::corefile::{Mounted, Reading, reading_of};

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
    noticed: Noticed,
    /// How long a server takes to begin with the present text.
    begins_within: Duration,
    before: Vec<Before>,
}

#[derive(Debug)]
struct Before {
    /// None: it was never seen.
    text: Option<Mounted>,
    revision: Option<String>,
    /// When its end was seen, by CLOCK_BOOTTIME.
    seen: Duration,
    /// Whether its end was watched, so that this was when it was seen.
    watched: bool,
    /// When it was replaced, not later than this by the API server's clock; none: not known.
    replaced: Option<Duration>,
    /// The same for people, by whichever clock.
    told_replaced: Duration,
    noticed: Noticed,
    begins_within: Duration,
}

/// When servers that had a text, or the one before it if they refused it, notice another one in their volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noticed {
    /// After this time at the latest.
    Within(Duration),
    /// They never do, or it is not known.
    Never,
    /// That is told by the next text, if at all: the text before was never seen.
    AsNext,
}

impl Noticed {
    fn or_as(self, next: Self) -> Self {
        match self {
            Self::AsNext => next,
            known => known,
        }
    }

    /// The later one.
    fn max(self, other: Self) -> Self {
        match (self, other) {
            (Self::Within(one), Self::Within(two)) => Self::Within(one.max(two)),
            (Self::AsNext, other) | (other, Self::AsNext) => other,
            _ => Self::Never,
        }
    }
}

/// What a text says of reloading, if the text before it was noticed so.
fn reading(text: &Mounted, before: Noticed) -> (Noticed, Duration) {
    match reading_of(text) {
        Reading::Read(reloading) => (
            reloading
                .noticed_within
                .map_or(Noticed::Never, Noticed::Within),
            reloading.begins_within,
        ),
        Reading::Refused => (before, Duration::ZERO),
        Reading::Unknown => (Noticed::Never, Duration::ZERO),
    }
}

/// Takes a text out; when the next one is noticed at the latest, if it was there.
fn take(texts: &mut Vec<Before>, text: Option<&Mounted>) -> Option<Noticed> {
    let taken = texts.extract_if(.., |before| before.text.as_ref() == text);
    taken.map(|before| before.noticed).reduce(Noticed::max)
}

impl History {
    /// A history that begins now. If the servers were not `followed` until now, they may have an earlier text.
    #[must_use]
    pub fn begin(running: Running, followed: bool, times: Times) -> Self {
        let (noticed, begins_within) = reading(&running.mounted, Noticed::AsNext);
        let mut history = Self {
            running,
            noticed,
            begins_within,
            before: Vec::new(),
        };
        if !followed {
            history.expect_unseen(history.running.changed, times);
        }
        history
    }

    /// The same history, with what is seen now.
    #[must_use]
    pub fn followed_by(mut self, running: Running, relisted: bool, times: Times) -> Self {
        let earlier = std::mem::replace(&mut self.running, running);
        // A ConfigMap that is gone leaves no time, and where another one was changed earlier that is not the time.
        let changed = self
            .running
            .changed
            .filter(|changed| Some(*changed) > earlier.changed);
        if earlier.mounted == self.running.mounted {
            if relisted && self.may_have_read_another(&earlier) {
                self.expect_unseen(changed, times);
            }
            return self;
        }
        let (noticed, begins_within) = reading(&self.running.mounted, self.noticed);
        for before in &mut self.before {
            before.noticed = before.noticed.or_as(noticed);
        }
        let before = Before {
            text: Some(earlier.mounted),
            revision: Some(earlier.revision),
            seen: times.now.since_boot,
            watched: !relisted,
            replaced: changed.or_else(|| times.server_at_most()),
            told_replaced: changed.unwrap_or(times.now.since_epoch),
            noticed: self.noticed.or_as(noticed),
            begins_within: self.begins_within,
        };
        self.noticed = noticed;
        self.begins_within = begins_within;
        self.push(before);
        if let Some(again) = take(&mut self.before, Some(&self.running.mounted)) {
            self.noticed = self.noticed.max(again);
        }
        if relisted {
            // Between the two texts there may have been a third.
            self.expect_unseen(changed, times);
        }
        self
    }

    /// Whether servers may have read another text while nobody watched, although the text is the same as before.
    fn may_have_read_another(&self, earlier: &Running) -> bool {
        let mut noticed = self.before.iter().map(|before| before.noticed);
        let none_reloads =
            self.noticed == Noticed::Never && noticed.all(|noticed| noticed == Noticed::Never);
        let reads_only_at_its_start = none_reloads || !self.running.updated_in_place;
        let has_started = !self.running.starts.is_subset(&earlier.starts);
        self.running.revision != earlier.revision && (has_started || !reads_only_at_its_start)
    }

    /// Adds a text that nobody saw, and that was there until the ConfigMaps were `changed`; none: until now, it may be.
    fn expect_unseen(&mut self, changed: Option<Duration>, times: Times) {
        self.push(Before {
            text: None,
            revision: None,
            seen: times.now.since_boot,
            watched: false,
            replaced: changed.or_else(|| times.server_at_most()),
            told_replaced: changed.unwrap_or(times.now.since_epoch),
            noticed: self.noticed,
            begins_within: Duration::ZERO,
        });
    }

    /// Adds a text; servers have the same one no longer than the last time it was there.
    fn push(&mut self, mut before: Before) {
        if let Some(again) = take(&mut self.before, before.text.as_ref()) {
            before.noticed = before.noticed.max(again);
        }
        self.before.push(before);
    }

    /// How the servers run now.
    #[must_use]
    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Forgets texts that no server can have any more; whether there were any.
    pub fn forget(&mut self, sync: Duration, times: Times) -> bool {
        let count = self.before.len();
        let (running, begins_within) = (&self.running, self.begins_within());
        self.before
            .retain(|before| !before.is_gone(running, begins_within, sync, times));
        self.before.len() < count
    }

    /// How long a server takes to begin with whichever text it comes to.
    fn begins_within(&self) -> Duration {
        let before = self.before.iter().map(|before| before.begins_within);
        before.fold(self.begins_within, Duration::max)
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
    pub fn earlier(&self, sync: Duration, times: Times) -> impl Iterator<Item = Earlier> {
        let begins_within = self.begins_within();
        self.before.iter().map(move |before| Earlier {
            revision: before.revision.clone(),
            replaced: before.told_replaced,
            until: before
                .lasts(&self.running, begins_within, sync)
                .map(|lasts| times.now.since_boot + lasts.saturating_sub(before.age(times))),
        })
    }
}

impl Before {
    fn is_gone(
        &self,
        running: &Running,
        begins_within: Duration,
        sync: Duration,
        times: Times,
    ) -> bool {
        let all_began_later = match running.starts.is_empty() {
            // Servers without a pod answer nobody. One that is only not listed yet is waited for.
            true => self.age(times) >= sync,
            false => {
                let renewed = running.updated_in_place.then_some(sync);
                let mut starts = running.starts.iter();
                self.replaced
                    .is_some_and(|replaced| starts.all(|start| start.has_read(replaced, renewed)))
            }
        };
        let was_reloaded = self
            .lasts(running, begins_within, sync)
            .is_some_and(|lasts| self.age(times) >= lasts);
        all_began_later || was_reloaded
    }

    /// How long servers may have this text after it was replaced; none: as long as they run.
    fn lasts(
        &self,
        running: &Running,
        begins_within: Duration,
        sync: Duration,
    ) -> Option<Duration> {
        match self.noticed {
            Noticed::Within(reload) if running.updated_in_place => {
                Some(sync.saturating_add(reload).saturating_add(begins_within))
            }
            _ => None,
        }
    }

    /// How long ago it was replaced, at least.
    fn age(&self, times: Times) -> Duration {
        let since_seen = times.now.since_boot.saturating_sub(self.seen);
        let before_that = times
            .server_at_least()
            .zip(self.replaced)
            .filter(|_| !self.watched)
            .map(|(server, replaced)| server.saturating_sub(replaced));
        since_seen.max(before_that.unwrap_or_default())
    }
}
