//! The BPF object: loading it, on maps of an earlier agent where they fit.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Map, MapData, MapInfo},
    programs::{ProgramError, SchedClassifier, Xdp},
};
use dns_ebpf::answer::LAYOUT;

use super::{
    control::{ControlMap, layout_of},
    reader::pinned,
};

/// The object that the build has made; empty when it was told to skip that.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/interceptor"));

/// Maps that outlive the agent, each pinned under its name.
pub(super) const PINNED: [&str; 13] = [
    "ENTRIES_40",
    "ENTRIES_64",
    "ENTRIES_256",
    "SECTIONS_192",
    "SECTIONS_448",
    "SECTIONS_960",
    "SECTIONS_1472",
    "FORMS",
    "ZONES",
    "DESTINATIONS",
    "UNKNOWN",
    "INTERFACES",
    "COUNTERS",
];
/// The maps that are also in the agent's memory, pinned like the others.
const SHARED: [&str; 3] = [CONTROL, CHANGES, CLIENTS];
/// The one by which it is told whether an agent's maps are there, and of which layout.
pub(super) const CONTROL: &str = "CONTROL";
const CHANGES: &str = "CHANGES";
pub(super) const CLIENTS: &str = "CLIENTS";
/// Where the kernel describes its types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";
/// The classifiers.
const CLASSIFIERS: [&str; 2] = ["intercept_peer", "intercept_plain"];
/// The XDP programs.
const XDP: [&str; 2] = ["intercept_xdp", "intercept_skb"];

/// How many elements the maps may have. Elements take memory when they are put; of the limit itself only 16
/// octets an element are taken at once, for the hash's buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Names of 41 to 64 octets; half of it of shorter ones, and as many of longer ones. Names of services,
    /// their ports and their endpoints are mostly of middle length.
    pub entries: u32,
    /// Answers of up to 176 octets that do not fit into a name's entry, and as many of up to 432; a quarter
    /// of it of up to 944, and as many of up to 1,456. At most half of each may be optional answers.
    pub sections: u32,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            entries: 262_144,
            sections: 32_768,
        }
    }
}

impl Sizes {
    fn of(self, map: &str) -> Option<u32> {
        match map {
            "ENTRIES_64" => Some(self.entries),
            "ENTRIES_40" | "ENTRIES_256" => Some((self.entries / 2).max(1)),
            "SECTIONS_192" | "SECTIONS_448" => Some(self.sections),
            "SECTIONS_960" | "SECTIONS_1472" => Some((self.sections / 4).max(1)),
            _ => None,
        }
    }
}

/// The loaded object.
#[derive(Debug)]
pub struct Loaded {
    /// Programs and maps.
    pub object: Ebpf,
    /// The control map in the agent's memory, for all who write into it.
    pub control: Arc<ControlMap>,
    /// Whether the maps are those of an earlier agent.
    pub adopted: bool,
}

/// Loads the object with its maps pinned in `directory`, adopting what an earlier agent has left there if
/// layout and sizes are the same, and replacing it otherwise.
///
/// # Errors
/// A sentence with cause and remedy: no permission, no BTF, a kernel without something that is needed.
pub fn load(directory: &Path, sizes: Sizes) -> anyhow::Result<Loaded> {
    let adopted = adoptable(directory, sizes);
    if !adopted {
        remove_maps(directory)?;
    }
    let mut loader = loader(sizes)?;
    for name in PINNED.into_iter().chain(SHARED) {
        loader.map_pin_path(name, directory.join(name));
    }
    let mut object = loader
        .load(object()?)
        .map_err(|error| explain(&error, "load the BPF object"))?;
    load_programs(&mut object)?;
    Ok(Loaded {
        control: Arc::new(control_of(&mut object)?),
        object,
        adopted,
    })
}

/// Whether an agent has pinned its maps in `directory`.
#[must_use]
pub fn is_pinned(directory: &Path) -> bool {
    directory.join(CONTROL).exists()
}

/// Loads the object on maps of its own that nothing is pinned of, for tests.
///
/// # Errors
/// As [`load`].
pub fn load_unpinned(sizes: Sizes) -> anyhow::Result<Loaded> {
    let mut object = unloaded(sizes)?;
    load_programs(&mut object)?;
    Ok(Loaded {
        control: Arc::new(control_of(&mut object)?),
        object,
        adopted: false,
    })
}

fn control_of(object: &mut Ebpf) -> anyhow::Result<ControlMap> {
    let (control, changes) = (take(object, CONTROL)?, take(object, CHANGES)?);
    ControlMap::new(control, changes)
        .context("map the control record into memory; it needs Linux 5.5 or later")
}

/// The object with its maps made and its programs not loaded yet, for tests.
///
/// # Errors
/// As [`load`].
pub fn unloaded(sizes: Sizes) -> anyhow::Result<Ebpf> {
    loader(sizes)?
        .load(object()?)
        .map_err(|error| explain(&error, "load the BPF object"))
}

