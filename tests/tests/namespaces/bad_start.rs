//! Starts that cannot succeed: one sentence with cause and remedy, and nothing left behind.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context, Result};
use tests::{Folder, Process, Tool, program};

use crate::site::{LIMIT, Site, at_a_site};

/// Judges what the agent said before it ended: it failed, in one sentence that has all `parts`, without
/// a panic, and nothing of it is attached or pinned.
fn judge(site: &Site, process: &Process, parts: &[&str]) -> Result<()> {
    let status = process.wait(LIMIT)?;
    let said = process.last_lines();
    assert!(!said.contains("panicked"), "{said}");
    let code = status.code().unwrap_or_default();
    assert!(code == 1 || code == 2, "{status}: {said}");
    let lines = process.lines();
    let last = lines
        .iter()
        .find(|line| line.starts_with("zerohop: ") || line.starts_with("error: "))
        .with_context(|| format!("no sentence: {said}"))?;
    for part in parts {
        assert!(last.contains(part), "`{part}` is not in: {last}");
    }
    assert_eq!(site.attached()?, Vec::<String>::new(), "{last}");
    let pinned = entries(site.pins.path());
    assert_eq!(pinned, Vec::<String>::new(), "left pinned after: {last}");
    Ok(())
}

/// The files below a folder that may not be there.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in listed.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(entries(&path));
        } else {
            found.push(path.display().to_string());
        }
    }
    found
}

/// Starts the agent under `prefix`, a program that takes permissions away.
fn start_under(site: &Site, prefix: &[&str], binary: &Path) -> Result<Process> {
    let (binary, pins) = (binary.to_string_lossy(), site.pins.path().to_string_lossy());
    let manifests = site.manifests.path().to_string_lossy();
    let run = [&*binary, "run", "--pin-directory", &*pins];
    let words = [prefix, &run, &["--manifests", &*manifests]].concat();
    site.node.spawn("the agent", &words)
}

#[test]
fn without_capabilities_the_agent_names_them() -> Result<()> {
    at_a_site("without_capabilities_the_agent_names_them", |site| {
        let prefix = ["setpriv", "--bounding-set=-all", "--no-new-privs", "--"];
        let process = start_under(site, &prefix, &program(Tool::Zerohop)?)?;
        judge(site, &process, &["not permitted", "run as root", "CAP_BPF"])
    })
}

#[test]
fn as_nobody_the_agent_says_what_it_lacks() -> Result<()> {
    at_a_site("as_nobody_the_agent_says_what_it_lacks", |site| {
        // The program's own folder may be closed to others.
        let folder = Folder::new()?;
        let binary = folder.path().join("zerohop");
        fs::copy(program(Tool::Zerohop)?, &binary).context("copy the agent")?;
        for path in [folder.path(), site.manifests.path()] {
            fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        }
        let prefix = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--",
        ];
        let process = start_under(site, &prefix, &binary)?;
        judge(site, &process, &["ermi", "root"])
    })
}

#[test]
fn a_pin_directory_on_another_filesystem_is_refused_with_the_remedy() -> Result<()> {
    let name = "a_pin_directory_on_another_filesystem_is_refused_with_the_remedy";
    at_a_site(name, |site| {
        let folder = Folder::new()?;
        let path = folder.path().join("pins");
        let words = ["--pin-directory", &*path.to_string_lossy()];
        let mut command = site.node.command(program(Tool::Zerohop)?);
        command.arg("run").args(words);
        command.arg("--manifests").arg(site.manifests.path());
        let process = Process::spawn("the agent", command)?;
        let parts = ["is not on a bpf filesystem", "mount -t bpf bpf /sys/fs/bpf"];
        judge(site, &process, &parts)?;
        assert!(!path.exists());
        Ok(())
    })
}

#[test]
fn an_interface_that_does_not_exist_is_refused_by_name() -> Result<()> {
    at_a_site(
        "an_interface_that_does_not_exist_is_refused_by_name",
        |site| {
            let device = site.pod.node_interface();
            for option in ["--interface", "--xdp"] {
                let words = ["--interface", device, option, "nosuch0"];
                let agent = site.spawn_agent(&words)?;
                let parts = ["interface nosuch0 does not exist", "ip link"];
                judge(site, agent.process(), &parts)?;
            }
            Ok(())
        },
    )
}

#[test]
fn a_port_that_another_program_keeps_is_named_with_the_remedy_and_nothing_is_touched() -> Result<()>
{
    let name = "a_port_that_another_program_keeps_is_named_with_the_remedy_and_nothing_is_touched";
    at_a_site(name, |site| {
        let held = site.node.enter(|| Ok(TcpListener::bind("127.0.0.1:0")?))?;
        let taken = held.local_addr()?.to_string();
        let words = ["--listen", &taken];
        let parts = [&*format!("listen on {taken}"), "in use", "--listen IP:PORT"];
        judge(site, site.spawn_agent(&words)?.process(), &parts)?;

        let earlier = site.agent(&[])?;
        earlier.kill();
        let found = (site.attached()?, entries(site.pins.path()));
        let agent = site.spawn_agent(&words)?;
        assert_eq!(agent.process().wait(LIMIT)?.code(), Some(1));
        assert_eq!((site.attached()?, entries(site.pins.path())), found);
        drop(held);
        let agent = site.agent(&words)?;
        let loaded = agent.wait_for("the datapath is loaded", LIMIT)?;
        assert!(loaded.contains("adopted=true"), "{loaded}");
        Ok(())
    })
}

#[test]
fn options_that_cannot_be_read_are_refused_with_an_example() -> Result<()> {
    let name = "options_that_cannot_be_read_are_refused_with_an_example";
    at_a_site(name, |site| {
        let cases: [(&[&str], &[&str]); 7] = [
            (
                &["--dns-service", "kube-dns"],
                &["kube-dns", "NAMESPACE/NAME", "kube-system/kube-dns"],
            ),
            (&["--dns-service", "a/b/c"], &["NAMESPACE/NAME"]),
            (&["--dns-address", "10.96.0.10"], &["--dns-address"]),
            (&["--zone", "a..b"], &["--zone", "a..b"]),
            (&["--interface", "a[b"], &["--interface a[b"]),
            (&["--entries", "0"], &["--entries"]),
            (&["--hook", "nowhere"], &["--hook", "nowhere"]),
        ];
        for (arguments, parts) in cases {
            let agent = site.spawn_agent(arguments)?;
            judge(site, agent.process(), parts)?;
        }
        Ok(())
    })
}

#[test]
fn manifests_that_are_not_there_are_refused_by_name() -> Result<()> {
    at_a_site("manifests_that_are_not_there_are_refused_by_name", |site| {
        fs::remove_file(site.manifests.path().join("all.yaml"))?;
        let agent = site.spawn_agent(&[])?;
        let folder = site.manifests.path().display().to_string();
        judge(site, agent.process(), &[&folder, "give files or folders"])?;
        let agent = site.spawn_agent(&["/nonexistent.yaml"])?;
        judge(site, agent.process(), &["/nonexistent.yaml"])
    })
}

#[test]
fn a_log_that_no_terminal_shows_has_no_escapes() -> Result<()> {
    at_a_site("a_log_that_no_terminal_shows_has_no_escapes", |site| {
        let process = start_under(site, &["env", "-u", "NO_COLOR"], &program(Tool::Zerohop)?)?;
        let line = process.wait_for("the datapath is loaded", LIMIT)?;
        assert!(!line.contains('\u{1b}'), "{line:?}");
        Ok(())
    })
}
