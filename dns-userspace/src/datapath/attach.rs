//! Attaching the programs to interfaces, and keeping them there: first in line, across restarts,
//! until told otherwise.
//!
//! Everything is level-triggered: [`Attachments::attach`] looks at what the kernel has and does
//! what is missing, be it the first attaching, the adoption after a restart, the move back to the
//! front, or nothing. What is attached stays when the process ends: links are pinned, filters
//! belong to the kernel. Only [`Attachments::detach`] and [`detach_all`] take anything away.
//!
//! The order at start: [`ensure_bpffs`], [`PinLock::acquire`], [`Attachments::new`], then for each
//! interface event [`Attachments::attach`], [`Attachments::check_first`] or
//! [`Attachments::detach`], and [`Attachments::retain`] whenever all interfaces have been listed.
//! The kernel waits for a grace period whenever a TCX link is made, some 10 ms each.

mod attached;
mod bpf_link;
mod clsact;
mod contest;
mod detach;
mod error;
mod filter;
mod links;
mod pins;
mod programs;
mod survey;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

pub use self::{
    attached::{Attached, AttachedBy, Attachment, Hook},
    detach::{DetachError, Removed, detach_all, remove_pins},
    error::AttachError,
    pins::{PinError, PinLock, ensure_bpffs},
    programs::Programs,
    survey::survey,
};
use self::{bpf_link::tcx_programs, contest::Contest, error::StepError, links::LinkPins};
use super::{
    interfaces::{AttachPoint, Interface, Link},
    netlink::Requests,
};

/// The loopback interface, which every network namespace has.
const LOOPBACK: u32 = 1;

/// What is attached to one interface, as of the last look.
#[derive(Debug)]
struct Held {
    interface: Interface,
    by: AttachedBy,
    behind: Vec<String>,
}

/// All that is attached in the network namespace of the calling thread.
pub struct Attachments {
    links: LinkPins,
    requests: Requests,
    traffic_control: AttachedBy,
    held: BTreeMap<u32, Held>,
    /// One for each interface that was attached to, kept also while attaching fails.
    contests: BTreeMap<u32, Contest>,
}

impl Attachments {
    /// Links will be pinned in `links/` below `pin_directory`, which must lie on a bpf filesystem
    /// ([`ensure_bpffs`]). Finds out by trying whether the kernel has TCX.
    ///
    /// # Errors
    /// [`AttachError::NoTcx`] if `hook` is [`Hook::Tcx`] and the kernel has none; others if the
    /// kernel lets us neither pin nor ask.
    pub fn new(pin_directory: &Path, hook: Hook) -> Result<Self, AttachError> {
        let requests = open_requests()?;
        let traffic_control = match (hook, tcx_programs(LOOPBACK)) {
            (Hook::Clsact, _) => AttachedBy::Clsact,
            (Hook::Auto | Hook::Tcx, Ok(_)) => AttachedBy::Tcx,
            (Hook::Auto | Hook::Tcx, Err(source))
                if source.raw_os_error() == Some(nix::libc::EPERM) =>
            {
                return Err(AttachError::NotPermitted {
                    action: "ask for TCX programs".into(),
                    source,
                });
            }
            (Hook::Auto, Err(_)) => AttachedBy::Clsact,
            (Hook::Tcx, Err(source)) => {
                return Err(AttachError::NoTcx {
                    action: "ask for TCX programs".into(),
                    source,
                });
            }
        };
        let links = LinkPins::below(pin_directory);
        links.make_folder()?;
        Ok(Self {
            links,
            requests,
            traffic_control,
            held: BTreeMap::new(),
            contests: BTreeMap::new(),
        })
    }

    /// How pods' interfaces are attached to: [`AttachedBy::Tcx`] or [`AttachedBy::Clsact`].
    #[must_use]
    pub fn traffic_control(&self) -> AttachedBy {
        self.traffic_control
    }

    /// Makes sure that the right one of `programs` is attached to `interface` and first in line.
    /// What an earlier agent left there is taken over by putting the new program in its place,
    /// atomically. What is there by another hook than the one in use is removed after that.
    ///
    /// # Errors
    /// The cause in a sentence. What was begun is undone, except that an added clsact qdisc stays.
    pub fn attach(
        &mut self,
        interface: &Interface,
        programs: &Programs,
    ) -> Result<Attachment, AttachError> {
        let index = interface.index;
        let was_by = self.held.remove(&index).map(|held| held.by);
        let (by, behind) = match self.ensure(interface, programs) {
            Ok(ensured) => ensured,
            // The kernel's error for an interface that is gone depends on the hook; XDP has EINVAL.
            Err(StepError::Failed(error)) if links(&mut self.requests)?.contains_key(&index) => {
                return Err(error);
            }
            Err(StepError::Failed(_) | StepError::Gone) => {
                self.detach(index)?;
                return Ok(Attachment::Gone);
            }
        };
        if was_by != Some(by) {
            self.remove_all_but(index, Some(by))?;
        }
        let held = Held {
            interface: interface.clone(),
            by,
            behind,
        };
        let attached = held.attached();
        self.held.insert(index, held);
        Ok(Attachment::Attached(attached))
    }

