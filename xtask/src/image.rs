//! `cargo xtask image`: the agent alone in an image, as an archive that clusters and docker load.

mod second;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf, absolute},
};

use anyhow::{Context as _, Result};

use crate::{
    build,
    oci::{self, Digest, Image, Layer},
    setup::{self, Environment},
    workspace,
};

/// Where the agent lies in the image.
const PROGRAM: &str = "/zerohop";

/// The repository part of the name. No registry is called localhost, so nothing is ever pulled under
/// this name: a node has the image, or says that it has not.
const REPOSITORY: &str = "localhost/zerohop";

/// One version for the whole workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What to make.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Write the archive here [default: target/image/zerohop.tar]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Call the image this [default: localhost/zerohop:VERSION]
    #[arg(long, value_name = "REPOSITORY:TAG")]
    name: Option<String>,
    /// Build a second time, from a copy of the sources in another folder, and compare
    #[arg(long)]
    verify: bool,
}

/// Builds the image and says what it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let environment = setup::ready(setup::IMAGE)?;
    let output = options.output.clone().unwrap_or_else(default_archive);
    let output = absolute(&output).with_context(|| format!("find {}", output.display()))?;
    let name = options.name.clone().unwrap_or_else(default_name);
    let digest = build(&environment, &output, &name)?;

    println!("image    {name}");
    println!("digest   {digest}");
    println!("archive  {}", output.display());
    println!("size     {}", size_of(&output)?);
    if options.verify {
        second::compare(&environment, &output, &name, &digest)?;
        println!("again    the same digest from a copy of the sources in another folder");
    }
    Ok(())
}

/// Where the archive lies unless another place is named.
pub(crate) fn default_archive() -> PathBuf {
    workspace::target_folder().join("image/zerohop.tar")
}

/// What the image is called unless it is named.
pub(crate) fn default_name() -> String {
    format!("{REPOSITORY}:{VERSION}")
}

/// Builds the agent and writes it as image `name` into `archive`; returns the image's digest.
///
/// # Errors
///
/// The agent does not compile, `name` is no image name, or the archive cannot be written.
pub(crate) fn build(environment: &Environment, archive: &Path, name: &str) -> Result<Digest> {
    let agent = build::static_program(environment, "dns-userspace", "zerohop")?;
    write(archive, name, &agent)
}

fn write(archive: &Path, name: &str, agent: &Path) -> Result<Digest> {
    let digests = oci::write(archive, &[image(name, agent)])?;
    let digest = digests.into_iter().next();
    digest.context("the archive has no image, though one was given")
}

/// The image: the agent and nothing else.
///
/// It writes no files of its own, looks up no user, and needs no time zone; the cluster's own
/// certificate comes with the pod's service account or the kubeconfig.
fn image(name: &str, agent: &Path) -> Image {
    Image {
        names: vec![name.to_owned()],
        layers: vec![Layer::new().file(PROGRAM, agent, 0o755)],
        entrypoint: vec![PROGRAM.to_owned()],
        labels: labels(),
        ..Image::default()
    }
}

/// The labels of <https://github.com/opencontainers/image-spec/blob/main/annotations.md>. No revision:
/// a copy of the sources without their history shall give the same image.
fn labels() -> BTreeMap<String, String> {
    [
        ("title", "zerohop"),
        ("description", "Cluster DNS answered in the kernel"),
        ("version", VERSION),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("source", env!("CARGO_PKG_REPOSITORY")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (format!("org.opencontainers.image.{key}"), value.to_owned()))
    .collect()
}

fn size_of(path: &Path) -> Result<String> {
    let metadata = fs::metadata(path).with_context(|| format!("look at {}", path.display()))?;
    Ok(format!("{:.1} MB", metadata.len() as f64 / 1e6))
}

#[cfg(test)]
mod tests;
