//! Looking at the maps that an agent has pinned, whether or not it runs.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use dns_ebpf::answer::{ENTRY_LEN, FORM_LEN};

use super::{
    control,
    keys::{key, key_length},
    object,
};

/// The pinned maps, for looking at.
#[derive(Debug)]
pub struct Reader {
    directory: PathBuf,
}

impl Reader {
    /// Opens the maps that are pinned in `directory`.
    ///
    /// # Errors
    /// Nothing is pinned there, or reading is not permitted.
    pub fn open(directory: &Path) -> anyhow::Result<Self> {
        pinned(directory, object::CONTROL)?;
        Ok(Self {
            directory: directory.to_owned(),
        })
    }

    /// The entry of a name in wire form.
    ///
    /// # Errors
    /// The kernel's.
    pub fn entry(&self, name: &[u8]) -> anyhow::Result<Option<[u8; ENTRY_LEN]>> {
        match key_length(name) {
            40 => self.get("ENTRIES_40", &key::<40>(name)),
            64 => self.get("ENTRIES_64", &key::<64>(name)),
            _ => self.get("ENTRIES_256", &key::<256>(name)),
        }
    }

    /// The map's name and the value of a section.
    ///
    /// # Errors
    /// The kernel's, or that there is none.
    pub fn section(&self, class: u8, number: u32) -> anyhow::Result<(&'static str, Vec<u8>)> {
        let (map, octets) = match class {
            1 => (
                "SECTIONS_192",
                self.get::<_, [u8; 192]>("SECTIONS_192", &number)?
                    .map(Vec::from),
            ),
            2 => (
                "SECTIONS_448",
                self.get::<_, [u8; 448]>("SECTIONS_448", &number)?
                    .map(Vec::from),
            ),
            3 => (
                "SECTIONS_960",
                self.get::<_, [u8; 960]>("SECTIONS_960", &number)?
                    .map(Vec::from),
            ),
            _ => (
                "SECTIONS_1472",
                self.get::<_, [u8; 1472]>("SECTIONS_1472", &number)?
                    .map(Vec::from),
            ),
        };
        Ok((
            map,
            octets.with_context(|| format!("the section {number} in {map} is gone; try again"))?,
        ))
    }

    /// How an entry denies: the form of an index.
    ///
    /// # Errors
    /// The kernel's, or that there is no such form.
    pub fn form(&self, index: u8) -> anyhow::Result<[u8; FORM_LEN]> {
        let forms: Array<MapData, [u8; FORM_LEN]> =
            Array::try_from(Map::Array(pinned(&self.directory, "FORMS")?))?;
        forms
            .get(&index.into(), 0)
            .with_context(|| format!("read the form {index}, which an entry refers to"))
    }

    fn get<K: aya::Pod, V: aya::Pod>(&self, map: &str, key: &K) -> anyhow::Result<Option<V>> {
        let map: HashMap<MapData, K, V> =
            HashMap::try_from(Map::HashMap(pinned(&self.directory, map)?))?;
        match map.get(key, 0) {
            Ok(value) => Ok(Some(value)),
            Err(MapError::KeyNotFound) => Ok(None),
            Err(error) => Err(error).context("read a map"),
        }
    }
}

/// Opens a pinned map.
pub(super) fn pinned(directory: &Path, name: &str) -> anyhow::Result<MapData> {
    let path = directory.join(name);
    if !path.exists() {
        bail!(
            "nothing of zerohop is pinned in {}; start it by `zerohop run`, or name its folder by --pin-directory",
            directory.display()
        );
    }
    MapData::from_pin(&path)
        .with_context(|| format!("open the pinned map {}; may you read it?", path.display()))
}

/// What is left of the lease of the maps pinned in `directory`.
///
/// # Errors
/// Nothing is pinned there, or reading is not permitted.
pub fn lease_left(directory: &Path) -> anyhow::Result<Duration> {
    control::lease_left(pinned(directory, object::CONTROL)?)
        .context("map the control record into memory")
}
