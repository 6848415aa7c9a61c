//! What the kernel and this process must be able to do, told from /proc and /sys.

use std::{env, fs, path::Path};

use super::{
    as_root,
    state::{Repair, Thing},
};

/// Bits of `CapEff` (linux/capability.h).
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_BPF: u32 = 39;

const ROOT: &str = "root";
const BTF: &str = "/sys/kernel/btf/vmlinux";
const BPFFS: &str = "/sys/fs/bpf";

/// Whether this process runs as root.
pub(crate) fn is_root() -> bool {
    has_user_id_0(&read("/proc/self/status"))
}

/// Looks at root, its capabilities, and the kernel's features.
pub(super) fn inspect() -> Vec<Thing> {
    vec![
        inspect_root(),
        inspect_btf(),
        inspect_bpffs(),
        inspect_namespaces(),
    ]
}

/// Whether root is among `things`: whoever gets it needs no further advice.
pub(super) fn is_root_among(things: &[Thing]) -> bool {
    things.iter().any(|thing| thing.what == ROOT)
}

fn inspect_root() -> Thing {
    const WHAT: &str = ROOT;
    const PURPOSE: &str = "loads BPF programs, makes network namespaces";
    let status = read("/proc/self/status");
    if !has_user_id_0(&status) {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let command = as_root(&arguments.join(" "));
        return Thing::missing(WHAT, PURPOSE, "not root", Repair::ByHand, command);
    }
    let held = capabilities(&status);
    let lacks: Vec<&str> = [
        ("CAP_NET_ADMIN", CAP_NET_ADMIN),
        ("CAP_SYS_ADMIN", CAP_SYS_ADMIN),
        ("CAP_BPF", CAP_BPF),
    ]
    .into_iter()
    .filter(|(_, bit)| held & (1 << bit) == 0)
    .map(|(name, _)| name)
    .collect();
    if lacks.is_empty() {
        return Thing::here(
            WHAT,
            PURPOSE,
            String::new(),
            "user 0 with CAP_BPF, CAP_NET_ADMIN, CAP_SYS_ADMIN",
        );
    }
    let reason = format!("root without {}", lacks.join(", "));
    let command = "run outside the container, or give it --privileged".to_owned();
    Thing::missing(WHAT, PURPOSE, reason, Repair::ByHand, command)
}

fn inspect_btf() -> Thing {
    let release = read("/proc/sys/kernel/osrelease").trim().to_owned();
    present(
        "kernel BTF",
        "types of the kernel, for loading",
        Path::new(BTF).exists(),
        release,
        BTF,
        "boot a kernel with CONFIG_DEBUG_INFO_BTF=y",
    )
}

fn inspect_bpffs() -> Thing {
    present(
        "bpffs",
        "keeps maps and programs over restarts",
        knows_bpffs(&read("/proc/filesystems")) && Path::new(BPFFS).is_dir(),
        String::new(),
        BPFFS,
        "boot a kernel with CONFIG_BPF_SYSCALL=y",
    )
}

fn inspect_namespaces() -> Thing {
    const PLACE: &str = "/proc/self/ns/net";
    present(
        "network namespaces",
        "pods of demo and tests",
        Path::new(PLACE).exists(),
        String::new(),
        PLACE,
        "boot a kernel with CONFIG_NET_NS=y",
    )
}

fn present(
    what: &str,
    purpose: &'static str,
    is_here: bool,
    version: String,
    place: &str,
    remedy: &str,
) -> Thing {
    if is_here {
        return Thing::here(what, purpose, version, place);
    }
    let reason = format!("the kernel has no {place}");
    Thing::missing(what, purpose, reason, Repair::ByHand, remedy.to_owned())
}

fn read(path: &str) -> String {
    // A file that cannot be read tells of nothing, which is what the checks then report.
    fs::read_to_string(path).unwrap_or_default()
}

/// Whether the effective user id in a /proc/PID/status is 0.
fn has_user_id_0(status: &str) -> bool {
    field(status, "Uid:").and_then(|ids| ids.split_whitespace().nth(1)) == Some("0")
}

/// The effective capabilities in a /proc/PID/status, a bit each.
fn capabilities(status: &str) -> u64 {
    field(status, "CapEff:")
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name))
}

/// Whether a /proc/filesystems names bpffs.
fn knows_bpffs(filesystems: &str) -> bool {
    filesystems
        .lines()
        .any(|line| line.split_whitespace().last() == Some("bpf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tcargo\nUid:\t1000\t0\t0\t0\nCapEff:\t000001fffeffffff\n";

    #[test]
    fn the_effective_user_counts_not_the_real_one() {
        assert!(has_user_id_0(STATUS));
        assert!(!has_user_id_0("Uid:\t0\t1000\t0\t0\n"));
        assert!(!has_user_id_0(""));
    }

    #[test]
    fn capabilities_are_read_as_a_mask() {
        let held = capabilities(STATUS);
        assert_ne!(held & (1 << CAP_BPF), 0);
        assert_ne!(held & (1 << CAP_NET_ADMIN), 0);
        // CAP_SYS_RESOURCE, 24, is the one bit that this mask lacks.
        assert_eq!(held & (1 << 24), 0);
        assert_eq!(capabilities("nothing"), 0);
    }

    #[test]
    fn bpffs_is_known_by_its_own_name_only() {
        assert!(knows_bpffs("nodev\tsysfs\nnodev\tbpf\n"));
        assert!(!knows_bpffs("nodev\tbpfilter\n"));
    }
}
