//! Where the repository lies, and how its cargo is called.

use std::{env, path::PathBuf, process::Command};

/// What `cargo run` sets for a package that it runs. Build scripts watch some of these, so passing
/// them on would rebuild dependencies each time that a plain `cargo build` follows an xtask.
const SET_BY_CARGO_RUN: [&str; 6] = [
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];

/// While this is set, the build scripts embed an empty object instead of a BPF object.
pub(crate) const WITHOUT_BPF_VARIABLE: &str = "AYA_BUILD_SKIP";

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    // Cargo names the folder at run time; the compiled-in path serves a binary started by hand.
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package.parent().map_or(package.clone(), PathBuf::from)
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// A call of cargo in the repository's root, as if typed by hand.
pub(crate) fn cargo() -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root());
    forget_cargo_run(&mut command);
    command
}

/// Takes out of a command's environment what `cargo run` put there for xtask itself.
pub(crate) fn forget_cargo_run(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        if set_by_cargo_run(&name) {
            command.env_remove(name.as_ref());
        }
    }
}

fn set_by_cargo_run(name: &str) -> bool {
    SET_BY_CARGO_RUN
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_folder_above_xtask() {
        assert!(root().join("xtask/Cargo.toml").is_file());
    }

    #[test]
    fn what_cargo_run_sets_is_not_passed_on_and_the_rest_is() {
        assert!(set_by_cargo_run("CARGO_PKG_NAME"));
        assert!(set_by_cargo_run("CARGO_MANIFEST_DIR"));
        assert!(!set_by_cargo_run("CARGO_HOME"));
        assert!(!set_by_cargo_run("CARGO_TARGET_DIR"));
    }
}
