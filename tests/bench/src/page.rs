//! The measured parts of a page: what stands between two marks is one run's, what stands around them is a person's.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};

/// What begins every mark.
const MARK: &str = "<!-- measured: ";
const MARK_END: &str = " -->";

/// What belongs between each pair of marks, by the name that they share.
pub(crate) type Parts = BTreeMap<&'static str, String>;

/// The page with these parts between its marks, and everything else as it was.
///
/// # Errors
///
/// A mark is missing or stands in the wrong place, or there is one that nothing belongs to. The sentence says where to
/// put which line.
pub(crate) fn fill(page: &str, parts: &Parts) -> Result<String> {
    let mut filled = String::new();
    let mut missing = parts.clone();
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        filled += line;
        filled.push('\n');
        let Some((edge, name)) = mark(line) else {
            continue;
        };
        let number = number + 1;
        ensure!(
            edge == "begin",
            "line {number} ends `{name}`, which has not begun: put the line `{}` above it, or remove it",
            begin(name)
        );
        let Some(part) = missing.remove(name) else {
            bail!(
                "line {number} begins `{name}`, which {}",
                unexpected(name, parts)
            );
        };
        if !lines.any(|(_, line)| mark(line) == Some(("end", name))) {
            bail!(
                "`{name}` begins in line {number} and does not end: put the line `{}` below it",
                end(name)
            );
        }
        filled += &format!("\n{}\n\n{}\n", part.trim_end(), end(name));
    }
    if let Some(name) = missing.keys().next() {
        bail!(
            "there is no place for `{name}`: put the two lines `{}` and `{}` where it shall stand",
            begin(name),
            end(name)
        );
    }
    Ok(filled)
}

fn unexpected(name: &str, parts: &Parts) -> String {
    if parts.contains_key(name) {
        return "has been before: remove the second one".to_owned();
    }
    let names = parts.keys().copied().collect::<Vec<_>>().join(", ");
    format!("nothing is measured for: name one of {names}, or remove the line")
}

/// The edge (`begin` or `end`) and the name of a line that is a mark.
fn mark(line: &str) -> Option<(&str, &str)> {
    let inside = line.trim().strip_prefix(MARK)?.strip_suffix(MARK_END)?;
    inside.split_once(' ')
}

fn begin(name: &str) -> String {
    format!("{MARK}begin {name}{MARK_END}")
}

fn end(name: &str) -> String {
    format!("{MARK}end {name}{MARK_END}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# Speed\n\nWhat follows was measured.\n\n<!-- measured: begin sizes -->\nold\n<!-- measured: end sizes -->\n\nThat was it.\n";

    fn parts(pairs: &[(&'static str, &str)]) -> Parts {
        let pairs = pairs.iter();
        pairs
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect()
    }

    fn complaint(page: &str, names: &[(&'static str, &str)]) -> String {
        let filled = fill(page, &parts(names));
        filled.expect_err("a complaint").to_string()
    }

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let filled = fill(PAGE, &parts(&[("sizes", "| new |\n")])).expect("a page");
        assert_eq!(
            filled,
            PAGE.replace("\nold\n", "\n\n| new |\n\n"),
            "{filled}"
        );
    }

    #[test]
    fn filling_a_page_twice_changes_nothing() {
        let parts = parts(&[("sizes", "| new |\n\n| more |\n")]);
        let once = fill(PAGE, &parts).expect("a page");
        assert_eq!(fill(&once, &parts).expect("a page"), once);
    }

    #[test]
    fn a_page_without_the_marks_says_which_two_lines_to_put_where() {
        assert_eq!(
            complaint("# Speed\n", &[("sizes", "")]),
            "there is no place for `sizes`: put the two lines `<!-- measured: begin sizes -->` and \
             `<!-- measured: end sizes -->` where it shall stand"
        );
    }

    #[test]
    fn a_part_that_does_not_end_does_not_swallow_the_rest_of_the_page() {
        let page = PAGE.replace("<!-- measured: end sizes -->\n", "");
        assert_eq!(
            complaint(&page, &[("sizes", "")]),
            "`sizes` begins in line 5 and does not end: put the line `<!-- measured: end sizes -->` below it"
        );
    }

    #[test]
    fn a_misspelt_name_is_told_with_those_that_there_are() {
        assert_eq!(
            complaint(PAGE, &[("walks", ""), ("kernel", "")]),
            "line 5 begins `sizes`, which nothing is measured for: name one of kernel, walks, or remove the line"
        );
        let twice = format!("{PAGE}{PAGE}");
        assert_eq!(
            complaint(&twice, &[("sizes", "")]),
            "line 14 begins `sizes`, which has been before: remove the second one"
        );
    }
}
