//! A question's message, octet by octet, as a recorded case describes it.

use data_encoding::HEXLOWER_PERMISSIVE;

use crate::presentation;

/// The ID of every question.
pub const ID: u16 = 0x1234;
/// RD alone.
const RECURSION_DESIRED: u16 = 0x0100;

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The second word of the header.
    pub flags: u16,
    /// QNAME in wire form, as the client spells it.
    pub name: Vec<u8>,
    /// QTYPE.
    pub query_type: u16,
    /// QCLASS.
    pub class: u16,
    /// The whole OPT record, or whatever is sent in its place.
    pub opt: Option<Vec<u8>>,
}

impl Question {
    /// A question of class IN with RD and without OPT.
    ///
    /// # Errors
    /// Text that is no name or no type.
    pub fn new(name: &str, query_type: &str) -> Result<Self, String> {
        Ok(Self {
            flags: RECURSION_DESIRED,
            name: presentation::name(name)?,
            query_type: presentation::record_type(query_type)?,
            class: 1,
            opt: None,
        })
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> Vec<u8> {
        let additional = u16::from(self.opt.is_some());
        let header = [ID, self.flags, 1, 0, 0, additional];
        let mut message: Vec<u8> = header.into_iter().flat_map(u16::to_be_bytes).collect();
        message.extend(&self.name);
        message.extend(self.query_type.to_be_bytes());
        message.extend(self.class.to_be_bytes());
        message.extend(self.opt.iter().flatten());
        message
    }
}

/// Octets out of hexadecimal digits.
///
/// # Errors
/// Text that is none.
pub fn octets(text: &str) -> Result<Vec<u8>, String> {
    HEXLOWER_PERMISSIVE
        .decode(text.as_bytes())
        .map_err(|error| format!("{text:?} is not hexadecimal: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_sent_as_it_is_spelled() {
        let mut question = Question::new("Web.local.", "TYPE65534").unwrap();
        question.opt = Some(octets("00002904D0000000000000").unwrap());
        let expected = "123401000001000000000001\
                        03576562056c6f63616c00fffe0001\
                        00002904d0000000000000";
        assert_eq!(question.message(), octets(expected).unwrap());
    }
}
