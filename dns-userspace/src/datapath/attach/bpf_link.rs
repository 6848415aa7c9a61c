//! BPF links by interface number: the few commands of bpf(2) that aya does not offer.
//!
//! aya attaches by interface name and does not tell which interface a link is for. A name may move
//! to another interface between two system calls, and a pinned link whose interface is gone must be
//! noticed: hence these calls by number.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

const BPF_OBJ_PIN: u32 = 6;
const BPF_OBJ_GET: u32 = 7;
const BPF_OBJ_GET_INFO_BY_FD: u32 = 15;
const BPF_PROG_QUERY: u32 = 16;
const BPF_LINK_CREATE: u32 = 28;
const BPF_LINK_UPDATE: u32 = 29;
const BPF_LINK_DETACH: u32 = 34;

const BPF_XDP: u32 = 37;
const BPF_TCX_INGRESS: u32 = 46;
/// Without a neighbour named: before all others.
const BPF_F_BEFORE: u32 = 8;
const XDP_FLAGS_SKB_MODE: u32 = 2;
const XDP_FLAGS_DRV_MODE: u32 = 4;

const BPF_LINK_TYPE_XDP: u32 = 6;
const BPF_LINK_TYPE_TCX: u32 = 11;

/// More programs than one interface can have (BPF_MPROG_MAX is 64).
const PROGRAMS_MAX: usize = 64;

/// Where and how a new link attaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// TCX ingress, before all other programs.
    TcxHead,
    /// XDP in the driver.
    XdpNative,
    /// XDP in the network stack, for every driver.
    XdpGeneric,
}

#[repr(C)]
#[derive(Default)]
struct PinAttributes {
    path: u64,
    fd: u32,
    flags: u32,
}

#[repr(C)]
#[derive(Default)]
struct InfoAttributes {
    fd: u32,
    info_len: u32,
    info: u64,
}

#[repr(C)]
#[derive(Default)]
struct QueryAttributes {
    interface: u32,
    attach_type: u32,
    query_flags: u32,
    attach_flags: u32,
    program_ids: u64,
    count: u32,
    padding: u32,
    program_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

#[repr(C)]
#[derive(Default)]
struct CreateAttributes {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
    relative: u32,
    padding: u32,
    expected_revision: u64,
}

#[repr(C)]
#[derive(Default)]
struct UpdateAttributes {
    link: u32,
    program: u32,
    flags: u32,
    old_program: u32,
}

#[repr(C)]
#[derive(Default)]
struct DetachAttributes {
    link: u32,
}

/// The head of `struct bpf_link_info`. For TCX and XDP links its union begins with the interface
/// number.
#[repr(C)]
#[derive(Default)]
struct LinkInfo {
    kind: u32,
    id: u32,
    program: u32,
    padding: u32,
    interface: u32,
    rest: [u32; 27],
}

/// A program that is attached, as the kernel lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AttachedProgram {
    /// The program's number.
    pub(super) program: u32,
    /// The link's number; 0 if it was attached without one.
    pub(super) link: u32,
}

/// What the kernel says of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LinkState {
    /// The link's number.
    pub(super) id: u32,
    /// The number of the program that it runs.
    pub(super) program: u32,
    /// The interface that it is attached to; 0 once that is gone.
    pub(super) interface: u32,
    /// Whether it is an XDP link, otherwise a TCX link.
    pub(super) xdp: bool,
}

/// An open TCX or XDP link. It stays attached as long as it is open somewhere or pinned.
#[derive(Debug)]
pub(super) struct BpfLink {
    fd: OwnedFd,
}

impl BpfLink {
    /// Attaches `program` to the interface `index`.
    pub(super) fn create(program: BorrowedFd<'_>, index: u32, target: Target) -> io::Result<Self> {
        let (attach_type, flags) = match target {
            Target::TcxHead => (BPF_TCX_INGRESS, BPF_F_BEFORE),
            Target::XdpNative => (BPF_XDP, XDP_FLAGS_DRV_MODE),
            Target::XdpGeneric => (BPF_XDP, XDP_FLAGS_SKB_MODE),
        };
        let mut attributes = CreateAttributes {
            program: number(program),
            interface: index,
            attach_type,
            flags,
            ..Default::default()
        };
        // SAFETY: these attributes hold no addresses.
        let fd = unsafe { bpf(BPF_LINK_CREATE, &mut attributes) }?;
        Ok(Self { fd: own(fd) })
    }

