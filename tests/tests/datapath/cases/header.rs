//! Cases of the DNS header: QR, opcode, flags, counts; and what follows the question.

use dns_ebpf::Pass;
use tests::hickory_proto::rr::RecordType;

use super::Case;
use crate::frames::{message, question, to_server};

const NAME: &str = "single.data.svc.cluster.local";
const ADDRESS: &str = "; single.data.svc.cluster.local. 30 A 10.96.1.1";

/// The question of [`NAME`], without header.
fn asked() -> Vec<u8> {
    question(NAME, RecordType::A).encode()[12..].to_vec()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = flags();
    cases.extend(counts());
    cases.extend(tails());
    cases
}

fn flags() -> Vec<Case> {
    let with = |flags: u16| to_server(&message([7, flags, 1, 0, 0, 0], &asked()));
    let mut cases: Vec<Case> = (1..16)
        .map(|opcode| {
            let description = format!("opcode {opcode}");
            Case::passed(description, with(0x0100 | opcode << 11), Pass::NotQuery)
        })
        .collect();
    cases.push(Case::passed("a response", with(0x8180), Pass::NotQuery));
    for (flags, kept, what) in [
        (0x0000, "", "no flag"),
        (0x0100, " rd", "RD"),
        (0x0010, " cd", "CD"),
        (0x0110, " rd cd", "RD and CD"),
        (0x0020, "", "AD"),
        (0x0400, "", "AA"),
        (0x0200, "", "TC"),
        (0x0080, "", "RA"),
        (0x0040, "", "Z"),
        (0x000f, "", "a response code"),
        (0x07ff, " rd cd", "every flag"),
    ] {
        let text = format!("NOERROR aa{kept}{ADDRESS}");
        cases.push(Case::reply(
            format!("a question with {what} set"),
            with(flags),
            text,
        ));
    }
    cases
}

fn counts() -> Vec<Case> {
    let with = |counts: [u16; 4]| {
        let [questions, answers, authorities, additional] = counts;
        let header = [7, 0x0100, questions, answers, authorities, additional];
        to_server(&message(header, &asked()))
    };
    let mut cases: Vec<Case> = [
        ([0, 0, 0, 0], "no question"),
        ([2, 0, 0, 0], "two questions"),
        ([256, 0, 0, 0], "256 questions"),
        ([257, 0, 0, 0], "257 questions"),
        ([1, 1, 0, 0], "an answer record"),
        ([1, 256, 0, 0], "256 answer records"),
        ([1, 0, 1, 0], "an authority record"),
        ([1, 0, 256, 0], "256 authority records"),
        ([1, 0, 0, 2], "two additional records"),
        ([1, 0, 0, 256], "256 additional records"),
        ([1, 0, 0, 257], "257 additional records"),
    ]
    .into_iter()
    .map(|(counts, what)| {
        let description = format!("a header that counts {what}");
        Case::passed(description, with(counts), Pass::Counts)
    })
    .collect();
    cases.push(Case::passed(
        "an additional record that is not there",
        with([1, 0, 0, 1]),
        Pass::Opt,
    ));
    cases
}

fn tails() -> Vec<Case> {
    let whole = question(NAME, RecordType::A).encode();
    let with_tail = |tail: &[u8]| to_server(&[&whole[..], tail].concat());
    let cut = |octets: usize| to_server(&whole[..whole.len() - octets]);
    let class = |class: u16| {
        let mut asked = question(NAME, RecordType::A);
        asked.class = class;
        to_server(&asked.encode())
    };
    let mut cases = vec![
        Case::passed(
            "one octet behind the question",
            with_tail(&[0]),
            Pass::Trailing,
        ),
        Case::passed(
            "20 octets behind the question",
            with_tail(&[0xff; 20]),
            Pass::Trailing,
        ),
        Case::passed("a question without class", cut(2), Pass::Name),
        Case::passed("a question with half a class", cut(1), Pass::Name),
        Case::passed("a question without type", cut(4), Pass::Name),
        Case::passed("a question with half a type", cut(3), Pass::Name),
    ];
    for number in [0, 2, 3, 4, 254, 255, 256, 257, 0x8001, u16::MAX] {
        let description = format!("class {number}");
        cases.push(Case::passed(description, class(number), Pass::Class));
    }
    cases
}
