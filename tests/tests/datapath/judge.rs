//! Judges a reply frame against its question, with code that shares nothing with the datapath.

use std::collections::BTreeSet;

use tests::{
    frame::{Checksum, Datagram},
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::{Name, RData, Record, RecordType},
    },
};

use crate::{
    cluster::{Cluster, SERIAL},
    expectation::Expectation,
};

/// The question's name in wire form, and where it ends in the message.
pub(crate) fn question_name(message: &[u8]) -> (&[u8], usize) {
    let mut at = 12;
    while message[at] != 0 {
        at += 1 + usize::from(message[at]);
    }
    (&message[12..=at], at + 1)
}

/// A word of a message.
pub(crate) fn word(message: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([message[at], message[at + 1]])
}

/// The reply as one line: response code, flags, and one part for each record.
pub(crate) fn text(message: &[u8]) -> String {
    let parsed = Message::from_vec(message).expect("hickory-proto parses the reply");
    let flags = word(message, 2);
    let mut line = match parsed.metadata.response_code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        other => format!("{other:?}"),
    };
    for (bit, name) in [(0x0400, " aa"), (0x0100, " rd"), (0x0010, " cd")] {
        if flags & bit != 0 {
            line += name;
        }
    }
    assert_eq!(flags & !0x851f, 0, "a bit that no reply has: {flags:04x}");
    for record in parsed.all_sections() {
        line += &format!(
            "; {} {} {} {}",
            record.name.to_ascii(),
            record.ttl,
            record.record_type(),
            record.data
        );
    }
    if parsed.edns.is_some() {
        let opt = &message[message.len() - 11..];
        assert_eq!((opt[0], word(opt, 1)), (0, 41), "an OPT at the end");
        assert_eq!(
            (word(opt, 5), word(opt, 9)),
            (0, 0),
            "neither code nor options"
        );
        line += &format!("; OPT {} {:04x}", word(opt, 3), word(opt, 7));
    }
    line
}

/// Checks everything about a reply that does not depend on the records, under a server's own limit on its
/// size; returns both messages.
pub(crate) fn envelope(question: &[u8], reply: &[u8], cap: u16) -> (Vec<u8>, Vec<u8>) {
    let asked = Datagram::parse(question).expect("the question is a datagram");
    let got = Datagram::parse(reply).expect("the reply is a datagram");
    assert_eq!(got.source_mac, asked.destination_mac);
    assert_eq!(got.destination_mac, asked.source_mac);
    assert_eq!(got.tags, asked.tags);
    assert_eq!(got.source, asked.destination);
    assert_eq!(got.destination, asked.source);
    assert_eq!(got.hop_limit, 64);
    assert!(got.header_checksum_right, "the IPv4 header's sum");
    assert!(got.trailing.is_empty(), "octets behind the reply");
    let (before, after) = (&asked.payload, &got.payload);
    assert_eq!(after[..2], before[..2], "the ID");
    let copied = word(before, 2) & 0x0110;
    assert_eq!(word(after, 2) & !0x040f, 0x8000 | copied, "the flags");
    let (name, end) = question_name(before);
    assert_eq!(
        after[12..end + 4],
        before[12..end + 4],
        "the question {name:?} as the client spelled it"
    );
    let opt = opt_of(before);
    let size = opt.map_or(512, |opt| word(opt, 3).min(cap)).max(512);
    assert!(after.len() <= usize::from(size), "{} octets", after.len());
    match opt {
        Some(opt) => {
            let flags = word(opt, 7) & 0xff00;
            let mut expected = opt[..11].to_vec();
            expected[3..5].copy_from_slice(&word(opt, 3).min(cap).to_be_bytes());
            expected[5..7].fill(0);
            expected[7..9].copy_from_slice(&flags.to_be_bytes());
            expected[9..11].fill(0);
            assert_eq!(after[after.len() - 11..], expected, "the OPT");
        }
        None => assert!(Message::from_vec(after).expect("a message").edns.is_none()),
    }
    (asked.payload, got.payload)
}

/// The question's OPT and what follows it.
fn opt_of(message: &[u8]) -> Option<&[u8]> {
    let (_, end) = question_name(message);
    (word(message, 10) == 1).then(|| &message[end + 4..])
}

