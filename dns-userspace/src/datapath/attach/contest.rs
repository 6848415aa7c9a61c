//! How often we insist on being first, when another program insists as well.

use std::time::{Duration, Instant};

/// So many moves to the front within [`WINDOW`], then a rest.
const MOVES_MAX: usize = 3;
const WINDOW: Duration = Duration::from_secs(10);
/// Shorter than the minute between two listings of all interfaces, so that each listing tries
/// again.
const REST: Duration = Duration::from_secs(50);

/// The recent moves of one attachment to the front.
#[derive(Debug, Default)]
pub(super) struct Contest {
    moves: Vec<Instant>,
    rest_until: Option<Instant>,
}

impl Contest {
    /// Whether a move is still within bounds; counts it if so.
    pub(super) fn may_move(&mut self, now: Instant) -> bool {
        if self.rest_until.is_some_and(|end| now < end) {
            return false;
        }
        self.rest_until = None;
        self.moves
            .retain(|moved| now.duration_since(*moved) < WINDOW);
        if self.moves.len() >= MOVES_MAX {
            self.rest_until = Some(now + REST);
            return false;
        }
        self.moves.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_move_within_ten_seconds_waits_for_the_next_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut contest = Contest::default();
        let moves: Vec<bool> = [0, 1, 2, 3, 9, 30, 52, 54]
            .map(|second| contest.may_move(at(second)))
            .to_vec();
        assert_eq!(moves, [true, true, true, false, false, false, false, true]);
    }

    #[test]
    fn rare_moves_are_always_allowed() {
        let start = Instant::now();
        let mut contest = Contest::default();
        assert!((0..20).all(|count| contest.may_move(start + Duration::from_secs(count * 4))));
    }
}
