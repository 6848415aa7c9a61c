//! Says, between the events, that there was nothing more to read.
//!
//! Whoever stood still cannot say so: while a machine sleeps, what is sent to it gets lost, and is sent again after about as
//! long as it was away. There is nothing to read then, and yet much to come.

use std::{mem, pin::pin, task::Poll, time::Duration};

use dns_core::world::Event;
use tokio::{
    sync::mpsc::Permit,
    time::{Instant, Interval, MissedTickBehavior, interval},
};

use super::{Follower, SILENCE, Trouble};
use crate::datapath::control;

/// How often the source says that there is nothing more to read.
const QUIET_EVERY: Duration = Duration::from_millis(200);

/// How often everything that has something to do gets its turn before nothing counts as nothing: the runtime looks at the
/// sockets, a connection's task reads and hands on, and is asked for more. See [`Follower::attend`].
const TURNS: u32 = 3;

/// How long a follower may have stood still before what was sent to it counts as lost. It has something to do every
/// [`QUIET_EVERY`]; of a sleep that is shorter, what was lost comes again as soon.
const STILL: Duration = Duration::from_secs(1);

/// When a follower last had its turn.
#[derive(Debug)]
pub(super) struct Turn(u64);

impl Turn {
    /// It has one now.
    pub(super) fn now() -> Self {
        Self(control::now())
    }

    /// It has one again: whether it stood still for long.
    pub(super) fn again(&mut self) -> bool {
        let before = mem::replace(self, Self::now());
        Duration::from_nanos(self.0.saturating_sub(before.0)) > STILL
    }
}

impl Follower {
    /// Waits for what is to come, and says now and then that there is nothing more to read.
    ///
    /// That is certain in a runtime of one thread: when everything yields, it looks at the sockets and gives a turn to
    /// whoever waited for them, before it comes back here. Where there was a long standstill it is not said before the server
    /// has proven that nothing is missed.
    ///
    /// # Errors
    /// Nobody listens any more; or this stood still during a watch, which has to be opened anew.
    pub(super) async fn attend<F: Future>(&mut self, coming: F) -> Result<F::Output, Trouble> {
        let mut coming = pin!(coming);
        loop {
            let come = tokio::select! {
                biased;
                output = &mut coming => Some(output),
                _ = self.looks.tick() => None,
            };
            self.look_at_turn()?;
            if let Some(output) = come {
                return Ok(output);
            }
            let at = control::now();
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
                if let Poll::Ready(output) = futures_util::poll!(&mut coming) {
                    self.looks.reset_immediately();
                    return Ok(output);
                }
            }
            self.look_at_turn()?;
            if self.awaits_proof() {
                continue;
            }
            let kind = self.kind;
            self.tell(Event::Quiet { kind, at }).await?;
        }
    }

    /// Whether there is still much to come after a standstill. If the server does not prove the contrary for long it is away,
    /// and what is known of its objects goes on.
    pub(super) fn awaits_proof(&self) -> bool {
        let awaited = self.proof_awaited;
        awaited.is_some_and(|since| since.elapsed() < SILENCE)
    }

    /// Notes a long standstill.
    fn look_at_turn(&mut self) -> Result<(), Trouble> {
        if !(self.turn.again() | mem::take(&mut self.still)) {
            return Ok(());
        }
        self.proof_awaited = Some(Instant::now());
        match self.version {
            Some(_) => Err(Trouble::StoodStill),
            // A list tells everything.
            None => Ok(()),
        }
    }

    /// Waits for room, which others make, for the next event, and goes on taking turns.
    pub(super) async fn room(&mut self) -> Result<Permit<'_, Event>, Trouble> {
        loop {
            tokio::select! {
                biased;
                room = self.events.reserve() => {
                    self.still |= self.turn.again();
                    return room.map_err(|_| Trouble::NoReceiver);
                }
                () = tokio::time::sleep(QUIET_EVERY) => self.still |= self.turn.again(),
            }
        }
    }
}

/// When to look.
pub(super) fn looks() -> Interval {
    let mut looks = interval(QUIET_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_long_standstill_counts_and_only_once() {
        let before = |still: Duration| Turn(control::now() - still.as_nanos() as u64);
        assert!(!before(STILL / 2).again());
        let mut turn = before(8 * STILL);
        assert!(turn.again());
        assert!(!turn.again());
    }
}
