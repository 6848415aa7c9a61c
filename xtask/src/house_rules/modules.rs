//! Every Rust file is reached from a crate's root by `mod`: an orphan is neither compiled nor tested.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use syn::{Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::{Finding, source::Source};

/// The files among `sources` that no crate reaches whose root is in `roots`.
pub(super) fn unreached(sources: &[Source], roots: &[&str]) -> Vec<Finding> {
    let files: BTreeMap<&str, &Source> = sources
        .iter()
        .map(|source| (source.path.as_str(), source))
        .collect();
    let mut reached = BTreeSet::new();
    for root in roots {
        let folder = Path::new(root)
            .parent()
            .unwrap_or(Path::new(""))
            .to_path_buf();
        reach(&files, root, &folder, &mut reached);
    }
    sources
        .iter()
        .filter(|source| !reached.contains(source.path.as_str()))
        .map(|source| {
            source.finding(
                0,
                "every-file-is-reached",
                "no `mod` and no cargo target leads here",
            )
        })
        .collect()
}

/// Follows the modules of the file at `path`, whose submodules lie in `folder`.
fn reach<'a>(
    files: &BTreeMap<&'a str, &'a Source>,
    path: &str,
    folder: &Path,
    reached: &mut BTreeSet<&'a str>,
) {
    let Some((&path, source)) = files.get_key_value(path) else {
        return;
    };
    if !reached.insert(path) {
        return;
    }
    for (file, folder) in children(&source.file.items, Path::new(path), folder) {
        reach(files, &file.display().to_string(), &folder, reached);
    }
}

/// The files that `items` may name, each with the folder of its own submodules.
fn children(items: &[Item], file: &Path, folder: &Path) -> Vec<(PathBuf, PathBuf)> {
    let modules = items.iter().filter_map(|item| match item {
        Item::Mod(module) => Some(module),
        _ => None,
    });
    modules
        .flat_map(|module| {
            let below = folder.join(module.ident.to_string());
            match (&module.content, path_attribute(module)) {
                (Some((_, items)), _) => children(items, file, &below),
                (None, Some(path)) => {
                    let named = file.parent().unwrap_or(Path::new("")).join(path);
                    let below = named.with_extension("");
                    vec![(named, below)]
                }
                (None, None) => vec![
                    (below.with_extension("rs"), below.clone()),
                    (below.join("mod.rs"), below.clone()),
                ],
            }
        })
        .collect()
}

fn path_attribute(module: &ItemMod) -> Option<String> {
    module
        .attrs
        .iter()
        .find_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(path),
                    ..
                }) => Some(path.value()),
                _ => None,
            },
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orphans(files: &[(&str, &str)], roots: &[&str]) -> Vec<String> {
        let sources: Vec<Source> = files
            .iter()
            .map(|(path, text)| Source::parse(path, text).expect("Rust"))
            .collect();
        unreached(&sources, roots)
            .into_iter()
            .map(|finding| finding.file)
            .collect()
    }

    #[test]
    fn modules_are_followed_in_files_folders_and_inline_blocks() {
        let files = [
            (
                "a/src/lib.rs",
                "mod b; mod inline { mod c; } #[cfg(test)] mod tests;",
            ),
            ("a/src/b.rs", "mod d;"),
            ("a/src/b/d.rs", ""),
            ("a/src/inline/c/mod.rs", "mod e;"),
            ("a/src/inline/c/e.rs", ""),
            ("a/src/tests.rs", ""),
        ];
        assert_eq!(orphans(&files, &["a/src/lib.rs"]), [""; 0]);
    }

    #[test]
    fn a_file_that_nobody_names_is_an_orphan() {
        let files = [
            ("a/src/lib.rs", "// mod b;"),
            ("a/src/b.rs", "mod c;"),
            ("a/src/b/c.rs", ""),
            ("a/tests/first.rs", ""),
            ("a/tests/second.rs", ""),
        ];
        assert_eq!(
            orphans(&files, &["a/src/lib.rs", "a/tests/first.rs"]),
            ["a/src/b.rs", "a/src/b/c.rs", "a/tests/second.rs"]
        );
    }

    #[test]
    fn a_path_attribute_is_followed() {
        let files = [("a/src/lib.rs", "#[path = \"../shared/b.rs\"] mod c;")];
        let named = children(
            &Source::parse(files[0].0, files[0].1)
                .expect("Rust")
                .file
                .items,
            Path::new("a/src/lib.rs"),
            Path::new("a/src"),
        );
        assert_eq!(named[0].0, Path::new("a/src/../shared/b.rs"));
    }
}
