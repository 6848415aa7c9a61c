//! Says, between the events, that there was nothing more to read.

use std::{pin::pin, task::Poll, time::Duration};

use dns_core::world::Event;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::{Follower, Trouble};
use crate::datapath::control;

/// How often the source says that there is nothing more to read.
const QUIET_EVERY: Duration = Duration::from_millis(200);

/// How often everything that has something to do gets its turn before nothing counts as nothing: the runtime looks at the
/// sockets, a connection's task reads and hands on, and is asked for more. See [`Follower::attend`].
const TURNS: u32 = 3;

impl Follower {
    /// Waits for what is to come, and says now and then that there is nothing more to read.
    ///
    /// That is certain in a runtime of one thread: when everything yields, it looks at the sockets and gives a turn to
    /// whoever waited for them, before it comes back here.
    pub(super) async fn attend<F: Future>(&mut self, coming: F) -> Result<F::Output, Trouble> {
        let mut coming = pin!(coming);
        loop {
            tokio::select! {
                biased;
                output = &mut coming => return Ok(output),
                _ = self.looks.tick() => {}
            }
            let at = control::now();
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
                if let Poll::Ready(output) = futures_util::poll!(&mut coming) {
                    self.looks.reset_immediately();
                    return Ok(output);
                }
            }
            let kind = self.kind;
            self.tell(Event::Quiet { kind, at }).await?;
        }
    }
}

/// When to look.
pub(super) fn looks() -> Interval {
    let mut looks = interval(QUIET_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}
