//! Which files are read, and their text.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use super::read::Reading;

/// Reads files as they are given, and in folders those named `*.yaml`, `*.yml` and `*.json`, at
/// any depth, in the order of their paths. Hidden entries are left out: a mounted ConfigMap keeps
/// its files a second time under such.
pub(super) fn read(paths: &[PathBuf]) -> Reading {
    let mut reading = Reading::default();
    let mut files = BTreeSet::new();
    let mut folders = BTreeSet::new();
    for path in paths {
        let found = collect(path, true, &mut files, &mut folders);
        if let Err((path, error)) = found {
            reading.cannot_read(&path.display().to_string(), &error.to_string());
        }
    }
    for file in files {
        let place = file.display().to_string();
        // A pipe would be waited for, and nothing else would be read again.
        if fs::metadata(&file).is_ok_and(|metadata| !metadata.is_file()) {
            reading.cannot_read(
                &place,
                "it is not a regular file; remove it, or name another",
            );
            continue;
        }
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                reading.cannot_read(&place, "it is no text in UTF-8; write it in that encoding");
                continue;
            }
            Err(error) => {
                reading.cannot_read(&place, &error.to_string());
                continue;
            }
        };
        // Some editors begin a text with the mark of its encoding.
        let text = text.trim_start_matches('\u{feff}');
        if text.trim().is_empty() {
            // Whoever writes a file anew empties it first.
            reading.cannot_read(&place, "it is empty; it may be being written");
        } else if has_extension(&file, &["json"]) {
            reading.add_json(&place, text);
        } else {
            reading.add_yaml(&place, text);
        }
    }
    reading.finish();
    reading
}

fn collect(
    path: &Path,
    given: bool,
    files: &mut BTreeSet<PathBuf>,
    folders: &mut BTreeSet<PathBuf>,
) -> Result<(), (PathBuf, io::Error)> {
    let failed = |error| (path.to_owned(), error);
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_dir() {
        if given || has_extension(path, &["yaml", "yml", "json"]) {
            files.insert(path.to_owned());
        }
        return Ok(());
    }
    // Symbolic links may lead back up.
    if !folders.insert(path.canonicalize().map_err(failed)?) {
        return Ok(());
    }
    let mut first_error = Ok(());
    for entry in fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let found = collect(&entry.path(), false, files, folders);
        first_error = first_error.and(found);
    }
    first_error
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| extensions.contains(&extension))
}
