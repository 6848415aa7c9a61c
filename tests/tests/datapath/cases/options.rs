//! Cases of the OPT record: its version, size, flags and options.

use dns_ebpf::Pass;
use tests::{Edns, hickory_proto::rr::RecordType};

use super::Case;
use crate::frames::{Family, over, question, to_server};

const NAME: &str = "single.data.svc.cluster.local";
const ANSWER: &str = "NOERROR aa rd; single.data.svc.cluster.local. 30 A 10.96.1.1";

fn with(edns: Edns) -> Vec<u8> {
    let mut asked = question(NAME, RecordType::A);
    asked.edns = Some(edns);
    asked.encode()
}

fn with_options(options: &[(u16, &[u8])]) -> Vec<u8> {
    with(Edns {
        size: 1232,
        options: options
            .iter()
            .map(|(code, payload)| (*code, payload.to_vec()))
            .collect(),
        ..Edns::default()
    })
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = fixed();
    cases.extend(payloads());
    cases.extend(chains());
    cases.extend(malformed());
    cases
}

/// Size, flags and version.
fn fixed() -> Vec<Case> {
    let mut cases = Vec::new();
    for size in [0, 1, 511, 512, 513, 1232, 1452, 4096, u16::MAX] {
        let frame = to_server(&with(Edns {
            size,
            ..Edns::default()
        }));
        let text = format!("{ANSWER}; OPT {size} 0000");
        cases.push(Case::reply(format!("an OPT of size {size}"), frame, text));
    }
    for flags in [
        0x8000, 0x4000, 0x0100, 0xff00, 0x7fff, 0x0080, 0x00ff, 0xffff,
    ] {
        let frame = to_server(&with(Edns {
            size: 1232,
            flags,
            ..Edns::default()
        }));
        let text = format!("{ANSWER}; OPT 1232 {:04x}", flags & 0xff00);
        cases.push(Case::reply(
            format!("an OPT with flags {flags:04x}"),
            frame,
            text,
        ));
    }
    for version in [1, 2, 255] {
        let message = with(Edns {
            size: 1232,
            version,
            ..Edns::default()
        });
        let description = format!("an OPT of version {version}");
        cases.push(Case::passed(description, to_server(&message), Pass::Opt));
    }
    cases.push(Case::reply(
        "an OPT over IPv6",
        over(Family::V6, &with_options(&[])),
        format!("{ANSWER}; OPT 1232 0000"),
    ));
    cases
}

/// One option each, its payload as it should be or not.
fn payloads() -> Vec<Case> {
    let accepted: &[(u16, &[u8], &str)] = &[
        (10, &[1, 2, 3, 4, 5, 6, 7, 8], "COOKIE as dig sends it"),
        (10, &[7; 16], "COOKIE with a server's half"),
        (10, &[1, 2, 3], "COOKIE of three octets"),
        (10, &[], "an empty COOKIE"),
        (3, &[], "NSID"),
        (3, b"name", "NSID with a payload"),
        (12, &[], "empty PADDING"),
        (12, &[0; 100], "PADDING"),
        (
            12,
            &[0xff; 33],
            "PADDING that is not zero, of an odd length",
        ),
        (8, &[0, 1, 24, 0, 192, 0, 2], "an IPv4 client subnet"),
        (
            8,
            &[0, 1, 32, 32, 192, 0, 2, 1],
            "an IPv4 client subnet of 32 bits",
        ),
        (8, &[0, 1, 0, 0], "an IPv4 client subnet of no bits"),
        (
            8,
            &[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0],
            "an IPv6 client subnet",
        ),
        (
            8,
            &[
                0, 2, 128, 128, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
            ],
            "an IPv6 client subnet of 128 bits",
        ),
        (8, &[0, 0, 0, 0], "a client subnet of no family"),
        (9, &[], "EXPIRE"),
        (9, &[0, 0, 1, 0], "EXPIRE of 32 bits"),
        (11, &[], "TCP-KEEPALIVE"),
        (11, &[0, 100], "TCP-KEEPALIVE of 16 bits"),
        (15, &[0, 1], "an extended error"),
        (15, b"\x00\x01text", "an extended error with text"),
        (20, b"x", "an option of code 20"),
        (26946, b"device", "an option of code 26946"),
        (65001, b"hello", "an option of the local range"),
        (65535, &[], "an option of the last code"),
    ];
    let refused: &[(u16, &[u8], &str)] = &[
        (8, &[0, 1, 24], "a client subnet of three octets"),
        (8, &[], "an empty client subnet"),
        (
            8,
            &[0, 1, 33, 0, 192, 0, 2, 0],
            "an IPv4 client subnet of 33 bits",
        ),
        (
            8,
            &[0, 1, 24, 33, 192, 0, 2],
            "an IPv4 client subnet of a scope of 33 bits",
        ),
        (
            8,
            &[0, 1, 32, 0, 192, 0, 2, 1, 0],
            "an IPv4 client subnet of five octets",
        ),
        (
            8,
            &[0, 2, 129, 0, 0x20, 1],
            "an IPv6 client subnet of 129 bits",
        ),
        (
            8,
            &[
                0, 2, 56, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
            ],
            "an IPv6 client subnet of 17 octets",
        ),
        (8, &[0, 3, 0, 0], "a client subnet of family 3"),
        (8, &[0, 0, 1, 0], "a client subnet of no family and one bit"),
        (9, &[0], "EXPIRE of one octet"),
        (9, &[0; 5], "EXPIRE of five octets"),
        (11, &[0], "TCP-KEEPALIVE of one octet"),
        (11, &[0; 3], "TCP-KEEPALIVE of three octets"),
        (15, &[], "an empty extended error"),
        (15, &[0], "an extended error of one octet"),
        (0, &[], "an option of code 0"),
        (1, &[0; 18], "LLQ"),
        (2, &[0; 4], "an update lease"),
        (4, &[], "an option of code 4"),
        (5, &[8], "DAU"),
        (6, &[1], "DHU"),
        (7, &[1], "N3U"),
        (13, &[0], "CHAIN"),
        (14, &[0, 1], "a key tag"),
        (16, &[], "an option of code 16"),
        (17, &[], "an option of code 17"),
        (18, &[0], "a report channel"),
        (19, &[], "an empty ZONEVERSION"),
        (19, &[1, 0, 0, 0, 0, 1], "ZONEVERSION"),
    ];
    let asked = |code, payload| to_server(&with_options(&[(code, payload)]));
    let accepted = accepted.iter().map(|(code, payload, what)| {
        let text = format!("{ANSWER}; OPT 1232 0000");
        Case::reply(format!("an OPT with {what}"), asked(*code, payload), text)
    });
    let refused = refused.iter().map(|(code, payload, what)| {
        Case::passed(
            format!("an OPT with {what}"),
            asked(*code, payload),
            Pass::Opt,
        )
    });
    accepted.chain(refused).collect()
}

