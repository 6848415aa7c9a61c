//! Random questions, as messages octet by octet.

mod damage;
mod extension;
mod names;
mod reverse;

use std::fmt;

pub use self::{damage::Damage, extension::Extension, names::Subjects};
use crate::random::Random;

/// A name as its labels, from the left, without the root.
pub type Labels = Vec<Vec<u8>>;

/// Octets of a name at most, with its root label (RFC 1035 §2.3.4).
const NAME_MAX: usize = 255;
/// Octets of a label at most.
const LABEL_MAX: usize = 63;

const IN: u16 = 1;
const RECURSION_DESIRED: u16 = 0x0100;

/// Query types, each with how often it is asked.
const TYPES: [(u16, usize); 27] = [
    (1, 300),
    (28, 160),
    (33, 160),
    (5, 60),
    (16, 50),
    (6, 50),
    (2, 40),
    (12, 40),
    (15, 20),
    (255, 30),
    (65, 20),
    (64, 8),
    (43, 8),
    (48, 4),
    (257, 6),
    (13, 6),
    (35, 6),
    (0, 6),
    (41, 4),
    (250, 3),
    (251, 4),
    (252, 6),
    (253, 3),
    (254, 3),
    (128, 3),
    (65_280, 3),
    (65_535, 3),
];

/// A question, in parts that can be made simpler one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The message's ID.
    pub id: u16,
    /// The flags of the header.
    pub flags: u16,
    /// QNAME.
    pub name: Labels,
    /// QTYPE.
    pub query_type: u16,
    /// QCLASS.
    pub class: u16,
    /// What follows the question.
    pub extension: Extension,
    /// What is wrong with the message.
    pub damage: Damage,
}

impl Question {
    /// A question as most clients ask it.
    #[must_use]
    pub fn plain(name: &str, query_type: u16) -> Self {
        Self {
            id: 0x7a68,
            flags: RECURSION_DESIRED,
            name: labels_of(name),
            query_type,
            class: IN,
            extension: Extension::None,
            damage: Damage::None,
        }
    }

    /// A question about one of the subjects, or near one.
    #[must_use]
    pub fn random(random: &mut Random, subjects: &Subjects, id: u16) -> Self {
        let (name, is_reverse) = subjects.name(random);
        let query_type = match is_reverse && random.percent(75) {
            true => 12,
            false => TYPES[random.weighted(&TYPES.map(|(_, weight)| weight))].0,
        };
        let flags = match random.percent(85) {
            true => RECURSION_DESIRED,
            // Any bits but QR and opcode, which damage is about.
            false => random.word() & 0x07ff,
        };
        let class = match random.percent(97) {
            true => IN,
            false => *random.one_of(&[3, 4, 254, 255, 0, 0x8001]),
        };
        Self {
            id,
            flags,
            name: fitting(name),
            query_type,
            class,
            extension: Extension::random(random),
            damage: Damage::random(random),
        }
    }

    /// The message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut counts = [1, 0, 0, 0];
        let mut message = Vec::with_capacity(64);
        for label in &self.name {
            // The name fits: `fitting` and `labels_of` saw to it.
            message.push(u8::try_from(label.len()).unwrap_or(0));
            message.extend(label);
        }
        message.push(0);
        message.extend(self.query_type.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        self.extension.append(&mut message, &mut counts);
        let head = [self.id, self.flags].into_iter().chain(counts);
        let mut whole: Vec<u8> = head.flat_map(u16::to_be_bytes).collect();
        whole.extend(message);
        self.damage.apply(&mut whole);
        whole
    }

    /// QNAME in presentation format, without the final dot.
    #[must_use]
    pub fn name_text(&self) -> String {
        let label = |label: &Vec<u8>| {
            label
                .iter()
                .map(|octet| match octet {
                    b'.' | b'\\' => format!("\\{}", char::from(*octet)),
                    0x21..0x7f => char::from(*octet).to_string(),
                    other => format!("\\{other:03}"),
                })
                .collect::<String>()
        };
        self.name.iter().map(label).collect::<Vec<_>>().join(".")
    }

    /// The questions that are simpler in one respect.
    #[must_use]
    pub fn simpler(&self) -> Vec<Self> {
        let plain = Self::plain("", 1);
        let lower = self.name.iter().map(|label| label.to_ascii_lowercase());
        let mut all = [
            Self {
                damage: Damage::None,
                ..self.clone()
            },
            Self {
                extension: Extension::None,
                ..self.clone()
            },
            Self {
                flags: plain.flags,
                ..self.clone()
            },
            Self {
                class: plain.class,
                ..self.clone()
            },
            Self {
                name: lower.collect(),
                ..self.clone()
            },
            Self {
                query_type: 1,
                ..self.clone()
            },
        ]
        .to_vec();
        all.retain(|simpler| simpler != self);
        all
    }
}

impl fmt::Display for Question {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}. TYPE{}", self.name_text(), self.query_type)?;
        if self.class != IN {
            write!(formatter, " CLASS{}", self.class)?;
        }
        if self.flags != RECURSION_DESIRED {
            write!(formatter, " flags {:#06x}", self.flags)?;
        }
        if self.extension != Extension::None {
            write!(formatter, " {:?}", self.extension)?;
        }
        if self.damage != Damage::None {
            write!(formatter, " {:?}", self.damage)?;
        }
        Ok(())
    }
}

/// The labels of a name in presentation format without escapes; empty ones are passed over.
#[must_use]
pub fn labels_of(name: &str) -> Labels {
    let labels = name.split('.').filter(|label| !label.is_empty());
    fitting(labels.map(|label| label.as_bytes().to_vec()).collect())
}

/// The name, cut until it can be written in a message.
fn fitting(mut name: Labels) -> Labels {
    name.retain(|label| !label.is_empty());
    for label in &mut name {
        label.truncate(LABEL_MAX);
    }
    while name.iter().map(|label| label.len() + 1).sum::<usize>() + 1 > NAME_MAX {
        name.remove(0);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_question_is_the_message_that_clients_send() {
        let message = Question::plain("web.shop", 1).encode();
        assert_eq!(message[..12], [0x7a, 0x68, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(&message[12..], b"\x03web\x04shop\x00\x00\x01\x00\x01");
    }

    #[test]
    fn a_name_that_is_too_long_loses_labels_from_the_left() {
        let name = labels_of(
            &[
                "a".repeat(70),
                "b".repeat(63),
                "c".repeat(63),
                "d".repeat(63),
                "e".to_owned(),
            ]
            .join("."),
        );
        assert_eq!(name.len(), 4);
        assert_eq!(name[0], b"b".repeat(63));
        assert!(
            Question {
                name,
                ..Question::plain("", 1)
            }
            .encode()
            .len()
                <= 12 + 255 + 4
        );
    }

    #[test]
    fn odd_octets_are_shown_with_their_numbers() {
        let question = Question {
            name: vec![b"a.b \xff".to_vec()],
            ..Question::plain("", 1)
        };
        assert_eq!(question.name_text(), "a\\.b\\032\\255");
    }
}
