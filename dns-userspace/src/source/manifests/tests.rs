//! Files that come, change and go.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use dns_core::world::World;
use tokio::sync::mpsc::{self, Receiver};

use super::*;

/// A folder of its own for one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("zerohop-manifests-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is left behind does not make a test fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn service(name: &str) -> String {
    format!("kind: Service\nmetadata: {{name: {name}}}\nspec: {{clusterIP: 10.96.0.1}}\n")
}

async fn started(paths: &[&Path]) -> (World, Receiver<Event>) {
    let (sender, mut events) = mpsc::channel(1);
    let paths = paths.iter().map(|path| path.to_path_buf()).collect();
    start(paths, sender).await.unwrap();
    let mut world = World::default();
    until(&mut world, &mut events, World::complete).await;
    (world, events)
}

async fn until(
    world: &mut World,
    events: &mut Receiver<Event>,
    condition: impl Fn(&World) -> bool,
) {
    let reached = async {
        while !condition(world) {
            world.apply(events.recv().await.expect("the source goes on"));
        }
    };
    tokio::time::timeout(Duration::from_secs(10), reached)
        .await
        .expect("the change is noticed");
}

fn has(world: &World, name: &str) -> bool {
    world.service("default", name).is_some()
}

#[tokio::test]
async fn files_and_folders_are_read_at_any_depth() {
    let folder = Folder::new();
    folder.write("f/a.yaml", &service("a"));
    folder.write("f/deep/er/b.yml", &service("b"));
    folder.write(
        "f/c.json",
        r#"{"kind": "Service", "metadata": {"name": "c"}, "spec": {"clusterIP": "10.96.0.1"}}"#,
    );
    folder.write("f/note.txt", &service("text"));
    folder.write("f/.hidden/h.yaml", &service("hidden"));
    let given = folder.write("given.manifest", &service("given"));
    let (world, _events) = started(&[&folder.0.join("f"), &given]).await;
    for name in ["a", "b", "c", "given"] {
        assert!(has(&world, name), "{name}");
    }
    for name in ["text", "hidden"] {
        assert!(!has(&world, name), "{name}");
    }
    assert!(world.fresh());
}

#[tokio::test]
async fn links_that_lead_in_a_circle_come_to_an_end() {
    let folder = Folder::new();
    folder.write("a.yaml", &service("a"));
    std::os::unix::fs::symlink(&folder.0, folder.0.join("again")).unwrap();
    let (world, _events) = started(&[&folder.0]).await;
    assert!(has(&world, "a"));
}

#[tokio::test]
async fn a_changed_a_new_and_a_removed_file_are_noticed() {
    let folder = Folder::new();
    let a = folder.write("a.yaml", &service("a"));
    let (mut world, mut events) = started(&[&folder.0]).await;
    fs::write(&a, service("changed")).unwrap();
    until(&mut world, &mut events, |world| {
        has(world, "changed") && !has(world, "a")
    })
    .await;
    folder.write("b.yaml", &service("b"));
    until(&mut world, &mut events, |world| has(world, "b")).await;
    folder.write("new/folder/c.yaml", &service("c"));
    until(&mut world, &mut events, |world| has(world, "c")).await;
    fs::remove_file(&a).unwrap();
    until(&mut world, &mut events, |world| {
        !has(world, "changed") && world.fresh()
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_replaced_by_another_is_noticed() {
    let folder = Folder::new();
    let a = folder.write("a.yaml", &service("a"));
    let (mut world, mut events) = started(&[&a]).await;
    fs::rename(folder.write("new", &service("b")), &a).unwrap();
    until(&mut world, &mut events, |world| {
        has(world, "b") && !has(world, "a")
    })
    .await;
}

#[tokio::test]
async fn a_folder_that_was_removed_is_noticed_when_it_comes_back() {
    let folder = Folder::new();
    let inner = folder.0.join("inner");
    folder.write("inner/a.yaml", &service("a"));
    let (mut world, mut events) = started(&[&inner]).await;
    fs::remove_dir_all(&inner).unwrap();
    until(&mut world, &mut events, |world| !world.fresh()).await;
    assert!(
        has(&world, "a"),
        "nothing usable: the objects of before are kept"
    );
    folder.write("inner/b.yaml", &service("b"));
    until(&mut world, &mut events, |world| {
        has(world, "b") && world.fresh()
    })
    .await;
}

#[tokio::test]
async fn while_a_document_is_invalid_the_others_are_served_and_nothing_is_denied() {
    let folder = Folder::new();
    folder.write("a.yaml", &service("a"));
    let broken = folder.write("b.yaml", "kind: [\n");
    let (mut world, mut events) = started(&[&folder.0]).await;
    assert!(has(&world, "a") && !world.fresh());
    fs::write(&broken, service("b")).unwrap();
    until(&mut world, &mut events, |world| {
        has(world, "b") && world.fresh()
    })
    .await;
}

#[tokio::test]
async fn paths_with_nothing_usable_are_an_error_that_names_them() {
    let folder = Folder::new();
    folder.write("empty.yaml", "");
    for path in [folder.0.clone(), folder.0.join("missing")] {
        let (sender, _events) = mpsc::channel(1);
        let error = start(vec![path.clone()], sender)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn the_source_ends_when_nobody_listens() {
    let folder = Folder::new();
    let a = folder.write("a.yaml", &service("a"));
    let (sender, events) = mpsc::channel(1);
    let task = start(vec![a], sender).await.unwrap();
    drop(events);
    tokio::time::timeout(Duration::from_secs(10), task)
        .await
        .expect("it ends")
        .unwrap();
}

#[tokio::test]
async fn a_pipe_among_the_files_is_told_of_and_the_others_are_followed() {
    let folder = Folder::new();
    folder.write("f/a.yaml", &service("a"));
    let pipe = folder.0.join("f/pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let (mut world, mut events) = started(&[&folder.0.join("f")]).await;
    assert!(has(&world, "a"));
    folder.write("f/b.yaml", &service("b"));
    until(&mut world, &mut events, |world| has(world, "b")).await;
    assert!(!world.fresh(), "what a pipe would say is not known");
    fs::remove_file(pipe).unwrap();
    until(&mut world, &mut events, World::fresh).await;
}

#[test]
fn texts_with_a_mark_of_their_encoding_are_read_and_those_in_another_than_utf_8_are_told_of() {
    let folder = Folder::new();
    let json =
        r#"{"kind": "Service", "metadata": {"name": "b"}, "spec": {"clusterIP": "10.96.0.1"}}"#;
    folder.write("a.yaml", &format!("\u{feff}{}", service("a")));
    folder.write("b.json", &format!("\u{feff}{json}"));
    let reading = files::read(std::slice::from_ref(&folder.0));
    assert_eq!(reading.skipped, []);
    let services = reading
        .objects()
        .filter(|object| object.kind() == Kind::Service);
    assert_eq!(services.count(), 2);
    for (octets, reason) in [
        (&b"\xff\xfek\0i\0n\0d\0"[..], "write it in that encoding"),
        (b"\xef\xbb\xbf\n", "it is empty"),
    ] {
        fs::write(folder.0.join("b.json"), octets).unwrap();
        let reading = files::read(std::slice::from_ref(&folder.0));
        assert_eq!(reading.skipped.len(), 1);
        assert!(
            reading.skipped[0].reason.contains(reason),
            "{:?}",
            reading.skipped
        );
        assert!(reading.unreadable.is_some());
    }
}
