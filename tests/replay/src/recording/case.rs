//! One recorded case: what is asked, and what is expected of the reply.

use serde_json::{Map, Value};

use super::Kind;
use crate::{
    compare::{Bits, Entry, Expected, ExpectedOpt, Opt, Reply, SECTIONS},
    kernel::Transport,
    presentation::{self, Data, SERVER_FAILURE},
    question::{Question, octets},
};

/// OPT.
const OPT: u16 = 41;

/// A recorded case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// The message that was sent.
    pub message: Vec<u8>,
    /// How it was sent.
    pub transport: Transport,
    /// What is expected of a reply.
    pub expected: Expected,
    /// Why a reply may not come from the kernel, whatever it says.
    pub must_pass: Option<&'static str>,
}

impl Case {
    /// Reads a case of a group of this kind.
    ///
    /// # Errors
    /// In one sentence, what is missing or cannot be read.
    pub fn read(kind: Kind, case: &Value) -> Result<Self, String> {
        let fields = Fields(case.as_object().ok_or("it is no JSON object")?);
        let transport = match fields.text("transport")? {
            None | Some("udp") => Transport::Udp,
            Some("tcp") => Transport::Tcp,
            Some(other) => return Err(format!("its transport {other:?} is neither udp nor tcp")),
        };
        let mut read = match kind {
            Kind::Dns => Self {
                message: fields.question()?,
                transport,
                expected: Expected::default(),
                must_pass: None,
            },
            Kind::Packet => Self {
                message: octets(fields.text("request_hex")?.ok_or("it has no request_hex")?)?,
                transport,
                expected: Expected::default(),
                must_pass: None,
            },
        };
        match kind {
            Kind::Dns => fields.expect_reply(&mut read)?,
            Kind::Packet => fields.expect_packet(&mut read)?,
        }
        Ok(read)
    }
}

/// The fields of a case.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text; a number may stand for it.
    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(format!("its {name} is no text")),
        }
    }

    fn bit(&self, name: &str) -> Result<Option<bool>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(bit)) => Ok(Some(*bit)),
            Some(_) => Err(format!("its {name} is neither true nor false")),
        }
    }

    fn question(&self) -> Result<Vec<u8>, String> {
        let name = self.text("qname")?.ok_or("it has no qname")?;
        let query_type = self.text("qtype")?.ok_or("it has no qtype")?;
        let mut question = Question::new(name, query_type)?;
        if let Some(class) = self.text("qclass")? {
            question.class = presentation::class(class)?;
        }
        if let Some(flags) = self.text("request_flags")? {
            question.flags = word(flags)?;
        }
        question.opt = self.text("request_opt_hex")?.map(octets).transpose()?;
        Ok(question.message())
    }

    /// Why the kernel may not answer, as far as a field says so.
    fn must_pass(&self, code: Option<u16>) -> Result<Option<&'static str>, String> {
        for (field, reason) in [
            ("no_reply", "the DNS service gives no reply"),
            ("forwarded", "the DNS service forwards it"),
            ("tc", "the DNS service truncates its reply"),
        ] {
            if self.bit(field)? == Some(true) {
                return Ok(Some(reason));
            }
        }
        if self.text("transport")? == Some("tcp") {
            return Ok(Some("it is asked over TCP"));
        }
        Ok((code == Some(SERVER_FAILURE)).then_some("the DNS service fails"))
    }

    fn expect_reply(&self, case: &mut Case) -> Result<(), String> {
        let code = self
            .text("rcode")?
            .map(presentation::response_code)
            .transpose()?;
        let expected = &mut case.expected;
        expected.code = code;
        expected.bits = Bits {
            authoritative: self.bit("aa")?,
            truncated: self.bit("tc")?,
            recursion_desired: self.bit("rd")?,
            recursion_available: self.bit("ra")?,
            authentic_data: self.bit("ad")?,
            checking_disabled: self.bit("cd")?,
        };
        case.must_pass = self.must_pass(code)?;
        if code.is_none() && case.must_pass.is_none() {
            return Err("it has no rcode".to_owned());
        }
        for (section, name) in expected.sections.iter_mut().zip(SECTIONS) {
            match self.section(name) {
                Ok(entries) => *section = entries,
                // Records that need not be compared need not be understood.
                Err(_) if case.must_pass.is_some() => {}
                Err(reason) => return Err(format!("its {name}: {reason}")),
            }
        }
        expected.opt = match self.get("response_opt") {
            Some(opt) => ExpectedOpt::Present(opt_of(opt)?),
            None if self.get("request_opt_hex").is_none() => ExpectedOpt::Absent,
            None => ExpectedOpt::Any,
        };
        Ok(())
    }

    fn section(&self, name: &str) -> Result<Option<Vec<Entry>>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(records)) => {
                let mut entries = Vec::with_capacity(records.len());
                for record in records {
                    let record = record.as_object().ok_or("a record is no JSON object")?;
                    // The OPT record is recorded, and compared, on its own.
                    entries.extend(Fields(record).record()?);
                }
                Ok(Some(entries))
            }
            Some(_) => Err("it is no list".to_owned()),
        }
    }

    /// A record, unless it is an OPT record.
    fn record(&self) -> Result<Option<Entry>, String> {
        let record_type = self.text("type")?.ok_or("a record has no type")?;
        let record_type = presentation::record_type(record_type)?;
        if record_type == OPT {
            return Ok(None);
        }
        let lifetime = match self.get("ttl") {
            None => None,
            Some(seconds) => Some(
                seconds
                    .as_u64()
                    .and_then(|seconds| u32::try_from(seconds).ok())
                    .ok_or("a ttl is no number of seconds")?,
            ),
        };
        let data = self.text("rdata")?.ok_or("a record has no rdata")?;
        Ok(Some(Entry {
            owner: presentation::name(self.text("name")?.ok_or("a record has no name")?)?,
            record_type,
            class: self.text("class")?.map_or(Ok(1), presentation::class)?,
            lifetime,
            data: Data::parse(record_type, data)?,
        }))
    }

    /// What is expected of the reply to a raw message: the whole of it, or its header.
    fn expect_packet(&self, case: &mut Case) -> Result<(), String> {
        let whole = self.text("response_hex")?.map(octets).transpose()?;
        let header = self.text("response_header_hex")?.map(octets).transpose()?;
        let header = header.as_deref().or(whole.as_deref());
        case.expected.header = header.and_then(|header| header.first_chunk().copied());
        let Some(header) = case.expected.header else {
            case.must_pass = Some("the DNS service gives no reply");
            return Ok(());
        };
        let truncated = header[2] & 0x02 != 0;
        case.must_pass = match self.must_pass(Some(u16::from(header[3] & 0x0f)))? {
            None if truncated => Some("the DNS service truncates its reply"),
            found => found,
        };
        // A reply that hickory-proto cannot read is one that is passed, or differs by its header.
        if let Some(reply) = whole.and_then(|whole| Reply::parse(&whole).ok()) {
            case.expected = Expected {
                header: case.expected.header,
                ..Expected::whole(&reply)
            };
        }
        Ok(())
    }
}

