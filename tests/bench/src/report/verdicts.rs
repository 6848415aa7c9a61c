//! The table of targets.

use comfy_table::Table;

use super::{number, spread};
use crate::{
    results::{Ratio, Results},
    targets::{Limit, TARGETS, Target, Verdict},
};

/// What was reached of each target.
pub(super) fn table(results: &Results) -> Table {
    let mut table = super::table(&["", "target", "reached", "from", ""]);
    for target in &TARGETS {
        let reached = target.reached(results);
        let (figure, beside) = match &reached {
            Some(reached) => (with_unit(target, reached.figure), reached.beside.clone()),
            None => (String::new(), String::new()),
        };
        let verdict = match target.verdict(results) {
            Verdict::Met => "met",
            Verdict::Missed => "MISSED",
            Verdict::NotMeasured => "not measured",
        };
        table.add_row([
            target.what.to_owned(),
            limit(target),
            figure,
            beside,
            verdict.to_owned(),
        ]);
    }
    table
}

fn limit(target: &Target) -> String {
    let (sign, limit) = match target.limit {
        Limit::AtMost(limit) => ("≤", limit),
        Limit::AtLeast(limit) => ("≥", limit),
    };
    let limit = match limit {
        small if small < 1000.0 => small.to_string(),
        large => number(large, 0),
    };
    format!("{sign} {limit} {}", target.unit)
        .trim_end()
        .to_owned()
}

/// The figure with its spread, where there were rounds.
fn with_unit(target: &Target, figure: Ratio) -> String {
    let digits = match figure.median.abs() {
        small if small < 10.0 => 3,
        middle if middle < 1000.0 => 1,
        _ => 0,
    };
    let text = match figure.least == figure.most {
        true => number(figure.median, digits),
        false => spread(figure, digits),
    };
    format!("{text} {}", target.unit).trim_end().to_owned()
}
