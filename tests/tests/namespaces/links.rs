//! Frames that are not quite a pod's own: through a bridge, and with VLAN tags.

use std::net::SocketAddr;

use anyhow::Result;
use tests::{
    Capture, End, PacketSocket, Pod, Question,
    frame::{self, Checksum},
    hickory_proto::{op::Message, rr::RecordType},
};

use crate::{
    checksums::judge,
    site::{Answerer, LIMIT, SERVERS, Site, address, answer, at_a_site, full, lacks},
};

/// The bridge's hardware address, which is none of its ports'.
const BRIDGE: &str = "02:00:00:00:00:0b";

#[test]
fn a_question_to_the_bridge_of_a_pod_is_answered() -> Result<()> {
    let name = "a_question_to_the_bridge_of_a_pod_is_answered";
    if lacks(name) {
        return Ok(());
    }
    let site = Site::with_pod(|node| {
        node.ip_batch(&format!(
            "link add br0 address {BRIDGE} type bridge\n\
             address add 10.244.1.1/24 dev br0\n\
             address add fd00:10:244:1::1/64 dev br0 nodad\n\
             link set br0 up\n"
        ))?;
        Pod::on_bridge(node, 1, "br0")
    })?;
    // Were they the same, the frames would be the veth's own.
    let bridge = PacketSocket::open(&site.node, "br0")?.mac_address();
    assert_ne!(bridge, site.pod.mac_address(End::Node)?);
    for hook in ["tcx", "clsact"] {
        let agent = site.agent(&["--hook", hook])?;
        for server in SERVERS {
            let client = site.pod.client(address(server))?;
            let reader = site.pod.packet_socket()?;
            judge(&client, &reader, &format!("{hook} {server}"))?;
            let external = Question::new("www.example.com", RecordType::A);
            let answer = answer(&client.resolve(&external)?)?;
            assert_eq!(answer.by, Answerer::Service, "{hook} {server}");
        }
        agent.terminate()?;
    }
    Ok(())
}

#[test]
fn a_reply_keeps_the_tags_of_its_question() -> Result<()> {
    at_a_site("a_reply_keeps_the_tags_of_its_question", |site| {
        let _agent = site.agent(&[])?;
        let socket = site.pod.packet_socket()?;
        let capture = Capture::start(site.pod.namespace(), "eth0")?;
        let (own, node) = (socket.mac_address(), site.pod.mac_address(End::Node)?);
        let stacks: [&[(u16, u16)]; 3] = [
            &[(frame::VLAN, 0x6007)],
            &[(frame::SERVICE_VLAN, 9), (frame::VLAN, 7)],
            &[(frame::VLAN, 9), (frame::VLAN, 7)],
        ];
        let sources = [site.pod.ipv4().into(), site.pod.ipv6().into()];
        let mut id = 0x5000;
        for (server, source) in SERVERS.map(address).into_iter().zip(sources) {
            let source = SocketAddr::new(source, 40_000);
            for tags in stacks {
                for service in ["web", "nothing"] {
                    id += 1;
                    let mut question = Question::new(&full(service), RecordType::A).with_edns(1232);
                    question.id = id;
                    let datagram = frame::udp(source, server, &question.encode());
                    let mut packet = frame::ip(source.ip(), server.ip(), frame::UDP, &datagram);
                    let mut ethertype = frame::ethertype_of(server.ip());
                    for (tag, control) in tags.iter().rev() {
                        packet = frame::vlan(*control, ethertype, &packet);
                        ethertype = *tag;
                    }
                    socket.send(&frame::ethernet(node, own, ethertype, &packet))?;
                    let id = id.to_be_bytes();
                    let seen =
                        capture.wait_for(LIMIT, |datagram| datagram.payload.starts_with(&id))?;
                    let about = format!("{server} {tags:04x?} {service}");
                    assert_eq!(seen.tags, tags, "{about}");
                    assert_eq!(seen.checksum, Checksum::Right, "{about}");
                    assert!(seen.header_checksum_right, "{about}");
                    assert_eq!((seen.source, seen.destination), (server, source), "{about}");
                    let answer = answer(&Message::from_vec(&seen.payload)?)?;
                    assert_eq!(answer.by, Answerer::Kernel, "{about}");
                }
            }
        }
        Ok(())
    })
}
