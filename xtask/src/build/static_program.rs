//! Programs that need nothing but a kernel, for images that hold nothing else.
//!
//! They are linked statically with glibc, whose static form has the resolver's `files` and `dns`
//! built in from 2.34 on, so that names in /etc/hosts and of DNS are found without any library.
//! The same sources give the same octets in whatever folder they lie: see [`super::paths`].

use std::{
    env,
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use super::paths;
use crate::{progress, setup::Environment, workspace};

/// What rustc gets beside cargo's own flags, divided as `CARGO_ENCODED_RUSTFLAGS` wants it.
///
/// Symbols go by a flag and not by the profile: the profile is the BPF object's too, which needs its own.
const FLAGS: &str = "-Ctarget-feature=+crt-static\x1f-Cstrip=symbols";

/// The profile of Cargo.toml for what lies in images.
const PROFILE: &str = "image";

/// Builds the program `binary` of `package` statically and optimised, and returns its path.
///
/// It has a target folder of its own, since its flags and paths would rebuild everything elsewhere.
///
/// # Errors
///
/// It does not compile, or the target folder cannot be made.
pub(crate) fn static_program(
    environment: &Environment,
    package: &str,
    binary: &str,
) -> Result<PathBuf> {
    let target = workspace::target_folder().join("static");
    static_program_of(environment, &workspace::root(), &target, package, binary)
}

/// The same from the sources in `root`, with what is built in `target`.
///
/// # Errors
///
/// As [`static_program`].
pub(crate) fn static_program_of(
    environment: &Environment,
    root: &Path,
    target: &Path,
    package: &str,
    binary: &str,
) -> Result<PathBuf> {
    let made = fs::create_dir_all(target).and_then(|()| target.canonicalize());
    let target = made.with_context(|| format!("make the folder {}", target.display()))?;
    let root = root
        .canonicalize()
        .with_context(|| format!("find the sources in {}", root.display()))?;
    let platform = format!("{ARCH}-unknown-linux-gnu");

    let mut command = environment.cargo();
    command
        .current_dir(&root)
        .args([
            "build",
            "--profile",
            PROFILE,
            "--locked",
            "--target",
            &platform,
        ])
        .args(["--package", package, "--bin", binary])
        .arg("--target-dir")
        .arg(&target)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS)
        // What else may change the octets: parts of an earlier build, and today's date.
        .env("CARGO_INCREMENTAL", "0")
        .env("SOURCE_DATE_EPOCH", "0");
    let xtask = env::current_exe().context("find this program's own path")?;
    paths::hide(&mut command, &xtask, &root, &target);

    let what = format!("building {binary} statically");
    progress::run(&what, &mut command, &target.join("log").join(binary))?;
    Ok(target.join(platform).join(PROFILE).join(binary))
}
