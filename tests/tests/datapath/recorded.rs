//! What CoreDNS was recorded to answer: the datapath, fed with the same objects, says the same or nothing.

use std::{collections::BTreeSet, fs, path::Path};

use dns_core::{
    objects::written::{Written, WrittenEndpointSlice, WrittenNamespace, WrittenService},
    policy::{Policy, Zone},
    world::{Event, World},
};
use dns_ebpf::Outcome;
use serde::Deserialize;
use serde_json::Value;
use tests::{
    frame::Datagram,
    hickory_proto::{
        op::{Message, ResponseCode},
        rr::{RData, Record, RecordType},
    },
};

use crate::{
    cluster::Cluster,
    frames::{SERVERS, address, message, to_server},
    host::HostTables,
    judge::word,
};

/// Recorded questions that are answered in the kernel: a number that may grow and must not shrink.
const ANSWERED: usize = 454;

#[derive(Deserialize)]
struct Recorded {
    objects: Vec<Value>,
    questions: Vec<RecordedQuestion>,
    packets: Vec<RecordedPacket>,
}

#[derive(Deserialize)]
struct RecordedQuestion {
    qname: String,
    qtype: String,
    qclass: String,
    request_opt_hex: Option<String>,
    request_flags: Option<String>,
    #[serde(default)]
    forwarded: bool,
    rcode: String,
    aa: bool,
    rd: bool,
    cd: bool,
    answer: BTreeSet<String>,
    authority: BTreeSet<String>,
    additional: BTreeSet<String>,
}

#[derive(Deserialize)]
struct RecordedPacket {
    name: String,
    request_hex: String,
    response_header_hex: Option<String>,
    response_hex: Option<String>,
}

fn recorded() -> Recorded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/coredns-recorded.json");
    let text = fs::read(path).expect("the recorded cases");
    serde_json::from_slice(&text).expect("the recorded cases are JSON")
}

fn tables(recorded: &Recorded) -> HostTables {
    let mut world = World::default();
    for object in &recorded.objects {
        let object = match object["kind"].as_str() {
            Some("Namespace") => read::<WrittenNamespace>(object),
            Some("Service") => read::<WrittenService>(object),
            Some("EndpointSlice") => read::<WrittenEndpointSlice>(object),
            other => panic!("an object of kind {other:?}"),
        };
        world.apply(object);
    }
    let mut zones = ["cluster.local", "in-addr.arpa", "ip6.arpa"]
        .map(|zone| Zone::parse(zone).expect("a zone"));
    let primary = zones[0].name.clone();
    for zone in &mut zones {
        zone.primary.clone_from(&primary);
    }
    let cluster = Cluster::new(Policy::kubeadm(zones.into()), &world);
    HostTables::new(&cluster, &SERVERS.map(address))
}

fn read<W: Written + for<'de> Deserialize<'de>>(object: &Value) -> Event {
    let written = W::deserialize(object).expect("an object");
    Event::Applied(written.into_object().expect("an object with a name").0)
}

