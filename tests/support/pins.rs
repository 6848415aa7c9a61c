//! Folders on the BPF file system in which an agent pins its maps and links.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex, Once, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use anyhow::{Context, Result};
use nix::{
    mount::{MsFlags, mount},
    sys::statfs::{BPF_FS_MAGIC, statfs},
};

use crate::{namespace::is_gone, undo::Undo};

const FILE_SYSTEM: &str = "/sys/fs/bpf";
const TEST_PREFIX: &str = "zerohop-test-";
const DEMO_PREFIX: &str = "zerohop-demo-";

/// A folder for pins that no other test uses. It does not exist until the agent makes it, and is
/// removed with all that is in it when this is dropped; so it outlives an agent's restart.
#[derive(Debug)]
pub struct Pins {
    path: PathBuf,
    _remove: Undo,
}

impl Pins {
    /// Reserves `/sys/fs/bpf/zerohop-test-PID-NUMBER`, and mounts the BPF file system if it is not.
    ///
    /// # Errors
    ///
    /// When the BPF file system cannot be mounted.
    pub fn new() -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Self::named(&format!("{TEST_PREFIX}{}-{number}", process::id()))
    }

    /// As [`Pins::new`] for the demo, of which a process has one: `/sys/fs/bpf/zerohop-demo-PID`.
    ///
    /// # Errors
    ///
    /// As [`Pins::new`].
    pub fn of_demo() -> Result<Self> {
        Self::named(&format!("{DEMO_PREFIX}{}", process::id()))
    }

    fn named(name: &str) -> Result<Self> {
        static SWEPT: Once = Once::new();
        ensure_bpf_filesystem()?;
        SWEPT.call_once(remove_left_over);
        let path = Path::new(FILE_SYSTEM).join(name);
        let removed = path.clone();
        let remove = Undo::on_drop(move || remove_folder(&removed));
        Ok(Self {
            path,
            _remove: remove,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Mounts the BPF file system at /sys/fs/bpf unless it is mounted there. It stays mounted, as
/// systemd would have it.
///
/// # Errors
///
/// When it cannot be mounted, for lack of privilege as a rule.
pub fn ensure_bpf_filesystem() -> Result<()> {
    // Two tests at once would mount it twice, and the second mount would hide the first one's pins.
    static ONCE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONCE_AT_A_TIME
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let state = statfs(FILE_SYSTEM).with_context(|| format!("inspect {FILE_SYSTEM}"))?;
    if state.filesystem_type() == BPF_FS_MAGIC {
        return Ok(());
    }
    mount(
        Some("bpf"),
        FILE_SYSTEM,
        Some("bpf"),
        MsFlags::empty(),
        None::<&str>,
    )
    .with_context(|| format!("mount the BPF file system at {FILE_SYSTEM} (needs root)"))
}

fn remove_folder(path: &Path) {
    if !path.exists() {
        return;
    }
    if let Err(error) = fs::remove_dir_all(path) {
        eprintln!("cannot remove the pins in {}: {error}", path.display());
    }
}

/// Removes the pins of earlier runs that were killed, judged by the process id in the name.
fn remove_left_over() {
    let Ok(entries) = fs::read_dir(FILE_SYSTEM) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name
            .strip_prefix(TEST_PREFIX)
            .or_else(|| name.strip_prefix(DEMO_PREFIX));
        let maker = rest.and_then(|rest| rest.split('-').next());
        if maker.is_some_and(is_gone) {
            remove_folder(&entry.path());
        }
    }
}
