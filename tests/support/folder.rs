//! Temporary folders that an interruption removes too.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::undo::Undo;

/// A folder of our own, removed with all that is in it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _remove: Undo,
}

impl Folder {
    /// Makes an empty folder where the system keeps temporary ones.
    ///
    /// # Errors
    ///
    /// When that place is not writable.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("zerohop-").tempdir();
        let path = folder.context("make a temporary folder")?.keep();
        let removed = path.clone();
        let remove = Undo::on_drop(move || {
            if let Err(error) = fs::remove_dir_all(&removed) {
                eprintln!("cannot remove {}: {error}", removed.display());
            }
        });
        Ok(Self {
            path,
            _remove: remove,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file in it.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}
