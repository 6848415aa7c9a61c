//! Waiting for what announces itself by no event.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// The least pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest pause after a long attempt: it may have waited itself.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);

/// Tries `attempt` until it succeeds or `limit` has passed. It pauses for as long as each attempt took, for what is
/// waited for needs the processor, too.
///
/// For states that nothing announces, such as a server's first answer. `what` completes the sentence
/// "waited for …" in the error, whose cause is the last attempt's error.
///
/// # Errors
///
/// No attempt succeeds in time.
pub fn eventually<T>(limit: Duration, what: &str, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    eventually_every(PAUSE, limit, what, attempt)
}

/// As [`eventually`], with at least `pause` between two attempts: for those that are costly elsewhere.
///
/// # Errors
///
/// As [`eventually`].
pub fn eventually_every<T>(
    pause: Duration,
    limit: Duration,
    what: &str,
    mut attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    let start = Instant::now();
    loop {
        let begun = Instant::now();
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= limit => {
                return Err(error).with_context(|| format!("waited {limit:?} for {what}, in vain"));
            }
            Err(_) => thread::sleep(pause.max(begun.elapsed().min(LONGEST_PAUSE))),
        }
    }
}
