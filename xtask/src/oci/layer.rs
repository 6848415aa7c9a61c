//! A layer: a set of files, as a tar file that depends on nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use tar::{Builder, EntryType, Header};

/// The mode of folders that nobody named.
const FOLDER_MODE: u32 = 0o755;

/// A layer of an image, built file by file; mistakes are found when it is written.
///
/// Folders above an entry that are not named are made with mode 0755, also where a lower layer has
/// them with another one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layer {
    entries: Vec<(String, Entry)>,
}

#[derive(Clone, Debug)]
enum Entry {
    File { host_path: PathBuf, mode: u32 },
    Text { contents: String, mode: u32 },
    Directory { mode: u32 },
    Link { target: String },
}

impl Layer {
    /// A layer without anything.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Puts the file `host_path` of this machine at `path` in the image.
    pub(crate) fn file(self, path: &str, host_path: impl Into<PathBuf>, mode: u32) -> Self {
        let host_path = host_path.into();
        self.with(path, Entry::File { host_path, mode })
    }

    /// Puts a file with these contents at `path`.
    pub(crate) fn text(self, path: &str, contents: impl Into<String>, mode: u32) -> Self {
        let contents = contents.into();
        self.with(path, Entry::Text { contents, mode })
    }

    /// Makes a folder at `path`.
    pub(crate) fn directory(self, path: &str, mode: u32) -> Self {
        self.with(path, Entry::Directory { mode })
    }

    /// Puts a symbolic link to `target` at `path`.
    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        let target = target.to_owned();
        self.with(path, Entry::Link { target })
    }

    fn with(mut self, path: &str, entry: Entry) -> Self {
        self.entries.push((path.to_owned(), entry));
        self
    }

    /// The layer as a tar file.
    pub(super) fn to_tar(&self) -> Result<Vec<u8>> {
        let mut tar = Builder::new(Vec::new());
        for (path, entry) in self.sorted()? {
            append(&mut tar, &path, &entry)
                .with_context(|| format!("put /{path} into a layer of an image"))?;
        }
        tar.into_inner().context("write a layer of an image")
    }

    /// The entries by path without the first `/`, with the folders above them.
    fn sorted(&self) -> Result<BTreeMap<String, Entry>> {
        let mut sorted = BTreeMap::new();
        for (path, entry) in &self.entries {
            let relative = relative(path)?;
            let before = sorted.insert(relative.to_owned(), entry.clone());
            ensure!(
                before.is_none(),
                "the path {path} is given twice in one layer of an image: remove one"
            );
        }
        let above: BTreeSet<String> = sorted.keys().flat_map(|path| folders_above(path)).collect();
        for folder in above {
            let entry = sorted
                .entry(folder.clone())
                .or_insert(Entry::Directory { mode: FOLDER_MODE });
            ensure!(
                matches!(entry, Entry::Directory { .. }),
                "/{folder} is given as something else than a folder, and something lies in it"
            );
        }
        Ok(sorted)
    }
}

/// The path without its first `/`, if it is one that a layer may hold.
fn relative(path: &str) -> Result<&str> {
    let relative = path.strip_prefix('/').filter(|relative| {
        relative
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."))
    });
    relative.with_context(|| {
        format!("{path:?} is no path in an image: give an absolute one without `.` and `..`")
    })
}

fn folders_above(path: &str) -> Vec<String> {
    path.match_indices('/')
        .map(|(end, _)| path[..end].to_owned())
        .collect()
}

fn append(tar: &mut Builder<Vec<u8>>, path: &str, entry: &Entry) -> Result<()> {
    match entry {
        Entry::File { host_path, mode } => {
            let contents = read(host_path)?;
            let mut header = header(EntryType::Regular, *mode, contents.len());
            tar.append_data(&mut header, path, contents.as_slice())?;
        }
        Entry::Text { contents, mode } => {
            let mut header = header(EntryType::Regular, *mode, contents.len());
            tar.append_data(&mut header, path, contents.as_bytes())?;
        }
        Entry::Directory { mode } => {
            let mut header = header(EntryType::Directory, *mode, 0);
            tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
        }
        Entry::Link { target } => {
            let mut header = header(EntryType::Symlink, 0o777, 0);
            tar.append_link(&mut header, path, target)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        bail!("{} is a folder; give its files one by one", path.display());
    }
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

/// The head of an entry that belongs to root and is of no time.
pub(super) fn header(kind: EntryType, mode: u32, size: usize) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size as u64);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
