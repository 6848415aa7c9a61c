//! Whether external names are resolved for everybody alike, and what becomes of their
//! lifetimes.

use hickory_proto::rr::Name;

use super::{derive::Listener, zone::Answered};
use crate::policy::Capping;

/// What is left, for people, if they are not.
pub(super) const WHAT: &str = "addresses of ExternalName services outside the cluster";

/// What the caches of the answered zones do to the lifetimes of a reply with records of an external name.
///
/// The records come from the DNS service itself, whatever it does to find them; so nothing matters but what
/// depends on the client that asks.
///
/// # Errors
/// The reason why it is not certain, for people.
pub(super) fn capping(listener: &Listener<'_>, answered: &[Answered]) -> Result<Capping, String> {
    let Some(root) = listener.serving_alone(&Name::root()) else {
        return Err("no single block is for all names; left to the DNS service".to_owned());
    };
    if !root.effects.forwards {
        return Err(format!(
            "the block `{}` does not ask other servers (`forward .`); left to the DNS service",
            root.title
        ));
    }
    for block in &listener.blocks {
        if let Some(reason) = &block.effects.uncertain {
            let reason = reason.trim_end_matches("; left to the DNS service");
            return Err(format!("{reason}; left to the DNS service"));
        }
        // What such a block answers is not asked for often enough to look into it.
        let makes = !block.effects.left_zones.is_empty() || block.effects.hosts.is_some();
        if makes && !std::ptr::eq(*block, root) && block.effects.kubernetes.is_none() {
            return Err(format!(
                "the block `{}` answers names itself; left to the DNS service",
                block.title
            ));
        }
        if let Some(reason) = block
            .effects
            .logged
            .iter()
            .find_map(|(_, reason)| reason.as_ref())
        {
            return Err(reason.clone());
        }
    }
    let mut cappings = answered
        .iter()
        .filter(|answered| !answered.zone.is_reverse())
        .map(|answered| answered.capping.unwrap_or(Capping::NONE));
    match cappings.next() {
        None => Err("no zone of services is answered".to_owned()),
        Some(first) if cappings.all(|other| other == first) => Ok(first),
        Some(_) => Err("the zones' caches differ; left to the DNS service".to_owned()),
    }
}
