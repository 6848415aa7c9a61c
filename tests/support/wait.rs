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
pub fn eventually<T>(
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
            Err(_) => thread::sleep(Duration::from_millis(5)),
        }
    }
}
