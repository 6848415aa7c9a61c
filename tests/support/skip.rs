//! Tests that cannot run here say so by name, and are counted.

use std::{env, fs::OpenOptions, io::Write};

/// Reports that the test `name` did not run because of `reason`, on stderr and, one line a test, in
/// the file that the environment variable `ZEROHOP_SKIPPED` names.
///
/// A test ends with `return skip("name", "reason");`.
///
/// # Panics
///
/// When that file cannot be written: a skip must not get lost.
pub fn skip(name: &str, reason: &str) {
    eprintln!("skipped {name}: {reason}");
    let Some(path) = env::var_os("ZEROHOP_SKIPPED") else {
        return;
    };
    // One write of one line: several test binaries may append at the same time.
    let line = format!("{name}: {reason}\n");
    let written = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(line.as_bytes()));
    if let Err(error) = written {
        panic!(
            "cannot note the skipped test {name} in {}: {error}",
            path.display()
        );
    }
}

/// Skips the test `name` and says so by `true` unless the process runs as root.
pub fn skipped_without_root(name: &str) -> bool {
    if nix::unistd::geteuid().is_root() {
        return false;
    }
    skip(name, "needs root for network namespaces and BPF");
    true
}
