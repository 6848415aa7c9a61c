//! Why attaching failed, in sentences.

use std::{io, path::PathBuf};

use crate::datapath::netlink::Refusal;

/// Why a program could not be attached, adopted or detached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The kernel refuses us.
    #[error(
        "{action}: not permitted ({source}); run as root, in a container with the capabilities \
         BPF, NET_ADMIN and PERFMON (before kernel 5.8: SYS_ADMIN)"
    )]
    NotPermitted {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// TCX was asked for and is not there.
    #[error(
        "{action}: this kernel has no TCX ({source}); it came with Linux 6.6. Use --hook clsact or \
         --hook auto"
    )]
    NoTcx {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Neither TCX nor clsact is there.
    #[error(
        "{action}: this kernel has no clsact qdisc or no BPF filters ({source}); load them by \
         `modprobe -a sch_ingress cls_bpf`, or use a kernel with NET_SCH_INGRESS and NET_CLS_BPF, \
         or 6.6 and later"
    )]
    NoClsact {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Another XDP program is there already.
    #[error(
        "attach XDP to {interface}: another XDP program is attached there; take that one away \
         (`ip link set dev {interface} xdp off`) or do not name the interface by --xdp"
    )]
    XdpBusy {
        /// The interface's name.
        interface: String,
    },
    /// The BPF object lacks a program, or it is not loaded.
    #[error(
        "the program {name} is not loaded; if the kernel has refused it (the log at the start says \
         why), it is too old for it: XDP needs Linux 5.18"
    )]
    NoProgram {
        /// The program's name.
        name: &'static str,
    },
    /// A pin cannot be made, read or removed.
    #[error(
        "{action} {path}: {source}; the pin directory must lie on a bpf filesystem that this \
         process may write to"
    )]
    Pin {
        /// What was tried.
        action: &'static str,
        /// The pin.
        path: PathBuf,
        /// The kernel's answer.
        source: io::Error,
    },
    /// Somebody takes our filter away again and again.
    #[error(
        "another program keeps removing our tc filter from {interface}; its pod's questions go to \
         the DNS service meanwhile, and we try again within a minute. Find it by `tc monitor`"
    )]
    Contested {
        /// The interface's name.
        interface: String,
    },
    /// Anything else that the kernel says.
    #[error("{action}: {source}")]
    Kernel {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// How a single step failed; only the caller of a step knows whether a vanished interface matters.
#[derive(Debug)]
pub(super) enum StepError {
    /// The interface is gone: a race that everybody loses now and then.
    Gone,
    /// An error to report.
    Failed(AttachError),
}

impl From<AttachError> for StepError {
    fn from(error: AttachError) -> Self {
        Self::Failed(error)
    }
}

impl StepError {
    /// Sorts the kernel's answer to `action`.
    pub(super) fn new(action: String, source: io::Error) -> Self {
        Self::sorted(action, source.raw_os_error(), source)
    }

    /// Sorts netlink's answer to `action`.
    pub(super) fn refused(action: String, refusal: Refusal) -> Self {
        Self::sorted(action, refusal.errno(), refusal.into())
    }

    fn sorted(action: String, errno: Option<i32>, source: io::Error) -> Self {
        match errno {
            Some(nix::libc::ENODEV | nix::libc::ENXIO) => Self::Gone,
            Some(nix::libc::EPERM | nix::libc::EACCES) => {
                AttachError::NotPermitted { action, source }.into()
            }
            _ => AttachError::Kernel { action, source }.into(),
        }
    }
}
