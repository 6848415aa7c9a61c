//! Names out of labels, as CoreDNS would look them up.

use hickory_proto::rr::Name;

use crate::{objects::Skipped, policy::Policy};

/// Calls `node` with the name that `labels` make in each zone, and the zone's index. A name that
/// nobody can ask for is skipped; so nothing needs to be said about it in answers either.
pub(super) fn in_every_zone(
    policy: &Policy,
    labels: &[&str],
    object: &str,
    skipped: &mut Vec<Skipped>,
    mut node: impl FnMut(Name, usize),
) {
    let mut skip = |reason| {
        skipped.push(Skipped {
            object: object.to_owned(),
            reason,
        });
    };
    if let Some(reason) = labels.iter().find_map(|label| unusable(label)) {
        return skip(reason);
    }
    for (index, zone) in policy.zones.iter().enumerate() {
        let name = Name::from_labels(labels.iter().map(|label| label.as_bytes()))
            .and_then(|name| name.append_domain(&zone.name));
        match name {
            Ok(name) => node(name, index),
            Err(_) => skip(format!(
                "the name {}.{} is longer than 255 octets",
                labels.join("."),
                zone.name
            )),
        }
    }
}

/// Why no question's label, in lower case and as CoreDNS writes it, equals this text.
fn unusable(label: &str) -> Option<String> {
    if label.is_empty() || label.len() > 63 {
        return Some(format!("{label:?} is not 1 to 63 octets long"));
    }
    // CoreDNS compares labels in their escaped text form, after lower-casing the question's.
    let plain = |octet: &u8| {
        octet.is_ascii_graphic() && !octet.is_ascii_uppercase() && !b".\\\"();@".contains(octet)
    };
    if label.as_bytes().iter().all(plain) {
        return None;
    }
    Some(format!("{label:?} is not a DNS label in lower case"))
}
