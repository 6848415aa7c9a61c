//! Names, types and records as people write them (RFC 1035 §5.1, RFC 3597), into wire form.
//!
//! Letter case is kept. The rules are those of CoreDNS's own library, whose escapes are decimal.

mod rdata;
mod scan;

use hickory_proto::rr::RecordType;

pub use self::rdata::{Data, Soa, data_of};
use self::scan::{Octet, octets};

/// The longest name in wire form (RFC 1035 §2.3.4).
const NAME_MAX: usize = 255;
/// The longest label.
const LABEL_MAX: usize = 63;

/// Types that hickory-proto knows no name of, with their numbers (IANA, "DNS Parameters").
const MORE_TYPES: [(&str, u16); 16] = [
    ("AFSDB", 18),
    ("APL", 42),
    ("DHCID", 49),
    ("IXFR", 251),
    ("KX", 36),
    ("LOC", 29),
    ("MAILA", 254),
    ("MAILB", 253),
    ("MD", 3),
    ("NID", 104),
    ("OPT", 41),
    ("RP", 17),
    ("SPF", 99),
    ("TKEY", 249),
    ("URI", 256),
    ("ZONEMD", 63),
];

/// A name in wire form, the root's octet included; the final dot may be missing.
///
/// # Errors
/// In one sentence: an empty or too long label, a name over 255 octets, a broken escape.
pub fn name(text: &str) -> Result<Vec<u8>, String> {
    let wrong = |reason: &str| format!("{text:?} is not a domain name: {reason}");
    if text == "." {
        return Ok(vec![0]);
    }
    let mut wire = Vec::with_capacity(text.len() + 2);
    let mut label = Vec::new();
    let mut all = octets(text).map_err(|reason| wrong(&reason))?;
    if all.last() != Some(&Octet::Plain(b'.')) {
        all.push(Octet::Plain(b'.'));
    }
    for octet in all {
        match octet {
            Octet::Plain(b'.') if label.is_empty() => return Err(wrong("it has an empty label")),
            Octet::Plain(b'.') => {
                let length = u8::try_from(label.len()).unwrap_or(u8::MAX);
                if usize::from(length) > LABEL_MAX {
                    return Err(wrong("a label has more than 63 octets"));
                }
                wire.push(length);
                wire.append(&mut label);
            }
            Octet::Plain(octet) | Octet::Escaped(octet) => label.push(octet),
        }
    }
    wire.push(0);
    if wire.len() > NAME_MAX {
        return Err(wrong("it has more than 255 octets"));
    }
    Ok(wire)
}

/// A name in wire form as people write it: dots, backslashes and what is not printable are escaped.
#[must_use]
pub fn name_text(wire: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = wire;
    while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length != 0) {
        let (label, after) = after.split_at(usize::from(*length).min(after.len()));
        for octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b';' | b'(' | b')' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(char::from(*octet));
                }
                octet if octet.is_ascii_graphic() => text.push(char::from(*octet)),
                octet => text += &format!("\\{octet:03}"),
            }
        }
        text.push('.');
        rest = after;
    }
    if text.is_empty() {
        text.push('.');
    }
    text
}

/// A record type's number, by its name, by `TYPEn` (RFC 3597 §5), or as a plain number.
///
/// # Errors
/// Names that nobody knows.
pub fn record_type(text: &str) -> Result<u16, String> {
    let upper = text.to_ascii_uppercase();
    if let Ok(number) = upper.strip_prefix("TYPE").unwrap_or(&upper).parse() {
        return Ok(number);
    }
    if let Ok(known) = upper.parse::<RecordType>() {
        return Ok(known.into());
    }
    MORE_TYPES
        .iter()
        .find(|(name, _)| *name == upper)
        .map(|(_, number)| *number)
        .ok_or_else(|| format!("{text:?} is not a record type; write it like AAAA or TYPE65534"))
}

/// A record type's name.
#[must_use]
pub fn record_type_text(number: u16) -> String {
    if let Some((name, _)) = MORE_TYPES.iter().find(|(_, known)| *known == number) {
        return (*name).to_owned();
    }
    match RecordType::from(number) {
        RecordType::Unknown(number) => format!("TYPE{number}"),
        known => known.to_string(),
    }
}

