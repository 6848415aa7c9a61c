//! A pod's own /etc: resolv.conf, hosts and nsswitch.conf, seen by one program only.

use std::{
    fmt::Write as _,
    net::IpAddr,
    path::Path,
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::folder::Folder;

/// What a pod's resolver is told, as kubelet writes it into a pod's resolv.conf.
#[derive(Clone, Debug)]
pub struct Resolver {
    /// The servers to ask, in order.
    pub nameservers: Vec<IpAddr>,
    /// The search list.
    pub search: Vec<String>,
    /// Names with fewer dots than this go through the search list first.
    pub ndots: u8,
    /// Further options of resolv.conf, such as `single-request`.
    pub options: Vec<String>,
}

impl Resolver {
    /// What kubelet gives a pod of `namespace` whose cluster's DNS service has `nameserver`: the three
    /// cluster suffixes and `ndots:5`.
    pub fn of_pod(namespace: &str, nameserver: IpAddr) -> Self {
        Self {
            nameservers: vec![nameserver],
            search: vec![
                format!("{namespace}.svc.cluster.local"),
                "svc.cluster.local".to_owned(),
                "cluster.local".to_owned(),
            ],
            ndots: 5,
            options: Vec::new(),
        }
    }

    /// The text of resolv.conf.
    pub fn resolv_conf(&self) -> String {
        let mut text = String::new();
        for server in &self.nameservers {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "nameserver {server}");
        }
        let _ = writeln!(text, "search {}", self.search.join(" "));
        let _ = write!(text, "options ndots:{}", self.ndots);
        for option in &self.options {
            let _ = write!(text, " {option}");
        }
        text + "\n"
    }
}

/// Runs `words` on a thread that sees the resolver's files in place of the machine's; the calling
/// thread must end soon after, for it keeps that view.
///
/// # Errors
///
/// When the files cannot be put in place or the program cannot be started.
pub(crate) fn run_on_this_thread(resolver: &Resolver, words: &[&str]) -> Result<Output> {
    let folder = Folder::new()?;
    let files = [
        ("resolv.conf", resolver.resolv_conf()),
        ("nsswitch.conf", "hosts: files dns\n".to_owned()),
        ("hosts", "127.0.0.1 localhost\n::1 localhost\n".to_owned()),
    ];
    // The mounts that follow are seen by this thread and its children only. They still receive what
    // is unmounted elsewhere, so that namespaces can be deleted meanwhile.
    unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
    let flags = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>)
        .context("keep mounts to ourselves")?;
    for (name, text) in files {
        let source = folder.write(name, &text)?;
        let target = Path::new("/etc").join(name);
        if !target.exists() {
            // Nothing to hide, and a mount needs a target; the C library's default will do.
            continue;
        }
        mount(
            Some(&source),
            &target,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .with_context(|| format!("mount a file of our own on {}", target.display()))?;
    }
    let [program, arguments @ ..] = words else {
        anyhow::bail!("no program was named to run with a resolver of its own");
    };
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {program}"))
}