/// Checks a whole reply, its checksum included.
pub(crate) fn judge(cluster: &Cluster, question: &[u8], reply: &[u8]) {
    let datagram = Datagram::parse(reply).expect("the reply is a datagram");
    assert_eq!(datagram.checksum, Checksum::Right);
    let (asked, got) = envelope(question, reply, u16::MAX);
    let (name, end) = question_name(&asked);
    let query_type = RecordType::from(word(&asked, end));
    let message = Message::from_vec(&got).expect("hickory-proto parses the reply");
    assert!(message.metadata.authoritative);
    let code = message.metadata.response_code;
    match cluster.expectation(name, query_type) {
        Expectation::Records(set, zone_len) => {
            assert_eq!(code, ResponseCode::NoError);
            assert_eq!(message.authorities, []);
            let asked = message.queries[0].name();
            let zone = asked.trim_to(labels_of(&name[name.len() - zone_len..]));
            same(&message.answers, &expected(&set.answers, asked, &zone));
            let additional = set.additional.iter();
            let additional: Vec<Record> = additional
                .map(|record| respelled(record, &zone, true))
                .collect();
            same(&message.additionals, &additional);
            assert!(
                uncompressed_targets(&got[end + 4..]),
                "a compressed SRV target, which clients refuse"
            );
        }
        Expectation::Nodata(zone_len) => {
            assert_eq!(code, ResponseCode::NoError);
            denied(&message, name, zone_len);
        }
        Expectation::Nxdomain(zone_len) => {
            assert_eq!(code, ResponseCode::NXDomain);
            denied(&message, name, zone_len);
        }
        Expectation::Pass => panic!("answered, though nothing is certain: {}", text(&got)),
    }
}

/// The answers as this client must get them: up to an alias the owner is the question's name in its own
/// spelling, and targets in the zone repeat the client's spelling of the zone (specification §6).
fn expected(answers: &[Record], asked: &Name, zone: &Name) -> Vec<Record> {
    let mut aliased = false;
    let answer = |record: &Record| {
        let mut record = respelled(record, zone, false);
        if !aliased && record.name == *asked {
            record.name = asked.clone();
        }
        aliased |= matches!(record.data, RData::CNAME(_));
        record
    };
    answers.iter().map(answer).collect()
}

/// The record with its zone spelled in targets of services, and in their addresses' owners (`is_glue`).
fn respelled(record: &Record, zone: &Name, is_glue: bool) -> Record {
    let respell = |name: &Name| {
        if !zone.zone_of(name) {
            return name.clone();
        }
        let labels = usize::from(name.num_labels() - zone.num_labels());
        let own = Name::from_labels(name.iter().take(labels)).expect("labels");
        own.append_domain(zone).expect("a name")
    };
    let mut record = record.clone();
    match &mut record.data {
        RData::SRV(service) => service.target = respell(&service.target),
        RData::SOA(soa) => {
            soa.mname = respell(&soa.mname);
            soa.rname = respell(&soa.rname);
        }
        RData::A(_) | RData::AAAA(_) if is_glue => record.name = respell(&record.name),
        _ => {}
    }
    record
}

/// Whether no SRV record among these octets ends with a pointer in the place of its target's zone.
fn uncompressed_targets(mut records: &[u8]) -> bool {
    while !records.is_empty() {
        let mut at = 0;
        while records[at] != 0 && records[at] < 0xc0 {
            at += 1 + usize::from(records[at]);
        }
        at += if records[at] == 0 { 1 } else { 2 };
        let (kind, length) = (word(records, at), usize::from(word(records, at + 8)));
        let data = &records[at + 10..at + 10 + length];
        if kind == 33 {
            let mut place = 6;
            while data[place] != 0 {
                if data[place] >= 0xc0 {
                    return false;
                }
                place += 1 + usize::from(data[place]);
            }
        }
        records = &records[at + 10 + length..];
    }
    true
}

/// The same records in any order, letter case included.
fn same(got: &[Record], expected: &[Record]) {
    let lines = |records: &[Record]| -> BTreeSet<String> {
        let line = |record: &Record| {
            let (name, class) = (record.name.to_ascii(), record.dns_class);
            format!("{name} {} {class} {}", record.ttl, record.data)
        };
        records.iter().map(line).collect()
    };
    assert_eq!(got.len(), expected.len());
    assert_eq!(lines(got), lines(expected));
}

/// A denial: the SOA record alone, its names spelled as the client spelled the zone.
fn denied(message: &Message, name: &[u8], zone_len: usize) {
    assert_eq!((&message.answers, &message.additionals), (&vec![], &vec![]));
    let whole = message.queries[0].name();
    let labels = labels_of(&name[name.len() - zone_len..]);
    let zone = whole.trim_to(labels).to_ascii();
    let [soa] = message.authorities.as_slice() else {
        panic!("not one record in authority: {:?}", message.authorities);
    };
    assert_eq!(soa.name.to_ascii(), zone, "the SOA's owner");
    assert_eq!(soa.ttl, 30);
    let RData::SOA(data) = &soa.data else {
        panic!("no SOA record: {soa}");
    };
    assert_eq!(data.mname.to_ascii(), format!("ns.dns.{zone}"));
    assert_eq!(data.rname.to_ascii(), format!("hostmaster.{zone}"));
    let numbers = (
        data.serial,
        data.refresh,
        data.retry,
        data.expire,
        data.minimum,
    );
    assert_eq!(numbers, (SERIAL, 7200, 1800, 86400, 30));
}

fn labels_of(mut name: &[u8]) -> usize {
    let mut labels = 0;
    while name[0] != 0 {
        name = &name[1 + usize::from(name[0])..];
        labels += 1;
    }
    labels
}
