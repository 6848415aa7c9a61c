//! Who stands beside whom, alike in all charts.

use plotters::style::RGBColor;

use super::sheet::{BLUE, GREEN, GREY, ORANGE, SKY, VERMILION};

/// One of those that are compared.
pub(super) struct Side {
    /// Its key in the results.
    pub(super) key: &'static str,
    pub(super) name: &'static str,
    pub(super) detail: &'static str,
    pub(super) colour: RGBColor,
}

pub(super) const FLOOR: Side = Side {
    key: "floor",
    name: "the floor",
    detail: "a program that only sends the packet back",
    colour: GREY,
};

pub(super) const HIT: Side = Side {
    key: "hit",
    name: "zerohop",
    detail: "in the kernel, on the pod's interface",
    colour: BLUE,
};

pub(super) const NXDOMAIN: Side = Side {
    key: "nxdomain_3",
    name: "zerohop, NXDOMAIN",
    detail: "a name made by the search path",
    colour: SKY,
};

pub(super) const NSD: Side = Side {
    key: "nsd",
    name: "NSD",
    detail: "an authoritative server on the node",
    colour: GREEN,
};

pub(super) const NODE_LOCAL: Side = Side {
    key: "node_local",
    name: "NodeLocal DNSCache",
    detail: "CoreDNS as a cache on the node",
    colour: ORANGE,
};

pub(super) const CORE_DNS: Side = Side {
    key: "core_dns",
    name: "CoreDNS",
    detail: "behind kube-proxy's rules (iptables)",
    colour: VERMILION,
};
