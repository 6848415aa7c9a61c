//! DNS questions, octet by octet, so that a test can also send what no library would.

use std::{
    hash::{BuildHasher as _, Hasher as _, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU16, Ordering},
    },
};

use hickory_proto::rr::RecordType;

const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;
const FLAG_RECURSION_DESIRED: u16 = 0x0100;

/// One DNS question. Its fields are public: change what a test is about.
#[derive(Clone, Debug)]
pub struct Question {
    /// The message's ID.
    pub id: u16,
    /// The second 16 bits of the header: QR, opcode, flags and response code.
    pub flags: u16,
    /// The name in presentation format without escapes, spelled as it shall be sent.
    pub name: String,
    /// QTYPE.
    pub record_type: RecordType,
    /// QCLASS.
    pub class: u16,
    /// The OPT record, if one is to be sent.
    pub edns: Option<Edns>,
}

/// The OPT record of a question (RFC 6891 §6.1).
#[derive(Clone, Debug, Default)]
pub struct Edns {
    /// The size of UDP payload that the sender takes, in octets.
    pub size: u16,
    /// The version, 0 for all that exist.
    pub version: u8,
    /// The flags; 0x8000 is DO.
    pub flags: u16,
    /// Options: code and payload.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Question {
    /// A question of class IN with RD set and no OPT record, as glibc sends it, with an ID of its own.
    pub fn new(name: &str, record_type: RecordType) -> Self {
        // Each program begins elsewhere: the same ID again might be a repeat.
        static ASKED: LazyLock<AtomicU16> = LazyLock::new(|| {
            let chance = RandomState::new().build_hasher().finish();
            AtomicU16::new(chance as u16)
        });
        Self {
            id: ASKED.fetch_add(1, Ordering::Relaxed),
            flags: FLAG_RECURSION_DESIRED,
            name: name.to_owned(),
            record_type,
            class: CLASS_IN,
            edns: None,
        }
    }

    /// The same with an OPT record that offers `size` octets.
    pub fn with_edns(mut self, size: u16) -> Self {
        self.edns = Some(Edns {
            size,
            ..Edns::default()
        });
        self
    }

    /// The message in wire format.
    ///
    /// # Panics
    ///
    /// On a label or option whose length does not fit its field: a mistake in the test.
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(64);
        let additional = u16::from(self.edns.is_some());
        for word in [self.id, self.flags, 1, 0, 0, additional] {
            message.extend_from_slice(&word.to_be_bytes());
        }
        message.extend_from_slice(&wire_name(&self.name));
        message.extend_from_slice(&u16::from(self.record_type).to_be_bytes());
        message.extend_from_slice(&self.class.to_be_bytes());
        if let Some(edns) = &self.edns {
            edns.append_to(&mut message);
        }
        message
    }
}

impl Edns {
    fn append_to(&self, message: &mut Vec<u8>) {
        let mut data = Vec::new();
        for (code, payload) in &self.options {
            data.extend_from_slice(&code.to_be_bytes());
            data.extend_from_slice(&length(payload).to_be_bytes());
            data.extend_from_slice(payload);
        }
        message.push(0);
        message.extend_from_slice(&TYPE_OPT.to_be_bytes());
        message.extend_from_slice(&self.size.to_be_bytes());
        message.extend_from_slice(&[0, self.version]);
        message.extend_from_slice(&self.flags.to_be_bytes());
        message.extend_from_slice(&length(&data).to_be_bytes());
        message.extend_from_slice(&data);
    }
}

fn length(octets: &[u8]) -> u16 {
    u16::try_from(octets.len()).expect("an OPT record holds at most 65535 octets")
}

/// `name` as labels; the final dot is optional, and `.` alone is the root.
fn wire_name(name: &str) -> Vec<u8> {
    let mut wire = Vec::with_capacity(name.len() + 2);
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(u8::try_from(label.len()).expect("a label's length fits one octet"));
        wire.extend_from_slice(label.as_bytes());
    }
    wire.push(0);
    wire
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;

    use super::*;

    #[test]
    fn a_question_reads_back_with_its_letter_case_and_its_opt_record() {
        let question =
            Question::new("Web.Shop.SVC.cluster.local", RecordType::AAAA).with_edns(1232);
        let message = Message::from_vec(&question.encode()).expect("hickory-proto parses it");
        assert_eq!(message.metadata.id, question.id);
        assert_eq!(
            message.queries[0].name().to_ascii(),
            "Web.Shop.SVC.cluster.local."
        );
        assert_eq!(message.queries[0].query_type(), RecordType::AAAA);
        assert_eq!(message.edns.expect("an OPT record").max_payload(), 1232);
    }

    #[test]
    fn the_root_is_one_empty_label() {
        assert_eq!(wire_name("."), [0]);
    }
}
