//! Replies that are as expected, and replies that are not in one point.

use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{DNSClass, Name, RData, Record, RecordType},
};

use super::*;
use crate::{
    presentation::{self, Data},
    question::{ID, Question},
};

fn entry(owner: &str, lifetime: Option<u32>, kind: &str, data: &str) -> Entry {
    let record_type = presentation::record_type(kind).unwrap();
    Entry {
        owner: presentation::name(owner).unwrap(),
        record_type,
        class: 1,
        lifetime,
        data: Data::parse(record_type, data).unwrap(),
    }
}

fn record(owner: &str, lifetime: u32, kind: RecordType, data: &str) -> Record {
    let data = RData::try_from_str(kind, data).unwrap();
    Record::from_rdata(Name::from_ascii(owner).unwrap(), lifetime, data)
}

fn asked() -> Vec<u8> {
    Question::new("Web.shop.svc.cluster.local.", "A")
        .unwrap()
        .message()
}

/// An answer with two addresses.
fn reply() -> Message {
    let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
    message.metadata.authoritative = true;
    message.metadata.recursion_desired = true;
    let mut query = Query::new();
    query.set_name(Name::from_ascii("Web.shop.svc.cluster.local.").unwrap());
    query.set_query_type(RecordType::A);
    query.set_query_class(DNSClass::IN);
    message.queries.push(query);
    for address in ["10.96.0.1", "10.96.0.2"] {
        message.answers.push(record(
            "Web.shop.svc.cluster.local.",
            30,
            RecordType::A,
            address,
        ));
    }
    message
}

fn expected() -> Expected {
    let owner = "Web.shop.svc.cluster.local.";
    Expected {
        code: Some(0),
        bits: Bits {
            authoritative: Some(true),
            truncated: Some(false),
            ..Bits::default()
        },
        sections: [
            Some(vec![
                entry(owner, Some(30), "A", "10.96.0.2"),
                entry(owner, Some(30), "A", "10.96.0.1"),
            ]),
            Some(Vec::new()),
            Some(Vec::new()),
        ],
        opt: ExpectedOpt::Absent,
        ..Expected::default()
    }
}

fn differences(expected: &Expected, reply: &Message, allowed: Allowed) -> String {
    let octets = reply.to_vec().unwrap();
    match compare(&asked(), expected, &octets, allowed) {
        Ok(()) => String::new(),
        Err(differences) => differences.join("; "),
    }
}

fn strictly(expected: &Expected, reply: &Message) -> String {
    differences(expected, reply, Allowed::default())
}

#[test]
fn the_same_records_in_another_order_are_the_same_unless_order_counts() {
    assert_eq!(strictly(&expected(), &reply()), "");
    let exact = Allowed {
        exact_order: true,
        ..Allowed::default()
    };
    assert_eq!(
        differences(&expected(), &reply(), exact),
        "answer has its records in another order"
    );
    let mut turned = reply();
    turned.answers.reverse();
    assert_eq!(differences(&expected(), &turned, exact), "");
}

#[test]
fn each_difference_is_named() {
    let changed = |change: &dyn Fn(&mut Message)| {
        let mut reply = reply();
        change(&mut reply);
        strictly(&expected(), &reply)
    };
    assert_eq!(
        changed(&|reply| reply.metadata.authoritative = false),
        "AA is not set"
    );
    assert_eq!(
        changed(&|reply| reply.metadata.truncation = true),
        "TC is set"
    );
    assert_eq!(
        changed(&|reply| reply.metadata.response_code = ResponseCode::NXDomain),
        "the response code is NXDOMAIN, not NOERROR"
    );
    assert_eq!(
        changed(&|reply| reply.metadata.id = 7),
        "the reply has another ID"
    );
    assert_eq!(
        changed(&|reply| reply.edns = Some(Edns::new())),
        "there is an OPT record"
    );
    assert_eq!(
        changed(&|reply| {
            reply.answers.pop();
        }),
        "answer lacks Web.shop.svc.cluster.local. 30 A 10.96.0.2"
    );
    assert_eq!(
        changed(&|reply| reply.answers[0].ttl = 29),
        "answer lacks Web.shop.svc.cluster.local. 30 A 10.96.0.1; \
         answer also has Web.shop.svc.cluster.local. 29 A 10.96.0.1"
    );
    let spelled = changed(&|reply| {
        reply.answers[0].name = Name::from_ascii("web.shop.svc.cluster.local.").unwrap();
    });
    assert!(spelled.contains("answer also has web.shop"), "{spelled}");
    let question = changed(&|reply| {
        reply.queries[0].set_name(Name::from_ascii("web.shop.svc.cluster.local.").unwrap());
    });
    assert_eq!(question, "the reply repeats another question");
}

#[test]
fn what_is_not_recorded_is_not_compared() {
    let mut reply = reply();
    reply.metadata.authentic_data = true;
    reply.edns = Some(Edns::new());
    let mut expected = expected();
    expected.opt = ExpectedOpt::Any;
    if let Some(answer) = &mut expected.sections[0] {
        answer[0].lifetime = None;
    }
    reply.answers[1].ttl = 7;
    assert_eq!(strictly(&expected, &reply), "");
}