fn object() -> anyhow::Result<&'static [u8]> {
    if OBJECT.is_empty() {
        bail!(
            "this binary was built without its BPF object (AYA_BUILD_SKIP was set); build it with `cargo xtask build`"
        );
    }
    Ok(OBJECT)
}

fn loader(sizes: Sizes) -> anyhow::Result<EbpfLoader<'static>> {
    // aya parses it, which takes 15 MB for a moment; so it is not parsed here as well.
    if let Err(error) = fs::File::open(KERNEL_BTF) {
        bail!(
            "the kernel shows no BTF at {KERNEL_BTF} ({error}); use a kernel built with CONFIG_DEBUG_INFO_BTF=y"
        );
    }
    let mut loader = EbpfLoader::new();
    for name in PINNED {
        if let Some(size) = sizes.of(name) {
            loader.map_max_entries(name, size);
        }
    }
    Ok(loader)
}

fn load_programs(object: &mut Ebpf) -> anyhow::Result<()> {
    for name in CLASSIFIERS {
        let program: &mut SchedClassifier = object
            .program_mut(name)
            .with_context(|| format!("find the program {name} in the object"))?
            .try_into()?;
        program.load().map_err(|error| refused(&error, name))?;
    }
    for name in XDP {
        let program: &mut Xdp = object
            .program_mut(name)
            .with_context(|| format!("find the program {name} in the object"))?
            .try_into()?;
        // XDP needs newer helpers than TC; who does not use it must not need them.
        if let Err(error) = program.load() {
            tracing::info!(error = %refused(&error, name), "XDP is not available");
            break;
        }
    }
    Ok(())
}

/// How many elements a hash map of the object may have.
pub(super) fn most_elements(object: &Ebpf, name: &str) -> anyhow::Result<usize> {
    let Some(Map::HashMap(data)) = object.map(name) else {
        bail!("find the hash map {name} in the object");
    };
    let info = data
        .info()
        .with_context(|| format!("read the size of the map {name}"))?;
    Ok(info.max_entries() as usize)
}

/// Takes a map out of the object.
pub(super) fn take(object: &mut Ebpf, name: &str) -> anyhow::Result<MapData> {
    let map = object
        .take_map(name)
        .with_context(|| format!("find the map {name} in the object"))?;
    match map {
        Map::HashMap(data) | Map::LruHashMap(data) | Map::Array(data) | Map::PerCpuArray(data) => {
            Ok(data)
        }
        other => Err(anyhow!(
            "the map {name} is of an unexpected type: {other:?}"
        )),
    }
}

/// Whether pinned maps are there, complete, and as this agent would make them.
fn adoptable(directory: &Path, sizes: Sizes) -> bool {
    let layout = pinned(directory, CONTROL).and_then(|map| Ok(layout_of(map)?));
    if layout.ok() != Some(LAYOUT) {
        return false;
    }
    PINNED.into_iter().chain(SHARED).all(|name| {
        let Ok(info) = MapInfo::from_pin(directory.join(name)) else {
            return false;
        };
        sizes.of(name).is_none_or(|size| info.max_entries() == size)
    })
}

fn remove_maps(directory: &Path) -> anyhow::Result<()> {
    for name in PINNED.into_iter().chain(SHARED) {
        let path: PathBuf = directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| {
                    format!("remove {}, a map of another layout", path.display())
                });
            }
            _ => {}
        }
    }
    Ok(())
}

fn refused(error: &ProgramError, name: &str) -> anyhow::Error {
    explain(error, &format!("load the program {name} into the kernel"))
}

/// Lines of the verifier's log that only count its work.
const STATISTICS: [&str; 3] = ["processed ", "verification time", "stack depth"];

/// Turns a refusal of the kernel into a sentence.
fn explain(error: &(dyn std::error::Error + 'static), tried: &str) -> anyhow::Error {
    let text = error.to_string();
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    // The verifier refuses programs with EACCES, too; then it says why.
    let not_permitted = causes.any(|error| {
        let error = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error);
        error == Some(nix::libc::EPERM)
            || error == Some(nix::libc::EACCES) && !text.contains("processed ")
    });
    if not_permitted {
        return anyhow!(
            "{tried}: not permitted; run as root, or with the capabilities CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON, \
             before Linux 5.11 also CAP_SYS_RESOURCE, for maps count as locked memory there"
        );
    }
    // The verifier's log is for developers: it goes to the debug log, its verdict to the person.
    tracing::debug!("{text}");
    let says = |line: &&str| {
        !line.trim().is_empty() && !STATISTICS.iter().any(|start| line.starts_with(start))
    };
    let verdict = text.lines().rev().find(says).unwrap_or_default();
    anyhow!(
        "{tried}: {verdict}; the kernel may lack something that is needed (TC needs Linux 5.10, XDP 5.18)"
    )
}
