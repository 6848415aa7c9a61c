//! Interfaces other than a pod's veth: replies leave where the question came in, by TC and by XDP.

use anyhow::Result;
use tests::{
    Client, Machine, PacketSocket,
    frame::{self, Checksum},
    hickory_proto::rr::RecordType,
    skip,
};

use crate::{
    checksums::{OFFLOADS, judge, judge_frame, questions, set_offload},
    site::{Answerer, LIMIT, SERVERS, Site, address, at_a_site, ip},
};

/// Where nobody listens: only the kernel can answer there.
const UNHEARD: [&str; 2] = ["10.96.0.99:53", "[fd00:10:96::99]:53"];

#[test]
fn a_veth_with_both_ends_on_the_node_is_answered_with_right_sums() -> Result<()> {
    let name = "a_veth_with_both_ends_on_the_node_is_answered_with_right_sums";
    at_a_site(name, |site| {
        let node = &site.node;
        node.ip_batch(
            "link add near type veth peer name far\n\
             address add 10.99.0.2/24 dev near\n\
             address add fd00:99::2/64 dev near nodad\n\
             link set far up\nlink set near up\n\
             route add 10.96.0.99/32 dev near src 10.99.0.2\n\
             route add fd00:10:96::99/128 dev near src fd00:99::2\n",
        )?;
        let far = PacketSocket::open(node, "far")?.mac_address();
        let far = far.map(|octet| format!("{octet:02x}")).join(":");
        for server in UNHEARD.map(ip) {
            node.ip_batch(&format!(
                "neighbour replace {server} lladdr {far} dev near nud permanent\n"
            ))?;
        }
        let [first, second] = UNHEARD.map(|server| ["--dns-address", server]);
        let words = [&["--interface", "f?r"], &first[..], &second].concat();
        let agent = site.agent_at("far", &words)?;
        for offload in OFFLOADS {
            node.set_checksum_offload("far", offload.0)?;
            node.set_checksum_offload("near", offload.1)?;
            for server in UNHEARD {
                let client = Client::new(node, address(server))?;
                let reader = PacketSocket::open(node, "near")?;
                let setting = format!("{server}, offload {offload:?}");
                judge(&client, &reader, &setting)?;
            }
        }
        let status = agent.status()?;
        assert_eq!(status.interfaces.len(), 1, "nothing else was named");
        Ok(())
    })
}

#[test]
fn a_macvlan_on_the_node_is_answered_with_right_sums() -> Result<()> {
    let name = "a_macvlan_on_the_node_is_answered_with_right_sums";
    at_a_site(name, |site| {
        if let Err(reason) = add_macvlan(site) {
            skip(name, &format!("needs macvlan: {reason:#}"));
            return Ok(());
        }
        let _agent = site.agent_at(MACVLAN, &["--interface", "mv*"])?;
        judge_macvlan(site)
    })
}

#[test]
fn an_interface_whose_driver_has_no_xdp_is_answered_by_generic_xdp_with_right_sums() -> Result<()> {
    let name = "an_interface_whose_driver_has_no_xdp_is_answered_by_generic_xdp_with_right_sums";
    at_a_site(name, |site| {
        if let Err(reason) = add_macvlan(site) {
            skip(name, &format!("needs macvlan: {reason:#}"));
            return Ok(());
        }
        let agent = site.agent_at(MACVLAN, &["--interface", MACVLAN, "--xdp", MACVLAN])?;
        let hook = agent.status()?.interfaces[0].hook.clone();
        assert!(hook.contains("generic"), "{hook}");
        judge_macvlan(site)?;
        // The sums that are to be finished are finished on the way to a machine behind the pod.
        let machine = Machine::behind(&site.pod)?;
        for (own, bridged) in OFFLOADS {
            machine.set_checksum_offload(own)?;
            machine.bridge().set_checksum_offload(bridged)?;
            for server in SERVERS {
                let client = machine.client(address(server))?;
                let reader = machine.packet_socket()?;
                let setting = format!("{server}, machine {own}, bridge {bridged}");
                judge(&client, &reader, &setting)?;
            }
        }
        Ok(())
    })
}

