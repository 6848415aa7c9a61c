//! How far the bench is, for a person who waits.

use std::{
    io::{self, IsTerminal as _},
    time::Instant,
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// One part on its way. On a terminal it is a line that changes, elsewhere one at the start and one at the end.
pub(crate) struct Progress {
    what: &'static str,
    began: Instant,
    line: Option<ProgressBar>,
}

impl Progress {
    /// Begins to show `what`, which takes so many steps; 0 where that is not known.
    ///
    /// # Errors
    ///
    /// None that can happen with the template of the line.
    pub(crate) fn start(what: &'static str, steps: u64) -> Result<Self> {
        let line = if io::stderr().is_terminal() {
            let template = match steps {
                0 => "{spinner} {msg}  {elapsed}",
                _ => "{spinner} {msg}  {pos}/{len}  {elapsed}",
            };
            let line = ProgressBar::new(steps)
                .with_style(ProgressStyle::with_template(template)?)
                .with_message(what);
            line.enable_steady_tick(std::time::Duration::from_millis(500));
            Some(line)
        } else {
            eprintln!("{what} ...");
            None
        };
        Ok(Self {
            what,
            began: Instant::now(),
            line,
        })
    }

    /// Says what is being done of it.
    pub(crate) fn tell(&self, part: &str) {
        match &self.line {
            Some(line) => line.set_message(format!("{}: {part}", self.what)),
            None => eprintln!("{}: {part}", self.what),
        }
    }

    /// One step more is done.
    pub(crate) fn advance(&self) {
        if let Some(line) = &self.line {
            line.inc(1);
        }
    }

    /// All is done.
    pub(crate) fn finish(self) {
        if let Some(line) = self.line {
            line.finish_and_clear();
        }
        eprintln!("{}: {:.0} s", self.what, self.began.elapsed().as_secs_f64());
    }
}
