//! A virtual machine with one network device, and a shell on its serial line.
//!
//! The processor is emulated: what the host's kernel does with the frames is the same, and not every test
//! machine has another virtual machine to give.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    folder::Folder,
    machine::{COUNTS, MachineBridge, PORT, wrong_sums},
    namespace::checked,
    process::Process,
    wait::eventually,
};

const VARIABLE: &str = "ZEROHOP_GUEST_KERNEL";
/// Emulated, a kernel takes seconds to start, on a busy machine many.
const START_LIMIT: Duration = Duration::from_secs(60);
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// What it takes to use the network device, in order; what a kernel has built in is no file.
const MODULES: [&str; 8] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
];

/// A running virtual machine. Dropping it ends it.
#[derive(Debug)]
pub struct VirtualMachine {
    process: Process,
    console: BufReader<UnixStream>,
    _folder: Folder,
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
        let image = file_below(&kernel.join("boot"), "vmlinuz-")?;
        let initramfs = make_initramfs(&kernel, &folder)?;
        let console = folder.path().join("console");
        bridge.add_port(&format!("tuntap add dev {PORT} mode tap vnet_hdr"))?;
        let mut command = bridge.pod().command("qemu-system-x86_64");
        command
            .args(["-accel", "tcg,thread=single", "-machine", "q35"])
            .args([
                "-cpu",
                "max",
                "-m",
                "192",
                "-nodefaults",
                "-display",
                "none",
            ])
            .args(["-no-reboot", "-append", "console=ttyS0 quiet panic=-1"])
            .arg("-kernel")
            .arg(image)
            .arg("-initrd")
            .arg(initramfs)
            .arg("-serial")
            .arg(format!("unix:{},server=on", console.display()))
            .arg("-netdev")
            .arg(format!("tap,id=net,ifname={PORT},script=no,downscript=no"))
            .args(["-device", "virtio-net-pci,netdev=net,romfile="]);
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
        let console = self.console.get_mut();
        writeln!(console, "{line}; echo end").context("write to the serial line")?;
        self.read_to("end").with_context(|| format!("run `{line}`"))
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
            if line.trim_end().ends_with(end) {
                return Ok(printed);
            }
            printed += &line;
        }
    }
}

/// Busybox, the modules and what runs first, as one archive.
fn make_initramfs(kernel: &Path, folder: &Folder) -> Result<PathBuf> {
    let root = folder.path().join("root");
    for name in ["bin", "dev", "modules", "proc", "sys"] {
        fs::create_dir_all(root.join(name)).context("make a folder for the initramfs")?;
    }
    fs::write(root.join("init"), include_str!("virtual_machine/init"))?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    let source = folder.write("offload.c", include_str!("virtual_machine/offload.c"))?;
    let mut compiler = Command::new("gcc");
    compiler
        .arg("-static")
        .arg("-o")
        .arg(root.join("bin/offload"));
    checked(compiler.arg(source))?;
    let archive = folder.path().join("initramfs");
    // The shell copies what it finds: a module may be compressed, or built in.
    let script = "set -e; cp \"$(command -v busybox)\" \"$ROOT/bin/busybox\"
        for module in $MODULES; do
            file=$(find \"$KERNEL\" -name \"$module.ko*\")
            case $file in
            '') ;;
            *.xz) busybox xzcat \"$file\" >\"$ROOT/modules/$module.ko\" ;;
            *) cp \"$file\" \"$ROOT/modules/\" ;;
            esac
        done
        cd \"$ROOT\"; find . | busybox cpio -o -H newc >\"$ARCHIVE\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).env("MODULES", MODULES.join(" "));
    shell.env("ROOT", &root).env("KERNEL", kernel);
    checked(shell.env("ARCHIVE", &archive))?;
    Ok(archive)
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
