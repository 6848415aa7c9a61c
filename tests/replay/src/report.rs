//! What came of a recording: as JSON for programs, as a table for people.

use std::{collections::BTreeMap, fmt::Write as _};

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use serde_json::Value;

/// What came of a recording.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The groups that were asked.
    pub groups: Vec<GroupReport>,
    /// Cases whose reply is as recorded.
    pub equal: usize,
    /// Cases that were left to the DNS service.
    pub passed: usize,
    /// Cases whose reply is not as recorded.
    pub different: usize,
    /// Cases that were not asked.
    pub skipped: usize,
    /// How many cases were passed for which reason.
    pub pass_reasons: BTreeMap<String, usize>,
    /// Every case that is not equal.
    pub cases: Vec<CaseReport>,
}

/// What came of a group.
#[derive(Clone, Debug, Default, Serialize)]
pub struct GroupReport {
    /// Its name.
    pub id: String,
    /// Cases whose reply is as recorded.
    pub equal: usize,
    /// Cases that were left to the DNS service.
    pub passed: usize,
    /// Cases whose reply is not as recorded.
    pub different: usize,
}

/// What came of a case.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// Its group's name.
    pub group: String,
    /// Its place in the group, from 0.
    pub case: usize,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it was passed, or in what the reply differs.
    pub reason: String,
    /// What was recorded.
    pub expected: Value,
    /// The reply; null if there is none.
    pub got: Value,
    /// What it asks, for a person.
    #[serde(skip)]
    pub asked: String,
}

/// What comes of a case that is not equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was left to the DNS service.
    Passed,
    /// The reply is not as recorded.
    Different,
}

impl Report {
    /// For a person: every difference, then the groups, then why cases were passed.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        let different = self
            .cases
            .iter()
            .filter(|case| case.outcome == Outcome::Different);
        for case in different {
            let CaseReport {
                group, case: index, ..
            } = case;
            // Writing into a string cannot fail.
            let _ = writeln!(
                text,
                "different: {group}, case {index}: {}\n  {}\n  expected {}\n  got      {}",
                case.asked,
                shortened(&case.reason),
                case.expected,
                case.got
            );
        }
        let mut groups = table(["group", "equal", "passed", "different"]);
        for group in &self.groups {
            groups.add_row([
                group.id.clone(),
                group.equal.to_string(),
                group.passed.to_string(),
                group.different.to_string(),
            ]);
        }
        groups.add_row([
            "all".to_owned(),
            self.equal.to_string(),
            self.passed.to_string(),
            self.different.to_string(),
        ]);
        let _ = writeln!(text, "{groups}");
        if !self.pass_reasons.is_empty() {
            let mut reasons = table(["passed, because", "cases"]);
            let mut sorted: Vec<_> = self.pass_reasons.iter().collect();
            sorted.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            for (reason, count) in sorted {
                reasons.add_row([reason.clone(), count.to_string()]);
            }
            let _ = writeln!(text, "{reasons}");
        }
        let _ = writeln!(
            text,
            "{} equal, {} passed, {} different, {} skipped",
            self.equal, self.passed, self.different, self.skipped
        );
        text
    }
}

/// The first of many differences; the JSON has them all.
fn shortened(reason: &str) -> String {
    const SHOWN: usize = 6;
    let differences: Vec<&str> = reason.split("; ").collect();
    match differences.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{}; and {more} more", differences[..SHOWN].join("; ")),
        _ => reason.to_owned(),
    }
}

/// A table whose columns but the first hold numbers.
fn table<const COLUMNS: usize>(header: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_BORDERS_ONLY)
        .set_header(header);
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report() -> Report {
        Report {
            groups: vec![GroupReport {
                id: "observed".to_owned(),
                equal: 3,
                passed: 1,
                different: 1,
            }],
            equal: 3,
            passed: 1,
            different: 1,
            skipped: 7,
            pass_reasons: BTreeMap::from([("tcp".to_owned(), 1)]),
            cases: vec![
                CaseReport {
                    group: "observed".to_owned(),
                    case: 0,
                    outcome: Outcome::Passed,
                    reason: "tcp".to_owned(),
                    expected: json!({"rcode": "NOERROR"}),
                    got: Value::Null,
                    asked: "a. A".to_owned(),
                },
                CaseReport {
                    group: "observed".to_owned(),
                    case: 4,
                    outcome: Outcome::Different,
                    reason: "AA is not set".to_owned(),
                    expected: json!({"aa": true}),
                    got: json!({"aa": false}),
                    asked: "b. A".to_owned(),
                },
            ],
        }
    }

    #[test]
    fn the_json_has_the_shape_that_programs_rely_on() {
        let expected = json!({
            "groups": [{"id": "observed", "equal": 3, "passed": 1, "different": 1}],
            "equal": 3, "passed": 1, "different": 1, "skipped": 7,
            "pass_reasons": {"tcp": 1},
            "cases": [
                {"group": "observed", "case": 0, "outcome": "passed", "reason": "tcp",
                 "expected": {"rcode": "NOERROR"}, "got": null},
                {"group": "observed", "case": 4, "outcome": "different", "reason": "AA is not set",
                 "expected": {"aa": true}, "got": {"aa": false}},
            ],
        });
        assert_eq!(serde_json::to_value(report()).unwrap(), expected);
    }

    #[test]
    fn a_person_is_shown_every_difference_and_every_count() {
        let text = report().text();
        for part in [
            "different: observed, case 4: b. A\n  AA is not set\n",
            "3 equal, 1 passed, 1 different, 7 skipped",
            "passed, because",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("a. A"), "{text}");
    }
}
