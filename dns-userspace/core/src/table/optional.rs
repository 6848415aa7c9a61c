//! Optional names: hardly anybody asks for them, and they have entries only while few of them do.
//!
//! They ask for any port or any protocol of a service ([`asks_for_any`]), and are five of the nine spellings of a port.
//! The datapath denies none of them, so one without an entry is the DNS service's to answer.

use std::collections::BTreeMap;

use crate::{
    encode::{Draft, WireName, asks_for_any},
    world::Owner,
};

/// Whether the names of an owner may go without entries where they ask for any port or protocol.
///
/// Nodes of zones and namespaces say what is true below them as well, and so does a service whose own name, or whose
/// namespace's, is a lone underscore: these are no ports.
pub(super) fn may_be_optional(owner: &Owner) -> bool {
    match owner {
        Owner::Service { namespace, name } => &**namespace != "_" && &**name != "_",
        Owner::Zone | Owner::Namespace(_) | Owner::Address(_) => false,
    }
}

/// The drafts without new optional names for which there is no room; `before` is what their owner holds, with hashes
/// that are zero for what the maps refused.
pub(super) fn limited(
    mut drafts: Vec<Draft>,
    before: &BTreeMap<WireName, u64>,
    mut room: usize,
) -> Vec<Draft> {
    drafts.retain(|draft| {
        if !asks_for_any(&draft.name) || before.get(&draft.name).is_some_and(|hash| *hash != 0) {
            return true;
        }
        let has_room = room > 0;
        room = room.saturating_sub(1);
        has_room
    });
    drafts
}
