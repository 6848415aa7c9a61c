//! What the writer promises: the same content gives the same digest, and loaders find what they read.

use std::{collections::BTreeMap, fs, io::Read as _, path::Path};

use serde_json::Value;

use super::*;

/// A program of two folders of the machine, one older than the other.
struct Programs {
    folder: tempfile::TempDir,
}

impl Programs {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        let programs = Self { folder };
        programs.put("first/program", "octets", 1_000_000_000);
        programs.put("second/renamed", "octets", 1_700_000_000);
        programs
    }

    fn put(&self, path: &str, contents: &str, modified: u64) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("folder")).expect("folder");
        fs::write(&path, contents).expect("write");
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(modified);
        let file = fs::File::options().write(true).open(&path).expect("open");
        file.set_modified(time).expect("set the time");
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn digest_of(&self, layer: Layer) -> Digest {
        let digests = write(&self.path("image.tar"), &[image("localhost/a:1", &[layer])]);
        digests.expect("write").remove(0)
    }
}

fn image(name: &str, layers: &[Layer]) -> Image {
    Image {
        names: vec![name.to_owned()],
        layers: layers.to_vec(),
        entrypoint: vec!["/program".to_owned()],
        ..Image::default()
    }
}

/// Every file of an archive by its path, in the archive's order.
fn contents(archive: &Path) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(archive).expect("open"));
    let entries = archive.entries().expect("tar");
    entries
        .map(|entry| {
            let mut entry = entry.expect("entry");
            let path = entry.path().expect("path").display().to_string();
            let mut octets = Vec::new();
            entry.read_to_end(&mut octets).expect("read");
            (path, octets)
        })
        .collect()
}

fn json(files: &BTreeMap<String, Vec<u8>>, path: &str) -> Value {
    serde_json::from_slice(&files[path]).expect(path)
}

/// The blob that a descriptor leads to.
fn blob_path(descriptor: &Value) -> String {
    let digest = descriptor["digest"].as_str().expect("digest");
    digest.replace("sha256:", "blobs/sha256/")
}

#[test]
fn the_digest_depends_neither_on_order_nor_on_folder_nor_on_time() {
    let programs = Programs::new();
    let one = Layer::new()
        .file("/program", programs.path("first/program"), 0o755)
        .text("/etc/hosts", "127.0.0.1 localhost\n", 0o644)
        .directory("/tmp", 0o1777)
        .link("/bin/sh", "/program");
    let other = Layer::new()
        .link("/bin/sh", "/program")
        .directory("/tmp", 0o1777)
        .text("/etc/hosts", "127.0.0.1 localhost\n", 0o644)
        .file("/program", programs.path("second/renamed"), 0o755);
    assert_eq!(programs.digest_of(one), programs.digest_of(other));
}

#[test]
fn the_digest_changes_with_an_octet_a_mode_a_path_a_target_and_a_label() {
    let programs = Programs::new();
    programs.put("third/program", "octetz", 1_000_000_000);
    let file = |path, host: &str, mode| Layer::new().file(path, programs.path(host), mode);
    let mut digests = vec![
        programs.digest_of(file("/program", "first/program", 0o755)),
        programs.digest_of(file("/program", "third/program", 0o755)),
        programs.digest_of(file("/program", "first/program", 0o700)),
        programs.digest_of(file("/another", "first/program", 0o755)),
        programs.digest_of(Layer::new().link("/program", "/a")),
        programs.digest_of(Layer::new().link("/program", "/b")),
    ];
    let mut labelled = image("localhost/a:1", &[file("/program", "first/program", 0o755)]);
    labelled.labels.insert("a".to_owned(), "b".to_owned());
    digests.extend(write(&programs.path("image.tar"), &[labelled]).expect("write"));
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}

#[test]
fn two_archives_of_the_same_images_are_equal_octet_by_octet() {
    let programs = Programs::new();
    let layer = Layer::new().file("/program", programs.path("first/program"), 0o755);
    let images = [image("localhost/a:1", &[layer])];
    let (one, other) = (programs.path("one.tar"), programs.path("deep/other.tar"));
    write(&one, &images).expect("write");
    write(&other, &images).expect("write");
    assert_eq!(fs::read(one).expect("one"), fs::read(other).expect("other"));
    assert!(!programs.path("one.tar.partial").exists());
}