/// A macvlan on the pod's interface, and its hardware address.
const MACVLAN: &str = "mv0";
const MACVLAN_ADDRESS: &str = "02:00:00:00:00:0a";

/// Adds the macvlan, to which the pod's questions go in place of its parent.
fn add_macvlan(site: &Site) -> Result<()> {
    let parent = site.pod.node_interface();
    site.node.ip_batch(&format!(
        "link add {MACVLAN} link {parent} address {MACVLAN_ADDRESS} type macvlan mode bridge\n\
         link set {MACVLAN} up\n"
    ))?;
    let gateways = [
        site.pod.gateway_ipv4().to_string(),
        site.pod.gateway_ipv6().to_string(),
    ];
    for gateway in gateways {
        site.pod.namespace().ip_batch(&format!(
            "neighbour replace {gateway} lladdr {MACVLAN_ADDRESS} dev eth0 nud permanent\n"
        ))?;
    }
    Ok(())
}

/// Judges the replies through the macvlan under every setting of offload.
fn judge_macvlan(site: &Site) -> Result<()> {
    for offload in OFFLOADS {
        set_offload(&site.pod, offload)?;
        site.node.set_checksum_offload(MACVLAN, offload.0)?;
        for server in SERVERS {
            let client = site.pod.client(address(server))?;
            let reader = site.pod.packet_socket()?;
            let setting = format!("{server}, offload {offload:?}");
            judge(&client, &reader, &setting)?;
        }
    }
    Ok(())
}

#[test]
fn a_raw_sender_gets_a_whole_sum_whether_it_made_one_or_not() -> Result<()> {
    let name = "a_raw_sender_gets_a_whole_sum_whether_it_made_one_or_not";
    at_a_site(name, |site| {
        site.node.ip_batch(
            "link add near type veth peer name far\nlink set far up\nlink set near up\n",
        )?;
        let _agent = site.agent_at("far", &["--interface", "far"])?;
        let near = PacketSocket::open(&site.node, "near")?;
        let far = PacketSocket::open(&site.node, "far")?.mac_address();
        let (source, server) = (address("10.99.0.2:40000"), address(SERVERS[0]));
        for (question, ..) in questions() {
            for summed in [true, false] {
                let mut datagram = frame::udp(source, server, &question.encode());
                if !summed {
                    datagram[6..8].fill(0);
                }
                let packet = frame::ip(source.ip(), server.ip(), frame::UDP, &datagram);
                near.send(&frame::ethernet(
                    far,
                    near.mac_address(),
                    frame::IPV4,
                    &packet,
                ))?;
                let id = question.id.to_be_bytes();
                let seen = near.receive(LIMIT, |datagram| datagram.payload.starts_with(&id))?;
                let about = format!("{question:?}, summed: {summed}");
                judge_frame(&seen, &[Checksum::Right], &about);
            }
        }
        Ok(())
    })
}

#[test]
fn a_veth_named_for_xdp_is_answered_with_right_sums() -> Result<()> {
    let name = "a_veth_named_for_xdp_is_answered_with_right_sums";
    at_a_site(name, |site| {
        let agent = site.agent(&["--xdp", site.pod.node_interface()])?;
        let hook = agent.status()?.interfaces[0].hook.clone();
        assert!(hook.starts_with("xdp"), "{hook}");
        for offload in OFFLOADS {
            set_offload(&site.pod, offload)?;
            for server in SERVERS {
                let client = site.pod.client(address(server))?;
                let reader = site.pod.packet_socket()?;
                let setting = format!("{server}, offload {offload:?}");
                judge(&client, &reader, &setting)?;
            }
        }
        // What it cannot answer goes on.
        let answer = site.ask("www.example.com", RecordType::A)?;
        assert_eq!(answer.by, Answerer::Service);
        Ok(())
    })
}
