//! Cases of Ethernet, VLAN, IPv4, IPv6, UDP and TCP.

use dns_ebpf::Pass;
use tests::{
    frame::{IPV4, IPV6, SERVICE_VLAN, UDP, VLAN, ethernet, udp},
    hickory_proto::rr::RecordType,
};

use super::Case;
use crate::frames::{
    Family, POD_MAC, SERVERS, address, between, carrying, over, question, tagged, to_server,
    with_ipv4_header,
};

/// An address that is asked and is no DNS address.
pub(crate) const STRANGER: &str = "169.254.169.254:53";

const REPLY: &str = "NOERROR aa rd; kubernetes.default.svc.cluster.local. 30 A 10.96.0.1";

fn asked() -> Vec<u8> {
    question("kubernetes.default.svc.cluster.local", RecordType::A).encode()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = accepted();
    cases.extend(not_dns());
    cases.extend(ipv4());
    cases.extend(ipv6());
    cases.extend(lengths());
    cases.extend(senders());
    cases
}

/// Senders to which no reply may go: the DNS service's own stack judges them.
fn senders() -> Vec<Case> {
    let mut cases = Vec::new();
    let sources = [
        ("this network", "0.0.0.0:40000"),
        ("an address of this network", "0.1.2.3:40000"),
        ("loopback", "127.0.0.1:40000"),
        ("a group", "224.0.0.251:5353"),
        ("everybody", "255.255.255.255:40000"),
        ("the DNS address itself", SERVERS[0]),
        ("port zero", "10.244.1.2:0"),
        ("no address (IPv6)", "[::]:40000"),
        ("loopback (IPv6)", "[::1]:40000"),
        ("a mapped address (IPv6)", "[::ffff:10.244.1.2]:40000"),
        ("a group (IPv6)", "[ff02::fb]:5353"),
        ("the DNS address itself (IPv6)", SERVERS[1]),
        ("port zero (IPv6)", "[fd00:10:244::2]:0"),
    ];
    for (what, source) in sources {
        let source = address(source);
        let server = SERVERS[usize::from(source.is_ipv6())];
        let frame = between(source, address(server), &asked());
        cases.push(Case::passed(
            format!("a question from {what}"),
            frame,
            Pass::Source,
        ));
    }
    for (family, at, what) in [
        (Family::V4, 0, "to a group's MAC address"),
        (Family::V6, 0, "to a group's MAC address over IPv6"),
        (Family::V4, 6, "from a group's MAC address"),
    ] {
        let mut frame = over(family, &asked());
        frame[at..at + 6].fill(0xff);
        cases.push(Case::passed(
            format!("a question {what}"),
            frame,
            Pass::Source,
        ));
    }
    for source in [
        "1.0.0.1:40000",
        "126.255.255.255:1",
        "128.0.0.1:65535",
        "223.255.255.255:40000",
    ] {
        let frame = between(address(source), address(SERVERS[0]), &asked());
        cases.push(Case::reply(
            format!("a question from {source}"),
            frame,
            REPLY,
        ));
    }
    cases
}

fn accepted() -> Vec<Case> {
    let v4 = to_server(&asked());
    let v6 = over(Family::V6, &asked());
    let mut cases = vec![
        Case::reply("a question over IPv4", v4.clone(), REPLY),
        Case::reply("a question over IPv6", v6.clone(), REPLY),
        Case::reply(
            "a question to a DNS address at another port",
            between(Family::V4.pod(), address(SERVERS[2]), &asked()),
            REPLY,
        ),
    ];
    for (frame, family) in [(&v4, "IPv4"), (&v6, "IPv6")] {
        for (tags, what) in [
            (&[(VLAN, 7)][..], "a VLAN tag"),
            (&[(SERVICE_VLAN, 0xe064)], "a service VLAN tag"),
            (&[(SERVICE_VLAN, 100), (VLAN, 7)], "two VLAN tags"),
        ] {
            let description = format!("a question over {family} behind {what}");
            cases.push(Case::reply(description, tagged(tags, frame), REPLY));
        }
        let three = tagged(&[(SERVICE_VLAN, 1), (VLAN, 2), (VLAN, 3)], frame);
        let description = format!("a question over {family} behind three VLAN tags");
        cases.push(Case::passed(description, three, Pass::NotDns));
    }
    let mut unsummed = v4.clone();
    unsummed[40..42].fill(0);
    cases.push(Case::reply(
        "a question over IPv4 without checksum",
        unsummed,
        REPLY,
    ));
    let mut damaged = v4.clone();
    damaged[41] ^= 1;
    let description = "a question with a wrong checksum";
    cases.push(Case::passed(description, damaged, Pass::Checksum));
    for (offset, value, what) in [
        (1, 0xb8, "a traffic class"),
        (8, 1, "a time to live of one"),
    ] {
        let frame = with_ipv4_header(&v4, |header| header[offset] = value);
        let description = format!("a question over IPv4 with {what}");
        cases.push(Case::reply(description, frame, REPLY));
    }
    let mut labelled = v6;
    labelled[14..18].copy_from_slice(&[0x6b, 0x81, 0x23, 0x45]);
    cases.push(Case::reply(
        "a question over IPv6 with a flow label",
        labelled,
        REPLY,
    ));
    cases
}

