//! Zones as Corefiles write them: `cluster.local`, `dns://.:53`, `10.96.0.0/16`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use hickory_proto::rr::Name;

use super::{fault::Fault, lexer::Token};

/// The port of a block whose key names none.
const PORT: u16 = 53;
/// Protocols other than plain DNS that a key may name.
const OTHERS: [&str; 6] = [
    "tls://",
    "quic://",
    "grpc://",
    "https://",
    "https3://",
    "unix://",
];

/// A key of a server block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// The zones; several for an address prefix between two labels' borders.
    pub(super) zones: Vec<Name>,
    /// The UDP port; none for other protocols.
    pub(super) port: Option<u16>,
}

/// Reads a server block's key.
///
/// # Errors
/// Texts that are no zone.
pub(super) fn address(token: &Token) -> Result<Address, Fault> {
    read(&token.text).map_err(|message| token.place.fault(message))
}

/// Reads the zones that a plugin's arguments name; without arguments they are the block's.
///
/// # Errors
/// Texts that are no zone.
pub(super) fn zones(arguments: &[&Token], block: &[Name]) -> Result<Vec<Name>, Fault> {
    if arguments.is_empty() {
        return Ok(block.to_vec());
    }
    named(arguments)
}

/// Whether a text is a zone.
pub(super) fn is_zone(text: &str) -> bool {
    read(text).is_ok()
}

/// Reads the zones after `fallthrough`; none means all.
///
/// # Errors
/// Texts that are no zone.
pub(super) fn fallthrough(arguments: &[&Token]) -> Result<Vec<Name>, Fault> {
    zones(arguments, &[Name::root()])
}

fn named(arguments: &[&Token]) -> Result<Vec<Name>, Fault> {
    let mut zones = Vec::new();
    for argument in arguments {
        zones.extend(address(argument)?.zones);
    }
    Ok(zones)
}

/// Reads a domain name, in any case, with or without the final dot.
///
/// # Errors
/// Texts that are none.
pub(super) fn name(text: &str) -> Result<Name, String> {
    if text == "." {
        return Ok(Name::root());
    }
    let invalid =
        || format!("found `{text}`, which is no domain name; one such as cluster.local is wanted");
    // Escapes are taken in other ways by other readers.
    if text.is_empty() || text.contains('\\') {
        return Err(invalid());
    }
    let mut name = Name::from_ascii(text).map_err(|_| invalid())?;
    name.set_fqdn(true);
    Ok(name.to_lowercase())
}

fn read(text: &str) -> Result<Address, String> {
    let other = OTHERS.iter().find_map(|prefix| text.strip_prefix(prefix));
    let plain = other
        .or_else(|| text.strip_prefix("dns://"))
        .unwrap_or(text);
    let (zone, port) = match plain.rsplit_once(':') {
        Some((zone, port)) if is_number(port) => {
            let port = port.parse().map_err(|_| {
                format!("found the port {port} in `{text}`; one up to 65535 is wanted")
            })?;
            (zone, port)
        }
        _ => (plain, PORT),
    };
    let zones = match prefix(zone) {
        Some((address, length)) => reverse(address, length).ok_or_else(|| {
            format!("found the address prefix `{zone}`; one such as 10.96.0.0/16 is wanted")
        })?,
        None => vec![name(zone)?],
    };
    Ok(Address {
        zones,
        port: other.is_none().then_some(port),
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit())
}

/// Splits an address prefix.
fn prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address = IpAddr::from_str(address).ok()?;
    let length = is_number(length).then(|| length.parse().ok()).flatten()?;
    Some((address, length))
}

/// The reverse zones that together hold the names of a prefix's addresses (RFC 3596 §2.5, RFC 1035 §3.5):
/// several, if it ends within a label.
fn reverse(address: IpAddr, length: u8) -> Option<Vec<Name>> {
    let (bits, width) = match address {
        IpAddr::V4(_) => (32_u8, 8_u8),
        // What CoreDNS makes of these is not worth knowing.
        IpAddr::V6(address) if address.to_ipv4().is_some() => return None,
        IpAddr::V6(_) => (128, 4),
    };
    if length > bits {
        return None;
    }
    let whole = length.div_ceil(width).checked_mul(width)?;
    let value = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()).checked_shl(96)?,
        IpAddr::V6(address) => address.to_bits(),
    };
    let kept = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
    let step = 1_u128.checked_shl(128 - u32::from(whole)).unwrap_or(0);
    let mut zones = Vec::new();
    for index in 0..1_u128 << (whole - length) {
        let first = (value & kept) + index * step;
        let name = match address {
            IpAddr::V4(_) => Name::from(IpAddr::V4(Ipv4Addr::from_bits(
                u32::try_from(first >> 96).ok()?,
            ))),
            IpAddr::V6(_) => Name::from(IpAddr::V6(Ipv6Addr::from_bits(first))),
        };
        let labels = name.num_labels().checked_sub((bits - whole) / width)?;
        let mut zone = name.trim_to(usize::from(labels));
        zone.set_fqdn(true);
        zones.push(zone.to_lowercase());
    }
    Some(zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zones_of(text: &str) -> Vec<String> {
        read(text)
            .unwrap()
            .zones
            .iter()
            .map(|zone| zone.to_ascii())
            .collect()
    }

    #[test]
    fn a_key_is_a_zone_with_a_protocol_and_a_port() {
        for (text, zone, port) in [
            (".", ".", Some(53)),
            (".:5353", ".", Some(5353)),
            ("Cluster.LOCAL", "cluster.local.", Some(53)),
            ("dns://cluster.local.:1053", "cluster.local.", Some(1053)),
            ("tls://.:853", ".", None),
            ("https://example.org", "example.org.", None),
            ("10.in-addr.arpa", "10.in-addr.arpa.", Some(53)),
        ] {
            assert_eq!(zones_of(text), [zone], "{text}");
            assert_eq!(read(text).unwrap().port, port, "{text}");
        }
    }

    #[test]
    fn an_address_prefix_is_the_reverse_zones_that_hold_it() {
        assert_eq!(zones_of("10.96.0.0/16"), ["96.10.in-addr.arpa."]);
        assert_eq!(zones_of("10.96.7.7/16:53"), ["96.10.in-addr.arpa."]);
        assert_eq!(zones_of("0.0.0.0/0"), ["in-addr.arpa."]);
        assert_eq!(zones_of("10.1.2.3/32"), ["3.2.1.10.in-addr.arpa."]);
        assert_eq!(
            zones_of("10.96.0.0/15"),
            ["96.10.in-addr.arpa.", "97.10.in-addr.arpa."]
        );
        assert_eq!(
            zones_of("fd00:10:96::/64"),
            ["0.0.0.0.6.9.0.0.0.1.0.0.0.0.d.f.ip6.arpa."]
        );
        assert_eq!(zones_of("fd00::/7").len(), 2);
        assert_eq!(zones_of("10.0.0.0/9").len(), 128);
    }

    #[test]
    fn what_is_no_zone_is_told() {
        for text in [
            "",
            ":53",
            "a..b",
            "a:70000",
            "10.0.0.0/33",
            "::/0",
            "a b",
            "a\\.b",
            "a,b",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
