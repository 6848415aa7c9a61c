//! `zerohop detach`: takes away all that is ours, and nothing else, without a running agent.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

use aya::{maps::MapInfo, programs::loaded_programs};

use super::{
    AttachError, PinError, PinLock, bpf_link::BpfLink, clsact, links, open_requests,
    pins::is_on_bpffs,
};

/// Why not all could be taken away.
#[derive(Debug, thiserror::Error)]
pub enum DetachError {
    /// The pin directory is in use or cannot be read.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// A filter cannot be removed.
    #[error(transparent)]
    Attach(#[from] AttachError),
}

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Pinned TCX and XDP links.
    pub links: usize,
    /// Filters of clsact qdiscs.
    pub filters: usize,
    /// Pinned programs and maps.
    pub pins: usize,
}

impl Removed {
    /// Whether there was nothing to take away.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Removed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter
                .write_str("nothing of zerohop is attached or pinned here; nothing to remove");
        }
        let Self {
            links,
            filters,
            pins,
        } = self;
        write!(
            formatter,
            "removed {links} links, {filters} tc filters, {pins} pinned programs and maps"
        )
    }
}

/// Removes the links pinned below `pin_directory`, our filters in this network namespace, the
/// pinned programs and maps, and the folder. Foreign filters and the clsact qdiscs stay. Doing it
/// twice does no harm.
///
/// # Errors
/// [`PinError::InUse`] while an agent runs, which would attach again at once; else the first thing
/// that could not be removed.
pub fn detach_all(pin_directory: &Path) -> Result<Removed, DetachError> {
    let mut removed = Removed::default();
    let exists = pin_directory.is_dir();
    if exists && !is_on_bpffs(pin_directory)? {
        return Err(PinError::NotBpffs {
            path: pin_directory.into(),
        }
        .into());
    }
    let lock = if exists {
        Some(PinLock::acquire(pin_directory)?)
    } else {
        None
    };
    if lock.is_some() {
        removed.links = remove_links(&pin_directory.join("links"))?;
    }
    let programs = programs_of(pin_directory);
    let mut requests = open_requests()?;
    for index in links(&mut requests)?.into_keys() {
        removed.filters += clsact::remove_ours(&mut requests, index, programs.as_ref())?;
    }
    if lock.is_some() {
        removed.pins = remove_files(pin_directory)?.len();
        remove_folder(pin_directory)?;
    }
    Ok(removed)
}

/// Removes the pinned programs and maps, and the folder, of an agent that has attached nothing.
///
/// # Errors
/// As [`detach_all`].
pub fn remove_pins(pin_directory: &Path) -> Result<(), DetachError> {
    let _lock = PinLock::acquire(pin_directory)?;
    remove_links(&pin_directory.join("links"))?;
    remove_files(pin_directory)?;
    remove_folder(pin_directory)?;
    Ok(())
}

/// The programs that use the maps pinned in `pin_directory`, whichever agent has loaded them; `None` if that
/// cannot be told, for nothing is pinned or programs may not be listed. Another agent's, with another folder,
/// are not among them.
fn programs_of(pin_directory: &Path) -> Option<BTreeSet<u32>> {
    let control = MapInfo::from_pin(pin_directory.join("CONTROL")).ok()?.id();
    let mut programs = BTreeSet::new();
    for program in loaded_programs() {
        let program = program.ok()?;
        if program.map_ids().ok()??.contains(&control) {
            programs.insert(program.id());
        }
    }
    Some(programs)
}

fn remove_links(directory: &Path) -> Result<usize, PinError> {
    if !directory.is_dir() {
        return Ok(0);
    }
    for path in files(directory)? {
        if let Ok(link) = BpfLink::open(&path) {
            // A link whose interface is gone cannot be detached; without its pin it ends by itself.
            let _ = link.detach();
        }
    }
    let removed = remove_files(directory)?.len();
    remove_folder(directory)?;
    Ok(removed)
}

fn remove_files(directory: &Path) -> Result<Vec<PathBuf>, PinError> {
    let files = files(directory)?;
    for path in &files {
        fs::remove_file(path).map_err(|error| PinError::File {
            action: "remove",
            path: path.clone(),
            error,
        })?;
    }
    Ok(files)
}

/// The files, not the folders, in `directory`.
fn files(directory: &Path) -> Result<Vec<PathBuf>, PinError> {
    let failed = |error| PinError::File {
        action: "read the folder",
        path: directory.into(),
        error,
    };
    let entries: Vec<_> = fs::read_dir(directory)
        .map_err(failed)?
        .collect::<io::Result<_>>()
        .map_err(failed)?;
    let is_file = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_file());
    Ok(entries
        .iter()
        .filter(|entry| is_file(entry))
        .map(fs::DirEntry::path)
        .collect())
}

fn remove_folder(directory: &Path) -> Result<(), PinError> {
    fs::remove_dir(directory).map_err(|error| PinError::File {
        action: "remove the folder (it holds something that is not ours)",
        path: directory.into(),
        error,
    })
}
