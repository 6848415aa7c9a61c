//! A virtual machine with one network device, and a shell on its serial line: a guest of a pod, or a node.
//!
//! The processor is emulated: what the host's kernel does with the frames is the same, and not every test
//! machine has another virtual machine to give.

mod initramfs;
mod monitor;

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use self::{initramfs::Initramfs, monitor::Monitor};
use crate::{
    folder::Folder,
    machine::{COUNTS, MachineBridge, PORT, wrong_sums},
    namespace::Namespace,
    process::Process,
    wait::eventually,
};

const VARIABLE: &str = "ZEROHOP_GUEST_KERNEL";
/// Emulated, a kernel takes seconds to start, on a busy machine many.
const START_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// What it takes to be a node: pods' links, and programs on them.
const OF_A_NODE: [&str; 3] = ["veth", "sch_ingress", "cls_bpf"];
/// What the kernel says when everything stands still but what wakes it.
const FROZEN: &str = "Freezing remaining freezable tasks completed";
/// What the network is called in the monitor.
const NETWORK: &str = "net";

/// A running virtual machine. Dropping it ends it.
#[derive(Debug)]
pub struct VirtualMachine {
    process: Process,
    console: BufReader<UnixStream>,
    monitor: Monitor,
    _folder: Folder,
}

/// How a machine comes to stand still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sleep {
    /// Its kernel freezes all tasks and devices (`freeze`), until something comes over the serial line.
    Freeze,
    /// Its memory alone is kept (`mem`), until its clock's alarm.
    Memory,
    /// It is paused from outside, and its clocks with it.
    Pause,
}

impl VirtualMachine {
    /// Where the kernel of virtual machines lies: a Debian package of it, unpacked.
    ///
    /// # Errors
    ///
    /// When `ZEROHOP_GUEST_KERNEL` is not set.
    pub fn kernel() -> Result<PathBuf> {
        let folder = env::var_os(VARIABLE).map(PathBuf::from);
        folder.with_context(|| {
            format!("{VARIABLE} is not set; run the tests by `cargo xtask test`, which sets it on Debian")
        })
    }

    /// Starts a virtual machine behind a bridge, and returns when it has a shell.
    ///
    /// # Errors
    ///
    /// When a program or a part of the kernel is missing, or the machine does not start.
    pub fn behind(bridge: &MachineBridge) -> Result<Self> {
        let folder = Folder::new()?;
        let kernel = Self::kernel()?;
        let initramfs = Initramfs::new(&kernel, &folder, include_str!("virtual_machine/guest"))?;
        let offload = include_str!("virtual_machine/offload.c");
        initramfs.compile(&folder, "offload", offload)?;
        bridge.add_port(&format!("tuntap add dev {PORT} mode tap vnet_hdr"))?;
        let network = format!("tap,id={NETWORK},ifname={PORT},script=no,downscript=no");
        let archive = initramfs.pack(&folder)?;
        Self::start(bridge.pod(), folder, &archive, 192, &network)
    }

    /// Starts a virtual machine that is a node: it runs `agent` beside a DNS service at 10.96.0.10 that refuses every
    /// question, with `kubeconfig` and `corefile` among these files, and has a pod in which `ask NAME…` asks for names for ever and notes in `/asked` how they are answered.
    /// Returns when it has a shell; the agent needs longer. The loopback of `namespace` is its 10.0.2.2.
    ///
    /// # Errors
    ///
    /// As [`VirtualMachine::behind`].
    pub fn node(namespace: &Namespace, agent: &Path, files: &[(&str, &str)]) -> Result<Self> {
        let folder = Folder::new()?;
        let kernel = Self::kernel()?;
        let setup = include_str!("virtual_machine/node");
        let mut initramfs = Initramfs::new(&kernel, &folder, setup)?;
        initramfs.modules(&OF_A_NODE);
        initramfs.compile(&folder, "dns", include_str!("virtual_machine/dns.c"))?;
        initramfs.program("zerohop", agent)?;
        for (name, text) in files {
            initramfs.write(name, text)?;
        }
        let archive = initramfs.pack(&folder)?;
        let network = format!("user,id={NETWORK}");
        Self::start(namespace, folder, &archive, 768, &network)
    }

