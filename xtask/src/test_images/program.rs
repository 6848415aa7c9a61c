//! Programs of this system with the libraries that they are loaded with.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use super::PROGRAMS;
use crate::{oci::Layer, setup};

/// iptables loads each match and target when a rule names it; they lie beside this library.
const IPTABLES_LIBRARY: &str = "libxtables.so";
const IPTABLES_MODULES: &str = "xtables";

/// Files for an image, by their paths in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content(BTreeMap<String, PathBuf>);

impl Content {
    /// The same without what `other` has.
    pub(super) fn without(mut self, other: &Self) -> Self {
        self.0.retain(|path, _| !other.0.contains_key(path));
        self
    }

    /// Puts everything into a layer.
    pub(super) fn add_to(&self, layer: Layer) -> Layer {
        self.0.iter().fold(layer, |layer, (path, host_path)| {
            layer.file(path, host_path, 0o755)
        })
    }
}

/// The programs in [`PROGRAMS`], and all libraries that they need where they lie here.
pub(super) fn content_of(programs: &[&str]) -> Result<Content> {
    let mut content = BTreeMap::new();
    for name in programs {
        let path = setup::find_program(name).with_context(|| {
            format!("find the program {name}; `cargo xtask doctor` says how to install it")
        })?;
        for library in libraries_of(&path)? {
            if library.contains(IPTABLES_LIBRARY) {
                content.extend(iptables_modules(Path::new(&library))?);
            }
            content.insert(library.clone(), library.into());
        }
        content.insert(format!("{PROGRAMS}/{name}"), path);
    }
    Ok(Content(content))
}

/// What busybox can be called as.
pub(super) fn applets() -> Result<Vec<String>> {
    let failed = "ask busybox what it can do";
    let path = setup::find_program("busybox").context(failed)?;
    let output = Command::new(path).arg("--list").output().context(failed)?;
    let text = String::from_utf8(output.stdout).context(failed)?;
    let applets: Vec<String> = text
        .lines()
        .filter(|line| *line != "busybox")
        .map(str::to_owned)
        .collect();
    ensure!(!applets.is_empty(), "{failed}: it names nothing");
    Ok(applets)
}

fn libraries_of(program: &Path) -> Result<Vec<String>> {
    let failed = || format!("ask ldd which libraries {} needs", program.display());
    let output = Command::new("ldd")
        .arg(program)
        .output()
        .with_context(failed)?;
    // It ends without success for a static program, and says so.
    let text = String::from_utf8(output.stdout).with_context(failed)?;
    let missing = text.lines().find(|line| line.contains("not found"));
    ensure!(
        missing.is_none(),
        "{}: {}",
        failed(),
        missing.unwrap_or_default().trim()
    );
    Ok(libraries_in(&text))
}

/// The paths in what ldd prints: `NAME => PATH (ADDRESS)`, or `PATH (ADDRESS)` for the loader.
fn libraries_in(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .filter(|path| !path.ends_with(':'))
        .map(str::to_owned)
        .collect()
}

/// The modules beside iptables' library, which looks for them under the library's real path.
fn iptables_modules(library: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let failed = || format!("find the modules of {}", library.display());
    let real = library.canonicalize().with_context(failed)?;
    let folder = real.parent().with_context(failed)?.join(IPTABLES_MODULES);
    let mut modules = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(failed)? {
        let path = entry.with_context(failed)?.path();
        if path.is_file() {
            modules.insert(path.display().to_string(), path);
        }
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_in_what_ldd_prints() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibcap.so.2 => /lib/x86_64-linux-gnu/libcap.so.2 (0x00007f)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            libraries_in(text),
            [
                "/lib/x86_64-linux-gnu/libcap.so.2",
                "/lib64/ld-linux-x86-64.so.2"
            ]
        );
        assert!(libraries_in("\tnot a dynamic executable\n").is_empty());
    }

    #[test]
    fn what_a_lower_layer_has_is_not_put_in_again() {
        let shell = content_of(&["getent", "gcc"]).expect("here while this is tested");
        let again = content_of(&["getent"]).expect("here");
        let left = shell.clone().without(&again);
        assert!(left.0.contains_key("/usr/bin/gcc"), "{left:?}");
        assert!(!left.0.contains_key("/usr/bin/getent"), "{left:?}");
        assert!(
            shell.0.keys().any(|path| path.contains("libc.so")),
            "{shell:?}"
        );
    }
}
