//! How a program is attached to an interface, and what became of it.

use std::fmt;

/// Which hook of traffic control to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hook {
    /// TCX where the kernel has it, else clsact.
    #[default]
    Auto,
    /// TCX or an error.
    Tcx,
    /// The clsact qdisc, also where TCX is there.
    Clsact,
}

/// How a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachedBy {
    /// A TCX link at ingress.
    Tcx,
    /// A filter of the clsact qdisc at ingress.
    Clsact,
    /// XDP in the driver.
    XdpNative,
    /// XDP in the network stack.
    XdpGeneric,
}

impl AttachedBy {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Tcx, Self::Clsact, Self::XdpNative, Self::XdpGeneric];
}

impl fmt::Display for AttachedBy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tcx => "tcx",
            Self::Clsact => "clsact",
            Self::XdpNative => "xdp",
            Self::XdpGeneric => "xdp (generic)",
        })
    }
}

/// One interface with our program on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// The interface's number.
    pub index: u32,
    /// The interface's name.
    pub name: String,
    /// How the program is attached.
    pub by: AttachedBy,
    /// Whether ours is the first program that a packet from the interface meets.
    pub first: bool,
    /// In words, the programs and filters before ours; empty if ours is first.
    pub behind: Vec<String>,
}

/// What became of an attempt to attach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attachment {
    /// The program is attached.
    Attached(Attached),
    /// The interface is gone meanwhile. That is no error: pods end at any time.
    Gone,
}
