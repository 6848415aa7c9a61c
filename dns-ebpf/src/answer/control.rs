//! What the agent tells the kernel from moment to moment.

use super::PORTS_MAX;

/// What the agent tells the kernel from moment to moment, in memory that both share.
///
/// The agent stores each field atomically; `started` before and `finished` after every change of an entry, of forms or
/// of zones (and at other moments), so that a reader that sees `finished` unchanged as `started` afterwards has seen none
/// of these change. One that has may still know by [`Changes`](super::Changes) that it was of other names.
///
/// The datapath reads the fields in their order: `finished` before the deadlines and before whatever else must not be older
/// than what is looked up.
///
/// Deadlines are times of CLOCK_BOOTTIME in nanoseconds, and are compared with the time to the kernel's tick of a few
/// milliseconds.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Control {
    /// [`LAYOUT`](super::LAYOUT) of the agent that filled the maps. It lies here in every layout.
    pub layout: u64,
    /// How many changes were begun: the number of the last one.
    pub started: u64,
    /// How many changes were finished: the number of the last one.
    pub finished: u64,
    /// Until when questions are answered.
    pub lease: u64,
    /// Until when absent names are denied.
    pub denials: u64,
    /// Until when entries with [`ENDPOINTS`](super::ENDPOINTS) are answered from.
    pub endpoints: u64,
    /// No reply's OPT offers, and no reply is larger than, this many octets (CoreDNS's `bufsize`).
    pub size_cap: u16,
    /// Replies in packets up to this many octets fit every interface.
    pub mtu_floor: u16,
    /// The fewest labels of a zone, the root's not counted: no name of fewer labels is denied.
    pub zone_labels: u16,
    /// How many labels the names have from which the search for an absent name's closest encloser begins.
    pub search_labels: u16,
    /// The agent's mark of what its entries were made by (zones, TTLs); the kernel does not read it.
    pub policy: u32,
    /// Zero.
    pub reserved: u32,
}

/// The value of `CONTROL`: what a question needs, and what other packets need.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ControlRecord {
    /// See [`Control`].
    pub control: Control,
    /// Ports of DNS addresses besides 53; zero: none.
    pub ports: [u16; PORTS_MAX],
    /// Zero.
    pub reserved: [u64; 6],
}
