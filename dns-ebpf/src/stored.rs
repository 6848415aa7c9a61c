//! Records that a slot names, brought into scratch and made those of this question.

use core::hint::cold_path;

use crate::{
    answer::{
        ADDITIONAL_MAX, AUTHORITATIVE, ENTRY_HEAD, ENTRY_LEN, LEFT, SECTION_HEAD, SLOT_LEN,
        SPELLED_ZONE_MAX, TARGETS, TARGETS_MAX, WHERE_MASK,
    },
    checksum,
    name::{self, Spelling},
    packet::{Packet, Scratch, Tables},
    pass::{Answered, Pass},
    reply::Records,
};

/// Octets of a record before its data: the owner as a pointer, type, class, TTL, length of the data.
const RECORD_HEAD: usize = 12;
/// Bounds an offset in a section for the verifier: the next power of two, less one.
const OFFSET_MASK: usize = 0x7ff;

/// The question's name, as far as records repeat it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// Where it lies in the packet.
    pub(crate) name_at: usize,
    /// Its octets.
    pub(crate) name_len: usize,
    pub(crate) spelling: Spelling,
}

/// The records that a slot names, of the entry that lies at the beginning of the section.
#[inline(always)]
pub(crate) fn records(
    packet: &impl Packet,
    tables: &impl Tables,
    scratch: &mut Scratch,
    zone: u8,
    slot: [u8; SLOT_LEN],
    asked: Asked,
) -> Result<Records, Pass> {
    let [
        _,
        _,
        flags,
        answers,
        additional,
        rotated,
        sum_first,
        sum_second,
        place @ ..,
    ] = slot;
    let class = flags & WHERE_MASK;
    if class == LEFT {
        return Err(Pass::QueryType);
    }
    let (from, len, end, record_len, additional_at, ends) = if class == 0 {
        let [from, len, record_len, additional_at] = place;
        let from = usize::from(from);
        if from < ENTRY_HEAD {
            return Err(Pass::Entry);
        }
        (
            from,
            usize::from(len),
            ENTRY_LEN,
            record_len,
            usize::from(additional_at),
            0,
        )
    } else {
        cold_path();
        let key = u32::from_be_bytes(place);
        let end = tables
            .section(class, key, &mut scratch.section)
            .ok_or(Pass::Entry)?;
        let head: &[u8; SECTION_HEAD] = scratch.section.octets.first_chunk().ok_or(Pass::Entry)?;
        let [
            len_high,
            len_low,
            record_len,
            _,
            at_high,
            at_low,
            _,
            _,
            ends @ ..,
        ] = *head;
        let ends = u64::from_le_bytes(ends);
        if ends != 0 && tables.now() >= ends {
            return Err(Pass::Expired);
        }
        (
            SECTION_HEAD,
            usize::from(u16::from_be_bytes([len_high, len_low])),
            end,
            record_len,
            usize::from(u16::from_be_bytes([at_high, at_low])),
            ends,
        )
    };
    let record_len = usize::from(record_len);
    let len = tables.forget(len);
    if from + len > end {
        return Err(Pass::Entry);
    }
    let mut sum = u64::from(u16::from_le_bytes([sum_first, sum_second]));
    if flags & TARGETS != 0 {
        cold_path();
        let from = tables.forget(from) & OFFSET_MASK;
        let targets = Targets {
            from,
            answers: answers.into(),
            additional: additional.into(),
            additional_at: from + additional_at,
            end: from + len,
        };
        sum += point_at_targets(tables, scratch, targets, asked.name_len)?;
        if !asked.spelling.is_lower() {
            sum += spell_zone(packet, tables, scratch, zone, targets, asked)?;
        }
    }
    Ok(Records {
        from,
        len,
        sum,
        turned: usize::from(rotated) * record_len,
        record_len,
        response_code: 0,
        answered: Answered::Records,
        authoritative: flags & AUTHORITATIVE != 0,
        counts: [answers, 0, additional],
        ends: tables.forget(ends as usize) as u64,
    })
}

/// SRV records and the addresses of their targets, by offsets in [`Scratch::section`].
#[derive(Clone, Copy, Debug)]
struct Targets {
    from: usize,
    answers: usize,
    additional: usize,
    additional_at: usize,
    end: usize,
}