fn octets(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// The message of a recorded question.
fn asked(question: &RecordedQuestion) -> Vec<u8> {
    let flags = question.request_flags.as_deref().map_or(0x0100, |flags| {
        u16::from_str_radix(flags.trim_start_matches("0x"), 16).expect("hexadecimal flags")
    });
    let opt = question.request_opt_hex.as_deref().map(octets);
    let additional = u16::from(opt.is_some());
    let mut rest = Vec::new();
    for label in question.qname.split('.').filter(|label| !label.is_empty()) {
        rest.push(u8::try_from(label.len()).expect("a label"));
        rest.extend(label.as_bytes());
    }
    rest.push(0);
    let number = match question.qtype.strip_prefix("TYPE") {
        Some(number) => number.parse().expect("a number"),
        None => u16::from(question.qtype.parse::<RecordType>().expect("a type")),
    };
    let class = match question.qclass.strip_prefix("CLASS") {
        Some(number) => number.parse().expect("a number"),
        None => 1_u16,
    };
    rest.extend(number.to_be_bytes());
    rest.extend(class.to_be_bytes());
    rest.extend(opt.unwrap_or_default());
    message([0x1234, flags, 1, 0, 0, additional], &rest)
}

/// Records as the recording writes them.
fn lines(records: &[Record]) -> BTreeSet<String> {
    let line = |record: &Record| {
        let data = match &record.data {
            RData::SOA(soa) => format!(
                "{} {} * {} {} {} {}",
                soa.mname.to_ascii(),
                soa.rname.to_ascii(),
                soa.refresh,
                soa.retry,
                soa.expire,
                soa.minimum
            ),
            RData::TXT(text) => {
                let strings = text.txt_data.iter();
                let quoted = strings.map(|text| format!("\"{}\"", text.escape_ascii()));
                quoted.collect::<Vec<_>>().join(" ")
            }
            other => other.to_string(),
        };
        let name = record.name.to_ascii();
        format!("{name} {} {} {data}", record.ttl, record.record_type())
    };
    records.iter().map(line).collect()
}

/// The reply's message, if the datapath answers.
fn answer(tables: &HostTables, message: &[u8]) -> Option<Vec<u8>> {
    let (outcome, after) = tables.run::<false>(&to_server(message));
    matches!(outcome, Outcome::Answered(_))
        .then(|| Datagram::parse(&after).expect("a datagram").payload)
}

#[test]
fn recorded_questions_are_answered_as_coredns_answered_them() {
    let recorded = recorded();
    let tables = tables(&recorded);
    let mut answered = 0;
    let mut wrong = String::new();
    for question in &recorded.questions {
        let Some(reply) = answer(&tables, &asked(question)) else {
            continue;
        };
        answered += 1;
        let got = Message::from_vec(&reply).expect("a message");
        let code = match got.metadata.response_code {
            ResponseCode::NoError => "NOERROR",
            ResponseCode::NXDomain => "NXDOMAIN",
            _ => "another",
        };
        let flags = word(&reply, 2);
        let set = |bit: u16| flags & bit != 0;
        let same = !question.forwarded
            && (code, set(0x0400), set(0x0100), set(0x0010))
                == (&question.rcode, question.aa, question.rd, question.cd)
            && lines(&got.answers) == question.answer
            && lines(&got.authorities) == question.authority
            && lines(&got.additionals) == question.additional;
        if !same {
            let RecordedQuestion { qname, qtype, .. } = question;
            wrong += &format!(
                "{qname} {qtype}: {}\n  recorded {} {:?} {:?}\n",
                crate::judge::text(&reply),
                question.rcode,
                question.answer,
                question.authority
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!(
        "{answered} of {} recorded questions are answered",
        recorded.questions.len()
    );
    assert!(answered >= ANSWERED, "{answered}");
}

#[test]
fn recorded_packets_are_answered_as_coredns_answered_them() {
    let recorded = recorded();
    let tables = tables(&recorded);
    let mut answered = BTreeSet::new();
    for packet in &recorded.packets {
        let RecordedPacket { name, .. } = packet;
        let message = octets(&packet.request_hex);
        if message.len() > 512 {
            continue;
        }
        let Some(reply) = answer(&tables, &message) else {
            continue;
        };
        let header = packet.response_header_hex.as_deref().map(octets);
        assert_eq!(Some(&reply[..12]), header.as_deref(), "{name}");
        if let Some(whole) = packet.response_hex.as_deref().map(octets) {
            let got = Message::from_vec(&reply).expect("a message");
            let expected = Message::from_vec(&whole).expect("a recorded message");
            assert_eq!(got.queries, expected.queries, "{name}");
            assert_eq!(lines(&got.answers), lines(&expected.answers), "{name}");
            assert_eq!(got.edns, expected.edns, "{name}");
        }
        answered.insert(name.as_str());
    }
    let expected = [
        "backslash in label",
        "cookie option of 3 bytes",
        "dot inside first label",
        "dot inside namespace label",
        "non-ASCII label",
        "plain A query",
        "qname of 255 octets",
    ];
    assert_eq!(answered, BTreeSet::from(expected));
}
