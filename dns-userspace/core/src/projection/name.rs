//! Names out of labels, as CoreDNS would look them up.

use dns_ebpf::NAME_MAX;
use hickory_proto::{rr::Name, serialize::binary::BinDecodable as _};

use crate::policy::Zone;

/// The name that `labels` make in a zone.
///
/// # Errors
/// Why nobody can ask for it; so nothing needs to be said about it in answers either.
pub(super) fn in_zone(zone: &Zone, labels: &[&str]) -> Result<Name, String> {
    if let Some(label) = labels.iter().find(|label| !is_asked(label)) {
        return Err(format!("{label:?} is not a DNS label"));
    }
    join(labels, &zone.name).ok_or_else(|| {
        format!(
            "the name {}.{} is longer than 255 octets",
            labels.join("."),
            zone.name
        )
    })
}

/// A name of these labels above a zone, in their own spelling; none if one is no label, or if it is too long.
///
/// It is read from its wire form: hickory's own way from labels to a name takes four times as long, and a large
/// cluster has a million names in its records.
pub(super) fn join(labels: &[&str], zone: &Name) -> Option<Name> {
    let mut wire = Vec::with_capacity(NAME_MAX);
    for label in labels.iter().map(|label| label.as_bytes()).chain(zone) {
        // RFC 1035 §2.3.4
        if !(1..=63).contains(&label.len()) {
            return None;
        }
        wire.push(label.len() as u8);
        wire.extend_from_slice(label);
    }
    wire.push(0);
    Name::from_bytes(&wire).ok()
}

/// Whether a question's label, in lower case and as CoreDNS writes it, can equal this text.
fn is_asked(label: &str) -> bool {
    is_plain(label) && !label.bytes().any(|octet| octet.is_ascii_uppercase())
}

/// Whether this is a label whose text form has no escapes, so that servers do not differ on it.
pub(super) fn is_plain(label: &str) -> bool {
    // CoreDNS compares labels in their escaped text form, after lower-casing the question's.
    let plain = |octet: u8| octet.is_ascii_graphic() && !b".\\\"();@/".contains(&octet);
    (1..=63).contains(&label.len()) && label.bytes().all(plain)
}

/// A domain name in its own spelling, fully qualified; none if it is unusual enough for servers
/// to differ on it.
pub(super) fn domain_name(text: &str) -> Option<Name> {
    if text.is_empty() {
        return Some(Name::root());
    }
    let plain = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    let labels = || text.strip_suffix('.').unwrap_or(text).split('.');
    if !labels().all(|label| !label.is_empty() && label.bytes().all(plain)) {
        return None;
    }
    let mut name = Name::from_labels(labels().map(str::as_bytes)).ok()?;
    name.set_fqdn(true);
    Some(name)
}
