//! The datapath's library: no dependencies, no unsafe code.

use syn::AttrStyle;
use toml::{Table, Value};

use super::{Finding, source::Source};

const RULE: &str = "the-datapath-knows-nothing";

/// The condition under which the BPF object, and only it, has dependencies.
const BPF_ONLY: &str = "cfg(target_arch = \"bpf\")";

/// Checks that the package depends on something for the BPF target only. Test dependencies are free.
pub(super) fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    let finding = |line, text: String| Finding {
        file: path.to_owned(),
        line,
        rule: RULE,
        text,
    };
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![finding(0, format!("does not parse: {error}"))],
    };
    let targets = manifest.get("target").and_then(Value::as_table);
    let of_targets = targets
        .into_iter()
        .flatten()
        .filter_map(|(condition, target)| {
            let is_bpf_only = without_spaces(condition) == without_spaces(BPF_ONLY);
            (!is_bpf_only)
                .then_some(target.get("dependencies"))
                .flatten()
        });
    manifest
        .get("dependencies")
        .into_iter()
        .chain(of_targets)
        .filter_map(Value::as_table)
        .flat_map(Table::keys)
        .map(|name| {
            let advice = format!("{name} belongs under [target.'{BPF_ONLY}'.dependencies]");
            finding(line_of(text, name), advice)
        })
        .collect()
}

/// Checks that the library refuses unsafe code as a whole.
pub(super) fn check_library(sources: &[Source], path: &str) -> Option<Finding> {
    let source = sources.iter().find(|source| source.path == path)?;
    let refuses = source.file.attrs.iter().any(|attribute| {
        let is_level = attribute.path().is_ident("forbid") || attribute.path().is_ident("deny");
        let names_it = attribute
            .meta
            .require_list()
            .is_ok_and(|list| list.tokens.to_string().contains("unsafe_code"));
        matches!(attribute.style, AttrStyle::Inner(_)) && is_level && names_it
    });
    (!refuses).then(|| source.finding(1, RULE, "says nowhere `#![forbid(unsafe_code)]`"))
}

fn without_spaces(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The first line that sets `name`, 0 if none does.
fn line_of(text: &str, name: &str) -> usize {
    text.lines()
        .position(|line| line.trim_start().trim_start_matches('"').starts_with(name))
        .map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<usize> {
        check_manifest("Cargo.toml", text)
            .iter()
            .map(|finding| finding.line)
            .collect()
    }

    #[test]
    fn dependencies_for_the_bpf_target_and_for_tests_are_free() {
        let text = "[target.'cfg(target_arch = \"bpf\")'.dependencies]\naya-ebpf = \"0.2\"\n\
                    [dev-dependencies]\nproptest = \"1\"\n";
        assert!(lines(text).is_empty());
    }

    #[test]
    fn any_other_dependency_is_found_with_its_line() {
        assert_eq!(lines("[dependencies]\nlibc = \"0.2\"\n"), [2]);
        assert_eq!(
            lines("[target.'cfg(unix)'.dependencies]\n\nlibc = \"0.2\"\n"),
            [3]
        );
        assert_eq!(lines("[dependencies"), [0]);
    }

    #[test]
    fn the_library_must_refuse_unsafe_code() {
        let check = |text| {
            let path = "dns-ebpf/src/lib.rs";
            check_library(&[Source::parse(path, text).expect("Rust")], path).is_none()
        };
        assert!(check("#![no_std]\n#![forbid(unsafe_code)]"));
        assert!(check("#![deny(unsafe_code, missing_docs)]"));
        assert!(!check("#![warn(unsafe_code)]"));
        assert!(!check("#![no_std]"));
    }
}
