//! A second build, to see that the image depends on its sources only.

use std::{fs, path::Path};

use ::tests::Folder;
use anyhow::{Context as _, Result, bail};
use walkdir::{DirEntry, WalkDir};

use super::write;
use crate::{build, oci::Digest, setup::Environment, workspace};

/// The file by which programs mark folders that they can make again, cargo's target folders among
/// them: <https://bford.info/cachedir/>.
const CACHE_MARK: &str = "CACHEDIR.TAG";

/// Builds from a copy of the sources, in a target folder of its own, and compares with `first`.
///
/// # Errors
///
/// The digests differ: both archives are kept, to be compared. Or the copy or its build fails.
pub(super) fn compare(
    environment: &Environment,
    archive: &Path,
    name: &str,
    first: &Digest,
) -> Result<()> {
    let folder = Folder::new()?;
    let (sources, target) = (folder.path().join("sources"), folder.path().join("target"));
    copy(&workspace::root(), &sources)?;
    let agent =
        build::static_program_of(environment, &sources, &target, "dns-userspace", "zerohop")?;
    let again = archive.with_extension("again.tar");
    let second = write(&again, name, &agent)?;
    if second != *first {
        bail!(
            "a second build from the same sources has another digest, {second}. What differs: diffoscope {} {}",
            archive.display(),
            again.display()
        );
    }
    fs::remove_file(&again).with_context(|| format!("remove {}", again.display()))
}

/// Copies the repository without its history and without what was built.
fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in WalkDir::new(from).into_iter().filter_entry(is_source) {
        let entry = entry.context("read the sources")?;
        let path = entry.path();
        let copy = to.join(path.strip_prefix(from).context("copy the sources")?);
        let copied = match entry.file_type().is_dir() {
            true => fs::create_dir_all(&copy),
            false => fs::copy(path, &copy).map(|_| ()),
        };
        copied.with_context(|| format!("copy {} to {}", path.display(), copy.display()))?;
    }
    Ok(())
}

fn is_source(entry: &DirEntry) -> bool {
    entry.file_name() != ".git" && !entry.path().join(CACHE_MARK).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_the_sources_and_nothing_that_was_built() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let from = folder.path().join("from");
        for path in [
            "src/main.rs",
            ".cargo/config.toml",
            ".git/HEAD",
            "target/CACHEDIR.TAG",
        ] {
            let path = from.join(path);
            fs::create_dir_all(path.parent().expect("folder")).expect("folder");
            fs::write(path, "text").expect("write");
        }
        let to = folder.path().join("deep/to");
        copy(&from, &to).expect("copy");
        for (path, is_there) in [
            ("src/main.rs", true),
            (".cargo/config.toml", true),
            (".git", false),
            ("target", false),
        ] {
            assert_eq!(to.join(path).exists(), is_there, "{path}");
        }
    }
}
