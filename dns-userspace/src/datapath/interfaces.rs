//! Which network interfaces there are, as netlink tells it, and which of them are to be attached
//! to.

mod link;
mod selection;
mod watch;

use std::io;

pub(super) use self::link::Link;
pub use self::{selection::Selection, watch::InterfaceWatch};

/// Where on an interface the program is to be attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachPoint {
    /// Traffic control, ingress: for pods.
    TrafficControl,
    /// XDP: for interfaces that were named for it.
    Xdp,
}

/// A network interface that is to be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// The number by which the kernel knows it; used again after the interface is gone.
    pub index: u32,
    /// Its name, which may change.
    pub name: String,
    /// The largest IP packet that it takes, in octets.
    pub mtu: u32,
    /// Whether it is administratively up.
    pub up: bool,
    /// The kind of link, such as `veth`; hardware has none.
    pub kind: Option<String>,
    /// Whether its other end lies in another network namespace (IFLA_LINK_NETNSID is present).
    pub peer_in_other_namespace: bool,
    /// Where to attach.
    pub point: AttachPoint,
}

impl Interface {
    /// Whether `bpf_redirect_peer` works here. The kernel drops what is redirected to a peer in the
    /// same namespace.
    #[must_use]
    pub fn redirects_to_peer(&self) -> bool {
        self.peer_in_other_namespace && matches!(self.kind.as_deref(), Some("veth" | "netkit"))
    }
}

/// What happened to the interfaces that are to be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InterfaceEvent {
    /// It is there: new, changed (name, MTU, peer), or said again because everything was listed
    /// again.
    Present(Interface),
    /// It is there no longer, or no longer one to attach to.
    Gone {
        /// The interface's number.
        index: u32,
    },
    /// Somebody, maybe we, added or removed a filter on its way in.
    FiltersChanged {
        /// The interface's number.
        index: u32,
    },
    /// All interfaces have been listed: each one that is wanted was [`Present`](Self::Present)
    /// before this.
    Resynced,
}

/// Why interfaces cannot be watched, or not as they were named.
#[derive(Debug, thiserror::Error)]
pub enum InterfaceError {
    /// A pattern that is none.
    #[error(
        "--interface {pattern}: this is not a pattern ({source}); use names with *, ? or [abc], \
         such as 'veth*'"
    )]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// An interface was named that is not there.
    #[error(
        "interface {name} does not exist in this network namespace; `ip link` lists those that do"
    )]
    Missing {
        /// The name as given.
        name: String,
    },
    /// Netlink failed.
    #[error("watch the network interfaces by netlink: {0}")]
    Netlink(#[from] io::Error),
}
