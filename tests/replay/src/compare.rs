//! Whether a reply says what was expected of it.
//!
//! Compared are the code and the flags as far as they are expected, the question, the records of each section
//! with their owners' letter case, lifetimes and data, and the OPT; not the length, the compression and the
//! order of records (unless asked for), and never the serial number of a SOA record.

mod expected;
mod reply;
mod section;

pub use self::{
    expected::{Expected, ExpectedOpt},
    reply::{Bits, Opt, Reply},
    section::{Entry, SECTIONS},
};

use self::section::{chain_is_broken, section_differences};
use crate::presentation::response_code_text;

/// What is not held against a reply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Records may only come in the expected order.
    pub exact_order: bool,
    /// The OPT may lack the expected options: a server need not know them (RFC 6891 §6.1.2).
    pub fewer_options: bool,
    /// What is expected may come from a cache: with a lifetime that has run down, and with the first asker's
    /// spelling of the names.
    pub cached: bool,
}

/// Compares the reply to `asked` with what is expected of it.
///
/// # Errors
/// Every difference, in one sentence each, for a person.
pub fn compare(
    asked: &[u8],
    expected: &Expected,
    got: &[u8],
    allowed: Allowed,
) -> Result<(), Vec<String>> {
    let reply = Reply::parse(got).map_err(|reason| vec![reason])?;
    let mut differences = envelope_differences(asked, expected, &reply);
    if let Some(code) = expected.code.filter(|code| *code != reply.code) {
        differences.push(format!(
            "the response code is {}, not {}",
            response_code_text(reply.code),
            response_code_text(code)
        ));
    }
    for ((name, expected), (_, got)) in expected.bits.named().into_iter().zip(reply.bits.named()) {
        if expected.is_some() && expected != got {
            let now = if got == Some(true) { "set" } else { "not set" };
            differences.push(format!("{name} is {now}"));
        }
    }
    let sections = expected.sections.iter().zip(&reply.sections).zip(SECTIONS);
    for ((expected, got), name) in sections {
        if let Some(expected) = expected {
            differences.extend(section_differences(name, expected, got, allowed));
        }
    }
    if let [Some(answer), ..] = &expected.sections
        && answer.iter().any(Entry::is_alias)
        && let Some(owner) = reply.question.as_deref().and_then(Reply::name_in)
        && chain_is_broken(owner, &reply.sections[0])
    {
        differences.push("the answer's CNAME records do not lead from one to the next".to_owned());
    }
    differences.extend(opt_difference(&expected.opt, reply.opt.as_ref(), allowed));
    if differences.is_empty() {
        Ok(())
    } else {
        Err(differences)
    }
}

/// What must hold of every reply, and what a recorded header says.
fn envelope_differences(asked: &[u8], expected: &Expected, reply: &Reply) -> Vec<String> {
    let mut differences = Vec::new();
    if asked.get(..2) != Some(&reply.header[..2]) {
        differences.push("the reply has another ID".to_owned());
    }
    // QR is set, and the opcode is QUERY: no other is ever answered here. Z is never set.
    if reply.header[2] & 0xf8 != 0x80 || reply.header[3] & 0x40 != 0 {
        let flags = u16::from_be_bytes([reply.header[2], reply.header[3]]);
        differences.push(format!(
            "the header's flags {flags:04x} are not those of a reply"
        ));
    }
    if let Some(header) = expected.header.filter(|header| *header != reply.header) {
        differences.push(format!(
            "the header is {:02x?}, not {header:02x?}",
            reply.header
        ));
    }
    let question = expected.question.as_deref().or_else(|| question_of(asked));
    if question != reply.question.as_deref() {
        differences.push("the reply repeats another question".to_owned());
    }
    differences
}

/// The octets of a message's question, if its name is not compressed.
#[must_use]
pub fn question_of(message: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        let length = *message.get(at)?;
        match length {
            0 => return message.get(12..at + 5),
            1..=63 => at += 1 + usize::from(length),
            _ => return None,
        }
    }
}

fn opt_difference(expected: &ExpectedOpt, got: Option<&Opt>, allowed: Allowed) -> Option<String> {
    match (expected, got) {
        (ExpectedOpt::Any, _) | (ExpectedOpt::Absent, None) => None,
        (ExpectedOpt::Absent, Some(_)) => Some("there is an OPT record".to_owned()),
        (ExpectedOpt::Present(_), None) => Some("there is no OPT record".to_owned()),
        (ExpectedOpt::Present(expected), Some(got)) => {
            let fewer = allowed.fewer_options && got.options.is_empty();
            let same = (expected.size, expected.version, expected.flags)
                == (got.size, got.version, got.flags)
                && (fewer || expected.options == got.options);
            (!same).then(|| format!("the OPT record is {got}, not {expected}"))
        }
    }
}

#[cfg(test)]
mod tests;
