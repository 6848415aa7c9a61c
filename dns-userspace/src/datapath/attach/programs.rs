//! The programs of the BPF object, as attaching needs them.

use std::{
    fs, io,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
};

use aya::{
    Ebpf,
    programs::{ProgramFd, ProgramInfo, SchedClassifier, Xdp},
};

use super::{bpf_link, error::AttachError};
use crate::datapath::interfaces::Interface;

/// For veths: replies go into the pod's end.
const PEER: &str = "intercept_peer";
/// For all other devices: replies go out of the device.
const PLAIN: &str = "intercept_plain";
/// For XDP in the driver.
const XDP: &str = "intercept_xdp";
/// For XDP on socket buffers.
const SKB: &str = "intercept_skb";

/// A loaded program and its number.
#[derive(Debug)]
pub(super) struct Program {
    name: &'static str,
    fd: ProgramFd,
    pub(super) id: u32,
}

impl Program {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    fn new(
        name: &'static str,
        fd: Option<&ProgramFd>,
        info: Option<ProgramInfo>,
    ) -> Result<Self, AttachError> {
        let fd = fd.and_then(|fd| fd.try_clone().ok());
        let (Some(fd), Some(info)) = (fd, info) else {
            return Err(AttachError::NoProgram { name });
        };
        Ok(Self {
            name,
            fd,
            id: info.id(),
        })
    }

    fn classifier(object: &Ebpf, name: &'static str) -> Result<Self, AttachError> {
        let program = object
            .program(name)
            .and_then(|program| <&SchedClassifier>::try_from(program).ok());
        let program = program.ok_or(AttachError::NoProgram { name })?;
        Self::new(name, program.fd().ok(), program.info().ok())
    }

    fn xdp(object: &Ebpf, name: &'static str) -> Result<Self, AttachError> {
        let program = object
            .program(name)
            .and_then(|program| <&Xdp>::try_from(program).ok());
        let program = program.ok_or(AttachError::NoProgram { name })?;
        Self::new(name, program.fd().ok(), program.info().ok())
    }

    /// Pins it under its name. A pin that is there already is replaced by renaming, so that the
    /// name is never absent.
    fn pin(&self, directory: &Path) -> Result<(), AttachError> {
        let path = directory.join(self.name);
        let beside = directory.join(format!("{}_new", self.name));
        let failed = |source| AttachError::Pin {
            action: "pin the program",
            path: path.clone(),
            source,
        };
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        bpf_link::pin(self.fd(), &beside).map_err(failed)?;
        fs::rename(&beside, &path).map_err(|source| {
            // The pin beside is ours alone; that the renaming failed is the error to report.
            let _ = fs::remove_file(&beside);
            failed(source)
        })
    }
}

/// The programs that are attached: which one depends on the interface.
#[derive(Debug)]
pub struct Programs {
    peer: Program,
    plain: Program,
    xdp: Option<XdpPrograms>,
}

/// Those for XDP, by how it is attached.
#[derive(Debug)]
pub(super) struct XdpPrograms {
    pub(super) native: Program,
    pub(super) generic: Program,
}

impl Programs {
    /// Takes the loaded programs from `object`. XDP may be missing, since it needs a newer kernel
    /// than the others; then only attaching it fails.
    ///
    /// # Errors
    /// [`AttachError::NoProgram`] if a classifier is missing or not loaded.
    pub fn of(object: &Ebpf) -> Result<Self, AttachError> {
        Ok(Self {
            peer: Program::classifier(object, PEER)?,
            plain: Program::classifier(object, PLAIN)?,
            xdp: XdpPrograms::of(object).ok(),
        })
    }

    /// Pins the programs under their names in `directory`.
    ///
    /// # Errors
    /// [`AttachError::Pin`] with the path that failed.
    pub fn pin(&self, directory: &Path) -> Result<(), AttachError> {
        self.peer.pin(directory)?;
        self.plain.pin(directory)?;
        if let Some(XdpPrograms { native, generic }) = &self.xdp {
            native.pin(directory)?;
            generic.pin(directory)?;
        }
        Ok(())
    }

    /// The classifier for `interface`.
    pub(super) fn classifier(&self, interface: &Interface) -> &Program {
        if interface.redirects_to_peer() {
            &self.peer
        } else {
            &self.plain
        }
    }

    /// The programs for XDP.
    pub(super) fn xdp(&self) -> Result<&XdpPrograms, AttachError> {
        self.xdp
            .as_ref()
            .ok_or(AttachError::NoProgram { name: XDP })
    }
}

impl XdpPrograms {
    fn of(object: &Ebpf) -> Result<Self, AttachError> {
        Ok(Self {
            native: Program::xdp(object, XDP)?,
            generic: Program::xdp(object, SKB)?,
        })
    }
}
