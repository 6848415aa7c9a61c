//! Network namespaces of our own, and how to run programs and threads in them.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Write,
    net::IpAddr,
    panic::resume_unwind,
    path::PathBuf,
    process::{self, Command, Output, Stdio},
    sync::{
        Arc, Once,
        atomic::{AtomicU32, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::{process::Process, undo::Undo};

const FOLDER: &str = "/run/netns";
const PREFIX: &str = "zh-";

/// A network namespace with its loopback up, deleted when the last clone of this is dropped.
///
/// Reverse path filters are off and IPv6 addresses are usable at once (no duplicate address
/// detection), for every interface that is made in it later.
#[derive(Clone, Debug)]
pub struct Namespace {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    _delete: Undo,
}

impl Namespace {
    /// Makes a namespace named `zh-PID-NUMBER-LABEL`.
    ///
    /// # Errors
    ///
    /// Without root, or when `ip` is missing; the message has what `ip` said.
    pub fn new(label: &str) -> Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        static SWEPT: Once = Once::new();
        SWEPT.call_once(delete_left_over);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{label}", process::id());
        checked(Command::new("ip").args(["netns", "add", &name]))?;
        let delete_name = name.clone();
        let delete = Undo::on_drop(move || delete_namespace(&delete_name));
        let namespace = Self {
            shared: Arc::new(Shared {
                name,
                _delete: delete,
            }),
        };
        namespace.ip_batch("link set lo up\n")?;
        for kind in ["all", "default"] {
            namespace.set_sysctl(&format!("ipv4/conf/{kind}/rp_filter"), "0")?;
            namespace.set_sysctl(&format!("ipv6/conf/{kind}/accept_dad"), "0")?;
        }
        Ok(namespace)
    }

    /// Makes a namespace that plays a node: it forwards IPv4 and IPv6.
    ///
    /// # Errors
    ///
    /// As [`Namespace::new`].
    pub fn node(label: &str) -> Result<Self> {
        let namespace = Self::new(label)?;
        namespace.set_sysctl("ipv4/ip_forward", "1")?;
        namespace.set_sysctl("ipv6/conf/all/forwarding", "1")?;
        Ok(namespace)
    }

    /// The name, as `ip netns` shows it.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The file that stands for the namespace, for `nsenter --net=…`.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(FOLDER).join(self.name())
    }

    /// A command that runs `program` in the namespace, in this process's own mount namespace: unlike
    /// `ip netns exec`, it leaves /sys/fs/bpf in sight.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display()));
        command.arg("--").arg(program);
        command
    }

    /// Runs a program with its arguments in the namespace and returns what it printed on stdout.
    ///
    /// # Errors
    ///
    /// When it cannot be started or fails; the message has what it printed on stderr.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let [program, arguments @ ..] = words else {
            bail!("no program was named to run in {}", self.name());
        };
        let output = checked(self.command(program).args(arguments))?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Starts a program with its arguments in the namespace; `label` names it in messages.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn(&self, label: &str, words: &[&str]) -> Result<Process> {
        let [program, arguments @ ..] = words else {
            bail!("no program was named to start in {}", self.name());
        };
        let mut command = self.command(program);
        command.args(arguments);
        Process::spawn(label, command)
    }

    /// Runs `action` on a thread of its own inside the namespace. Sockets that it opens stay in the
    /// namespace wherever they are used later.
    ///
    /// # Errors
    ///
    /// When the namespace cannot be entered, and those of `action`.
    pub fn enter<T: Send>(&self, action: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let inside = || {
            let path = self.path();
            let namespace =
                File::open(&path).with_context(|| format!("open {}", path.display()))?;
            setns(namespace, CloneFlags::CLONE_NEWNET)
                .with_context(|| format!("enter network namespace {}", self.name()))?;
            action()
        };
        thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Adds `address` (a host address, /32 or /128) to the loopback, as service addresses on a node.
    ///
    /// # Errors
    ///
    /// What `ip` said.
    pub fn add_loopback_address(&self, address: IpAddr) -> Result<()> {
        let (bits, nodad) = match address {
            IpAddr::V4(_) => (32, ""),
            IpAddr::V6(_) => (128, "nodad"),
        };
        self.ip_batch(&format!("address add {address}/{bits} dev lo {nodad}\n"))
    }

    /// Runs lines of `ip` commands (without the word `ip`) in the namespace, in one process.
    ///
    /// # Errors
    ///
    /// What `ip` said of the first line that failed.
    pub fn ip_batch(&self, lines: &str) -> Result<()> {
        let mut command = Command::new("ip");
        command.args(["-netns", self.name(), "-batch", "-"]);
        let output = with_input(&mut command, lines.as_bytes())?;
        success(&command, output)
            .with_context(|| format!("configure {}:\n{lines}", self.name()))
            .map(drop)
    }

    /// Switches transmit checksum offload of `interface`. Off, the kernel sums the packets that leave there;
    /// on, they keep only the pseudo-header's sum.
    ///
    /// # Errors
    ///
    /// What `ethtool` said.
    pub fn set_checksum_offload(&self, interface: &str, on: bool) -> Result<()> {
        let state = if on { "on" } else { "off" };
        self.run(&["ethtool", "-K", interface, "tx", state])
            .map(drop)
    }

    /// Writes `value` to the file `name` under /proc/sys/net of the namespace.
    ///
    /// # Errors
    ///
    /// When the kernel has no such setting or refuses the value.
    pub fn set_sysctl(&self, name: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{name}");
        self.enter(|| fs::write(&path, value).with_context(|| format!("write {value} to {path}")))
    }
}

/// Runs `command` to its end.
///
/// # Errors
///
/// When it cannot be started or fails; with its stderr.
pub(crate) fn checked(command: &mut Command) -> Result<Output> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    success(command, output)
}

/// Runs `command` to its end with `input` on stdin.
///
/// # Errors
///
/// When it cannot be started or does not read its input.
pub(crate) fn with_input(command: &mut Command, input: &[u8]) -> Result<Output> {
    let program = command.get_program().to_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that stops early closes its stdin; its own message then says why.
        let _ = stdin.write_all(input);
    }
    child
        .wait_with_output()
        .with_context(|| format!("wait for {}", program.display()))
}

/// Turns the output of a command that failed into an error with its stderr.
///
/// # Errors
///
/// When the command did not succeed.
pub(crate) fn success(command: &Command, output: Output) -> Result<Output> {
    if output.status.success() {
        return Ok(output);
    }
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    bail!(
        "`{}` failed ({}): {}{}",
        words.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr).trim_end()
    )
}

fn delete_namespace(name: &str) {
    if let Err(error) = checked(Command::new("ip").args(["netns", "delete", name])) {
        eprintln!("{error:#}");
    }
}

/// Deletes namespaces of earlier runs that were killed before they could clean up. The name has the
/// process id of its maker; one that no process has any more owns nothing.
fn delete_left_over() {
    let Ok(entries) = fs::read_dir(FOLDER) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let maker = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if maker.is_some_and(is_gone) {
            delete_namespace(&name);
        }
    }
}

/// Whether `process_id` is a number that no living process has.
pub(crate) fn is_gone(process_id: &str) -> bool {
    process_id.parse::<u32>().is_ok() && !PathBuf::from("/proc").join(process_id).exists()
}
