//! What lies in the memory of a virtual machine when it starts.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{folder::Folder, namespace::checked};

/// What it takes to use the network device, in order; what a kernel has built in is no file.
const NETWORK: [&str; 8] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_modern_dev",
    "virtio_pci_legacy_dev",
    "virtio_pci",
    "failover",
    "net_failover",
    "virtio_net",
];

/// Busybox, modules and what runs first, and whatever else is put in, until it is packed.
pub(super) struct Initramfs<'a> {
    kernel: &'a Path,
    root: PathBuf,
    modules: Vec<&'static str>,
}

impl<'a> Initramfs<'a> {
    /// One for this unpacked kernel, made in `folder`; what the machine is to be is set up by the shell script `setup`.
    pub(super) fn new(kernel: &'a Path, folder: &Folder, setup: &str) -> Result<Self> {
        let root = folder.path().join("root");
        for name in ["bin", "dev", "modules", "proc", "sys"] {
            fs::create_dir_all(root.join(name)).context("make a folder for the initramfs")?;
        }
        let initramfs = Self {
            kernel,
            root,
            modules: NETWORK.to_vec(),
        };
        initramfs.write("init", include_str!("init"))?;
        initramfs.write("setup", setup)?;
        let init = initramfs.root.join("init");
        fs::set_permissions(init, fs::Permissions::from_mode(0o755))?;
        Ok(initramfs)
    }

    /// Puts in a file.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.root.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }

    /// Puts in these modules, after those that are there.
    pub(super) fn modules(&mut self, names: &[&'static str]) {
        self.modules.extend(names);
    }

    /// Puts in a program made from this text in C.
    pub(super) fn compile(&self, folder: &Folder, name: &str, source: &str) -> Result<()> {
        let source = folder.write(&format!("{name}.c"), source)?;
        let mut compiler = Command::new("gcc");
        compiler.arg("-static").arg("-o");
        compiler.arg(self.root.join("bin").join(name));
        checked(compiler.arg(source)).map(drop)
    }

    /// Puts in a program of this machine without its symbols, with the libraries that it needs.
    pub(super) fn program(&self, name: &str, path: &Path) -> Result<()> {
        let copy = self.root.join("bin").join(name);
        checked(Command::new("strip").arg("-o").arg(copy).arg(path))?;
        let listed = checked(Command::new("ldd").arg(path))?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let words: BTreeSet<&str> = listed.split_whitespace().collect();
        for library in words.iter().filter(|word| word.starts_with('/')) {
            let place = self.root.join(library.trim_start_matches('/'));
            let folder = place.parent().context("a library in no folder")?;
            fs::create_dir_all(folder)?;
            fs::copy(library, &place).with_context(|| format!("copy {library}"))?;
        }
        Ok(())
    }

    /// Makes one archive of it.
    pub(super) fn pack(self, folder: &Folder) -> Result<PathBuf> {
        self.write("modules/order", &(self.modules.join("\n") + "\n"))?;
        let archive = folder.path().join("initramfs");
        // The shell copies what it finds: a module may be compressed, or built in.
        let script = "set -e; cp \"$(command -v busybox)\" \"$ROOT/bin/busybox\"
            while read -r module; do
                file=$(find \"$KERNEL\" -name \"$module.ko*\")
                case $file in
                '') ;;
                *.xz) busybox xzcat \"$file\" >\"$ROOT/modules/$module.ko\" ;;
                *) cp \"$file\" \"$ROOT/modules/\" ;;
                esac
            done <\"$ROOT/modules/order\"
            cd \"$ROOT\"; find . | busybox cpio -o -H newc >\"$ARCHIVE\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script]);
        shell.env("ROOT", &self.root).env("KERNEL", self.kernel);
        checked(shell.env("ARCHIVE", &archive))?;
        Ok(archive)
    }
}
