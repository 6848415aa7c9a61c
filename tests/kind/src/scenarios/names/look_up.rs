//! Names as programs look them up: by the C library and the pod's own `/etc/resolv.conf`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::pods::Pod;

/// Begins the part of one name in what is printed; no address does.
const MARK: &str = "? ";

/// Looks up each of its arguments. That a name is not found is no failure of the whole.
const SCRIPT: &str = r#"for name in "$@"; do echo "? $name"; getent ahosts "$name"; done; true"#;

/// The addresses that the pod's resolver finds for each name.
pub(super) fn look_up(pod: &Pod, names: &[&str]) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let words = [&["sh", "-c", SCRIPT, "sh"], names].concat();
    Ok(read(&pod.run(&words)?))
}

/// The pod's resolver finds exactly these addresses.
pub(super) fn finds(pod: &Pod, expected: &[(&str, &[&str])]) -> Result<()> {
    let names: Vec<&str> = expected.iter().map(|(name, _)| *name).collect();
    let found = look_up(pod, &names)?;
    for (name, addresses) in expected {
        let addresses: BTreeSet<String> = addresses.iter().map(|&one| one.to_owned()).collect();
        ensure!(
            found.get(*name) == Some(&addresses),
            "{name} in pod {}: found {:?} instead of {addresses:?}",
            pod.name,
            found.get(*name)
        );
    }
    Ok(())
}

fn read(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut name = "";
    for line in text.lines() {
        if let Some(next) = line.strip_prefix(MARK) {
            name = next;
            found.entry(name.to_owned()).or_default();
        } else if let Some(address) = line.split_whitespace().next() {
            let addresses = found.entry(name.to_owned()).or_default();
            addresses.insert(address.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_its_own_addresses_and_may_have_none() {
        let text =
            "? shop\n10.96.0.1       STREAM shop.default\n10.96.0.1       DGRAM  \n? absent\n";
        let found = read(text);
        assert_eq!(found["shop"], BTreeSet::from(["10.96.0.1".to_owned()]));
        assert!(found["absent"].is_empty());
    }
}
