//! The images of the test pods in a real cluster: programs of this system and our own, in one image with glibc's
//! resolver and in one with musl's.

mod program;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use self::program::{applets, content_of};
use crate::{
    build,
    oci::{self, Image, Layer},
    setup::Environment,
    workspace,
};

/// One version for the whole workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the glibc image has beside what both have: a shell, glibc's resolver, and what looks at a node.
const GLIBC_PROGRAMS: &[&str] = &[
    "bash",
    "getent",
    "ip",
    "tc",
    "bpftool",
    "conntrack",
    "nft",
    "iptables",
];

/// What both images have. dig asks without the C library's resolver, so it may bring its own library along.
const SHARED_PROGRAMS: &[&str] = &["dig", "busybox"];

/// Where programs lie in the images.
const PROGRAMS: &str = "/usr/bin";

/// glibc's resolver asks what this says; musl's reads no such file.
const NAME_SERVICES: &str = "hosts: files dns\n";

/// Some programs want to know who they are.
const USERS: &str = "root:x:0:0:root:/:/bin/sh\n";

/// musl's resolver as a program, relative to the repository's root.
const MUSL_GETENT: &str = "tests/kind/images/getent.c";

/// The name of the image with glibc.
pub(crate) fn glibc_name() -> String {
    format!("localhost/zerohop-test-glibc:{VERSION}")
}

/// The name of the image with musl.
pub(crate) fn musl_name() -> String {
    format!("localhost/zerohop-test-musl:{VERSION}")
}

/// Makes both images, and returns the archive that `kind load image-archive` takes. The environment must come from
/// needs that include [`crate::setup::KIND`].
///
/// # Errors
///
/// The program of the test pods or the one with musl's resolver does not compile, a program of the system is
/// missing, or the archive cannot be written.
pub(crate) fn build(environment: &Environment) -> Result<PathBuf> {
    let folder = workspace::target_folder().join("test-images");
    fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
    let pod = build::static_program(environment, "pod", "pod")?;
    let musl_getent = build_musl_getent(&folder)?;

    let shared_content = content_of(SHARED_PROGRAMS)?;
    let glibc_content = content_of(GLIBC_PROGRAMS)?.without(&shared_content);
    let applets = applets()?;
    let own = Layer::new()
        .file("/pod", pod, 0o755)
        .directory("/tmp", 0o1777);
    let shared = shared_content
        .add_to(Layer::new())
        .text("/etc/passwd", USERS, 0o644);
    let glibc = shells("bash", glibc_content.add_to(Layer::new())).text(
        "/etc/nsswitch.conf",
        NAME_SERVICES,
        0o644,
    );
    let musl =
        shells("busybox", Layer::new()).file(&format!("{PROGRAMS}/getent"), musl_getent, 0o755);

    let image = |name: String, layer: Layer, programs: &[&str]| Image {
        names: vec![name],
        layers: vec![
            shared.clone(),
            with_applets(layer, &applets, programs),
            own.clone(),
        ],
        command: vec!["/pod".to_owned(), "stay".to_owned()],
        ..Image::default()
    };
    let both = [
        image(glibc_name(), glibc, GLIBC_PROGRAMS),
        image(musl_name(), musl, &["getent"]),
    ];
    let archive = folder.join("test-images.tar");
    oci::write(&archive, &both)?;
    Ok(archive)
}

/// A shell under the names and in the places where it is looked for.
fn shells(program: &str, layer: Layer) -> Layer {
    let target = format!("{PROGRAMS}/{program}");
    ["/bin/sh", "/bin/bash", "/usr/bin/sh"]
        .iter()
        .fold(layer, |layer, path| layer.link(path, &target))
}

/// Links to busybox for everything that it can do and the image has not got.
fn with_applets(layer: Layer, applets: &[String], programs: &[&str]) -> Layer {
    let is_new = |applet: &&String| {
        let mut there = SHARED_PROGRAMS.iter().chain(programs).chain(&["sh"]);
        !there.any(|program| program == applet)
    };
    applets.iter().filter(is_new).fold(layer, |layer, applet| {
        layer.link(&format!("{PROGRAMS}/{applet}"), "busybox")
    })
}

fn build_musl_getent(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("getent");
    let output = Command::new("musl-gcc")
        .args(["-static", "-O2", "-Wall", "-Wextra", "-Werror", "-s", "-o"])
        .arg(&program)
        .arg(workspace::root().join(MUSL_GETENT))
        .output()
        .context("start musl-gcc")?;
    ensure!(
        output.status.success(),
        "musl-gcc does not compile {MUSL_GETENT}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(program)
}

#[cfg(test)]
mod tests;
