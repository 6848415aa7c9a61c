//! What follows the question: an OPT record in some form, or another record.

use crate::random::Random;

/// Options: code and payload. Some are malformed (RFC 7871, RFC 7828, RFC 9660).
const OPTIONS: [(u16, &[u8]); 11] = [
    (3, b""),
    (9, b""),
    (10, b"\x01\x02\x03\x04\x05\x06\x07\x08"),
    (10, b"\x01\x02\x03"),
    (11, b""),
    (11, b"\x01\x02\x03"),
    (12, b"\0\0\0\0"),
    (8, b"\0\x01\x18\0\x0a\0\0"),
    (8, b"\0"),
    (15, b"\0\x01"),
    (65_001, b"anything"),
];

/// Records after the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// None.
    None,
    /// An OPT record (RFC 6891 §6.1).
    Opt(Opt),
    /// Two of them.
    TwoOpts(Opt, Opt),
    /// An OPT record that is not owned by the root.
    OwnedOpt(Opt),
    /// A record of another type: in the answer (0), authority (1) or additional (2) section.
    Record(usize),
}

/// The parts of an OPT record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// UDP payload size.
    pub size: u16,
    /// Extended response code.
    pub code: u8,
    /// Version.
    pub version: u8,
    /// DO and the other flags.
    pub flags: u16,
    /// Code and payload of each option.
    pub options: Vec<(u16, Vec<u8>)>,
}

impl Extension {
    pub(super) fn random(random: &mut Random) -> Self {
        match random.below(100) {
            0..50 => Self::None,
            50..95 => Self::Opt(Opt::random(random)),
            95 => Self::TwoOpts(Opt::random(random), Opt::random(random)),
            96 => Self::OwnedOpt(Opt::random(random)),
            _ => Self::Record(random.below(3)),
        }
    }

    pub(super) fn append(&self, message: &mut Vec<u8>, counts: &mut [u16; 4]) {
        match self {
            Self::None => {}
            Self::Opt(opt) => {
                counts[3] += 1;
                message.push(0);
                opt.append(message);
            }
            Self::TwoOpts(first, second) => {
                counts[3] += 2;
                message.push(0);
                first.append(message);
                message.push(0);
                second.append(message);
            }
            Self::OwnedOpt(opt) => {
                counts[3] += 1;
                message.extend(b"\x01a\0");
                opt.append(message);
            }
            Self::Record(section) => {
                if let Some(count) = counts.get_mut(section + 1) {
                    *count += 1;
                }
                message.extend(b"\x01a\0\0\x01\0\x01\0\0\0\x05\0\x04\x0a\0\0\x01");
            }
        }
    }
}

impl Opt {
    fn random(random: &mut Random) -> Self {
        let size = *random.one_of(&[1232, 1232, 4096, 512, 0, 511, 513, 1400, 1472, 65_535]);
        let mut options = Vec::new();
        while random.percent(20) {
            let (code, payload) = random.one_of(&OPTIONS);
            options.push((*code, payload.to_vec()));
        }
        Self {
            size,
            code: if random.percent(3) { 1 } else { 0 },
            version: if random.percent(3) { 1 } else { 0 },
            flags: match random.below(10) {
                0..6 => 0,
                6..9 => 0x8000,
                _ => random.word(),
            },
            options,
        }
    }

    /// The record without its owner.
    fn append(&self, message: &mut Vec<u8>) {
        let mut data = Vec::new();
        for (code, payload) in &self.options {
            data.extend(code.to_be_bytes());
            data.extend(u16::try_from(payload.len()).unwrap_or(0).to_be_bytes());
            data.extend(payload);
        }
        message.extend([0, 41]);
        message.extend(self.size.to_be_bytes());
        message.extend([self.code, self.version]);
        message.extend(self.flags.to_be_bytes());
        message.extend(u16::try_from(data.len()).unwrap_or(0).to_be_bytes());
        message.extend(data);
    }
}
