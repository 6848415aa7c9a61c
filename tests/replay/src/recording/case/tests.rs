//! Cases as recordings write them.

use serde_json::json;

use super::*;

fn dns(fields: Value) -> Result<Case, String> {
    let mut case = json!({
        "qname": "Web.shop.svc.cluster.local.", "qtype": "A", "qclass": "IN", "rcode": "NOERROR",
        "aa": true, "tc": false, "answer": [], "authority": [], "additional": [],
    });
    if let (Some(case), Value::Object(fields)) = (case.as_object_mut(), fields) {
        case.extend(fields);
    }
    Case::read(Kind::Dns, &case)
}

fn packet(fields: &Value) -> Result<Case, String> {
    Case::read(Kind::Packet, fields)
}

#[test]
fn a_question_has_its_flags_class_type_and_opt() {
    let case = dns(json!({
        "qtype": "TYPE65534", "qclass": "CLASS3", "request_flags": "0x0110", "request_opt_hex": "0000290400",
    }))
    .unwrap();
    let message = &case.message;
    assert_eq!(message[2..4], [0x01, 0x10]);
    assert_eq!(message[11], 1, "one additional record");
    assert_eq!(message[12..16], *b"\x03Web");
    assert!(message.ends_with(&[0xff, 0xfe, 0, 3, 0, 0, 0x29, 4, 0]));
    assert_eq!(case.expected.opt, ExpectedOpt::Any);
}

#[test]
fn what_is_not_recorded_is_not_expected_except_for_an_opt_that_nobody_asked_for() {
    let expected = dns(json!({"tc": null, "additional": null}))
        .unwrap()
        .expected;
    assert_eq!(expected.bits.authoritative, Some(true));
    assert_eq!(expected.bits.truncated, None);
    assert_eq!(expected.sections[1], Some(Vec::new()));
    assert_eq!(expected.sections[2], None);
    assert_eq!(expected.opt, ExpectedOpt::Absent);
}

#[test]
fn a_record_may_have_any_lifetime_and_no_class() {
    let record = json!({"name": "a.", "type": "A", "ttl": null, "rdata": "10.0.0.1"});
    let expected = dns(json!({"answer": [record]})).unwrap().expected;
    let entry = &expected.sections[0].as_ref().unwrap()[0];
    assert_eq!((entry.lifetime, entry.class), (None, 1));
}

#[test]
fn a_recorded_opt_is_expected_with_its_options() {
    let opt = json!({"udp_size": 1232, "version": 0, "flags": "0x8000",
        "options": [{"code": 3, "data": "6161"}, "000a0000"]});
    let expected = dns(json!({"request_opt_hex": "00", "response_opt": opt}))
        .unwrap()
        .expected;
    let ExpectedOpt::Present(opt) = expected.opt else {
        panic!("{:?}", expected.opt);
    };
    assert_eq!(
        opt.to_string(),
        "size 1232 version 0 flags 8000 options 000300026161000a0000"
    );
}

#[test]
fn what_only_the_dns_service_may_answer_says_why() {
    let reason = |fields: Value| dns(fields).unwrap().must_pass;
    assert_eq!(reason(json!({})), None);
    for fields in [
        json!({"no_reply": true, "rcode": null, "answer": null}),
        json!({"forwarded": true, "answer": [{"type": "DS", "name": "a.", "rdata": "not read"}]}),
        json!({"tc": true}),
        json!({"transport": "tcp"}),
        json!({"rcode": "SERVFAIL"}),
    ] {
        assert!(reason(fields.clone()).is_some(), "{fields}");
    }
}

#[test]
fn a_case_that_cannot_be_read_says_what_is_wrong() {
    for (fields, part) in [
        (json!({"qname": null}), "qname"),
        (json!({"qname": "a..b."}), "empty label"),
        (json!({"rcode": null}), "rcode"),
        (json!({"aa": "yes"}), "aa"),
        (
            json!({"answer": [{"name": "a.", "type": "A", "rdata": "b"}]}),
            "its answer",
        ),
        (json!({"transport": "quic"}), "quic"),
    ] {
        let error = dns(fields).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    assert!(packet(&json!({"name": "a"})).is_err());
}

#[test]
fn a_packets_reply_is_expected_whole_or_by_its_header() {
    let request = "123401000001000000000000016100000100 01".replace(' ', "");
    let whole = "123485000001000100000000016100000100010161000001000100000 01e00040a600101"
        .replace(' ', "");
    let case = packet(&json!({"request_hex": request, "response_hex": whole})).unwrap();
    assert_eq!(case.must_pass, None);
    assert_eq!(case.expected.code, Some(0));
    assert_eq!(case.expected.sections[0].as_ref().map(Vec::len), Some(1));

    let header = "123485030001000000010000";
    let case = packet(&json!({"request_hex": request, "response_header_hex": header})).unwrap();
    assert_eq!(case.must_pass, None);
    assert_eq!(case.expected.sections, [const { None }; 3]);
    assert_eq!(case.expected.header.map(|header| header[3]), Some(3));

    for header in ["123485020001000000010000", "123487000001000000010000"] {
        let case = packet(&json!({"request_hex": request, "response_header_hex": header}));
        assert!(case.unwrap().must_pass.is_some(), "{header}");
    }
    assert!(
        packet(&json!({"request_hex": request}))
            .unwrap()
            .must_pass
            .is_some()
    );
}