fn not_dns() -> Vec<Case> {
    let v4 = to_server(&asked());
    let at = |port: u16, server: &str| {
        let mut server = address(server);
        server.set_port(port);
        between(Family::V4.pod(), server, &asked())
    };
    let [pod, server] = [Family::V4.pod(), Family::V4.server()];
    let mut segment = udp(pod, server, &asked());
    segment[12..14].copy_from_slice(&[0x50, 0x02]);
    let arp = ethernet([0xff; 6], POD_MAC, 0x0806, &[0; 46]);
    let reversed = between(server, pod, &asked());
    let mut other_type = v4.clone();
    other_type[12..14].copy_from_slice(&0x88b5_u16.to_be_bytes());
    let stranger_v6 = between(Family::V6.pod(), address("[fd00::53]:53"), &asked());
    let over_tcp =
        |family, description| Case::passed(description, carrying(family, 6, &segment), Pass::Tcp);
    let mut short = v4.clone();
    short.truncate(53);
    vec![
        Case::passed("ARP", arp, Pass::NotDns),
        Case::passed("an Ethertype of no protocol", other_type, Pass::NotDns),
        Case::passed(
            "an Ethernet header and one octet",
            v4[..15].into(),
            Pass::NotDns,
        ),
        Case::passed(
            "fewer octets than IPv4 and DNS headers",
            short,
            Pass::NotDns,
        ),
        Case::passed(
            "ICMP to a DNS address",
            carrying(Family::V4, 1, &[8; 64]),
            Pass::NotDns,
        ),
        Case::passed(
            "ICMPv6 to a DNS address",
            carrying(Family::V6, 58, &[128; 64]),
            Pass::NotDns,
        ),
        Case::passed("a reply that comes from port 53", reversed, Pass::NotDns),
        Case::passed("port 80 of a DNS address", at(80, SERVERS[0]), Pass::NotDns),
        Case::passed("port 0 of a DNS address", at(0, SERVERS[0]), Pass::NotDns),
        Case::passed(
            "a DNS port of another address",
            at(1053, "10.96.0.11:1053"),
            Pass::NotDns,
        ),
        Case::passed(
            "port 53 of an unknown address",
            at(53, STRANGER),
            Pass::UnknownDestination,
        ),
        Case::passed(
            "port 53 of an unknown address behind a VLAN tag",
            tagged(&[(VLAN, 7)], &at(53, STRANGER)),
            Pass::UnknownDestination,
        ),
        Case::passed(
            "port 53 of an unknown IPv6 address",
            stranger_v6,
            Pass::UnknownDestination,
        ),
        over_tcp(Family::V4, "TCP to a DNS address"),
        over_tcp(Family::V6, "TCP over IPv6 to a DNS address"),
    ]
}

