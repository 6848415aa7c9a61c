//! Replies arrive with right sums, whoever was to make the question's and whoever checks them.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context, Result};
use tests::{
    Client, End, PacketSocket, Pod, Question,
    frame::{self, Checksum, Datagram},
    hickory_proto::{op::ResponseCode, rr::RecordType},
};

use crate::site::{Answerer, LIMIT, SERVERS, Site, address, answer, at_a_site, full};

/// A name with SRV records, whose targets repeat its spelling of the zone.
const PORT: &str = "_dns._udp.kube-dns.kube-system.svc.Cluster.LOCAL";

/// Questions of every kind of reply, for names of odd and even length, with and without EDNS, and with a
/// cookie as dig sends it; each with an ID of its own.
pub(crate) fn questions() -> Vec<(Question, ResponseCode, usize)> {
    let (found, missing) = (ResponseCode::NoError, ResponseCode::NXDomain);
    let kinds = [
        ("web", RecordType::A, found, 1),
        ("webs", RecordType::A, found, 1),
        ("web", RecordType::AAAA, found, 1),
        ("many", RecordType::A, found, 20),
        ("old", RecordType::AAAA, found, 0),
        ("olds", RecordType::AAAA, found, 0),
        ("nothing", RecordType::A, missing, 0),
        ("nothings", RecordType::A, missing, 0),
    ];
    let mut kinds = kinds
        .map(|kind| (full(kind.0), kind.1, kind.2, kind.3))
        .to_vec();
    kinds.push((PORT.to_owned(), RecordType::SRV, found, 1));
    let mut questions = Vec::new();
    for (name, record_type, code, answers) in kinds {
        let plain = Question::new(&name, record_type);
        let edns = plain.clone().with_edns(1232);
        let mut cookie = edns.clone();
        if let Some(edns) = &mut cookie.edns {
            edns.options.push((10, vec![0x5a; 8]));
        }
        for question in [plain, edns, cookie] {
            questions.push((question, code, answers));
        }
    }
    for (question, ..) in &mut questions {
        question.id = fresh_id();
    }
    questions
}

/// An ID that no question has had: the same again might be a repeat, which is the DNS service's.
fn fresh_id() -> u16 {
    static ID: AtomicU16 = AtomicU16::new(0x4000);
    ID.fetch_add(1, Ordering::Relaxed)
}

/// What a raw reader may see: a whole sum, or one that it is told to be unfinished.
const RIGHT: [Checksum; 2] = [Checksum::Right, Checksum::Unfinished];

/// Asks all [`questions`] and judges each reply as the socket and as a raw reader see it.
pub(crate) fn judge(client: &Client, reader: &PacketSocket, setting: &str) -> Result<()> {
    for (mut question, code, answers) in questions() {
        let ask = |question: &Question| {
            let about = || format!("{setting}: {question:?}");
            answer(&client.resolve(question).with_context(about)?).with_context(about)
        };
        let mut answer = ask(&question)?;
        if answer.by == Answerer::Service {
            // One question in 65,536 passes, for its sum may stand as well as it is to be finished.
            question.id = fresh_id();
            answer = ask(&question)?;
        }
        let about = || format!("{setting}: {question:?}");
        assert_eq!(answer.by, Answerer::Kernel, "{}", about());
        assert_eq!(answer.code, code, "{}", about());
        assert_eq!(answer.data.len(), answers, "{}", about());
        let id = question.id.to_be_bytes();
        let seen = reader
            .receive(LIMIT, |datagram| datagram.payload.starts_with(&id))
            .with_context(about)?;
        judge_frame(&seen, &RIGHT, &about());
    }
    Ok(())
}

/// Judges one reply as it came in, whose sum must be one of `allowed`.
pub(crate) fn judge_frame(seen: &Datagram, allowed: &[Checksum], about: &str) {
    assert!(
        allowed.contains(&seen.checksum),
        "{about}: {:?}",
        seen.checksum
    );
    assert!(seen.header_checksum_right, "{about}");
    assert!(seen.trailing.is_empty(), "{about}");
    assert_eq!(seen.source.port(), 53, "{about}");
}

/// Every setting of transmit checksum offload: of the node's end and of the pod's.
pub(crate) const OFFLOADS: [(bool, bool); 4] =
    [(true, true), (true, false), (false, true), (false, false)];

/// Sets both ends of a pod's pair.
pub(crate) fn set_offload(pod: &Pod, (node, inside): (bool, bool)) -> Result<()> {
    pod.set_checksum_offload(End::Node, node)?;
    pod.set_checksum_offload(End::Pod, inside)
}

fn judge_pod(site: &Site) -> Result<()> {
    for offload in OFFLOADS {
        set_offload(&site.pod, offload)?;
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
fn replies_to_a_pod_have_right_sums_under_every_setting_of_offload() -> Result<()> {
    let name = "replies_to_a_pod_have_right_sums_under_every_setting_of_offload";
    at_a_site(name, |site| {
        let agent = site.agent(&[])?;
        judge_pod(site)?;
        let mut status = agent.status()?;
        // One question in 65,536: see `judge`.
        status.passed.remove("checksum");
        assert_eq!(status.passed_on(), 0);
        Ok(())
    })
}

#[test]
fn replies_over_clsact_have_right_sums_too() -> Result<()> {
    at_a_site("replies_over_clsact_have_right_sums_too", |site| {
        let agent = site.agent(&["--hook", "clsact"])?;
        assert_eq!(agent.status()?.interfaces[0].hook, "clsact");
        judge_pod(site)
    })
}

#[test]
fn questions_from_a_raw_sender_are_answered_with_and_without_a_sum() -> Result<()> {
    let name = "questions_from_a_raw_sender_are_answered_with_and_without_a_sum";
    at_a_site(name, |site| {
        let _agent = site.agent(&[])?;
        let socket = site.pod.packet_socket()?;
        let node = site.pod.mac_address(End::Node)?;
        let sources = [site.pod.ipv4().into(), site.pod.ipv6().into()];
        for (server, source) in SERVERS.map(address).into_iter().zip(sources) {
            let source = SocketAddr::new(source, 40_000);
            for (question, ..) in questions() {
                let mut datagram = frame::udp(source, server, &question.encode());
                if server.is_ipv4() && question.id % 3 == 0 {
                    // RFC 768: no sum was made. IPv6 forbids it.
                    datagram[6..8].fill(0);
                }
                let packet = frame::ip(source.ip(), server.ip(), frame::UDP, &datagram);
                let ethertype = frame::ethertype_of(server.ip());
                let own = socket.mac_address();
                socket.send(&frame::ethernet(node, own, ethertype, &packet))?;
                let id = question.id.to_be_bytes();
                let seen = socket.receive(LIMIT, |datagram| datagram.payload.starts_with(&id))?;
                judge_frame(&seen, &[Checksum::Right], &format!("{question:?}"));
                assert_eq!((seen.source, seen.destination), (server, source));
                assert_eq!((seen.source_mac, seen.destination_mac), (node, own));
                assert!(seen.hop_limit >= 64, "{}", seen.hop_limit);
            }
        }
        Ok(())
    })
}
