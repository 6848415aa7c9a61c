//! Debian packages of which tests want the files only: installed, they would change how the machine starts or finds
//! names. So they are unpacked in the cache folder, and the tests are told where.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

use anyhow::{Context as _, Result};

use super::debian;
use crate::{progress, tools};

/// What is unpacked.
struct Package {
    name: &'static str,
    /// Tells tests where it lies.
    variable: &'static str,
    /// What they are told of it: nothing is the whole folder.
    file: &'static str,
    /// Whether it is empty, and depends first on the one that is wanted.
    is_meta: bool,
}

const PACKAGES: [Package; 2] = [
    Package {
        name: "linux-image-cloud-amd64",
        variable: "ZEROHOP_GUEST_KERNEL",
        file: "",
        is_meta: true,
    },
    Package {
        name: "systemd-resolved",
        variable: "ZEROHOP_SYSTEMD_RESOLVED",
        file: "lib/systemd/systemd-resolved",
        is_meta: false,
    },
];

/// Unpacks what is not there yet, and returns what tells tests of it: nothing where packages are not Debian's, so that
/// those tests say that they were skipped.
///
/// # Errors
///
/// A package cannot be downloaded or unpacked.
pub(crate) fn unpacked() -> Result<Vec<(&'static str, PathBuf)>> {
    let mut variables = Vec::new();
    for package in &PACKAGES {
        let folder = tools::cache_folder()?.join("unpacked").join(package.name);
        if !folder.is_dir() && debian::can_install() {
            debian::update()?;
            if debian::is_offered(package.name) {
                unpack(package, &folder)?;
            }
        }
        // Newer packages have everything below /usr.
        let places = [
            folder.join(package.file),
            folder.join("usr").join(package.file),
        ];
        let place = places.into_iter().find(|place| place.exists());
        variables.extend(place.map(|place| (package.variable, place)));
    }
    Ok(variables)
}

fn unpack(package: &Package, folder: &Path) -> Result<()> {
    let wanted = if package.is_meta {
        first_dependency(package.name)?
    } else {
        package.name.to_owned()
    };
    // Another run may do the same beside this one.
    let scratch = folder.with_extension(process::id().to_string());
    fs::create_dir_all(&scratch).with_context(|| format!("create {}", scratch.display()))?;
    let log = tools::cache_folder()?.join(format!("log/{}.log", package.name));
    let mut shell = Command::new("sh");
    shell.current_dir(&scratch).args([
        "-ec",
        "apt-get --quiet download \"$0\"; dpkg-deb --extract ./*.deb files; rm ./*.deb",
        &wanted,
    ]);
    let unpacked = progress::run(&format!("unpacking {wanted}"), &mut shell, &log);
    let placed = unpacked.and_then(|()| match fs::rename(scratch.join("files"), folder) {
        Err(_) if folder.is_dir() => Ok(()),
        renamed => renamed.with_context(|| format!("move files to {}", folder.display())),
    });
    let cleared = fs::remove_dir_all(&scratch);
    placed?;
    cleared.with_context(|| format!("remove {}", scratch.display()))
}

fn first_dependency(package: &str) -> Result<String> {
    let mut command = Command::new("apt-cache");
    command.args(["depends", package]).env("LC_ALL", "C");
    let output = command.output().context("run apt-cache")?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let dependency = dependency_in(&printed).map(str::to_owned);
    dependency.with_context(|| format!("apt-cache tells of no dependency of {package}: {printed}"))
}

fn dependency_in(printed: &str) -> Option<&str> {
    let mut lines = printed.lines();
    lines.find_map(|line| line.trim().strip_prefix("Depends: "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meta_package_leads_to_the_one_that_it_depends_on() {
        let printed = "linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-57-cloud-amd64\n";
        let expected = Some("linux-image-6.1.0-57-cloud-amd64");
        assert_eq!(dependency_in(printed), expected);
        assert_eq!(dependency_in("linux-image-cloud-amd64\n"), None);
    }
}
