//! Objects from Kubernetes YAML and JSON files, read again when they change.
//!
//! While a document cannot be read, the names in it are unknown: the others are served, and
//! nothing is denied (the kinds count as lost). Where it is known whose names are not certain, only these pass.

mod files;
mod read;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use dns_core::{objects::Kind, world::Event};
use notify::{
    EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use tokio::{
    sync::{Notify, mpsc::Sender},
    task::{JoinHandle, spawn_blocking},
    time::interval,
};

use self::read::Reading;
use crate::datapath::control;

/// How often it is told that no file has changed.
const QUIET_EVERY: Duration = Duration::from_millis(200);

/// Reads the files, then tells their objects, and again whenever a file changes.
///
/// # Errors
/// If no file has a usable object, or the files cannot be watched.
pub async fn start(paths: Vec<PathBuf>, events: Sender<Event>) -> anyhow::Result<JoinHandle<()>> {
    let changed = Arc::new(Notify::new());
    let mut watcher = watch_into(Arc::clone(&changed))?;
    // Watched before they are read, so that no change falls between.
    watch(&mut watcher, &paths);
    let (paths, reading) = read(paths).await?;
    reading.log(&Reading::default());
    anyhow::ensure!(reading.is_usable(), nothing_usable(&paths, &reading));
    Ok(tokio::spawn(async move {
        // The error is that the receiver is gone, and with it the reason to go on.
        let _ = follow(paths, reading, watcher, &changed, &events).await;
    }))
}

async fn follow(
    mut paths: Vec<PathBuf>,
    mut last: Reading,
    mut watcher: RecommendedWatcher,
    changed: &Notify,
    events: &Sender<Event>,
) -> anyhow::Result<()> {
    tell(&last, events).await?;
    let mut looks = interval(QUIET_EVERY);
    loop {
        tokio::select! {
            biased;
            () = changed.notified() => {}
            () = events.closed() => return Ok(()),
            _ = looks.tick() => {
                tell_quiet(events).await?;
                continue;
            }
        }
        watch(&mut watcher, &paths);
        let reading;
        (paths, reading) = read(paths).await?;
        if reading == last {
            continue;
        }
        reading.log(&last);
        if reading.is_usable() {
            tell(&reading, events).await?;
        } else {
            let reason = nothing_usable(&paths, &reading);
            tracing::warn!("{reason}; the objects of before are kept");
            let kind = Kind::Namespace;
            events.send(Event::Lost { kind, reason }).await?;
        }
        last = reading;
    }
}

/// Tells that no file has changed.
async fn tell_quiet(events: &Sender<Event>) -> anyhow::Result<()> {
    let at = control::now();
    for kind in Kind::ALL {
        events.send(Event::Quiet { kind, at }).await?;
    }
    Ok(())
}

async fn read(paths: Vec<PathBuf>) -> anyhow::Result<(Vec<PathBuf>, Reading)> {
    let read = move || {
        let reading = files::read(&paths);
        (paths, reading)
    };
    spawn_blocking(read).await.context("read the manifests")
}

/// Tells a reading as one list of every kind. The lists end together, and an unreadable document
/// makes a kind lost before the last of them does: so there is no moment at which the world seems
/// up to date and is not.
async fn tell(reading: &Reading, events: &Sender<Event>) -> anyhow::Result<()> {
    for kind in Kind::ALL {
        events.send(Event::Relisting(kind)).await?;
    }
    for object in reading.objects() {
        events.send(Event::Applied(object.clone())).await?;
    }
    for skipped in &reading.skipped {
        events.send(Event::Skipped(skipped.clone())).await?;
    }
    for kind in Kind::ALL {
        events.send(Event::Listed(kind)).await?;
        if let (Kind::Namespace, Some(document)) = (kind, &reading.unreadable) {
            let reason = format!("absent names are not denied until {document} can be read");
            events.send(Event::Lost { kind, reason }).await?;
        }
    }
    Ok(())
}

fn nothing_usable(paths: &[PathBuf], reading: &Reading) -> String {
    let paths: Vec<_> = paths
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    format!(
        "no Namespace, Service or EndpointSlice in {} ({} problems; of no use for DNS: {}); \
         give files or folders with Kubernetes YAML",
        paths.join(", "),
        reading.skipped.len(),
        match reading.others.is_empty() {
            true => "nothing".to_owned(),
            false => reading.others.to_string(),
        },
    )
}

fn watch_into(changed: Arc<Notify>) -> anyhow::Result<RecommendedWatcher> {
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // An error may have swallowed a change; reading once too often does no harm.
        if event.map_or(true, |event| event.need_rescan() || is_change(&event)) {
            changed.notify_one();
        }
    })
    .context("watch the manifests for changes (inotify)")
}

/// Whether the files may say something else now. A file that is being written counts when it is
/// closed: what it holds before that is half a document.
fn is_change(event: &notify::Event) -> bool {
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Data(_)) => false,
        EventKind::Create(_) => !event.paths.iter().all(|path| is_empty_file(path)),
        EventKind::Any | EventKind::Modify(_) | EventKind::Remove(_) | EventKind::Other => true,
    }
}

fn is_empty_file(path: &std::path::Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

/// Watches folders with all below them, and the folder that holds each path, for editors and
/// kubelets replace files instead of writing them. Watching again finds what has come back.
fn watch(watcher: &mut RecommendedWatcher, paths: &[PathBuf]) {
    for path in paths {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let mut watch = |path: &std::path::Path, mode| {
            if let Err(error) = watcher.watch(path, mode) {
                tracing::debug!("watch {}: {error}", path.display());
            }
        };
        if let Some(folder) = path.parent() {
            watch(folder, RecursiveMode::NonRecursive);
        }
        if path.is_dir() {
            watch(&path, RecursiveMode::Recursive);
        }
    }
}

#[cfg(test)]
mod tests;
