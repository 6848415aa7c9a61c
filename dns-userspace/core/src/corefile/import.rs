//! `import` of files: one by its path, or all that match a pattern.

use std::sync::Arc;

use super::{
    fault::{Fault, Source},
    lexer::{self, Token},
    mounted::{File, Mounted, file_of, folder_of, joined},
};

/// The tokens of the files that an `import` with this argument takes in.
///
/// # Errors
/// A file that is not there or not known, and patterns that CoreDNS does not take.
pub(super) fn tokens(mounted: &Mounted, argument: &Token) -> Result<Vec<Token>, Fault> {
    let fault = |message: String| argument.place.fault(message);
    if argument.text.is_empty() {
        return Err(fault("found an empty path; a file is wanted".to_owned()));
    }
    let path = joined(folder_of(&argument.place.source.path), &argument.text);
    let paths = if path.contains(['*', '?']) {
        matching(mounted, &path).map_err(fault)?
    } else if path.contains(['[', ']', '\\']) {
        return Err(fault(format!(
            "found the pattern `{path}`; a path is wanted, with one `*` or `?` at most"
        )));
    } else {
        vec![path]
    };
    let mut all = Vec::new();
    for path in paths {
        let text = match mounted.file(&path) {
            File::Known(text) => text,
            File::Absent => {
                return Err(fault(format!(
                    "found an import of {path}, which does not exist"
                )));
            }
            File::Unknown => {
                return Err(fault(format!(
                    "found an import of {path}, whose text is not known; put it into a ConfigMap that is \
                     mounted as a whole folder"
                )));
            }
        };
        let source = Arc::new(Source {
            shown: path.clone(),
            path,
        });
        all.extend(lexer::tokens(&source, text)?);
    }
    Ok(all)
}

/// The paths that match a pattern in its last part.
fn matching(mounted: &Mounted, path: &str) -> Result<Vec<String>, String> {
    let (folder, names) = (folder_of(path), file_of(path));
    let many = |sign| path.matches(sign).count() > 1;
    if many('*') || many('?') || path.contains(['[', ']', '\\']) || folder.contains(['*', '?']) {
        return Err(format!(
            "found the pattern `{path}`; one with a single `*` or `?`, in the file's name, is wanted"
        ));
    }
    let pattern = glob::Pattern::new(names)
        .map_err(|error| format!("found the pattern `{path}`, which is none: {error}"))?;
    // The folders that kubelet makes in every ConfigMap volume, over which CoreDNS's import stumbles.
    if pattern.matches("..data") {
        return Err(format!(
            "found the pattern `{path}`, which also matches a volume's own folder `..data`; one such as \
             `*.server` is wanted"
        ));
    }
    match mounted.matching(folder, &pattern) {
        Some(paths) => Ok(paths.into_iter().map(str::to_owned).collect()),
        None => Err(format!(
            "found an import of {path}, but not all files of {folder} are known; mount a ConfigMap as \
             that folder, and nothing else"
        )),
    }
}
