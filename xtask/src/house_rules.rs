//! The rules of this repository that no compiler checks: the invariants of ARCHITECTURE.md that can be
//! told from the text.
//!
//! A rule is a function over the contents of files that returns findings.

mod architecture;
mod boundaries;
mod datapath;
mod form;
mod mentions;
mod modules;
mod source;

use std::{collections::BTreeSet, fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use cargo_metadata::MetadataCommand;
use walkdir::{DirEntry, WalkDir};

use self::source::Source;
use crate::workspace;

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// The file, relative to the repository's root.
    file: String,
    /// The line, from 1; 0 if the whole file is meant.
    line: usize,
    /// The rule's name.
    rule: &'static str,
    /// What is wrong, and what to do.
    text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            rule,
            text,
        } = self;
        match line {
            0 => write!(formatter, "{file}: {rule}: {text}"),
            line => write!(formatter, "{file}:{line}: {rule}: {text}"),
        }
    }
}

/// Checks every rule over the whole repository.
///
/// # Errors
///
/// A file cannot be read, or cargo does not understand the workspace.
pub(crate) fn check_repository() -> Result<Vec<Finding>> {
    let root = workspace::root();
    let packages = packages(&root)?;

    let mut findings = Vec::new();
    let mut sources = Vec::new();
    for package in &packages {
        for path in rust_files(&root.join(&package.folder)) {
            let name = relative(&root, &path);
            match Source::parse(&name, &read(&path)?) {
                Ok(source) => sources.push(source),
                Err(finding) => findings.push(finding),
            }
        }
    }
    for source in &sources {
        findings.extend(boundaries::check(source));
        findings.extend(form::check(source));
    }
    let roots: Vec<&str> = packages
        .iter()
        .flat_map(|package| &package.roots)
        .map(String::as_str)
        .collect();
    findings.extend(modules::unreached(&sources, &roots));

    let manifest = "dns-ebpf/Cargo.toml";
    findings.extend(datapath::check_manifest(
        manifest,
        &read(&root.join(manifest))?,
    ));
    findings.extend(datapath::check_library(&sources, "dns-ebpf/src/lib.rs"));

    let document = root.join(architecture::DOCUMENT);
    match fs::read_to_string(&document) {
        Ok(text) => findings.extend(architecture::check(&text, |path| root.join(path).exists())),
        Err(_) => findings.push(architecture::missing()),
    }
    findings.sort();
    Ok(findings)
}

/// A package of the workspace.
struct Package {
    folder: String,
    /// The files in which its crates start.
    roots: Vec<String>,
}

fn packages(root: &Path) -> Result<Vec<Package>> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .context("ask cargo for the workspace's packages")?;
    let packages = metadata.packages.iter().filter_map(|package| {
        let folder = package.manifest_path.parent()?;
        let roots = package.targets.iter();
        Some(Package {
            folder: relative(root, folder.as_std_path()),
            roots: roots
                .map(|target| relative(root, target.src_path.as_std_path()))
                .collect(),
        })
    });
    Ok(packages.collect())
}

/// The Rust files of a package; folders with a Cargo.toml of their own are other packages.
fn rust_files(package: &Path) -> BTreeSet<std::path::PathBuf> {
    let is_own = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        let is_foreign = entry.file_type().is_dir()
            && (name == "target"
                || name.starts_with('.')
                || entry.path().join("Cargo.toml").exists());
        entry.depth() == 0 || !is_foreign
    };
    WalkDir::new(package)
        .into_iter()
        .filter_entry(is_own)
        .filter_map(Result::ok)
        .map(DirEntry::into_path)
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_file_line_rule_and_text() {
        let mut finding = Finding {
            file: "a.rs".to_owned(),
            line: 3,
            rule: "form",
            text: "too long".to_owned(),
        };
        assert_eq!(finding.to_string(), "a.rs:3: form: too long");
        finding.line = 0;
        assert_eq!(finding.to_string(), "a.rs: form: too long");
    }
}