    /// Opens a pinned link.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut attributes = PinAttributes {
            path: path.as_ptr().addr() as u64,
            ..Default::default()
        };
        // SAFETY: the only address is that of `path`, which ends with a zero and outlives the call.
        let fd = unsafe { bpf(BPF_OBJ_GET, &mut attributes) }?;
        Ok(Self { fd: own(fd) })
    }

    /// Pins it, so that it stays attached when this process ends.
    pub(super) fn pin(&self, path: &Path) -> io::Result<()> {
        pin(self.fd.as_fd(), path)
    }

    /// What the kernel says of it.
    pub(super) fn state(&self) -> io::Result<LinkState> {
        let mut info = LinkInfo::default();
        let mut attributes = InfoAttributes {
            fd: number(self.fd.as_fd()),
            info_len: size_of::<LinkInfo>() as u32,
            info: (&raw mut info).addr() as u64,
        };
        // SAFETY: the only address is that of `info`, whose length is given with it and which
        // outlives the call.
        unsafe { bpf(BPF_OBJ_GET_INFO_BY_FD, &mut attributes) }?;
        if !matches!(info.kind, BPF_LINK_TYPE_TCX | BPF_LINK_TYPE_XDP) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "neither a TCX nor an XDP link",
            ));
        }
        Ok(LinkState {
            id: info.id,
            program: info.program,
            interface: info.interface,
            xdp: info.kind == BPF_LINK_TYPE_XDP,
        })
    }

    /// Puts `program` in the place of the one that it runs, atomically.
    pub(super) fn update(&self, program: BorrowedFd<'_>) -> io::Result<()> {
        let mut attributes = UpdateAttributes {
            link: number(self.fd.as_fd()),
            program: number(program),
            ..Default::default()
        };
        // SAFETY: these attributes hold no addresses.
        unsafe { bpf(BPF_LINK_UPDATE, &mut attributes) }.map(drop)
    }

    /// Detaches it from its interface, even if others hold it open.
    pub(super) fn detach(&self) -> io::Result<()> {
        let mut attributes = DetachAttributes {
            link: number(self.fd.as_fd()),
        };
        // SAFETY: these attributes hold no addresses.
        unsafe { bpf(BPF_LINK_DETACH, &mut attributes) }.map(drop)
    }
}

/// Pins any BPF object.
pub(super) fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut attributes = PinAttributes {
        path: path.as_ptr().addr() as u64,
        fd: number(object),
        ..Default::default()
    };
    // SAFETY: the only address is that of `path`, which ends with a zero and outlives the call.
    unsafe { bpf(BPF_OBJ_PIN, &mut attributes) }.map(drop)
}

/// The programs at TCX ingress of the interface `index` in the order in which they run. EINVAL or
/// E2BIG: a kernel without TCX; ENODEV: no such interface.
pub(super) fn tcx_programs(index: u32) -> io::Result<Vec<AttachedProgram>> {
    let mut programs = [0_u32; PROGRAMS_MAX];
    let mut links = [0_u32; PROGRAMS_MAX];
    let mut attributes = QueryAttributes {
        interface: index,
        attach_type: BPF_TCX_INGRESS,
        program_ids: programs.as_mut_ptr().addr() as u64,
        link_ids: links.as_mut_ptr().addr() as u64,
        count: PROGRAMS_MAX as u32,
        ..Default::default()
    };
    // SAFETY: the addresses are those of two arrays of `count` numbers each, which outlive the
    // call.
    unsafe { bpf(BPF_PROG_QUERY, &mut attributes) }?;
    let count = attributes.count as usize;
    let attached = programs.iter().zip(&links).take(count);
    Ok(attached
        .map(|(program, link)| AttachedProgram {
            program: *program,
            link: *link,
        })
        .collect())
}

fn number(fd: BorrowedFd<'_>) -> u32 {
    fd.as_raw_fd().cast_unsigned()
}

fn own(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Calls bpf(2).
///
/// # Safety
/// `T` is laid out as the kernel's attributes for `command`, and each address in it points to
/// memory of the size that the command needs, valid and exclusively ours for the length of the
/// call.
unsafe fn bpf<T>(command: u32, attributes: &mut T) -> io::Result<i32> {
    let address = std::ptr::from_mut(attributes);
    // SAFETY: the kernel reads and writes no more than the size given here, and the caller vouches
    // for the rest.
    let result =
        unsafe { nix::libc::syscall(nix::libc::SYS_bpf, command, address, size_of::<T>()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    i32::try_from(result).map_err(io::Error::other)
}
