//! What is expected of a reply: as much of it as is known.

use serde_json::{Value, json};

use super::{
    reply::{Bits, Opt, Reply},
    section::{Entry, SECTIONS},
};
use crate::presentation::response_code_text;

/// What is expected of a reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// The whole header, if it is known.
    pub header: Option<[u8; 12]>,
    /// The response code, with the upper bits of the OPT record's.
    pub code: Option<u16>,
    /// Flags of the header; none: any.
    pub bits: Bits,
    /// The octets of the question; none: those that were asked.
    pub question: Option<Vec<u8>>,
    /// Answer, authority, and additional section without the OPT; none: any.
    pub sections: [Option<Vec<Entry>>; 3],
    /// The OPT record.
    pub opt: ExpectedOpt,
}

/// What is expected of the OPT record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ExpectedOpt {
    /// Not known.
    #[default]
    Any,
    /// There is none.
    Absent,
    /// It is this one.
    Present(Opt),
}

impl Expected {
    /// All of a reply, as another server has given it.
    #[must_use]
    pub fn whole(reply: &Reply) -> Self {
        Self {
            header: None,
            code: Some(reply.code),
            bits: reply.bits,
            question: reply.question.clone(),
            sections: reply.sections.clone().map(Some),
            opt: reply
                .opt
                .clone()
                .map_or(ExpectedOpt::Absent, ExpectedOpt::Present),
        }
    }

    /// For a person to read.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = serde_json::Map::new();
        if let Some(header) = self.header {
            let text = header.map(|octet| format!("{octet:02x}")).concat();
            object.insert("header".to_owned(), text.into());
        }
        if let Some(code) = self.code {
            object.insert("rcode".to_owned(), response_code_text(code).into());
        }
        for (name, bit) in self.bits.named() {
            if let Some(bit) = bit {
                object.insert(name.to_lowercase(), bit.into());
            }
        }
        for (section, name) in self.sections.iter().zip(SECTIONS) {
            if let Some(section) = section {
                let lines: Vec<String> = section.iter().map(Entry::to_string).collect();
                object.insert(name.to_owned(), json!(lines));
            }
        }
        match &self.opt {
            ExpectedOpt::Any => {}
            ExpectedOpt::Absent => {
                object.insert("opt".to_owned(), Value::Null);
            }
            ExpectedOpt::Present(opt) => {
                object.insert("opt".to_owned(), opt.to_string().into());
            }
        }
        Value::Object(object)
    }
}
