//! Names in the maps: a name's entry, an absent name's closest encloser, and whether any that was read has changed.

use crate::{
    answer::{Control, ENTRY_HEAD, SECTION_MAX, Section, stripe},
    name::{KEY_LENGTHS, NAMES_LEN, Name},
    packet::{Scratch, Tables},
    pass::Pass,
};

/// The most nodes that the search for the closest encloser looks at: a zone, what lies between it and a longer zone,
/// `svc`, a namespace, a service, an endpoint.
const SEARCH_MAX: usize = 8;

/// VERIFIER: bounds where a name lies in scratch.
const PLACE_MASK: usize = 0x1ff;

/// After a change was begun: makes sure that what was read of the name at `place`, or that it has no entry, is what was
/// true when `control` was read.
///
/// Elements of a map are reused under their readers. If no change was begun since the last one was finished before the
/// look-up, all that was read belonged together and to this name. That is the usual case, and the callers'; this is the
/// other: it did so, too, if no change was of this name's stripe. See [`Changes`](crate::answer::Changes).
#[inline(always)]
pub(crate) fn unchanged(
    tables: &impl Tables,
    names: &[u8; NAMES_LEN],
    place: usize,
    control: &Control,
) -> Result<(), Pass> {
    let key = names
        .get(place & PLACE_MASK..)
        .and_then(|key| key.first_chunk());
    match key {
        Some(key) if tables.changed(stripe(key)) <= control.finished => Ok(()),
        _ => Err(Pass::Changing),
    }
}

/// As [`unchanged`], of all names above the absent one at `place` that the search for its closest encloser has looked at:
/// from the one where it began, or from the encloser, to the one below the encloser, or where it began.
#[inline(always)]
pub(crate) fn unchanged_above(
    tables: &impl Tables,
    scratch: &Scratch,
    place: usize,
    name: Name,
    encloser: Encloser,
    control: &Control,
) -> Result<(), Pass> {
    let begin = tables.forget_in_memory(encloser.begin) & 0x3f;
    let end = tables.forget_in_memory(encloser.end) & 0x3f;
    let mut depth = begin.min(end.wrapping_sub(1));
    for _ in 0..SEARCH_MAX {
        let index = tables.forget_in_memory(name.labels.wrapping_sub(depth)) & 0x3f;
        let start = scratch.labels.get(index).copied().unwrap_or(0);
        unchanged(tables, &scratch.names, place + usize::from(start), control)?;
        if depth >= begin.max(end) {
            return Ok(());
        }
        depth = tables.forget_in_memory(depth + 1) & 0x3f;
    }
    Err(Pass::Changing)
}

/// Copies the entry of the name of `len` octets at `place` to the beginning of `entry`, if there is one, and returns
/// its head.
#[inline(always)]
pub(crate) fn entry_of(
    tables: &impl Tables,
    names: &[u8; NAMES_LEN],
    place: usize,
    len: usize,
    entry: &mut Section<SECTION_MAX>,
) -> Option<[u8; ENTRY_HEAD]> {
    let [short, middle, _] = KEY_LENGTHS;
    let key = names.get(place & PLACE_MASK..)?;
    if len <= short {
        tables.entry::<{ KEY_LENGTHS[0] }>(key.first_chunk()?, entry)
    } else if len <= middle {
        tables.entry::<{ KEY_LENGTHS[1] }>(key.first_chunk()?, entry)
    } else {
        tables.entry::<{ KEY_LENGTHS[2] }>(key.first_chunk()?, entry)
    }
}

/// As [`entry_of`], the head alone.
#[inline(always)]
fn entry_head_of(
    tables: &impl Tables,
    names: &[u8; NAMES_LEN],
    place: usize,
    len: usize,
) -> Option<[u8; ENTRY_HEAD]> {
    let [short, middle, _] = KEY_LENGTHS;
    let key = names.get(place & PLACE_MASK..)?;
    if len <= short {
        tables.entry_head::<{ KEY_LENGTHS[0] }>(key.first_chunk()?)
    } else if len <= middle {
        tables.entry_head::<{ KEY_LENGTHS[1] }>(key.first_chunk()?)
    } else {
        tables.entry_head::<{ KEY_LENGTHS[2] }>(key.first_chunk()?)
    }
}

/// The deepest existing ancestor of an absent name (RFC 5155 §1.3), and where it was searched for.
#[derive(Clone, Copy)]
pub(crate) struct Encloser {
    /// Its form for absent names below it.
    pub(crate) below: u8,
    /// Its zone.
    pub(crate) zone: u8,
    /// So many labels, the root's not counted, had the name that was looked up first.
    begin: usize,
    /// So many had the last one: the name below the encloser.
    end: usize,
}

/// Finds the closest encloser of an absent name.
///
/// It goes down from a node that exists, and up from a name that does not. What a node says of absent names below it
/// is true by itself, so it does not matter where the search begins. Most absent names lie in a namespace: it begins at
/// the depth of these.
#[inline(always)]
pub(crate) fn closest_encloser(
    tables: &impl Tables,
    scratch: &mut Scratch,
    place: usize,
    name: Name,
    control: &Control,
) -> Result<Encloser, Pass> {
    let top = usize::from(control.zone_labels) & 0x3f;
    let mut depth = usize::from(control.search_labels) & 0x3f;
    // The name itself is known to be absent.
    if depth >= name.labels {
        depth = name.labels.wrapping_sub(1) & 0x3f;
    }
    let begin = depth;
    let mut found = None;
    for _ in 0..SEARCH_MAX {
        if depth < top || depth >= name.labels {
            let (below, zone) = found.ok_or(Pass::UnknownName)?;
            return Ok(Encloser {
                below,
                zone,
                begin,
                end: depth,
            });
        }
        let index = tables.forget_in_memory(name.labels - depth) & 0x3f;
        let start = scratch.labels.get(index).copied().unwrap_or(0);
        let len = name.len.wrapping_sub(start.into()) & 0xff;
        let place = place + usize::from(start);
        let head = entry_head_of(tables, &scratch.names, place, len);
        match (head, found) {
            (Some([zone, _, below, _]), _) => {
                found = Some((below, zone));
                depth += 1;
            }
            (None, Some((below, zone))) => {
                return Ok(Encloser {
                    below,
                    zone,
                    begin,
                    end: depth,
                });
            }
            (None, None) => depth = depth.wrapping_sub(1),
        }
        depth = tables.forget_in_memory(depth) & 0x3f;
    }
    Err(Pass::UnknownName)
}
