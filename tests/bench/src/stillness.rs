//! How still the machine is: how often a thread that only looks at the clock is held up, by interrupts and, in a virtual
//! machine, by its host.

use std::{
    iter,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{machine, results::HeldUp};

/// How long the thread looks at the clock.
const LOOKS: Duration = Duration::from_secs(1);

/// Two looks that are as far apart were held up: one look takes a small part of that.
const HELD_UP: Duration = Duration::from_micros(1);

/// Looks at the clock for a second, on the CPU on which round trips are measured.
///
/// # Errors
///
/// The thread cannot stay on that CPU.
pub(crate) fn measure() -> Result<HeldUp> {
    machine::on_cpu(machine::cpus()? - 1, || {
        let begin = Instant::now();
        let looks = iter::repeat_with(|| begin.elapsed()).take_while(|time| *time < LOOKS);
        Ok(between(looks))
    })
}

/// What was lost between looks at the clock.
fn between(looks: impl Iterator<Item = Duration>) -> HeldUp {
    let mut last = Duration::ZERO;
    let (mut times, mut lost) = (0_u32, Duration::ZERO);
    for look in looks {
        let apart = look.saturating_sub(last);
        if apart >= HELD_UP {
            times += 1;
            lost += apart;
        }
        last = look;
    }
    let seconds = last.as_secs_f64().max(f64::MIN_POSITIVE);
    HeldUp {
        per_second: f64::from(times) / seconds,
        share: lost.as_secs_f64() / seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_looks_far_apart_count_as_held_up() {
        let nanoseconds = [100, 200, 5_200, 5_300, 1_000_000_000];
        let held_up = between(nanoseconds.map(Duration::from_nanos).into_iter());
        assert_eq!(held_up.per_second, 2.0);
        assert!(held_up.share > 0.9999, "{held_up:?}");
    }

    #[test]
    fn without_a_look_nothing_was_lost() {
        assert_eq!(between(iter::empty()), HeldUp::default());
    }
}
