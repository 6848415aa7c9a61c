//! The data of records as people write it, in a form that can be compared with that of a message.

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::HEXLOWER_PERMISSIVE;
use hickory_proto::{
    rr::{RData, RecordType},
    serialize::binary::{BinEncodable as _, BinEncoder, NameEncoding},
};

use super::{name, name_text, record_type_text, scan::words};

/// Numbers of the types whose data is read here.
mod number {
    pub(super) const A: u16 = 1;
    pub(super) const NS: u16 = 2;
    pub(super) const CNAME: u16 = 5;
    pub(super) const SOA: u16 = 6;
    pub(super) const PTR: u16 = 12;
    pub(super) const HINFO: u16 = 13;
    pub(super) const MX: u16 = 15;
    pub(super) const TXT: u16 = 16;
    pub(super) const AAAA: u16 = 28;
    pub(super) const SRV: u16 = 33;
    pub(super) const DNAME: u16 = 39;
    pub(super) const SPF: u16 = 99;
}

/// A record's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Data {
    /// As on the wire, names not compressed and in their own letter case.
    Octets(Vec<u8>),
    /// That of a SOA record.
    Soa(Soa),
}

/// The data of a SOA record (RFC 1035 §3.3.13).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Soa {
    /// MNAME in wire form.
    pub server: Vec<u8>,
    /// RNAME in wire form.
    pub mailbox: Vec<u8>,
    /// SERIAL, REFRESH, RETRY, EXPIRE and MINIMUM; none: any.
    pub numbers: [Option<u32>; 5],
}

impl Soa {
    /// Whether the data of a reply is this, its serial number aside, which is the time of the last change
    /// that the server saw (specification §11).
    #[must_use]
    pub fn matches(&self, got: &Self) -> bool {
        let mut numbers = self.numbers.iter().zip(&got.numbers).skip(1);
        (&self.server, &self.mailbox) == (&got.server, &got.mailbox)
            && numbers.all(|(expected, got)| expected.is_none() || expected == got)
    }
}

impl Data {
    /// Reads the data of a record of this type; `\# LENGTH HEX` is read for every type (RFC 3597 §5).
    ///
    /// # Errors
    /// Text that is no data of such a record.
    pub fn parse(record_type: u16, text: &str) -> Result<Self, String> {
        let kind = record_type_text(record_type);
        let wrong =
            |reason: String| format!("{text:?} is not the data of a {kind} record: {reason}");
        read(record_type, text).map_err(wrong)
    }

    /// As people write it.
    #[must_use]
    pub fn text(&self, record_type: u16) -> String {
        match self {
            Self::Octets(octets) => octets_text(record_type, octets),
            Self::Soa(soa) => {
                let mut text = format!("{} {}", name_text(&soa.server), name_text(&soa.mailbox));
                for (index, number) in soa.numbers.iter().enumerate() {
                    match number {
                        // Never compared, so never shown.
                        Some(number) if index > 0 => text += &format!(" {number}"),
                        _ => text += " *",
                    }
                }
                text
            }
        }
    }
}

/// The data of a record of a message.
///
/// # Errors
/// Data that hickory-proto reads and cannot write.
pub fn data_of(data: &RData) -> Result<Data, String> {
    if let RData::SOA(soa) = data {
        return Ok(Data::Soa(Soa {
            server: wire(&soa.mname)?,
            mailbox: wire(&soa.rname)?,
            numbers: [
                Some(soa.serial),
                u32::try_from(soa.refresh).ok(),
                u32::try_from(soa.retry).ok(),
                u32::try_from(soa.expire).ok(),
                Some(soa.minimum),
            ],
        }));
    }
    Ok(Data::Octets(emitted(data)?))
}

fn wire(name: &hickory_proto::rr::Name) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    name.emit(&mut encoder).map_err(|error| error.to_string())?;
    Ok(octets)
}

fn emitted(data: &RData) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    data.emit(&mut encoder).map_err(|error| error.to_string())?;
    Ok(octets)
}

