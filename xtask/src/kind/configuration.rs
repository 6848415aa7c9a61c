//! kind's configuration of a cluster, with what a node image needs added.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// The list that is added to.
const PATCHES: &str = "kubeadmConfigPatches";

/// Reads the cluster's configuration, adds the kubeadmConfigPatches of `patches`, and writes JSON, which is YAML.
///
/// # Errors
///
/// A file cannot be read, or is not the YAML of an object.
pub(super) fn read(configuration: &Path, patches: Option<&Path>) -> Result<String> {
    let mut cluster = object(configuration)?;
    if let Some(patches) = patches {
        add(&mut cluster, &object(patches)?);
    }
    Ok(cluster.to_string())
}

fn object(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    let value: Value = serde_saphyr::from_str(&text)
        .with_context(|| format!("read {} as kind's configuration", path.display()))?;
    anyhow::ensure!(
        value.is_object(),
        "{} holds no configuration of kind; it begins with `kind: Cluster`",
        path.display()
    );
    Ok(value)
}

fn add(cluster: &mut Value, other: &Value) {
    let Some(more) = other[PATCHES].as_array() else {
        return;
    };
    let mut patches = cluster[PATCHES].as_array().cloned().unwrap_or_default();
    patches.extend(more.iter().cloned());
    cluster[PATCHES] = Value::Array(patches);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn patches_of_both_files_apply_and_nothing_else_of_the_second() {
        let mut cluster = json!({"nodes": [{"role": "worker"}], PATCHES: ["a"]});
        add(
            &mut cluster,
            &json!({"nodes": [], "name": "other", PATCHES: ["b"]}),
        );
        assert_eq!(
            cluster,
            json!({"nodes": [{"role": "worker"}], PATCHES: ["a", "b"]})
        );
    }

    #[test]
    fn every_configuration_here_has_a_worker_beside_the_control_plane() {
        let folder = crate::workspace::root().join("deploy/kind");
        for file in fs::read_dir(folder).expect("deploy/kind") {
            let path = file.expect("a file").path();
            let cluster = object(&path).expect("kind's configuration");
            if cluster["kind"] != "Cluster" {
                continue;
            }
            let roles: Vec<&str> = cluster["nodes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|node| node["role"].as_str())
                .collect();
            assert_eq!(roles, ["control-plane", "worker"], "{}", path.display());
        }
    }
}
