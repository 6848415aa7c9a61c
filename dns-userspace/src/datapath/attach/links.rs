//! Attaching by BPF links, TCX and XDP: created, pinned, found again, moved to the front.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use aya::programs::loaded_programs;

use super::{
    AttachedBy,
    bpf_link::{AttachedProgram, BpfLink, Target, tcx_programs},
    contest::Contest,
    error::{AttachError, StepError},
    programs::{Program, XdpPrograms},
};
use crate::datapath::interfaces::Interface;

/// The folder of the pinned links.
#[derive(Debug)]
pub(super) struct LinkPins {
    directory: PathBuf,
}

impl LinkPins {
    /// In `links/` below `pin_directory`.
    pub(super) fn below(pin_directory: &Path) -> Self {
        Self {
            directory: pin_directory.join("links"),
        }
    }

    /// Makes the folder if necessary.
    pub(super) fn make_folder(&self) -> Result<(), AttachError> {
        fs::create_dir_all(&self.directory).map_err(|source| AttachError::Pin {
            action: "make the folder",
            path: self.directory.clone(),
            source,
        })
    }

    /// Where the link for the interface `index` is pinned. The name says how it is attached, since
    /// the kernel does not tell of an XDP link whether it is native or generic.
    fn path(&self, index: u32, by: AttachedBy) -> Option<PathBuf> {
        let prefix = match by {
            AttachedBy::Tcx => "tcx",
            AttachedBy::XdpNative => "xdp-native",
            AttachedBy::XdpGeneric => "xdp-generic",
            AttachedBy::Clsact => return None,
        };
        Some(self.directory.join(format!("{prefix}-{index}")))
    }