    fn start(
        namespace: &Namespace,
        folder: Folder,
        initramfs: &Path,
        megabytes: u32,
        network: &str,
    ) -> Result<Self> {
        let image = file_below(&Self::kernel()?.join("boot"), "vmlinuz-")?;
        let console = folder.path().join("console");
        let monitor = folder.path().join("monitor");
        let mut command = namespace.command("qemu-system-x86_64");
        command
            .args(["-accel", "tcg,thread=single", "-machine", "q35"])
            .args(["-cpu", "max", "-m", &megabytes.to_string()])
            .args(["-nodefaults", "-display", "none", "-no-reboot", "-append"])
            .arg("console=ttyS0 quiet panic=-1 no_console_suspend")
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(initramfs)
            .arg("-serial")
            .arg(format!("unix:{},server=on", console.display()))
            .arg("-qmp")
            .arg(format!("unix:{},server=on,wait=off", monitor.display()))
            .args(["-netdev", network])
            .args([
                "-device",
                &format!("virtio-net-pci,netdev={NETWORK},romfile="),
            ]);
        let process = Process::spawn("qemu", command)?;
        // It waits until somebody listens at its serial line.
        let stream = eventually(START_LIMIT, "qemu to open the serial line", || {
            ensure!(process.is_running(), "it ended:\n{}", process.last_lines());
            Ok(UnixStream::connect(&console)?)
        })?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        let mut machine = Self {
            process,
            console: BufReader::new(stream),
            monitor: Monitor::connect(&monitor)?,
            _folder: folder,
        };
        machine.read_to("ready")?;
        machine
            .console
            .get_ref()
            .set_read_timeout(Some(COMMAND_LIMIT))?;
        Ok(machine)
    }

    /// Runs a line of shell in the machine, and returns what it printed, stdout and stderr as they came.
    ///
    /// # Errors
    ///
    /// When the machine does not answer within a minute.
    pub fn run(&mut self, line: &str) -> Result<String> {
        self.write(line)?;
        self.read_to("end").with_context(|| format!("run `{line}`"))
    }

    /// Lets the machine stand still for as long as `meanwhile` takes, and at least `seconds`.
    ///
    /// # Errors
    ///
    /// When it does not fall asleep or does not wake within a minute, and what `meanwhile` returns.
    pub fn sleep(
        &mut self,
        sleep: Sleep,
        seconds: u64,
        meanwhile: impl FnOnce() -> Result<()>,
    ) -> Result<()> {
        let nothing = json!({});
        let began = Instant::now();
        match sleep {
            Sleep::Freeze => {
                self.write("dmesg -n 8; echo freeze >/sys/power/state; dmesg -n 1")?;
                self.read_to(FROZEN)?;
            }
            Sleep::Memory => {
                let alarm = "/sys/class/rtc/rtc0/wakealarm";
                let line = format!(
                    "echo 0 >{alarm}; echo +{seconds} >{alarm}; echo mem >/sys/power/state"
                );
                self.write(&line)?;
                self.monitor.wait_for("SUSPEND")?;
            }
            Sleep::Pause => self.monitor.tell("stop", &nothing)?,
        }
        meanwhile()?;
        match sleep {
            Sleep::Memory => self.monitor.wait_for("WAKEUP")?,
            Sleep::Freeze | Sleep::Pause => {
                thread::sleep(Duration::from_secs(seconds).saturating_sub(began.elapsed()));
            }
        }
        match sleep {
            Sleep::Freeze => writeln!(self.console.get_mut()).context("wake the machine")?,
            Sleep::Memory => {}
            Sleep::Pause => return self.monitor.tell("cont", &nothing),
        }
        self.read_to("end")
            .context("wait for the machine to wake")?;
        Ok(())
    }

    fn write(&mut self, line: &str) -> Result<()> {
        let console = self.console.get_mut();
        writeln!(console, "{line}; echo end").context("write to the serial line")
    }

    /// How many datagrams over IPv4 it has dropped because their sum was wrong.
    ///
    /// # Errors
    ///
    /// As [`VirtualMachine::run`], and when its kernel does not say.
    pub fn wrong_sums(&mut self) -> Result<u64> {
        wrong_sums(&self.run(&format!("cat {COUNTS}"))?)
    }

    fn read_to(&mut self, end: &str) -> Result<String> {
        let mut printed = String::new();
        loop {
            let mut line = String::new();
            let read = self.console.read_line(&mut line);
            let octets =
                read.with_context(|| format!("the virtual machine printed:\n{printed}"))?;
            if octets == 0 {
                let said = self.process.last_lines();
                bail!("the virtual machine ended:\n{printed}{said}");
            }
            if line.contains(FROZEN) && end == FROZEN || line.trim_end().ends_with(end) {
                return Ok(printed);
            }
            printed += &line;
        }
    }
}

/// The file in `folder` whose name begins with `prefix`.
fn file_below(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("look into {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let begins = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with(prefix))
    };
    let found = paths.into_iter().find(begins);
    found.with_context(|| format!("no {prefix}… in {}", folder.display()))
}
