//! ARCHITECTURE.md names only what exists.

use super::Finding;

/// The document that leads a newcomer to every rule.
pub(super) const DOCUMENT: &str = "ARCHITECTURE.md";

const RULE: &str = "the-map-is-true";

/// The folders that a path of this repository starts with.
const TOP_FOLDERS: [&str; 9] = [
    ".cargo",
    ".ci",
    "deploy",
    "dns-ebpf",
    "dns-userspace",
    "docs",
    "examples",
    "tests",
    "xtask",
];

/// What a file in the root folder ends with.
const ENDINGS: [&str; 3] = [".rs", ".md", ".toml"];

/// Checks each path that stands in backticks; `exists` is asked with paths from the root folder.
pub(super) fn check(text: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, code) in inline_code(text) {
        for path in paths_in(code) {
            if !exists(&path) {
                findings.push(finding(line, format!("`{path}` does not exist")));
            }
        }
    }
    findings
}

/// The finding for a repository without the document.
pub(super) fn missing() -> Finding {
    finding(0, "is missing".to_owned())
}

fn finding(line: usize, text: String) -> Finding {
    Finding {
        file: DOCUMENT.to_owned(),
        line,
        rule: RULE,
        text,
    }
}

/// What stands in single backticks, with its line; fenced blocks show trees and output, and are left
/// out.
fn inline_code(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        } else if !is_fenced {
            found.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|code| (index + 1, code)),
            );
        }
    }
    found
}

/// The repository paths that `code` names: none if it is something else, several for `a/{b,c}.rs`.
fn paths_in(code: &str) -> Vec<String> {
    let code = code.split_once(':').map_or(code, |(path, _line)| path);
    let is_path = code
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "/._-{},".contains(c));
    let first = code.split('/').next().unwrap_or_default();
    let is_ours = match code.contains('/') {
        true => TOP_FOLDERS.contains(&first),
        false => is_root_file(code),
    };
    if !is_path || !is_ours {
        return Vec::new();
    }
    expand_braces(code)
}

/// `Cargo.toml` and `README.md` lie in the root; a bare `frame.rs` is short for a path given nearby.
fn is_root_file(code: &str) -> bool {
    ENDINGS.iter().any(|ending| code.ends_with(ending))
        && code.starts_with(|c: char| c.is_ascii_uppercase())
}

fn expand_braces(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| {
        rest.split_once('}')
            .map(|(list, after)| (before, list, after))
    });
    let Some((before, list, after)) = parts else {
        return vec![path.to_owned()];
    };
    list.split(',')
        .map(|name| format!("{before}{}{after}", name.trim()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing_in(text: &str) -> Vec<(usize, String)> {
        let exists = |path: &str| path == "dns-ebpf/src/frame.rs" || path == "README.md";
        check(text, exists)
            .into_iter()
            .map(|finding| (finding.line, finding.text))
            .collect()
    }

    #[test]
    fn a_path_that_does_not_exist_is_found_with_its_line() {
        let text = "See `README.md`\nand `dns-ebpf/src/frame.rs`, `dns-ebpf/src/gone.rs`.";
        assert_eq!(
            missing_in(text),
            [(2, "`dns-ebpf/src/gone.rs` does not exist".to_owned())]
        );
        assert_eq!(missing_in("`Nowhere.md`").len(), 1);
    }

    #[test]
    fn what_is_no_path_of_the_repository_is_left_alone() {
        for text in [
            "`/sys/fs/bpf/zerohop`",
            "`dns_ebpf::Answer`",
            "`a/b`",
            "`frame.rs`",
            "tests/gone.rs",
        ] {
            assert_eq!(missing_in(text), [], "{text}");
        }
        assert_eq!(missing_in("```\n`tests/gone.rs`\n```\n"), []);
    }

    #[test]
    fn braces_name_several_files_and_line_numbers_are_ignored() {
        assert_eq!(missing_in("`dns-ebpf/src/{frame,gone}.rs`").len(), 1);
        assert_eq!(missing_in("`dns-ebpf/src/frame.rs:12`"), []);
    }
}