fn chains() -> Vec<Case> {
    let cookie: (u16, &[u8]) = (10, &[1; 8]);
    let chain = |options: &[(u16, &[u8])]| to_server(&with_options(options));
    let text = format!("{ANSWER}; OPT 1232 0000");
    vec![
        Case::reply(
            "a chain of two options",
            chain(&[cookie, (12, &[0; 21])]),
            &*text,
        ),
        Case::reply(
            "a chain of four options",
            chain(&[(65001, b"x"), cookie, (3, &[]), (12, &[0, 0])]),
            &*text,
        ),
        Case::reply(
            "a chain of the same option twice",
            chain(&[cookie, cookie]),
            &*text,
        ),
        Case::passed(
            "a chain of five options",
            chain(&[(3, &[][..]); 5]),
            Pass::Opt,
        ),
        Case::passed(
            "a good option before a bad one",
            chain(&[cookie, (9, &[1])]),
            Pass::Opt,
        ),
        Case::passed(
            "a bad option before a good one",
            chain(&[(9, &[1]), cookie]),
            Pass::Opt,
        ),
        Case::reply(
            "an OPT and what it holds of 256 octets",
            to_server(&padded(with_options(&[]).len() - 11 + 256)),
            &*text,
        ),
        Case::passed(
            "an OPT that fills the message to 512 octets",
            to_server(&padded(512)),
            Pass::Opt,
        ),
        Case::passed(
            "an OPT that fills the message to 513 octets",
            to_server(&padded(513)),
            Pass::Frame,
        ),
    ]
}

/// The question padded to a length.
fn padded(octets: usize) -> Vec<u8> {
    let room = octets - with_options(&[(12, &[])]).len();
    with_options(&[(12, &vec![0; room])])
}

fn malformed() -> Vec<Case> {
    let good = with_options(&[(10, &[1; 8])]);
    let opt = good.len() - 23;
    let changed = |at: usize, octet: u8| {
        let mut message = good.clone();
        message[opt + at] = octet;
        to_server(&message)
    };
    let cut = |octets: usize| to_server(&good[..good.len() - octets]);
    let longer = to_server(&[&good[..], &[0]].concat());
    let two = to_server(&[&good[..], &good[opt..]].concat());
    let mut counted = [&good[..], &good[opt..]].concat();
    counted[11] = 2;
    vec![
        Case::passed("an OPT that is owned by a name", changed(0, 1), Pass::Opt),
        Case::passed(
            "an OPT that is owned by a pointer",
            changed(0, 0xc0),
            Pass::Opt,
        ),
        Case::passed("an additional record of type A", changed(2, 1), Pass::Opt),
        Case::passed("an additional record of type 297", changed(1, 1), Pass::Opt),
        Case::reply(
            "an OPT with an extended response code",
            changed(5, 5),
            format!("{ANSWER}; OPT 1232 0000"),
        ),
        Case::passed(
            "an OPT that says fewer octets than it has",
            changed(10, 11),
            Pass::Trailing,
        ),
        Case::passed(
            "an OPT that says more octets than it has",
            changed(10, 13),
            Pass::Opt,
        ),
        Case::passed(
            "an OPT that says 256 octets more than it has",
            changed(9, 1),
            Pass::Opt,
        ),
        Case::passed(
            "an OPT that says 65280 octets more than it has",
            changed(9, 255),
            Pass::Opt,
        ),
        Case::passed(
            "an option that says fewer octets than it has",
            changed(14, 7),
            Pass::Opt,
        ),
        Case::passed(
            "an option that says more octets than it has",
            changed(14, 9),
            Pass::Opt,
        ),
        Case::passed(
            "an option that says 65288 octets",
            changed(13, 255),
            Pass::Opt,
        ),
        Case::passed("an OPT whose option is cut", cut(1), Pass::Opt),
        Case::passed("an OPT without its options", cut(12), Pass::Opt),
        Case::passed("an OPT without its length", cut(14), Pass::Opt),
        Case::passed("an OPT of one octet", cut(22), Pass::Opt),
        Case::passed("one octet behind the OPT", longer, Pass::Trailing),
        Case::passed("two OPT of which one is counted", two, Pass::Trailing),
        Case::passed("two OPT", to_server(&counted), Pass::Counts),
    ]
}
