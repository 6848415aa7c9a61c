//! One Rust file, parsed.

use super::{
    Finding,
    mentions::{self, Mention},
};

/// A Rust file with what the rules look at.
pub(super) struct Source {
    /// Its path, relative to the repository's root.
    pub(super) path: String,
    /// Its text.
    pub(super) text: String,
    /// Its items and attributes.
    pub(super) file: syn::File,
    /// Every identifier and path in it, with its line; comments and literals hold none.
    pub(super) mentions: Vec<Mention>,
    /// The same without what is compiled for tests only.
    pub(super) production_mentions: Vec<Mention>,
}

impl Source {
    /// Parses a file's text.
    ///
    /// # Errors
    ///
    /// The text is not Rust: a finding that says where.
    pub(super) fn parse(path: &str, text: &str) -> Result<Self, Finding> {
        let broken = |line, text: String| Finding {
            file: path.to_owned(),
            line,
            rule: "syntax",
            text: format!("does not parse: {text}"),
        };
        let file = syn::parse_file(text)
            .map_err(|error| broken(error.span().start().line, error.to_string()))?;
        let tokens: proc_macro2::TokenStream = text
            .parse()
            .map_err(|error: proc_macro2::LexError| broken(0, error.to_string()))?;
        let is_test_file = path.ends_with("/tests.rs") || path.contains("/tests/");
        Ok(Self {
            path: path.to_owned(),
            text: text.to_owned(),
            file,
            production_mentions: match is_test_file {
                true => Vec::new(),
                false => mentions::outside_tests(tokens.clone()),
            },
            mentions: mentions::all(tokens),
        })
    }

    /// A finding in this file.
    pub(super) fn finding(
        &self,
        line: usize,
        rule: &'static str,
        text: impl Into<String>,
    ) -> Finding {
        Finding {
            file: self.path.clone(),
            line,
            rule,
            text: text.into(),
        }
    }

    /// Whether this file is the module at `path` (without `.rs`) or lies below it.
    pub(super) fn is_in(&self, path: &str) -> bool {
        self.path
            .strip_prefix(path)
            .is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_a_file_or_a_folder_of_that_name() {
        let at = |path| Source::parse(path, "").expect("empty");
        assert!(at("dns-ebpf/src/kernel.rs").is_in("dns-ebpf/src/kernel"));
        assert!(at("dns-ebpf/src/kernel/tc.rs").is_in("dns-ebpf/src/kernel"));
        assert!(!at("dns-ebpf/src/kernels.rs").is_in("dns-ebpf/src/kernel"));
    }

    #[test]
    fn text_that_is_not_rust_is_a_finding_with_its_line() {
        let Err(finding) = Source::parse("a.rs", "fn a() {}\nfn {") else {
            panic!("parsed");
        };
        assert_eq!((finding.line, finding.rule), (2, "syntax"));
    }
}