/// The OPT record of a reply.
fn opt_of(value: &Value) -> Result<Opt, String> {
    let fields = Fields(
        value
            .as_object()
            .ok_or("its response_opt is no JSON object")?,
    );
    let number = |name: &str| {
        let number = fields.get(name).and_then(Value::as_u64);
        number.ok_or_else(|| format!("its response_opt has no number {name}"))
    };
    let mut options = Vec::new();
    for option in fields
        .get("options")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        options.extend(option_of(option)?);
    }
    Ok(Opt {
        size: u16::try_from(number("udp_size")?).map_err(|error| error.to_string())?,
        version: u8::try_from(number("version")?).map_err(|error| error.to_string())?,
        flags: fields.text("flags")?.map_or(Ok(0), word)?,
        options,
    })
}

/// An option as on the wire. Recordings write it as hexadecimal digits of the whole, or as an object of its
/// code and of its payload's digits.
fn option_of(option: &Value) -> Result<Vec<u8>, String> {
    if let Some(whole) = option.as_str() {
        return octets(whole);
    }
    let unreadable = || format!("its response_opt holds an option {option} that cannot be read");
    let code = option
        .get("code")
        .and_then(Value::as_u64)
        .and_then(|code| u16::try_from(code).ok())
        .ok_or_else(unreadable)?;
    let payload = ["data", "hex", "data_hex"]
        .into_iter()
        .find_map(|name| option.get(name)?.as_str())
        .ok_or_else(unreadable)?;
    let payload = octets(payload)?;
    let length = u16::try_from(payload.len()).map_err(|error| error.to_string())?;
    Ok([&code.to_be_bytes()[..], &length.to_be_bytes(), &payload].concat())
}

/// A word in hexadecimal digits, such as `0x0100`.
fn word(text: &str) -> Result<u16, String> {
    let digits = text.trim_start_matches("0x");
    u16::from_str_radix(digits, 16)
        .map_err(|error| format!("{text:?} is no word in hexadecimal: {error}"))
}

#[cfg(test)]
mod tests;
