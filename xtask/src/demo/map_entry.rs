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
    let dump = ["bpftool", "map", "dump", "pinned", &*path];
    let printed = scene.node.run(&dump).context("dump the map")?;
    let entry = entry_of(&printed, NAME)
        .with_context(|| format!("find {NAME} in what `{}` prints", dump.join(" ")))?;
    println!("\nThe map entry of {NAME}, out of `{}`:", dump.join(" "));
    let lines: Vec<&str> = entry.lines().collect();
    for line in lines.iter().take(LINES_SHOWN) {
        println!("  {}", line.strip_prefix("    ").unwrap_or(line));
    }
    if let Some(left @ 1..) = lines.len().checked_sub(LINES_SHOWN) {
        println!("  … and {left} lines more");
    }
    Ok(())
}

/// The entry of a name in a map as bpftool prints it: octets as numbers, entries divided by `},{`.
fn entry_of<'a>(printed: &'a str, name: &str) -> Option<&'a str> {
    let octets: Vec<String> = key_of(name).iter().map(u8::to_string).collect();
    // From the first octet of a field on: a record of another name may name this one.
    let key = format!("[{}", octets.join(","));
    printed
        .split("\n    },{\n")
        .map(|entry| {
            entry
                .trim_start_matches("[{\n")
                .trim_end_matches("\n    }\n]\n")
        })
        .find(|entry| entry.contains(&key))
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
    fn an_entry_is_found_among_others_by_its_key() {
        let other = "        \"key\": 1";
        let key: Vec<String> = key_of(NAME).iter().map(u8::to_string).collect();
        let wanted = format!("        \"key\": [{}]", key.join(","));
        let printed = format!("[{{\n{other}\n    }},{{\n{wanted}\n    }}\n]\n");
        assert_eq!(entry_of(&printed, NAME), Some(&*wanted));
        assert_eq!(entry_of(&printed, "kubernetes.default"), None);
    }

    #[test]
    fn a_record_that_names_the_name_is_not_taken_for_its_entry() {
        let octets: Vec<String> = key_of(NAME).iter().map(u8::to_string).collect();
        let octets = octets.join(",");
        let pointer = format!("        \"key\": [1,49]\n        \"rest\": [0,12,{octets}]");
        let wanted = format!("        \"key\": [{octets}]");
        let printed = format!("[{{\n{pointer}\n    }},{{\n{wanted}\n    }}\n]\n");
        assert_eq!(entry_of(&printed, NAME), Some(&*wanted));
    }

    #[test]
    fn the_name_fits_its_map() {
        let key = key_of(NAME);
        assert_eq!(key.len(), KEY_LEN);
        assert_eq!(key[..12], *b"\x0akubernetes\x07");
        assert_eq!(key[KEY_LEN - 3..], [0, 0, 0]);
    }
}
