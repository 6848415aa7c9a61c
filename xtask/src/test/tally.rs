//! Counting: what libtest prints, and what the skipped tests wrote.

use std::collections::BTreeSet;

/// The counts over all suites.
#[derive(Debug, Default)]
pub(super) struct Tally {
    passed: usize,
    failed: usize,
    failed_names: Vec<String>,
    skipped: Vec<String>,
    /// Failures counted before the suite that is running.
    failed_before: usize,
}

impl Tally {
    /// Takes in one line of a test program's output.
    pub(super) fn add_line(&mut self, line: &str) {
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count_before(counts, " passed");
            self.failed += count_before(counts, " failed");
            return;
        }
        let Some((name, outcome)) = line
            .strip_prefix("test ")
            .and_then(|test| test.rsplit_once(" ... "))
        else {
            return;
        };
        if outcome == "FAILED" {
            self.failed_names.push(name.to_owned());
        } else if let Some(reason) = outcome.strip_prefix("ignored") {
            let reason = reason.trim_start_matches(", ");
            let reason = if reason.is_empty() { "ignored" } else { reason };
            self.skipped.push(format!("{name}: {reason}"));
        }
    }

    /// Closes a suite: one that ended badly without a failed test did not compile, or crashed, which
    /// counts as a failure of its own.
    pub(super) fn end_suite(&mut self, package: &str, success: bool) {
        if !success && self.failed == self.failed_before {
            self.add_failure(format!(
                "{package}: did not compile, or a test program crashed"
            ));
        }
        self.failed_before = self.failed;
    }

    /// Counts a failure that no test program told.
    pub(super) fn add_failure(&mut self, name: String) {
        self.failed += 1;
        self.failed_names.push(name);
        self.failed_before = self.failed;
    }

    /// Takes in the file of skipped tests, lines of `name: reason`. Such a test returned early, so
    /// libtest counted it as passed.
    pub(super) fn add_skipped_file(&mut self, text: &str) {
        let lines: BTreeSet<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let names: BTreeSet<&str> = lines
            .iter()
            .map(|line| line.split_once(": ").map_or(*line, |(name, _)| name))
            .collect();
        self.passed = self.passed.saturating_sub(names.len());
        self.skipped.extend(names.iter().filter_map(|name| {
            lines
                .iter()
                .find(|line| line.starts_with(name))
                .map(|line| (*line).to_owned())
        }));
    }

    /// How many failed.
    pub(super) fn failed(&self) -> usize {
        self.failed
    }

    /// The names of those that failed.
    pub(super) fn failed_names(&self) -> &[String] {
        &self.failed_names
    }

    /// Those that were skipped, as `name: reason`.
    pub(super) fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The closing line.
    pub(super) fn count(&self) -> String {
        format!(
            "{} passed, {} failed, {} skipped",
            self.passed,
            self.failed,
            self.skipped.len()
        )
    }
}

/// The number that stands before `word`, 0 if there is none.
fn count_before(text: &str, word: &str) -> usize {
    let Some((before, _)) = text.split_once(word) else {
        return 0;
    };
    let number = before.rsplit(' ').next().unwrap_or_default();
    number.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally_of(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.add_line(line));
        tally
    }

    #[test]
    fn results_of_several_programs_add_up() {
        let tally = tally_of(
            "running 3 tests\n\
             test a ... ok\n\
             test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n\
             test b::c ... FAILED\n\
             test result: FAILED. 10 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n",
        );
        assert_eq!(tally.count(), "13 passed, 1 failed, 0 skipped");
        assert_eq!(tally.failed_names(), ["b::c"]);
    }

    #[test]
    fn ignored_tests_count_as_skipped_by_name() {
        let tally = tally_of("test a ... ignored, needs a second node\ntest b ... ignored\n");
        assert_eq!(tally.skipped(), ["a: needs a second node", "b: ignored"]);
    }

    #[test]
    fn a_test_that_says_it_cannot_run_moves_from_passed_to_skipped_once() {
        let mut tally = tally_of("test result: ok. 2 passed; 0 failed;");
        tally.add_skipped_file("tcx_keeps_order: no TCX\n\ntcx_keeps_order: no TCX, second try\n");
        assert_eq!(tally.count(), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn a_suite_that_does_not_compile_counts_as_one_failure() {
        let mut tally = Tally::default();
        tally.end_suite("tests", false);
        assert_eq!(tally.count(), "0 passed, 1 failed, 0 skipped");
        tally.end_suite("xtask", true);
        assert_eq!(tally.count(), "0 passed, 1 failed, 0 skipped");
    }
}