    /// The pinned link for the interface `index`, if it is attached there. A pin may outlive its
    /// interface, and the number may belong to another one by now.
    pub(super) fn find(&self, index: u32, by: AttachedBy) -> Result<Option<BpfLink>, StepError> {
        let Some(path) = self.path(index, by) else {
            return Ok(None);
        };
        let link = match BpfLink::open(&path) {
            Ok(link) => link,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(AttachError::Pin {
                    action: "open the link",
                    path,
                    source,
                }
                .into());
            }
        };
        let state = link.state().map_err(|source| AttachError::Pin {
            action: "read the link",
            path: path.clone(),
            source,
        })?;
        let attached = state.interface == index
            && (state.xdp
                || tcx_order(index)?
                    .iter()
                    .any(|attached| attached.link == state.id));
        Ok(attached.then_some(link))
    }

    /// Attaches `program` by a new link and pins it; if it cannot be pinned, it is not attached
    /// either.
    fn create(
        &self,
        interface: &Interface,
        by: AttachedBy,
        program: &Program,
    ) -> Result<BpfLink, StepError> {
        let target = match by {
            AttachedBy::XdpNative => Target::XdpNative,
            AttachedBy::XdpGeneric => Target::XdpGeneric,
            AttachedBy::Tcx | AttachedBy::Clsact => Target::TcxHead,
        };
        let link = BpfLink::create(program.fd(), interface.index, target).map_err(|source| {
            StepError::new(format!("attach to {} by {by}", interface.name), source)
        })?;
        if let Some(path) = self.path(interface.index, by) {
            link.pin(&path).map_err(|source| AttachError::Pin {
                action: "pin the link",
                path,
                source,
            })?;
        }
        Ok(link)
    }

    /// Detaches and unpins the link for the interface `index`; says whether there was one.
    pub(super) fn remove(&self, index: u32, by: AttachedBy) -> Result<bool, AttachError> {
        let Some(path) = self.path(index, by).filter(|path| path.exists()) else {
            return Ok(false);
        };
        if let Ok(link) = BpfLink::open(&path) {
            // A link whose interface is gone cannot be detached; without its pin it ends by itself.
            let _ = link.detach();
        }
        remove_pin(&path)?;
        Ok(true)
    }

    /// The numbers of all interfaces that have a pin here.
    pub(super) fn interfaces(&self) -> BTreeSet<u32> {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names
            .filter_map(|name| name.rsplit_once('-')?.1.parse().ok())
            .collect()
    }

    /// Makes sure that `program` is attached to `interface` by TCX, as the first one as far as
    /// `contest` allows. Gives the programs that run before it.
    pub(super) fn ensure_tcx(
        &self,
        interface: &Interface,
        program: &Program,
        contest: &mut Contest,
    ) -> Result<Vec<String>, StepError> {
        let mut link = self.adopt(interface, AttachedBy::Tcx, program)?;
        if let Some(old) = &link
            && !programs_before(interface.index, old)?.is_empty()
            && contest.may_move(std::time::Instant::now())
        {
            // The kernel refuses the same program twice, so there is a gap; questions in it go to
            // the DNS service.
            self.remove(interface.index, AttachedBy::Tcx)?;
            link = None;
        }
        let link = match link {
            Some(link) => link,
            None => self.create(interface, AttachedBy::Tcx, program)?,
        };
        describe_before(interface.index, &link)
    }

    /// Makes sure that one of the programs is attached to `interface` by XDP: in the driver where that is
    /// possible.
    pub(super) fn ensure_xdp(
        &self,
        interface: &Interface,
        XdpPrograms { native, generic }: &XdpPrograms,
    ) -> Result<AttachedBy, StepError> {
        for (by, program) in [
            (AttachedBy::XdpNative, native),
            (AttachedBy::XdpGeneric, generic),
        ] {
            if self.adopt(interface, by, program)?.is_some() {
                return Ok(by);
            }
        }
        // A veth takes native XDP, but loses what the program sends back, unless its peer runs an
        // XDP program as well.
        if interface.kind.as_deref() != Some("veth") {
            match self.create(interface, AttachedBy::XdpNative, native) {
                Ok(_) => return Ok(AttachedBy::XdpNative),
                Err(StepError::Failed(AttachError::Kernel { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        match self.create(interface, AttachedBy::XdpGeneric, generic) {
            Err(StepError::Failed(AttachError::Kernel { source, .. }))
                if matches!(
                    source.raw_os_error(),
                    Some(nix::libc::EBUSY | nix::libc::EEXIST)
                ) =>
            {
                Err(AttachError::XdpBusy {
                    interface: interface.name.clone(),
                }
                .into())
            }
            created => created.map(|_| AttachedBy::XdpGeneric),
        }
    }

    /// The pinned link, after it was given `program`. A pin that is attached nowhere is removed.
    fn adopt(
        &self,
        interface: &Interface,
        by: AttachedBy,
        program: &Program,
    ) -> Result<Option<BpfLink>, StepError> {
        let Some(link) = self.find(interface.index, by)? else {
            self.path(interface.index, by)
                .map_or(Ok(()), |path| remove_pin(&path))?;
            return Ok(None);
        };
        let action = || format!("replace the program on {} by {by}", interface.name);
        let state = link
            .state()
            .map_err(|source| StepError::new(action(), source))?;
        if state.program != program.id {
            link.update(program.fd())
                .map_err(|source| StepError::new(action(), source))?;
        }
        Ok(Some(link))
    }
}

/// In words, the TCX programs on the way into the interface `index`; none on a kernel without TCX.
pub(super) fn describe_tcx(index: u32) -> Vec<String> {
    describe(&tcx_programs(index).unwrap_or_default())
}

fn tcx_order(index: u32) -> Result<Vec<AttachedProgram>, StepError> {
    tcx_programs(index).map_err(|source| {
        StepError::new(
            format!("list the TCX programs of interface {index}"),
            source,
        )
    })
}

/// In words, the TCX programs that run before `link`.
pub(super) fn describe_before(index: u32, link: &BpfLink) -> Result<Vec<String>, StepError> {
    Ok(describe(&programs_before(index, link)?))
}

fn programs_before(index: u32, link: &BpfLink) -> Result<Vec<AttachedProgram>, StepError> {
    let ours = link
        .state()
        .map_err(|source| StepError::new("read our TCX link".into(), source))?;
    let order = tcx_order(index)?;
    Ok(order
        .into_iter()
        .take_while(|attached| attached.link != ours.id)
        .collect())
}

fn describe(programs: &[AttachedProgram]) -> Vec<String> {
    if programs.is_empty() {
        return Vec::new();
    }
    // Names are told to CAP_SYS_ADMIN only (bpf(2), BPF_PROG_GET_FD_BY_ID).
    let loaded: Vec<_> = loaded_programs().flatten().collect();
    let name = |id| {
        loaded
            .iter()
            .find(|program| program.id() == id)
            .and_then(|program| program.name_as_str())
    };
    let words = |id| match name(id) {
        Some(name) => format!("TCX program {name} (number {id})"),
        None => format!("TCX program number {id}"),
    };
    programs
        .iter()
        .map(|attached| words(attached.program))
        .collect()
}

fn remove_pin(path: &Path) -> Result<(), AttachError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(AttachError::Pin {
            action: "remove the pin",
            path: path.into(),
            source: error,
        }),
        _ => Ok(()),
    }
}
