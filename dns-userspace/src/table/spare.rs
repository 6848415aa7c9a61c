//! Names that hardly anybody asks for, which have entries only while there is much room.
//!
//! CoreDNS takes `_._tcp.SERVICE`, `_http._.SERVICE` and the like for any port or any protocol of the service. They are
//! five of the nine spellings of a port. The datapath denies no name whose first or second label is a lone underscore,
//! so one without an entry is the DNS service's to answer.

use std::collections::BTreeMap;

use crate::encode::{Draft, WireName};

/// Whether the first or the second label is a lone underscore.
pub(super) fn is_spare(name: &[u8]) -> bool {
    const LABEL: &[u8] = b"\x01_";
    let second = name.first().map(|length| 1 + usize::from(*length));
    let second = second.and_then(|at| name.get(at..)).unwrap_or_default();
    name.starts_with(LABEL) || second.starts_with(LABEL)
}

/// The drafts without new spare names for which there is no room; `before` is what their owner holds, with hashes that
/// are zero for what the maps refused.
pub(super) fn sparing(
    mut drafts: Vec<Draft>,
    before: &BTreeMap<WireName, u64>,
    mut room: usize,
) -> Vec<Draft> {
    drafts.retain(|draft| {
        if !is_spare(&draft.name) || before.get(&draft.name).is_some_and(|hash| *hash != 0) {
            return true;
        }
        let has_room = room > 0;
        room = room.saturating_sub(1);
        has_room
    });
    drafts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_lone_underscore_in_front_are_spare() {
        for (name, spare) in [
            (&b"\x01_\x04_tcp\x03web\0"[..], true),
            (b"\x05_http\x01_\x03web\0", true),
            (b"\x01_\0", true),
            (b"\x05_http\x04_tcp\x01_\0", false),
            (b"\x02__\x04_tcp\x03web\0", false),
            (b"\x03web\0", false),
            (b"\0", false),
            (b"\x3fcut off", false),
            (b"", false),
        ] {
            assert_eq!(is_spare(name), spare, "{}", name.escape_ascii());
        }
    }
}
