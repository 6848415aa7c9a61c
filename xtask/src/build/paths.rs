//! Keeps this machine's paths out of what is built, so that two machines build the same.
//!
//! The compiler writes the paths of source files into panic messages and debug information, which the
//! BPF object keeps in its BTF. `--remap-path-prefix` replaces their beginnings. It cannot stand among
//! cargo's flags: aya-build sets those of the BPF object itself, and cargo would make folder names of
//! them, which differ with the paths again. So xtask stands between cargo and compiler
//! (`RUSTC_WRAPPER`), for the agent and for the BPF object alike, and cargo never hears of it.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::{ffi::OsStrExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// Holds the arguments that the compiler gets beside cargo's, with [`SEPARATOR`] between them.
const ARGUMENTS: &str = "ZEROHOP_REMAP_PATH_PREFIXES";

/// What no path has in it; cargo's own variables use it, too.
const SEPARATOR: &str = "\x1f";

/// Makes cargo's `command` build without paths of this machine; `xtask` is this program.
pub(super) fn hide(command: &mut Command, xtask: &Path, root: &Path, target: &Path) {
    let home = env::home_dir().unwrap_or_default();
    let folder = |variable: &str, usual: &str| {
        env::var_os(variable).map_or_else(|| home.join(usual), PathBuf::from)
    };
    let places = [
        (root.to_path_buf(), "/build/zerohop"),
        (target.to_path_buf(), "/build/target"),
        (folder("CARGO_HOME", ".cargo"), "/build/cargo"),
        (folder("RUSTUP_HOME", ".rustup"), "/build/rustup"),
    ];
    command
        .env("RUSTC_WRAPPER", xtask)
        .env(ARGUMENTS, arguments(&places));
}

/// The compiler's arguments that replace each first path by its second, longest last: where several
/// fit, the compiler takes the last.
fn arguments(places: &[(PathBuf, &str)]) -> OsString {
    let mut both: Vec<(PathBuf, &str)> = Vec::new();
    for (path, name) in places {
        both.push((path.clone(), name));
        // Cargo takes a folder as it is named, the compiler as it finds it.
        if let Ok(real) = path.canonicalize() {
            both.push((real, name));
        }
    }
    both.retain(|(path, _)| path.is_absolute());
    both.sort_by_key(|(path, _)| path.as_os_str().len());
    both.dedup();
    let arguments: Vec<OsString> = both
        .iter()
        .map(|(path, name)| {
            let mut argument = OsString::from("--remap-path-prefix=");
            argument.push(path);
            argument.push("=");
            argument.push(name);
            argument
        })
        .collect();
    arguments.join(OsStr::new(SEPARATOR))
}

/// Becomes the compiler, if cargo called this program in its place; otherwise returns at once.
///
/// # Errors
///
/// The compiler cannot be started.
pub(crate) fn become_compiler() -> Result<()> {
    let Some(added) = env::var_os(ARGUMENTS) else {
        return Ok(());
    };
    let mut arguments = env::args_os().skip(1);
    let compiler = arguments
        .next()
        .with_context(|| format!("{ARGUMENTS} is set, which cargo alone may see: unset it"))?;
    let error = Command::new(&compiler)
        .args(arguments)
        .args(split(&added))
        .exec();
    Err(error).with_context(|| format!("start the compiler {}", compiler.display()))
}

fn split(added: &OsStr) -> impl Iterator<Item = &OsStr> {
    let separator = SEPARATOR.as_bytes()[0];
    added
        .as_bytes()
        .split(move |&octet| octet == separator)
        .map(OsStr::from_bytes)
        .filter(|argument| !argument.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_comes_last_whatever_lies_in_what() {
        let places = [
            (PathBuf::from("/nowhere/home/code/target"), "/build/target"),
            (PathBuf::from("/nowhere/home"), "/build/cargo"),
            (PathBuf::from("/nowhere/home/code"), "/build/zerohop"),
        ];
        let arguments = arguments(&places);
        let split: Vec<&OsStr> = split(&arguments).collect();
        assert_eq!(
            split,
            [
                "--remap-path-prefix=/nowhere/home=/build/cargo",
                "--remap-path-prefix=/nowhere/home/code=/build/zerohop",
                "--remap-path-prefix=/nowhere/home/code/target=/build/target",
            ]
        );
    }

    #[test]
    fn a_folder_behind_a_link_is_replaced_under_both_names() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let real = folder.path().canonicalize().expect("path").join("real");
        let link = folder.path().join("link");
        std::fs::create_dir(&real).expect("folder");
        std::os::unix::fs::symlink(&real, &link).expect("link");
        let arguments = arguments(&[(link.clone(), "/build/cargo")]);
        for path in [real, link] {
            let wanted = format!("--remap-path-prefix={}=/build/cargo", path.display());
            assert!(
                split(&arguments).any(|argument| argument == wanted.as_str()),
                "{wanted}"
            );
        }
    }

    #[test]
    fn a_place_that_is_not_known_replaces_nothing() {
        assert_eq!(
            split(&arguments(&[(PathBuf::new(), "/build/cargo")])).count(),
            0
        );
    }
}
