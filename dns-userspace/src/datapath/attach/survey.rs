//! What of ours is attached where, for a process that is not the agent. Changes nothing.

use std::path::Path;

use super::{
    AttachError, Attached, AttachedBy, clsact,
    error::StepError,
    links,
    links::{LinkPins, describe_before},
    open_requests,
};
use crate::datapath::netlink::Requests;

/// All that is ours in this network namespace, with links pinned below `pin_directory`.
///
/// # Errors
/// What the kernel says; it needs the same rights as attaching.
pub fn survey(pin_directory: &Path) -> Result<Vec<Attached>, AttachError> {
    let pins = LinkPins::below(pin_directory);
    let mut requests = open_requests()?;
    let mut found = Vec::new();
    for (index, name) in links(&mut requests)? {
        for by in AttachedBy::ALL {
            let behind = match obstacles(&pins, &mut requests, index, by) {
                Ok(Some(behind)) => behind,
                Ok(None) | Err(StepError::Gone) => continue,
                Err(StepError::Failed(error)) => return Err(error),
            };
            let first = behind.is_empty();
            found.push(Attached {
                index,
                name: name.clone(),
                by,
                first,
                behind,
            });
        }
    }
    Ok(found)
}

/// In words, what runs before ours; `None` if nothing of ours is attached to the interface `index`
/// in this way.
fn obstacles(
    pins: &LinkPins,
    requests: &mut Requests,
    index: u32,
    by: AttachedBy,
) -> Result<Option<Vec<String>>, StepError> {
    if by == AttachedBy::Clsact {
        return clsact::obstacles(requests, index);
    }
    let Some(link) = pins.find(index, by)? else {
        return Ok(None);
    };
    match by {
        AttachedBy::Tcx => describe_before(index, &link).map(Some),
        AttachedBy::Clsact | AttachedBy::XdpNative | AttachedBy::XdpGeneric => Ok(Some(Vec::new())),
    }
}
