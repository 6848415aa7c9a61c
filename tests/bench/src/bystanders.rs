//! Part 4: what others pay: questions that are passed on, and what two pods say to one another.

mod passing;
mod streams;

use std::time::Duration;

use anyhow::Result;

use crate::{results::Bystander, scene::Scene};

/// How many rounds, and how long each kind takes in each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    rounds: usize,
    slice: Duration,
}

impl Pace {
    /// A whole run's, or a quick one's.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 12,
                slice: Duration::from_millis(60),
            },
            false => Self {
                rounds: 80,
                slice: Duration::from_millis(150),
            },
        }
    }
}

/// Measures all of them.
///
/// # Errors
///
/// A question is lost, or a connection fails.
pub(crate) fn measure(scene: &Scene, pace: Pace) -> Result<Vec<Bystander>> {
    let mut found = passing::measure(scene, pace)?;
    found.extend(streams::measure(scene, pace)?);
    Ok(found)
}
