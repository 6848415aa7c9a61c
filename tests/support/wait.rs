//! Waiting for what announces itself by no event.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Tries `attempt` every 5 ms until it succeeds or `limit` has passed.
///
/// For states that nothing announces, such as a server's first answer. `what` completes the sentence
/// "waited for …" in the error, whose cause is the last attempt's error.
///
/// # Errors
///
/// No attempt succeeds in time.
pub fn eventually<T>(limit: Duration, what: &str, attempt: impl FnMut() -> Result<T>) -> Result<T> {
    eventually_every(Duration::from_millis(5), limit, what, attempt)
}

/// As [`eventually`], with `pause` between two attempts: for those that are costly themselves.
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
        match attempt() {
            Ok(value) => return Ok(value),
            Err(error) if start.elapsed() >= limit => {
                return Err(error).with_context(|| format!("waited {limit:?} for {what}, in vain"));
            }
            Err(_) => thread::sleep(pause),
        }
    }
}
