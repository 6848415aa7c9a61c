//! The pin directory: on a bpf filesystem, and used by one agent at a time.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, Mode, OFlags, flock, major, minor, open, statfs},
    io::Errno,
    mount::{MountFlags, mount},
};

/// Where bpf filesystems are mounted by convention.
const BPFFS: &str = "/sys/fs/bpf";
/// BPF_FS_MAGIC of linux/magic.h.
const BPF_FS_MAGIC: u32 = 0xcafe_4a11;

/// Why the pin directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// It lies on another kind of filesystem, where nothing can be pinned.
    #[error(
        "{path} is not on a bpf filesystem; mount one by `mount -t bpf bpf {BPFFS}` and use a \
         folder below it, or in a container, mount the host's {BPFFS} into it"
    )]
    NotBpffs {
        /// The pin directory.
        path: PathBuf,
    },
    /// The mounting failed.
    #[error(
        "mount a bpf filesystem at {BPFFS}: {error}; do it as root by `mount -t bpf bpf {BPFFS}`, \
         or in a container, mount the host's {BPFFS} into it"
    )]
    Mount {
        /// The kernel's answer.
        error: io::Error,
    },
    /// Another agent holds the lock.
    #[error("{path} is in use by {holder}; only one agent may use a pin directory. Stop it first")]
    InUse {
        /// The pin directory.
        path: PathBuf,
        /// The other process in words.
        holder: String,
    },
    /// A file operation failed.
    #[error("{action} {path}: {error}")]
    File {
        /// What was tried.
        action: &'static str,
        /// With which path.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
}

/// Makes sure that `pin_directory` can be made on a bpf filesystem: mounts one at /sys/fs/bpf if it
/// lies below that and none is mounted.
///
/// # Errors
/// [`PinError::NotBpffs`] or [`PinError::Mount`], each with the remedy.
pub fn ensure_bpffs(pin_directory: &Path) -> Result<(), PinError> {
    if is_on_bpffs(pin_directory)? {
        return Ok(());
    }
    if !pin_directory.starts_with(BPFFS) {
        return Err(PinError::NotBpffs {
            path: pin_directory.into(),
        });
    }
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("bpf", BPFFS, "bpf", flags, Some(c"mode=0700")).map_err(|error| PinError::Mount {
        error: error.into(),
    })
}

/// Whether `path`, or the nearest folder above it that is there, lies on a bpf filesystem.
pub(super) fn is_on_bpffs(path: &Path) -> Result<bool, PinError> {
    for path in path.ancestors() {
        match statfs(path) {
            Ok(status) => return Ok(status.f_type as u32 == BPF_FS_MAGIC),
            Err(Errno::NOENT) => {}
            Err(error) => {
                return Err(PinError::File {
                    action: "look at",
                    path: path.into(),
                    error: error.into(),
                });
            }
        }
    }
    Ok(false)
}

/// The right to use a pin directory, held until it is dropped or the process ends.
#[derive(Debug)]
pub struct PinLock {
    /// The folder itself carries the lock: nothing is left behind, and agents in different
    /// containers that share the bpf filesystem see each other.
    directory: File,
}

impl Drop for PinLock {
    fn drop(&mut self) {
        // Closing is not enough while a child process, between fork and exec, has the folder open
        // as well. If unlocking fails, closing is all that is left to do.
        let _ = flock(&self.directory, FlockOperation::Unlock);
    }
}

impl PinLock {
    /// Makes `pin_directory` if necessary and locks it.
    ///
    /// # Errors
    /// [`PinError::InUse`], naming the other process, or what the system says.
    pub fn acquire(pin_directory: &Path) -> Result<Self, PinError> {
        let failed = |action| {
            move |error: io::Error| PinError::File {
                action,
                path: pin_directory.into(),
                error,
            }
        };
        loop {
            let mut builder = fs::DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(pin_directory)
                .map_err(failed("make the folder"))?;
            let directory = open(
                pin_directory,
                OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            );
            let directory =
                File::from(directory.map_err(|error| failed("open the folder")(error.into()))?);
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    let holder = holder_of(&directory);
                    return Err(PinError::InUse {
                        path: pin_directory.into(),
                        holder,
                    });
                }
                Err(error) => return Err(failed("lock the folder")(error.into())),
            }
            // It may have been removed, and made anew by another, between opening and locking.
            let locked = directory.metadata().map_err(failed("look at"))?;
            if fs::metadata(pin_directory).is_ok_and(|named| named.ino() == locked.ino()) {
                return Ok(Self { directory });
            }
        }
    }
}

/// In words, the process that holds the lock on `directory`, from /proc/locks.
fn holder_of(directory: &File) -> String {
    let unknown =
        || "another process that /proc does not show here, maybe in another container".to_owned();
    let (Ok(metadata), Ok(locks)) = (directory.metadata(), fs::read_to_string("/proc/locks"))
    else {
        return unknown();
    };
    let (device, inode) = (metadata.dev(), metadata.ino());
    let file = format!("{:02x}:{:02x}:{inode}", major(device), minor(device));
    let Some(process) = locks.lines().find_map(|line| lock_holder(line, &file)) else {
        return unknown();
    };
    let name = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
    format!("process {process} ({})", name.trim())
}

/// The process number in a line such as `1: FLOCK  ADVISORY  WRITE 4711 00:1c:13385 0 EOF`, if it
/// is about `file`.
fn lock_holder(line: &str, file: &str) -> Option<u32> {
    let mut words = line
        .split_whitespace()
        .skip_while(|word| *word != "FLOCK")
        .skip(3);
    let process = words.next()?.parse().ok()?;
    (words.next()? == file).then_some(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_read_from_its_own_line_only() {
        let line = "1: FLOCK  ADVISORY  WRITE 4711 00:1c:13385 0 EOF";
        assert_eq!(lock_holder(line, "00:1c:13385"), Some(4711));
        assert_eq!(lock_holder(line, "00:1c:13386"), None);
        assert_eq!(
            lock_holder(
                "2: POSIX  ADVISORY  WRITE 4711 00:1c:13385 0 EOF",
                "00:1c:13385"
            ),
            None
        );
    }

    #[test]
    fn a_folder_on_an_ordinary_filesystem_is_refused_with_the_remedy() {
        let error = ensure_bpffs(Path::new("/proc/zerohop/pins")).unwrap_err();
        assert!(error.to_string().contains("mount -t bpf"), "{error}");
    }
}