fn ipv4() -> Vec<Case> {
    let v4 = to_server(&asked());
    let fragment = |flags: u8, offset: u8, description: &str, pass| {
        let frame = with_ipv4_header(&v4, |header| header[6..8].copy_from_slice(&[flags, offset]));
        Case::passed(description, frame, pass)
    };
    let version = |first: u8, description: &str, pass| {
        let frame = with_ipv4_header(&v4, |header| header[0] = first);
        Case::passed(description, frame, pass)
    };
    let options = with_ipv4_header(&v4, |header| {
        header[0] = 0x46;
        let length = u16::from_be_bytes([header[2], header[3]]) + 4;
        header[2..4].copy_from_slice(&length.to_be_bytes());
        header.extend([1, 1, 1, 0]);
    });
    let stranger = between(Family::V4.pod(), address("192.0.2.53:53"), &asked());
    let stranger_options = with_ipv4_header(&stranger, |header| {
        header[0] = 0x46;
        header.extend([1, 1, 1, 0]);
    });
    let length = |change: i16| {
        with_ipv4_header(&v4, |header| {
            let length = i16::from_be_bytes([header[2], header[3]]) + change;
            header[2..4].copy_from_slice(&length.to_be_bytes());
        })
    };
    vec![
        fragment(0x20, 0, "the first fragment of a question", Pass::Frame),
        fragment(0, 1, "a later fragment, which has no ports", Pass::NotDns),
        fragment(0x20, 185, "a fragment in the middle", Pass::NotDns),
        Case::passed("a question behind IPv4 options", options, Pass::Frame),
        Case::passed(
            "a question behind IPv4 options to an unknown address",
            stranger_options,
            Pass::UnknownDestination,
        ),
        version(0x55, "an IPv4 frame that says version 5", Pass::NotDns),
        version(0x65, "an IPv4 frame that says version 6", Pass::NotDns),
        version(0x44, "an IPv4 header that says 16 octets", Pass::Frame),
        version(
            0x4f,
            "an IPv4 header that says more octets than it has",
            Pass::NotDns,
        ),
        Case::passed("an IPv4 length one too small", length(-1), Pass::Frame),
        Case::passed("an IPv4 length one too large", length(1), Pass::Frame),
        Case::passed(
            "an IPv4 length of zero",
            with_ipv4_header(&v4, |header| header[2..4].fill(0)),
            Pass::Frame,
        ),
    ]
}

fn ipv6() -> Vec<Case> {
    let v6 = over(Family::V6, &asked());
    let changed = |at: usize, octets: &[u8]| {
        let mut frame = v6.clone();
        frame[at..at + octets.len()].copy_from_slice(octets);
        frame
    };
    let [pod, server] = [Family::V6.pod(), Family::V6.server()];
    let datagram = udp(pod, server, &asked());
    let hop_by_hop = [&[UDP, 0, 1, 4, 0, 0, 0, 0][..], &datagram].concat();
    let length = u16::from_be_bytes([v6[18], v6[19]]);
    let mapped = tests::frame::ethernet([2; 6], POD_MAC, IPV4, &v6[14..]);
    let crossed = tests::frame::ethernet([2; 6], POD_MAC, IPV6, &to_server(&asked())[14..]);
    vec![
        Case::passed(
            "IPv6 that says version 4",
            changed(14, &[0x45]),
            Pass::NotDns,
        ),
        Case::passed("IPv6 behind the Ethertype of IPv4", mapped, Pass::NotDns),
        Case::passed("IPv4 behind the Ethertype of IPv6", crossed, Pass::NotDns),
        Case::passed(
            "a question behind an IPv6 extension header",
            carrying(Family::V6, 0, &hop_by_hop),
            Pass::NotDns,
        ),
        Case::passed(
            "an IPv6 length one too small",
            changed(18, &(length - 1).to_be_bytes()),
            Pass::Frame,
        ),
        Case::passed(
            "an IPv6 length one too large",
            changed(18, &(length + 1).to_be_bytes()),
            Pass::Frame,
        ),
        Case::passed("an IPv6 length of zero", changed(18, &[0, 0]), Pass::Frame),
    ]
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for family in Family::BOTH {
        let frame = over(family, &asked());
        let at = if family == Family::V4 { 38 } else { 58 };
        let said = u16::from_be_bytes([frame[at], frame[at + 1]]);
        for (length, what) in [
            (said - 1, "one too small"),
            (said + 1, "one too large"),
            (0, "of zero"),
            (7, "below its header's"),
            (u16::MAX, "of 65535"),
        ] {
            let mut lying = frame.clone();
            lying[at..at + 2].copy_from_slice(&length.to_be_bytes());
            let description = format!("a UDP length {what} over {family:?}");
            cases.push(Case::passed(description, lying, Pass::Frame));
        }
        let padded = [&frame[..], &[0]].concat();
        let description = format!("a frame with one octet of padding over {family:?}");
        cases.push(Case::passed(description, padded, Pass::Frame));
        let description = format!("a frame that is cut by one octet over {family:?}");
        let cut = frame[..frame.len() - 1].to_vec();
        cases.push(Case::passed(description, cut, Pass::Frame));
        for (octets, what) in [
            (0, "no octet"),
            (11, "11 octets"),
            (12, "a DNS header alone"),
        ] {
            let frame = over(family, &asked()[..octets]);
            // A frame without room for a DNS header is told apart by its first headers alone.
            let pass = if octets < 12 {
                Pass::NotDns
            } else {
                Pass::Frame
            };
            cases.push(Case::passed(
                format!("a message of {what} over {family:?}"),
                frame,
                pass,
            ));
        }
    }
    cases
}
