//! A reply's message, taken apart by hickory-proto, which shares nothing with the datapath.

use std::fmt;

use data_encoding::HEXLOWER;
use hickory_proto::{
    op::{Edns, Header, Message, Query},
    rr::{Record, RecordType},
    serialize::binary::{
        BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder, DecodeError,
    },
};

use super::{question_of, section::Entry};

/// Octets of a message's header (RFC 1035 §4.1.1).
const HEADER_LEN: usize = 12;

/// A reply, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The header as it came.
    pub header: [u8; 12],
    /// The response code, with the upper bits of the OPT record's (RFC 6891 §6.1.3).
    pub code: u16,
    /// Flags of the header, all of them known.
    pub bits: Bits,
    /// The octets of the question: name, type and class; none if there is none or its name is compressed.
    pub question: Option<Vec<u8>>,
    /// Answer, authority, and additional section without the OPT.
    pub sections: [Vec<Entry>; 3],
    /// The OPT record.
    pub opt: Option<Opt>,
}

/// Flags of a header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bits {
    /// AA.
    pub authoritative: Option<bool>,
    /// TC.
    pub truncated: Option<bool>,
    /// RD.
    pub recursion_desired: Option<bool>,
    /// RA.
    pub recursion_available: Option<bool>,
    /// AD.
    pub authentic_data: Option<bool>,
    /// CD.
    pub checking_disabled: Option<bool>,
}

impl Bits {
    /// Each with its name.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Option<bool>); 6] {
        [
            ("AA", self.authoritative),
            ("TC", self.truncated),
            ("RD", self.recursion_desired),
            ("RA", self.recursion_available),
            ("AD", self.authentic_data),
            ("CD", self.checking_disabled),
        ]
    }

    fn of(header: &[u8; HEADER_LEN]) -> Self {
        let set = |octet: u8, bit: u8| Some(octet & bit != 0);
        Self {
            authoritative: set(header[2], 0x04),
            truncated: set(header[2], 0x02),
            recursion_desired: set(header[2], 0x01),
            recursion_available: set(header[3], 0x80),
            authentic_data: set(header[3], 0x20),
            checking_disabled: set(header[3], 0x10),
        }
    }
}

/// An OPT record (RFC 6891 §6.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opt {
    /// The size of UDP payload, in octets.
    pub size: u16,
    /// The version.
    pub version: u8,
    /// The flags; 0x8000 is DO.
    pub flags: u16,
    /// The options as on the wire.
    pub options: Vec<u8>,
}

impl fmt::Display for Opt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            size,
            version,
            flags,
            options,
        } = self;
        write!(formatter, "size {size} version {version} flags {flags:04x}")?;
        match options.is_empty() {
            true => Ok(()),
            false => write!(formatter, " options {}", HEXLOWER.encode(options)),
        }
    }
}

impl Reply {
    /// Takes a whole message apart.
    ///
    /// # Errors
    /// In one sentence: no DNS message, or octets after its last record.
    pub fn parse(message: &[u8]) -> Result<Self, String> {
        let unreadable = |reason: String| format!("the reply is no DNS message: {reason}");
        let header = *message
            .first_chunk::<HEADER_LEN>()
            .ok_or_else(|| unreadable(format!("it has {} octets", message.len())))?;
        let mut decoder = BinDecoder::new(message);
        let parsed = Message::read(&mut decoder).map_err(|error| unreadable(error.to_string()))?;
        if !decoder.is_empty() {
            return Err(unreadable(format!(
                "{} octets follow its last record",
                decoder.len()
            )));
        }
        let entries = |records: &[Record]| -> Result<Vec<Entry>, String> {
            records.iter().map(Entry::of).collect()
        };
        let sections = [&parsed.answers, &parsed.authorities, &parsed.additionals];
        let [answer, authority, additional] = sections.map(|records| entries(records));
        Ok(Self {
            header,
            code: parsed.metadata.response_code.into(),
            bits: Bits::of(&header),
            question: match parsed.queries.len() {
                0 => None,
                _ => question_of(message).map(<[u8]>::to_vec),
            },
            sections: [
                answer.map_err(unreadable)?,
                authority.map_err(unreadable)?,
                additional.map_err(unreadable)?,
            ],
            opt: match &parsed.edns {
                Some(edns) => Some(opt_of(message, edns).map_err(unreadable)?),
                None => None,
            },
        })
    }

    /// The name in the octets of a question.
    pub(super) fn name_in(question: &[u8]) -> Option<&[u8]> {
        question.get(..question.len().checked_sub(4)?)
    }
}

fn opt_of(message: &[u8], edns: &Edns) -> Result<Opt, String> {
    let mut options = Vec::new();
    let mut encoder = BinEncoder::new(&mut options);
    edns.options()
        .emit(&mut encoder)
        .map_err(|error| error.to_string())?;
    Ok(Opt {
        size: opt_size(message).map_err(|error| error.to_string())?,
        version: edns.version(),
        flags: (*edns.flags()).into(),
        options,
    })
}

/// The class field of a message's last OPT record, which hickory-proto reads as at least 512.
fn opt_size(message: &[u8]) -> Result<u16, DecodeError> {
    let mut decoder = BinDecoder::new(message);
    let Header { counts, .. } = Header::read(&mut decoder)?;
    for _ in 0..counts.queries {
        Query::read(&mut decoder)?;
    }
    let records = [counts.answers, counts.authorities, counts.additionals];
    let mut size = 0;
    for _ in 0..records.into_iter().map(usize::from).sum() {
        let rest = message.get(decoder.index()..).unwrap_or_default();
        let record = Record::read(&mut decoder)?;
        // The owner is the root, and the type precedes the class.
        if let (RecordType::OPT, [0, _, _, high, low, ..]) = (record.record_type(), rest) {
            size = u16::from_be_bytes([*high, *low]);
        }
    }
    Ok(size)
}
