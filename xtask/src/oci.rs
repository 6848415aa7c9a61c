//! Container images without a registry and without docker: an archive that `kind load image-archive`,
//! `ctr images import`, `docker load`, `podman load` and `skopeo copy oci-archive:` take.
//!
//! It is an OCI image layout (<https://github.com/opencontainers/image-spec>, `image-layout.md`) in a
//! tar file, with docker's own `manifest.json` beside, since docker before 25 reads no other. The same
//! content gives the same octets: entries are sorted, times are 0, everything belongs to root, and
//! no path of this machine is in it. Layers are not compressed, so that their digests do not depend on
//! a compressor's version.

mod archive;
mod layer;
mod name;

use std::{collections::BTreeMap, fmt, path::Path};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

#[cfg(test)]
pub(crate) use archive::architecture;
pub(crate) use layer::Layer;

/// An image: what is in it, and how it is started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    /// What it is called, each as `REPOSITORY:TAG`. They are no part of its digest.
    pub(crate) names: Vec<String>,
    /// Its files, the lowest layer first.
    pub(crate) layers: Vec<Layer>,
    /// The program, with the arguments that it always gets.
    pub(crate) entrypoint: Vec<String>,
    /// The arguments that it gets unless others are given.
    pub(crate) command: Vec<String>,
    /// Its labels, such as those that begin with `org.opencontainers.image`.
    pub(crate) labels: BTreeMap<String, String>,
}

/// The SHA-256 of some octets, as image formats spell it: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    /// The digest of `octets`.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let sum = Sha256::digest(octets);
        Self(sum.iter().map(|octet| format!("{octet:02x}")).collect())
    }

    /// Where a layout keeps the octets of this digest.
    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sha256:{}", self.0)
    }
}

/// Writes `images` into the file `archive`, which appears when it is complete; returns the digest of
/// each image's manifest, in their order. What several images share is stored once.
///
/// # Errors
///
/// A name is no image name or is given twice, a path in a layer is not absolute or is given twice, a
/// file cannot be read, or the archive cannot be written.
pub(crate) fn write(archive: &Path, images: &[Image]) -> Result<Vec<Digest>> {
    archive::write(archive, images)
}

#[cfg(test)]
mod tests;