/// A class's number, by its name, by `CLASSn`, or as a plain number.
///
/// # Errors
/// Names that nobody knows.
pub fn class(text: &str) -> Result<u16, String> {
    let upper = text.to_ascii_uppercase();
    match upper.as_str() {
        "IN" | "INET" => return Ok(1),
        "CH" | "CHAOS" => return Ok(3),
        "HS" | "HESIOD" => return Ok(4),
        "NONE" => return Ok(254),
        "ANY" => return Ok(255),
        _ => {}
    }
    upper
        .strip_prefix("CLASS")
        .unwrap_or(&upper)
        .parse()
        .map_err(|_| format!("{text:?} is not a class; write it like IN or CLASS3"))
}

/// Response codes by name (RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 6891 §9).
const RESPONSE_CODES: [(&str, u16); 18] = [
    ("NOERROR", 0),
    ("SUCCESS", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NAMEERROR", 3),
    ("NOTIMP", 4),
    ("NOTIMPL", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("BADVERS", 16),
    ("BADSIG", 16),
    ("BADKEY", 17),
    ("BADCOOKIE", 23),
];

/// SERVFAIL.
pub const SERVER_FAILURE: u16 = 2;

/// A response code's number, by its name, by `RCODEn`, or as a plain number.
///
/// # Errors
/// Names that nobody knows.
pub fn response_code(text: &str) -> Result<u16, String> {
    let upper = text.to_ascii_uppercase();
    let known = RESPONSE_CODES.iter().find(|(name, _)| *name == upper);
    if let Some((_, number)) = known {
        return Ok(*number);
    }
    upper
        .strip_prefix("RCODE")
        .unwrap_or(&upper)
        .parse()
        .map_err(|_| format!("{text:?} is not a response code; write it like NXDOMAIN"))
}

/// A response code's name.
#[must_use]
pub fn response_code_text(number: u16) -> String {
    RESPONSE_CODES
        .iter()
        .find(|(_, known)| *known == number)
        .map_or_else(|| format!("RCODE{number}"), |(name, _)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_letter_case_and_its_escapes_are_decimal() {
        assert_eq!(name("Web.Local.").unwrap(), b"\x03Web\x05Local\0");
        assert_eq!(name("web.local").unwrap(), b"\x03web\x05local\0");
        assert_eq!(name(r"a\.b.c.").unwrap(), b"\x03a.b\x01c\0");
        assert_eq!(name(r"a\046\\\255.c.").unwrap(), b"\x04a.\\\xff\x01c\0");
        assert_eq!(name(".").unwrap(), b"\0");
    }

    #[test]
    fn a_name_that_no_question_can_hold_is_refused() {
        let long_label = format!("{}.local.", "a".repeat(64));
        let long_name = "abcdefg.".repeat(32);
        for text in [
            "",
            "a..b.",
            r"a\",
            r"a\25",
            r"a\256.",
            &long_label,
            &long_name,
        ] {
            assert!(name(text).is_err(), "{text:?}");
        }
        assert_eq!(name(&"abcdefg.".repeat(31)).unwrap().len(), 249);
    }

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        for text in [".", "Web.Local.", r"a\.b\\\000\255\;.c."] {
            assert_eq!(name_text(&name(text).unwrap()), text);
        }
    }

    #[test]
    fn types_classes_and_codes_are_known_by_name_and_by_number() {
        assert_eq!(record_type("aaaa").unwrap(), 28);
        assert_eq!(record_type("TYPE65534").unwrap(), 65_534);
        assert_eq!(record_type("IXFR").unwrap(), 251);
        assert!(record_type("NOSUCH").is_err());
        assert_eq!(record_type_text(64), "SVCB");
        assert_eq!(record_type_text(65_534), "TYPE65534");
        assert_eq!(class("CLASS0").unwrap(), 0);
        assert_eq!(class("in").unwrap(), 1);
        assert_eq!(response_code("BADVERS").unwrap(), 16);
        assert_eq!(response_code("RCODE11").unwrap(), 11);
        assert_eq!(response_code_text(3), "NXDOMAIN");
        assert!(response_code("FINE").is_err());
    }
}
