//! Volumes made of ConfigMaps, and the files that are in them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapProjection, Container, KeyToPath, PodSpec, Volume,
};

/// A volume at its place in a container.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mount {
    /// Absolute, without a final slash.
    pub(super) path: String,
    content: Content,
    /// The file or folder of the volume that is mounted; such a mount is never updated.
    sub_path: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    /// Files of ConfigMaps, and nothing else.
    ConfigMaps(Vec<Part>),
    /// Something whose content is not known.
    Unknown,
}

/// The files that a volume has from one ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    config_map: String,
    /// Keys and paths; none: every key under its own name.
    items: Option<Vec<(String, String)>>,
    optional: bool,
}

/// The files of a container, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// By absolute path.
    pub(super) files: BTreeMap<String, String>,
    /// Folders with nothing in them that is not known.
    pub(super) folders: BTreeSet<String>,
}

/// The volumes of a container, outer ones first.
pub(super) fn mounts_of(pod: &PodSpec, container: &Container) -> Vec<Mount> {
    let volumes: BTreeMap<&str, &Volume> = pod
        .volumes
        .iter()
        .flatten()
        .map(|volume| (volume.name.as_str(), volume))
        .collect();
    let mounts = container.volume_mounts.iter().flatten().map(|mount| {
        let volume = volumes.get(mount.name.as_str());
        let content = match volume {
            Some(volume) if mount.sub_path_expr.is_none() => content_of(volume),
            _ => Content::Unknown,
        };
        Mount {
            path: mount.mount_path.trim_end_matches('/').to_owned(),
            content,
            sub_path: mount.sub_path.clone().filter(|path| !path.is_empty()),
        }
    });
    let mut mounts: Vec<Mount> = mounts.collect();
    mounts.sort();
    mounts
}

fn content_of(volume: &Volume) -> Content {
    if let Some(source) = &volume.config_map {
        return Content::ConfigMaps(vec![Part::new(
            &source.name,
            source.items.as_deref(),
            source.optional,
        )]);
    }
    let Some(projected) = &volume.projected else {
        return Content::Unknown;
    };
    let parts = projected.sources.iter().flatten().map(|source| {
        // A source has exactly one kind.
        let ConfigMapProjection {
            items,
            name,
            optional,
        } = source.config_map.as_ref()?;
        Some(Part::new(name, items.as_deref(), *optional))
    });
    parts
        .collect::<Option<_>>()
        .map_or(Content::Unknown, Content::ConfigMaps)
}

impl Part {
    fn new(config_map: &str, items: Option<&[KeyToPath]>, optional: Option<bool>) -> Self {
        let items = items.filter(|items| !items.is_empty()).map(|items| {
            let pairs = items
                .iter()
                .map(|item| (item.key.clone(), item.path.clone()));
            pairs.collect()
        });
        Self {
            config_map: config_map.to_owned(),
            items,
            optional: optional.unwrap_or(false),
        }
    }

    /// Adds the files; whether they are all known.
    ///
    /// # Errors
    /// What lacks, so that no such volume can come about.
    fn read(
        &self,
        config_maps: &BTreeMap<String, Option<ConfigMap>>,
        files: &mut BTreeMap<String, String>,
    ) -> Result<bool, String> {
        let name = &self.config_map;
        let Some(config_map) = config_maps.get(name).and_then(Option::as_ref) else {
            return match self.optional {
                true => Ok(true),
                false => Err(format!("the ConfigMap {name}, which does not exist")),
            };
        };
        let none = BTreeMap::new();
        let texts = config_map.data.as_ref().unwrap_or(&none);
        let binary = config_map.binary_data.iter().flatten();
        let binary: BTreeSet<&str> = binary.map(|(key, _)| key.as_str()).collect();
        let Some(items) = &self.items else {
            files.extend(texts.iter().map(|(key, text)| (key.clone(), text.clone())));
            return Ok(binary.is_empty());
        };
        let mut known = true;
        for (key, path) in items {
            match texts.get(key) {
                Some(text) => drop(files.insert(path.clone(), text.clone())),
                None if binary.contains(key.as_str()) => known = false,
                None if self.optional => {}
                None => {
                    return Err(format!(
                        "the key {key} of the ConfigMap {name}, which lacks"
                    ));
                }
            }
        }
        Ok(known)
    }
}

impl Mount {
    /// The ConfigMaps that it reads.
    pub(super) fn config_maps(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.content {
            Content::ConfigMaps(parts) => &parts[..],
            Content::Unknown => &[],
        };
        parts.iter().map(|part| part.config_map.as_str())
    }

    /// Whether a changed ConfigMap changes files in running pods, if it is read at all.
    pub(super) fn is_updated_in_place(&self) -> bool {
        self.sub_path.is_none() || self.content == Content::Unknown
    }

    /// Puts its files over those of the mounts around it.
    ///
    /// # Errors
    /// What the volume is made of and lacks, as part of a sentence.
    pub(super) fn read(
        &self,
        config_maps: &BTreeMap<String, Option<ConfigMap>>,
        into: &mut Files,
    ) -> Result<(), String> {
        let inside = format!("{}/", self.path);
        into.files
            .retain(|path, _| *path != self.path && !path.starts_with(&inside));
        into.folders
            .retain(|folder| *folder != self.path && !folder.starts_with(&inside));
        let mut files = BTreeMap::new();
        let mut known = true;
        match &self.content {
            Content::ConfigMaps(parts) => {
                for part in parts {
                    known &= part.read(config_maps, &mut files)?;
                }
            }
            Content::Unknown => known = false,
        }
        let at = |path: &str| format!("{}/{path}", self.path);
        match &self.sub_path {
            None => into
                .files
                .extend(files.into_iter().map(|(path, text)| (at(&path), text))),
            Some(sub_path) => {
                if let Some(text) = files.remove(sub_path) {
                    into.files.insert(self.path.clone(), text);
                    return Ok(());
                }
                let below = format!("{}/", sub_path.trim_end_matches('/'));
                let below = files
                    .into_iter()
                    .filter_map(|(path, text)| Some((at(path.strip_prefix(&below)?), text)));
                into.files.extend(below);
                // A missing file makes a folder, which is then mounted.
                known = false;
            }
        }
        if known {
            into.folders.insert(self.path.clone());
        } else {
            // Files in a folder around it are still known, but no longer that there are no others.
            into.folders
                .retain(|folder| !self.path.starts_with(&format!("{folder}/")));
        }
        Ok(())
    }
}
