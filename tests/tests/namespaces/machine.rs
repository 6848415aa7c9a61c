//! A machine behind a pod that forwards: whoever makes the sums on the way, each answer arrives there.

use anyhow::Result;
use tests::{End, Machine};

use crate::{
    checksums::judge,
    site::{SERVERS, Site, address, at_a_site},
};

/// Transmit checksum offload of each link's end that questions or replies leave by: the machine's, its
/// bridge in the pod, the pod's, the node's.
fn offloads() -> impl Iterator<Item = [bool; 4]> {
    (0..16).map(|bits| [1, 2, 4, 8].map(|bit| bits & bit == 0))
}

fn set_offload(site: &Site, machine: &Machine, offload: [bool; 4]) -> Result<()> {
    machine.set_checksum_offload(offload[0])?;
    machine.bridge().set_checksum_offload(offload[1])?;
    site.pod.set_checksum_offload(End::Pod, offload[2])?;
    site.pod.set_checksum_offload(End::Node, offload[3])
}

fn judge_machine(site: &Site) -> Result<()> {
    let machine = Machine::behind(&site.pod)?;
    for offload in offloads() {
        set_offload(site, &machine, offload)?;
        for server in SERVERS {
            let client = machine.client(address(server))?;
            let reader = machine.packet_socket()?;
            judge(&client, &reader, &format!("{server}, offload {offload:?}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_machine_behind_a_pod_gets_every_answer_under_every_setting_of_offload() -> Result<()> {
    let name = "a_machine_behind_a_pod_gets_every_answer_under_every_setting_of_offload";
    at_a_site(name, |site| {
        let _agent = site.agent(&[])?;
        judge_machine(site)
    })
}

#[test]
fn a_machine_behind_a_pod_gets_every_answer_over_clsact() -> Result<()> {
    let name = "a_machine_behind_a_pod_gets_every_answer_over_clsact";
    at_a_site(name, |site| {
        let _agent = site.agent(&["--hook", "clsact"])?;
        judge_machine(site)
    })
}

#[test]
fn a_machine_behind_a_pod_gets_every_answer_by_xdp() -> Result<()> {
    let name = "a_machine_behind_a_pod_gets_every_answer_by_xdp";
    at_a_site(name, |site| {
        let _agent = site.agent(&["--xdp", site.pod.node_interface()])?;
        judge_machine(site)
    })
}
