//! The agent's maps, from outside: what they take, and what they hold.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};
use aya::{
    Pod,
    maps::{HashMap, Map, MapData, MapError, MapInfo, PerCpuArray},
    programs::ProgramInfo,
};
use dns_ebpf::{
    KEY_LENGTHS,
    answer::{ENTRY_LEN, SECTION_LENGTHS},
};
use tests::MapMemory;

type Entries<const N: usize> = HashMap<MapData, [u8; N], [u8; ENTRY_LEN]>;
/// The value of a name.
pub(super) type Entry = [u8; ENTRY_LEN];

/// The maps of names that an agent has pinned.
#[derive(Debug)]
pub(super) struct Names {
    short: Entries<{ KEY_LENGTHS[0] }>,
    middle: Entries<{ KEY_LENGTHS[1] }>,
    long: Entries<{ KEY_LENGTHS[2] }>,
}

impl Names {
    /// Opens them in an agent's pin folder.
    pub(super) fn open(pins: &Path) -> Result<Self> {
        Ok(Self {
            short: open(pins, "ENTRIES_40")?,
            middle: open(pins, "ENTRIES_64")?,
            long: open(pins, "ENTRIES_256")?,
        })
    }

    /// The entry of a name in wire form.
    pub(super) fn entry(&self, name: &[u8]) -> Result<Option<Entry>> {
        let entry = if name.len() <= KEY_LENGTHS[0] {
            self.short.get(&padded(name), 0)
        } else if name.len() <= KEY_LENGTHS[1] {
            self.middle.get(&padded(name), 0)
        } else {
            self.long.get(&padded(name), 0)
        };
        match entry {
            Ok(entry) => Ok(Some(entry)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).context("look a name up"),
        }
    }

    /// How many names there are.
    pub(super) fn count(&self) -> u64 {
        let count =
            self.short.keys().count() + self.middle.keys().count() + self.long.keys().count();
        count as u64
    }
}

/// How often the kernel has done what is counted there, on all CPUs.
///
/// # Errors
/// What the kernel does not tell.
pub(super) fn counted(pins: &Path, counter: u32) -> Result<u64> {
    let path = pins.join("COUNTERS");
    let map = MapData::from_pin(&path).with_context(|| format!("open {}", path.display()))?;
    let counters: PerCpuArray<MapData, u64> =
        PerCpuArray::try_from(Map::PerCpuArray(map)).context("COUNTERS has another shape")?;
    let counts = counters.get(&counter, 0).context("read a counter")?;
    Ok(counts.iter().sum())
}

/// Every map of an agent, pinned or held by a program of its, and what each takes.
///
/// # Errors
/// What the kernel does not tell.
pub(super) fn memory(pins: &Path) -> Result<Vec<MapMemory>> {
    let mut ids = BTreeSet::new();
    for file in fs::read_dir(pins).with_context(|| format!("list {}", pins.display()))? {
        let path = file
            .with_context(|| format!("list {}", pins.display()))?
            .path();
        // Programs and links are pinned in lower case. The kernel would tell a program's number for a map's.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.contains(|letter: char| letter.is_ascii_lowercase()) {
            if let Ok(program) = ProgramInfo::from_pin(&path) {
                let of_program = program.map_ids().context("list the maps of a program")?;
                ids.extend(of_program.into_iter().flatten());
            }
        } else {
            let map = MapInfo::from_pin(&path);
            ids.insert(
                map.with_context(|| format!("open {}", path.display()))?
                    .id(),
            );
        }
    }
    let mut maps = Vec::new();
    for id in ids {
        let info = MapInfo::from_id(id).with_context(|| format!("look at map {id}"))?;
        let name = info.name_as_str().unwrap_or_default();
        let elements = elements(pins, name)?;
        let map = info.fd().with_context(|| format!("open map {id}"))?;
        maps.push(MapMemory::of(map, name, elements)?);
    }
    Ok(maps)
}

/// How many elements the map has if they are allocated one by one; else none.
fn elements(pins: &Path, name: &str) -> Result<usize> {
    Ok(match name {
        "ENTRIES_40" => count::<[u8; KEY_LENGTHS[0]], Entry>(pins, name)?,
        "ENTRIES_64" => count::<[u8; KEY_LENGTHS[1]], Entry>(pins, name)?,
        "ENTRIES_256" => count::<[u8; KEY_LENGTHS[2]], Entry>(pins, name)?,
        "SECTIONS_192" => count::<u32, [u8; SECTION_LENGTHS[0]]>(pins, name)?,
        "SECTIONS_448" => count::<u32, [u8; SECTION_LENGTHS[1]]>(pins, name)?,
        "SECTIONS_960" => count::<u32, [u8; SECTION_LENGTHS[2]]>(pins, name)?,
        "SECTIONS_1472" => count::<u32, [u8; SECTION_LENGTHS[3]]>(pins, name)?,
        _ => 0,
    })
}

fn count<K: Pod, V: Pod>(pins: &Path, name: &str) -> Result<usize> {
    Ok(open::<K, V>(pins, name)?.keys().count())
}

fn open<K: Pod, V: Pod>(pins: &Path, name: &str) -> Result<HashMap<MapData, K, V>> {
    let path = pins.join(name);
    let map = MapData::from_pin(&path).with_context(|| format!("open {}", path.display()))?;
    HashMap::try_from(Map::HashMap(map)).with_context(|| format!("{name} has another shape"))
}

fn padded<const N: usize>(name: &[u8]) -> [u8; N] {
    let mut key = [0; N];
    key[..name.len()].copy_from_slice(name);
    key
}
