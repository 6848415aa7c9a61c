//! One entry of the kernel's map, as bpftool shows it.

use anyhow::{Context, Result};

use super::scene::Scene;

/// The map for names of at most 40 octets.
const MAP: &str = "ENTRIES_40";
/// Its keys: the folded name in wire format, with zeros behind.
const KEY_LEN: usize = 40;
const NAME: &str = "kubernetes.default.svc.cluster.local";
/// An entry is longer than a person wants to read.
const LINES_SHOWN: usize = 24;

/// Prints the entry of `kubernetes.default.svc.cluster.local`.
///
/// # Errors
///
/// When bpftool does not find it.
pub(crate) fn show(scene: &Scene) -> Result<()> {
    let path = scene.pins.path().join(MAP);
    let path = path.to_string_lossy();
    let key: Vec<String> = key_of(NAME)
        .iter()
        .map(|octet| format!("{octet:02x}"))
        .collect();
    let fixed = ["bpftool", "map", "lookup", "pinned", &*path, "key", "hex"];
    let octets: Vec<&str> = key.iter().map(String::as_str).collect();
    let printed = scene
        .node
        .run(&[&fixed[..], &octets].concat())
        .with_context(|| format!("look up {NAME} in the map"))?;
    println!("\nThe map entry of {NAME} (bpftool map dump pinned {path}):");
    let lines: Vec<&str> = printed.lines().collect();
    for line in lines.iter().take(LINES_SHOWN) {
        println!("  {line}");
    }
    if let Some(left @ 1..) = lines.len().checked_sub(LINES_SHOWN) {
        println!("  … and {left} lines more");
    }
    Ok(())
}

fn key_of(name: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(KEY_LEN);
    for label in name.split('.') {
        // The labels of the one name asked for are short.
        key.push(label.len() as u8);
        key.extend_from_slice(label.as_bytes());
    }
    key.resize(KEY_LEN, 0);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_fits_its_map() {
        let key = key_of(NAME);
        assert_eq!(key.len(), KEY_LEN);
        assert_eq!(key[..12], *b"\x0akubernetes\x07");
        assert_eq!(key[KEY_LEN - 3..], [0, 0, 0]);
    }
}
