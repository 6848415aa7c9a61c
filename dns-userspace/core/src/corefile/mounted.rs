//! What the DNS server reads its set-up from.

use std::collections::{BTreeMap, BTreeSet};

/// The file in which kubelet gives every container the loopback names; the plugin `hosts` reads it unless
/// it is told another one.
pub(super) const HOSTS: &str = "/etc/hosts";
/// What kubelet writes there, before the line with the pod's own address and host name.
pub(super) const LOOPBACK: &str = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n\
    fe00::0 ip6-localnet\nfe00::0 ip6-mcastprefix\nfe00::1 ip6-allnodes\nfe00::2 ip6-allrouters\n";

/// What is known of the file system and the environment in which the DNS server runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mounted {
    /// Absolute path of the Corefile, such as `/etc/coredns/Corefile`.
    pub path: String,
    /// The texts of the files that are known, by absolute path; the Corefile too.
    ///
    /// `/etc/hosts`, which the plugin `hosts` reads, is among them where kubelet writes it and it has no
    /// other names than a pod's own: see [`Mounted::with_hosts_of`].
    pub files: BTreeMap<String, String>,
    /// Absolute paths of the folders whose whole content is in `files`: another file is certainly not
    /// there. An optional ConfigMap that does not exist is mounted as a folder without files.
    pub folders: BTreeSet<String>,
    /// The environment variables that are known, with their values.
    pub environment: BTreeMap<String, String>,
}

/// A file of the DNS server.
pub(super) enum File<'a> {
    Known(&'a str),
    /// It is certain that there is none.
    Absent,
    Unknown,
}

impl Mounted {
    /// A Corefile with nothing beside it, in a pod with its own network.
    #[must_use]
    pub fn only(text: &str) -> Self {
        let path = "/etc/coredns/Corefile".to_owned();
        Self {
            files: BTreeMap::from([(path.clone(), text.to_owned())]),
            folders: BTreeSet::from(["/etc/coredns".to_owned()]),
            path,
            environment: BTreeMap::new(),
        }
        .with_hosts_of(&BTreeSet::new())
    }

    /// With the file that kubelet writes into pods which have their own network and no further names, if none
    /// is known: one line such as `10.244.0.3 coredns-1` for each pod. Every pod has its own line only, but which
    /// of them is asked is not known. Without lines it is known that there is one, and not what it holds.
    #[must_use]
    pub fn with_hosts_of(mut self, lines: &BTreeSet<String>) -> Self {
        self.files.entry(HOSTS.to_owned()).or_insert_with(|| {
            let mut text = LOOPBACK.to_owned();
            for line in lines {
                text.push_str(line);
                text.push('\n');
            }
            text
        });
        self
    }

    pub(super) fn file(&self, path: &str) -> File<'_> {
        match self.files.get(path) {
            Some(text) => File::Known(text),
            None if self.knows_folder(folder_of(path)) => File::Absent,
            None => File::Unknown,
        }
    }

    /// The files directly in a folder whose names match, in the order of their names; none if not all
    /// files of the folder are known.
    pub(super) fn matching(&self, folder: &str, names: &glob::Pattern) -> Option<Vec<&str>> {
        self.knows_folder(folder).then(|| {
            let direct = |path: &&String| folder_of(path) == folder && names.matches(file_of(path));
            self.files
                .keys()
                .filter(direct)
                .map(String::as_str)
                .collect()
        })
    }

    fn knows_folder(&self, folder: &str) -> bool {
        let folder = folder.trim_end_matches('/');
        self.folders
            .iter()
            .any(|known| known.trim_end_matches('/') == folder)
    }
}

/// The path of the folder that a file is in.
pub(super) fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name of a file in its folder.
pub(super) fn file_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, file)| file)
}

/// A path in its shortest form, relative ones taken from a folder, as Go's `filepath.Join` does.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_from_the_importing_file() {
        for (folder, path, expected) in [
            (
                "/etc/coredns",
                "custom/*.server",
                "/etc/coredns/custom/*.server",
            ),
            ("/etc/coredns", "../x", "/etc/x"),
            ("/etc/coredns", "/a//b/./c", "/a/b/c"),
            ("", "x", "/x"),
        ] {
            assert_eq!(joined(folder, path), expected);
        }
    }

    #[test]
    fn a_missing_file_is_absent_only_in_a_known_folder() {
        let mounted = Mounted::only(".");
        assert!(matches!(mounted.file("/etc/coredns/x"), File::Absent));
        assert!(matches!(mounted.file("/etc/other/x"), File::Unknown));
        assert!(matches!(
            mounted.file("/etc/coredns/Corefile"),
            File::Known(".")
        ));
    }
}