/// Makes the pointers of the additional records those of a question for a name of `name_len` octets; returns what they
/// add to the sum.
#[inline(always)]
fn point_at_targets(
    tables: &impl Tables,
    scratch: &mut Scratch,
    targets: Targets,
    name_len: usize,
) -> Result<u64, Pass> {
    // The header comes before the name, type and class behind it.
    let before = (12 + name_len + 4) as u16;
    let end = tables.forget_in_memory(targets.end) & OFFSET_MASK;
    let mut at = tables.forget_in_memory(targets.additional_at) & OFFSET_MASK;
    for index in 0..ADDITIONAL_MAX {
        if index >= targets.additional {
            break;
        }
        if at + RECORD_HEAD > end {
            return Err(Pass::Entry);
        }
        let head: &mut [u8; RECORD_HEAD] = scratch
            .section
            .octets
            .get_mut(at..)
            .and_then(|rest| rest.first_chunk_mut())
            .ok_or(Pass::Entry)?;
        let [high, low, .., data_len] = head;
        [*high, *low] = u16::from_be_bytes([*high, *low])
            .wrapping_add(before)
            .to_be_bytes();
        // An address has fewer octets than one octet can say.
        let next = at + RECORD_HEAD + usize::from(*data_len);
        at = tables.forget_in_memory(next) & OFFSET_MASK;
    }
    if at != end {
        return Err(Pass::Entry);
    }
    // Addresses have even lengths, so all pointers begin at odd octets, or all at even ones.
    let added = checksum::number(before) * targets.additional as u64;
    Ok(checksum::placed(
        added,
        targets.additional_at - targets.from,
    ))
}

/// Puts the client's spelling of the zone at the end of each target; returns what that adds to the sum.
#[inline(always)]
fn spell_zone(
    packet: &impl Packet,
    tables: &impl Tables,
    scratch: &mut Scratch,
    zone: u8,
    targets: Targets,
    asked: Asked,
) -> Result<u64, Pass> {
    let zone = tables
        .zone_head(zone)
        .filter(|zone| zone.used == 1)
        .ok_or(Pass::Entry)?;
    let zone_len = tables.forget_in_memory(zone.name_len.into()) & 0xff;
    if zone_len > SPELLED_ZONE_MAX {
        return Err(Pass::Spelling);
    }
    let zone_at = asked.name_len.checked_sub(zone_len).ok_or(Pass::Entry)? + asked.name_at;
    let end = tables.forget_in_memory(targets.additional_at) & OFFSET_MASK;
    let mut at = tables.forget_in_memory(targets.from) & OFFSET_MASK;
    let mut odd = 0;
    for index in 0..TARGETS_MAX {
        if index >= targets.answers {
            break;
        }
        if at + RECORD_HEAD > end {
            return Err(Pass::Entry);
        }
        let head: &[u8; RECORD_HEAD] = scratch
            .section
            .octets
            .get(at..)
            .and_then(|rest| rest.first_chunk())
            .ok_or(Pass::Entry)?;
        let [.., len_high, len_low] = *head;
        let next = at + RECORD_HEAD + usize::from(u16::from_be_bytes([len_high, len_low]));
        if next > end || at + RECORD_HEAD + zone_len > next {
            return Err(Pass::Entry);
        }
        let place = next - zone_len;
        packet
            .load(zone_at, &mut scratch.section.octets, place, zone_len)
            .or(Err(Pass::Frame))?;
        odd = tables.forget_in_memory(odd + ((place - targets.from) & 1));
        at = tables.forget_in_memory(next) & OFFSET_MASK;
    }
    if at != end {
        return Err(Pass::Entry);
    }
    // VERIFIER: worked out before the loop, the sums are 80,000 instructions more.
    let spelled =
        name::spelling_of::<SPELLED_ZONE_MAX>(packet, zone_at, zone_len, &mut scratch.names)
            .or(Err(Pass::Frame))?;
    let difference = spelled.sum + u64::from(!checksum::folded(spelled.folded_sum));
    let difference = checksum::folded(difference).into();
    // At odd octets the two octets of each word are swapped (see `checksum`).
    let even = targets.answers.wrapping_sub(odd) as u64 & 0xff;
    let odd = odd as u64 & 0xff;
    let added = even * checksum::placed(difference, 0) + odd * checksum::placed(difference, 1);
    Ok(added)
}
