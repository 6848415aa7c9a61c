//! What was checked and measured: a line as soon as it is known, a table at the end, JSON for machines.

use std::{fs, path::Path, time::Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

/// What was checked and measured.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    checks: Vec<Check>,
    figures: Vec<Figure>,
    not_run: Vec<NotRun>,
    #[serde(skip)]
    scenario: &'static str,
}

/// One sentence that was found true or not.
#[derive(Debug, Serialize)]
struct Check {
    scenario: &'static str,
    sentence: String,
    /// What was wrong; none: it holds.
    trouble: Option<String>,
}

/// One thing that was measured.
#[derive(Debug, Serialize)]
struct Figure {
    scenario: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
}

/// Something that this machine or cluster cannot do.
#[derive(Debug, Serialize)]
struct NotRun {
    scenario: &'static str,
    what: String,
    reason: String,
}

impl Report {
    /// Runs one scenario; an error that ends it counts as a failed check.
    pub(crate) fn scenario(
        &mut self,
        name: &'static str,
        run: impl FnOnce(&mut Self) -> Result<()>,
    ) {
        self.scenario = name;
        println!("== {name}");
        let start = Instant::now();
        if let Err(error) = run(self) {
            self.check("the scenario runs to its end", || Err(error));
        }
        println!("   {:.0} s", start.elapsed().as_secs_f64());
    }

    /// Checks one sentence; an error says what is wrong.
    pub(crate) fn check(&mut self, sentence: &str, check: impl FnOnce() -> Result<()>) {
        let trouble = check().err().map(|error| format!("{error:#}"));
        match &trouble {
            None => println!("   ok      {sentence}"),
            Some(trouble) => {
                println!("   FAILED  {sentence}\n           {trouble}");
            }
        }
        self.checks.push(Check {
            scenario: self.scenario,
            sentence: sentence.to_owned(),
            trouble,
        });
    }

    /// Notes a measured value.
    pub(crate) fn figure(&mut self, what: &str, value: f64, unit: &'static str) {
        println!("   {value:>10.1} {unit:<5} {what}");
        self.quiet_figure(what, value, unit);
    }

    /// Notes a measured value that a table shows already.
    pub(crate) fn quiet_figure(&mut self, what: &str, value: f64, unit: &'static str) {
        self.figures.push(Figure {
            scenario: self.scenario,
            what: what.to_owned(),
            value,
            unit,
        });
    }

    /// Notes what this machine or cluster cannot do.
    pub(crate) fn not_run(&mut self, what: &str, reason: &str) {
        println!("   NOT RUN {what}: {reason}");
        self.not_run.push(NotRun {
            scenario: self.scenario,
            what: what.to_owned(),
            reason: reason.to_owned(),
        });
    }

    /// How many checks failed.
    pub(crate) fn failed(&self) -> usize {
        self.checks
            .iter()
            .filter(|check| check.trouble.is_some())
            .count()
    }

    /// Says what failed and what was not run, then the count; writes the JSON file.
    pub(crate) fn close(&self, json: Option<&Path>) -> Result<()> {
        println!();
        for check in &self.checks {
            if let Some(trouble) = &check.trouble {
                println!("failed:  {}: {}: {trouble}", check.scenario, check.sentence);
            }
        }
        for NotRun {
            scenario,
            what,
            reason,
        } in &self.not_run
        {
            println!("not run: {scenario}: {what}: {reason}");
        }
        println!(
            "{} checks passed, {} failed, {} not run",
            self.checks.len() - self.failed(),
            self.failed(),
            self.not_run.len()
        );
        if let Some(path) = json {
            let text = serde_json::to_string_pretty(self).context("write the report")?;
            fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}
