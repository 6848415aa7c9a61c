//! The form of a file: it says what it is for, it is short, and nothing in it is left for later.

use syn::AttrStyle;

use super::{Finding, source::Source};

/// The length above which a file is to be split.
const LINES_MAX: usize = 400;

/// The files that may be longer, each with the reason beside it.
const MAY_BE_LONGER: [&str; 0] = [];

/// Macros that stand for code not written yet.
const UNFINISHED_MACROS: [&str; 2] = ["todo", "unimplemented"];

/// Checks the form of one file.
pub(super) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(module_head(source));
    findings.extend(length(source));
    findings.extend(unfinished(source));
    findings
}

fn module_head(source: &Source) -> Option<Finding> {
    let has_head = source.file.attrs.iter().any(|attribute| {
        matches!(attribute.style, AttrStyle::Inner(_)) && attribute.path().is_ident("doc")
    });
    let text = "opens without `//!`: say what the module is for";
    (!has_head).then(|| source.finding(1, "module-head", text))
}

fn length(source: &Source) -> Option<Finding> {
    let lines = source.text.lines().count();
    if lines <= LINES_MAX || MAY_BE_LONGER.contains(&source.path.as_str()) {
        return None;
    }
    let text = format!("{lines} lines, more than {LINES_MAX}: split the file");
    Some(source.finding(0, "file-length", text))
}

fn unfinished(source: &Source) -> Vec<Finding> {
    const RULE: &str = "nothing-unfinished";
    let macros = source
        .mentions
        .iter()
        .filter(|mention| mention.is_macro)
        .filter(|mention| UNFINISHED_MACROS.iter().any(|name| mention.ends_with(name)))
        .map(|mention| source.finding(mention.line, RULE, format!("`{}!`", mention.text())));
    let marks = source.text.lines().enumerate().filter_map(|(index, line)| {
        let mark = unfinished_mark(line)?;
        Some(source.finding(
            index + 1,
            RULE,
            format!("`{mark}`: do it, or open an issue"),
        ))
    });
    macros.chain(marks).collect()
}

/// The mark in `line` by which people put work off. The marks are written in halves, since this file
/// is checked too.
fn unfinished_mark(line: &str) -> Option<&'static str> {
    const MARKS: [&str; 2] = [concat!("FIX", "ME"), concat!("XX", "X")];
    let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.find_map(|word| MARKS.into_iter().find(|mark| word == *mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> Vec<(&'static str, usize)> {
        let source = Source::parse("xtask/src/a.rs", text).expect("Rust");
        check(&source)
            .iter()
            .map(|finding| (finding.rule, finding.line))
            .collect()
    }

    #[test]
    fn a_module_opens_with_what_it_is_for() {
        assert_eq!(broken("//! For this.\n"), []);
        assert_eq!(broken("#![no_std]\n//! For this.\n"), []);
        assert_eq!(broken("// For this.\n"), [("module-head", 1)]);
        assert_eq!(broken("/// For that.\nfn a() {}"), [("module-head", 1)]);
    }

    #[test]
    fn a_file_of_401_lines_is_too_long() {
        let lines = |count: usize| "//! a\n".repeat(count);
        assert_eq!(broken(&lines(400)), []);
        assert_eq!(broken(&lines(401)), [("file-length", 0)]);
    }

    #[test]
    fn work_put_off_is_found_in_macros_and_comments() {
        assert_eq!(
            broken("//! a\nfn a() { todo!() }"),
            [("nothing-unfinished", 2)]
        );
        let comment = format!("//! a\n// {}{}: later\n", "FIX", "ME");
        assert_eq!(broken(&comment), [("nothing-unfinished", 2)]);
        assert_eq!(broken("//! a\nfn todo() {}"), []);
        assert_eq!(broken("//! mktemp zerohop.XXXXXX\n"), []);
    }
}