fn read(record_type: u16, text: &str) -> Result<Data, String> {
    if let Some(generic) = text.trim_start().strip_prefix("\\#") {
        return generic_octets(generic).map(Data::Octets);
    }
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let octets = match (record_type, fields.as_slice()) {
        (number::A, [address]) => address
            .parse::<Ipv4Addr>()
            .map_err(|error| error.to_string())?
            .octets()
            .into(),
        (number::AAAA, [address]) => address
            .parse::<Ipv6Addr>()
            .map_err(|error| error.to_string())?
            .octets()
            .into(),
        (number::NS | number::CNAME | number::PTR | number::DNAME, [target]) => name(target)?,
        (number::SRV, [priority, weight, port, target]) => {
            let mut octets = Vec::new();
            for field in [priority, weight, port] {
                octets.extend(word(field)?);
            }
            octets.extend(name(target)?);
            octets
        }
        (number::MX, [preference, exchange]) => {
            [word(preference)?.to_vec(), name(exchange)?].concat()
        }
        (number::SOA, [server, mailbox, numbers @ ..]) => {
            return soa(server, mailbox, numbers).map(Data::Soa);
        }
        (number::TXT | number::SPF | number::HINFO, _) => strings(text)?,
        (
            number::A
            | number::AAAA
            | number::NS
            | number::CNAME
            | number::PTR
            | number::DNAME
            | number::SRV
            | number::MX
            | number::SOA,
            fields,
        ) => return Err(format!("it has {} fields", fields.len())),
        (other, _) => {
            let data = RData::try_from_str(RecordType::from(other), text)
                .map_err(|error| error.to_string())?;
            emitted(&data)?
        }
    };
    Ok(Data::Octets(octets))
}

fn word(field: &str) -> Result<[u8; 2], String> {
    field
        .parse::<u16>()
        .map(u16::to_be_bytes)
        .map_err(|error| format!("{field:?}: {error}"))
}

fn soa(server: &str, mailbox: &str, fields: &[&str]) -> Result<Soa, String> {
    let mut numbers = [None; 5];
    if fields.len() != numbers.len() {
        return Err(format!("it has {} numbers, not 5", fields.len()));
    }
    for (number, field) in numbers.iter_mut().zip(fields) {
        *number = match *field {
            "*" => None,
            field => Some(
                field
                    .parse()
                    .map_err(|error| format!("{field:?}: {error}"))?,
            ),
        };
    }
    Ok(Soa {
        server: name(server)?,
        mailbox: name(mailbox)?,
        numbers,
    })
}

fn strings(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    for string in words(text)? {
        let length = u8::try_from(string.len()).map_err(|_| "a string of over 255 octets")?;
        octets.push(length);
        octets.extend(string);
    }
    Ok(octets)
}

fn generic_octets(text: &str) -> Result<Vec<u8>, String> {
    let mut fields = text.split_ascii_whitespace();
    let length: usize = fields
        .next()
        .and_then(|field| field.parse().ok())
        .ok_or("no length follows \\#")?;
    let hexadecimal: String = fields.collect();
    let octets = HEXLOWER_PERMISSIVE
        .decode(hexadecimal.as_bytes())
        .map_err(|error| error.to_string())?;
    if octets.len() != length {
        return Err(format!("{} octets follow, not {length}", octets.len()));
    }
    Ok(octets)
}

fn octets_text(record_type: u16, octets: &[u8]) -> String {
    let words = |at: usize| {
        let pair = octets.get(at..at + 2);
        pair.map_or(0, |pair| u16::from_be_bytes([pair[0], pair[1]]))
    };
    match (record_type, octets) {
        (number::A, octets) if octets.len() == 4 => {
            Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_string()
        }
        (number::AAAA, octets) => match <[u8; 16]>::try_from(octets) {
            Ok(address) => Ipv6Addr::from(address).to_string(),
            Err(_) => generic_text(octets),
        },
        (number::NS | number::CNAME | number::PTR | number::DNAME, octets) => name_text(octets),
        (number::SRV, [_, _, _, _, _, _, target @ ..]) => {
            let [priority, weight, port] = [words(0), words(2), words(4)];
            format!("{priority} {weight} {port} {}", name_text(target))
        }
        (number::MX, [_, _, exchange @ ..]) => format!("{} {}", words(0), name_text(exchange)),
        (number::TXT | number::SPF | number::HINFO, octets) => strings_text(octets),
        (_, octets) => generic_text(octets),
    }
}