#[test]
fn a_layer_of_two_images_is_stored_once_and_every_digest_is_true() {
    let programs = Programs::new();
    let shared = Layer::new().text("/shared", "shared", 0o644);
    let own = Layer::new().text("/own", "own", 0o644);
    let archive = programs.path("images.tar");
    let digests = write(
        &archive,
        &[
            image("localhost/a:1", std::slice::from_ref(&shared)),
            image("localhost/b:1", &[shared, own]),
        ],
    )
    .expect("write");
    let files = contents(&archive);
    let blobs = files.iter().filter(|(path, _)| path.starts_with("blobs/"));
    for (path, octets) in blobs.clone() {
        assert_eq!(*path, Digest::of(octets).path());
    }
    // Two layers, two configurations, two manifests.
    assert_eq!(blobs.count(), 6);

    let files: BTreeMap<_, _> = files.into_iter().collect();
    let index = json(&files, "index.json");
    for (entry, digest) in index["manifests"]
        .as_array()
        .expect("list")
        .iter()
        .zip(digests)
    {
        assert_eq!(entry["digest"], digest.to_string());
    }
}

#[test]
fn both_indexes_lead_to_the_same_configuration_and_layers() {
    let programs = Programs::new();
    let archive = programs.path("image.tar");
    let mut image = image("localhost/a:1", &[Layer::new().text("/a", "a", 0o644)]);
    image.command = vec!["run".to_owned()];
    write(&archive, &[image]).expect("write");
    let files: BTreeMap<_, _> = contents(&archive).into_iter().collect();

    let entry = &json(&files, "index.json")["manifests"][0];
    assert_eq!(
        entry["annotations"]["io.containerd.image.name"],
        "localhost/a:1"
    );
    assert_eq!(
        entry["annotations"]["org.opencontainers.image.ref.name"],
        "1"
    );
    let manifest = json(&files, &blob_path(entry));
    let docker = &json(&files, "manifest.json")[0];
    assert_eq!(docker["RepoTags"][0], "localhost/a:1");
    assert_eq!(docker["Config"], blob_path(&manifest["config"]));
    assert_eq!(docker["Layers"][0], blob_path(&manifest["layers"][0]));

    let config = json(&files, &blob_path(&manifest["config"]));
    assert_eq!(
        config["rootfs"]["diff_ids"][0],
        manifest["layers"][0]["digest"]
    );
    assert_eq!(config["config"]["Entrypoint"][0], "/program");
    assert_eq!(config["config"]["Cmd"][0], "run");
    let path = config["config"]["Env"][0].as_str().expect("PATH");
    assert!(path.starts_with("PATH=/"), "{path}");
}

#[test]
fn everything_in_a_layer_belongs_to_root_and_folders_come_before_what_is_in_them() {
    let layer = Layer::new()
        .text(&format!("/a/{}/file", "long".repeat(60)), "text", 0o600)
        .directory("/a", 0o700);
    let tar = layer.to_tar().expect("tar");
    let mut archive = tar::Archive::new(tar.as_slice());
    let mut seen = Vec::new();
    for entry in archive.entries().expect("tar") {
        let entry = entry.expect("entry");
        let header = entry.header();
        assert_eq!(header.uid().expect("owner"), 0);
        assert_eq!(header.gid().expect("group"), 0);
        assert_eq!(header.mtime().expect("time"), 0);
        seen.push((
            entry.path().expect("path").display().to_string().len(),
            header.mode().expect("mode"),
        ));
    }
    assert_eq!(seen, [(2, 0o700), (243, 0o755), (247, 0o600)]);
}

#[test]
fn what_no_loader_could_use_is_refused_with_a_reason_and_leaves_no_archive() {
    let programs = Programs::new();
    let archive = programs.path("image.tar");
    let twice = Layer::new().text("/a", "1", 0o644).text("/a", "2", 0o644);
    let inside_a_file = Layer::new().text("/a", "1", 0o644).text("/a/b", "2", 0o644);
    for (layer, reason) in [
        (Layer::new().text("a", "", 0o644), "absolute"),
        (Layer::new().text("/a/../b", "", 0o644), "absolute"),
        (Layer::new().text("/a/", "", 0o644), "absolute"),
        (twice, "twice"),
        (inside_a_file, "folder"),
        (
            Layer::new().file("/a", programs.path("gone"), 0o644),
            "gone",
        ),
        (
            Layer::new().file("/a", programs.path("first"), 0o644),
            "folder",
        ),
    ] {
        let error = write(&archive, &[image("localhost/a:1", &[layer])]).expect_err(reason);
        assert!(format!("{error:#}").contains(reason), "{error:#}");
    }
    let same_name = [image("localhost/a:1", &[]), image("localhost/a:1", &[])];
    write(&archive, &same_name).expect_err("the same name twice");
    write(&archive, &[Image::default()]).expect_err("no name");
    assert!(!archive.exists());
}