#[test]
fn a_known_lifetime_is_not_taken_by_a_record_of_any() {
    let mut reply = reply();
    reply.answers[1] = record("Web.shop.svc.cluster.local.", 7, RecordType::A, "10.96.0.1");
    let owner = "Web.shop.svc.cluster.local.";
    let mut expected = expected();
    expected.sections[0] = Some(vec![
        entry(owner, None, "A", "10.96.0.1"),
        entry(owner, Some(30), "A", "10.96.0.1"),
    ]);
    assert_eq!(strictly(&expected, &reply), "");
}

#[test]
fn a_cache_may_have_let_the_lifetime_run_down_but_not_up() {
    let cached = Allowed {
        cached: true,
        ..Allowed::default()
    };
    let with = |lifetime| {
        let mut expected = expected();
        for entry in expected.sections[0].iter_mut().flatten() {
            entry.lifetime = Some(lifetime);
            entry.owner.make_ascii_uppercase();
        }
        differences(&expected, &reply(), cached)
    };
    assert_eq!(with(12), "");
    assert!(with(31).contains("lacks"));
}

#[test]
fn the_opt_record_is_compared_with_its_options() {
    let opt = |options: &[u8]| {
        ExpectedOpt::Present(Opt {
            size: 1232,
            version: 0,
            flags: 0x8000,
            options: options.to_vec(),
        })
    };
    let mut reply = reply();
    let mut edns = Edns::new();
    edns.set_max_payload(1232).set_dnssec_ok(true);
    reply.edns = Some(edns);
    let mut expected = expected();
    expected.opt = opt(&[]);
    assert_eq!(strictly(&expected, &reply), "");
    expected.opt = opt(&[0, 3, 0, 0]);
    let difference = strictly(&expected, &reply);
    assert!(difference.contains("options 00030000"), "{difference}");
    let fewer = Allowed {
        fewer_options: true,
        ..Allowed::default()
    };
    assert_eq!(differences(&expected, &reply, fewer), "");
}

#[test]
fn cname_records_come_first_and_lead_on() {
    let aliases = [
        record(
            "Web.shop.svc.cluster.local.",
            30,
            RecordType::CNAME,
            "b.local.",
        ),
        record("b.local.", 30, RecordType::CNAME, "c.local."),
        record("c.local.", 30, RecordType::A, "10.96.0.1"),
    ];
    let mut expected = expected();
    expected.sections[0] = Some(vec![
        entry("c.local.", Some(30), "A", "10.96.0.1"),
        entry("b.local.", Some(30), "CNAME", "c.local."),
        entry("Web.shop.svc.cluster.local.", Some(30), "CNAME", "b.local."),
    ]);
    let ordered = |order: [usize; 3]| {
        let mut reply = reply();
        reply.answers = order.map(|index| aliases[index].clone()).into();
        strictly(&expected, &reply)
    };
    assert_eq!(ordered([0, 1, 2]), "");
    for order in [[1, 0, 2], [2, 0, 1], [0, 2, 1]] {
        assert!(ordered(order).contains("lead"), "{order:?}");
    }
}

#[test]
fn a_reply_with_something_behind_it_is_no_message() {
    let mut octets = reply().to_vec().unwrap();
    octets.push(0);
    let differences = compare(&asked(), &expected(), &octets, Allowed::default()).unwrap_err();
    assert!(
        differences[0].contains("1 octets follow"),
        "{differences:?}"
    );
    assert!(compare(&asked(), &expected(), &[0; 5], Allowed::default()).is_err());
}

#[test]
fn a_whole_reply_equals_itself() {
    let octets = reply().to_vec().unwrap();
    let expected = Expected::whole(&Reply::parse(&octets).unwrap());
    assert_eq!(
        compare(&asked(), &expected, &octets, Allowed::default()),
        Ok(())
    );
}

#[test]
fn a_recorded_header_is_compared_octet_by_octet() {
    let octets = reply().to_vec().unwrap();
    let mut expected = Expected {
        header: octets.first_chunk().copied(),
        ..Expected::default()
    };
    assert_eq!(
        compare(&asked(), &expected, &octets, Allowed::default()),
        Ok(())
    );
    if let Some(header) = &mut expected.header {
        header[7] = 3;
    }
    let differences = compare(&asked(), &expected, &octets, Allowed::default()).unwrap_err();
    assert!(differences[0].contains("header"), "{differences:?}");
}

#[test]
fn a_size_below_512_is_seen_as_it_was_sent() {
    let mut reply = reply();
    reply.edns = Some(Edns::new());
    let mut octets = reply.to_vec().unwrap();
    let at = octets.len() - 8;
    octets[at..at + 2].copy_from_slice(&[1, 255]);
    let opt = Reply::parse(&octets).unwrap().opt.unwrap();
    assert_eq!(opt.size, 511);
}