    /// Looks again at an interface that is attached to: whether ours is there and first, and does
    /// what is missing, within bounds. For filter notifications. `None` if the interface is not
    /// attached to.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn check_first(
        &mut self,
        index: u32,
        programs: &Programs,
    ) -> Result<Option<Attachment>, AttachError> {
        let Some(interface) = self.held.get(&index).map(|held| held.interface.clone()) else {
            return Ok(None);
        };
        self.attach(&interface, programs).map(Some)
    }

    /// Takes away what is ours on the interface `index`, whether or not it is there still. Says
    /// whether there was any.
    ///
    /// # Errors
    /// The pin or filter that could not be removed.
    pub fn detach(&mut self, index: u32) -> Result<bool, AttachError> {
        self.held.remove(&index);
        self.contests.remove(&index);
        self.remove_all_but(index, None)
    }

    /// Detaches from all interfaces but `wanted`, also from those that an earlier agent attached
    /// to. To be called after each complete list of the interfaces. Gives the numbers of those
    /// that were detached from.
    ///
    /// # Errors
    /// The first pin or filter that could not be removed.
    pub fn retain(&mut self, wanted: &BTreeSet<u32>) -> Result<Vec<u32>, AttachError> {
        let mut ours = self.links.interfaces();
        ours.extend(self.held.keys());
        ours.extend(links(&mut self.requests)?.into_keys());
        let mut removed = Vec::new();
        for index in ours.difference(wanted) {
            if self.detach(*index)? {
                removed.push(*index);
            }
        }
        Ok(removed)
    }

    /// What is attached where, as of the last look at each interface.
    #[must_use]
    pub fn list(&self) -> Vec<Attached> {
        self.held.values().map(Held::attached).collect()
    }

    fn ensure(
        &mut self,
        interface: &Interface,
        programs: &Programs,
    ) -> Result<(AttachedBy, Vec<String>), StepError> {
        if interface.point == AttachPoint::Xdp {
            return Ok((
                self.links.ensure_xdp(interface, programs.xdp()?)?,
                Vec::new(),
            ));
        }
        let program = programs.classifier(interface);
        let again = self.contests.contains_key(&interface.index);
        let contest = self.contests.entry(interface.index).or_default();
        let behind = match self.traffic_control {
            AttachedBy::Clsact => {
                clsact::ensure(&mut self.requests, interface, program, again, contest)?
            }
            _ => self.links.ensure_tcx(interface, program, contest)?,
        };
        Ok((self.traffic_control, behind))
    }

    /// Removes what is ours on the interface `index`, except what is attached by `kept`.
    fn remove_all_but(
        &mut self,
        index: u32,
        kept: Option<AttachedBy>,
    ) -> Result<bool, AttachError> {
        let mut removed = false;
        for by in AttachedBy::ALL.into_iter().filter(|by| Some(*by) != kept) {
            removed |= match by {
                AttachedBy::Clsact => clsact::remove_ours(&mut self.requests, index, None)? > 0,
                _ => self.links.remove(index, by)?,
            };
        }
        Ok(removed)
    }
}

impl Held {
    fn attached(&self) -> Attached {
        Attached {
            index: self.interface.index,
            name: self.interface.name.clone(),
            by: self.by,
            first: self.behind.is_empty(),
            behind: self.behind.clone(),
        }
    }
}

/// The names of all links of the network namespace by number.
fn links(requests: &mut Requests) -> Result<BTreeMap<u32, String>, AttachError> {
    let mut links = BTreeMap::new();
    let listed = requests
        .links(|payload| links.extend(Link::read(payload).map(|link| (link.index, link.name))));
    let failed = |source| AttachError::Kernel {
        action: "list the network interfaces".into(),
        source,
    };
    listed
        .map_err(|refusal| failed(refusal.into()))
        .map(|()| links)
}

fn open_requests() -> Result<Requests, AttachError> {
    Requests::open().map_err(|source| AttachError::Kernel {
        action: "open a netlink socket".into(),
        source,
    })
}
