//! The archive: blobs by their digests, and the lists that lead to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    env::consts::ARCH,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tar::{Builder, EntryType};

use super::{
    Digest, Image,
    layer::{self, Layer},
    name,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// The time of everything: the beginning of Unix time.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// What docker, too, sets where an image names no `PATH`.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// See [`super::write`].
pub(super) fn write(archive: &Path, images: &[Image]) -> Result<Vec<Digest>> {
    let mut layout = Layout::default();
    for image in images {
        layout.add(image)?;
    }
    let partial = partial(archive);
    let written = layout
        .write(&partial)
        .and_then(|()| Ok(fs::rename(&partial, archive)?));
    if written.is_err() {
        // The first error says what is wrong; that there is nothing to remove is none.
        let _ = fs::remove_file(&partial);
    }
    written.with_context(|| format!("write the image archive {}", archive.display()))?;
    Ok(layout.digests)
}

/// Where the archive grows, so that nobody finds half of one under its name.
fn partial(archive: &Path) -> PathBuf {
    let mut name = archive.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    archive.with_file_name(name)
}

/// What goes into the archive.
#[derive(Default)]
struct Layout {
    blobs: BTreeMap<Digest, Vec<u8>>,
    /// What `index.json` lists: an entry for each name.
    index: Vec<Value>,
    /// What docker's `manifest.json` lists: an entry for each image.
    docker: Vec<Value>,
    names: BTreeSet<String>,
    digests: Vec<Digest>,
}

impl Layout {
    fn add(&mut self, image: &Image) -> Result<()> {
        let mut layers = Vec::new();
        for layer in &image.layers {
            layers.push(self.layer(layer)?);
        }
        let (config, config_size) = self.json_blob(&config(image, &layers))?;
        let list: Vec<Value> = layers
            .iter()
            .map(|(digest, size)| descriptor(LAYER, digest, *size))
            .collect();
        let (manifest, manifest_size) = self.json_blob(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config, config_size),
            "layers": list,
        }))?;

        ensure!(
            !image.names.is_empty(),
            "an image without a name cannot be found again after it is loaded: give it one"
        );
        for name in &image.names {
            let tag = name::tag(name)?;
            ensure!(
                self.names.insert(name.clone()),
                "the name {name} is given twice in one archive: give each image its own"
            );
            let mut entry = descriptor(MANIFEST, &manifest, manifest_size);
            entry["platform"] = json!({ "architecture": architecture(), "os": "linux" });
            entry["annotations"] = json!({
                // containerd's importer takes the whole name from here; the standard has the tag.
                "io.containerd.image.name": name,
                "org.opencontainers.image.ref.name": tag,
            });
            self.index.push(entry);
        }
        self.docker.push(json!({
            "Config": config.path(),
            "RepoTags": image.names,
            "Layers": layers.iter().map(|(digest, _)| digest.path()).collect::<Vec<_>>(),
        }));
        self.digests.push(manifest);
        Ok(())
    }

    fn layer(&mut self, layer: &Layer) -> Result<(Digest, usize)> {
        Ok(self.blob(layer.to_tar()?))
    }

    fn json_blob(&mut self, value: &Value) -> Result<(Digest, usize)> {
        Ok(self.blob(serde_json::to_vec(value).context("write JSON")?))
    }

    fn blob(&mut self, octets: Vec<u8>) -> (Digest, usize) {
        let digest = Digest::of(&octets);
        let size = octets.len();
        self.blobs.insert(digest.clone(), octets);
        (digest, size)
    }

    fn write(&self, path: &Path) -> Result<()> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut tar = Builder::new(BufWriter::new(File::create(path)?));
        let mut add = |path: &str, octets: &[u8]| -> Result<()> {
            let mut header = layer::header(EntryType::Regular, 0o644, octets.len());
            Ok(tar.append_data(&mut header, path, octets)?)
        };
        add("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": self.index });
        add("index.json", &serde_json::to_vec(&index)?)?;
        add("manifest.json", &serde_json::to_vec(&self.docker)?)?;
        for (digest, octets) in &self.blobs {
            add(&digest.path(), octets)?;
        }
        let mut file = tar.into_inner()?;
        Ok(file.flush()?)
    }
}

fn descriptor(media_type: &str, digest: &Digest, size: usize) -> Value {
    json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size })
}

/// The image's configuration: `config.md` of the image specification.
fn config(image: &Image, layers: &[(Digest, usize)]) -> Value {
    let mut config = json!({ "Env": [format!("PATH={USUAL_PATH}")], "WorkingDir": "/" });
    if !image.entrypoint.is_empty() {
        config["Entrypoint"] = json!(image.entrypoint);
    }
    if !image.command.is_empty() {
        config["Cmd"] = json!(image.command);
    }
    if !image.labels.is_empty() {
        config["Labels"] = json!(image.labels);
    }
    let digests: Vec<String> = layers
        .iter()
        .map(|(digest, _)| digest.to_string())
        .collect();
    let history = json!({ "created": NO_TIME, "created_by": "cargo xtask" });
    json!({
        "architecture": architecture(),
        "os": "linux",
        "created": NO_TIME,
        "config": config,
        "rootfs": { "type": "layers", "diff_ids": digests },
        "history": vec![history; layers.len()],
    })
}

/// This machine's architecture as Go, and so every container program, calls it.
pub(crate) fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