fn strings_text(mut octets: &[u8]) -> String {
    let mut found = Vec::new();
    while let Some((length, after)) = octets.split_first() {
        let (string, after) = after.split_at(usize::from(*length).min(after.len()));
        let mut text = String::from("\"");
        for octet in string {
            match octet {
                b'"' | b'\\' => text += &format!("\\{}", char::from(*octet)),
                b' '..=b'~' => text.push(char::from(*octet)),
                octet => text += &format!("\\{octet:03}"),
            }
        }
        text.push('"');
        found.push(text);
        octets = after;
    }
    found.join(" ")
}

fn generic_text(octets: &[u8]) -> String {
    let hexadecimal = HEXLOWER_PERMISSIVE.encode(octets);
    format!("\\# {} {hexadecimal}", octets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: &str, text: &str) -> Result<Data, String> {
        Data::parse(super::super::record_type(kind).unwrap(), text)
    }

    #[test]
    fn data_reads_back_as_it_was_written() {
        for (kind, text) in [
            ("A", "10.96.1.1"),
            ("AAAA", "2001:db8::"),
            ("CNAME", "."),
            ("CNAME", "SVC1.testns.svc.cluster.local."),
            ("PTR", "2001-db8--.hdls6nc.testns.svc.cluster.local."),
            ("SRV", "0 33 53 kube-dns.kube-system.svc.cluster.local."),
            ("MX", "10 mail.example."),
            ("TXT", r#""1.1.0""#),
            ("TXT", r#""a \"b\" \\ \200" """#),
            ("HINFO", r#""ANY obsoleted" "See RFC 8482""#),
            ("SOA", "ns.dns.Z. hostmaster.Z. * 7200 1800 86400 30"),
            ("TYPE65534", "\\# 3 0aff00"),
        ] {
            let number = super::super::record_type(kind).unwrap();
            assert_eq!(parse(kind, text).unwrap().text(number), text, "{kind}");
        }
    }

    #[test]
    fn the_unknown_form_is_read_for_known_types_too() {
        assert_eq!(parse("A", "\\# 4 0A600101"), parse("A", "10.96.1.1"));
        assert_eq!(parse("A", "\\# 4 0a60 0101"), parse("A", "10.96.1.1"));
        assert!(parse("A", "\\# 5 0a600101").is_err());
    }

    #[test]
    fn data_of_types_that_are_rare_goes_by_hickory_proto() {
        assert!(matches!(
            parse("CAA", r#"0 issue "example.org""#),
            Ok(Data::Octets(_))
        ));
        assert!(parse("CAA", "nonsense").is_err());
    }

    #[test]
    fn data_that_is_none_is_refused() {
        for (kind, text) in [
            ("A", "10.96.1"),
            ("A", "10.96.1.1 10.96.1.2"),
            ("SRV", "0 33 53"),
            ("SRV", "0 33 65536 a."),
            ("SOA", "a. b. 1 2 3"),
            ("TXT", "\"open"),
        ] {
            assert!(parse(kind, text).is_err(), "{kind} {text}");
        }
    }

    #[test]
    fn a_serial_number_is_never_compared_and_a_minimum_is() {
        let soa = |text: &str| match parse("SOA", text) {
            Ok(Data::Soa(soa)) => soa,
            other => panic!("{other:?}"),
        };
        let expected = soa("a. b. 17 7200 1800 86400 30");
        assert!(expected.matches(&soa("a. b. 99 7200 1800 86400 30")));
        assert!(!expected.matches(&soa("a. b. 17 7200 1800 86400 5")));
        assert!(!expected.matches(&soa("A. b. 17 7200 1800 86400 30")));
        assert!(soa("a. b. * * * * *").matches(&expected));
    }
}
