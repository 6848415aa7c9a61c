//! The algorithm in one screen: recognise, parse, look up, reply.

use core::hint::cold_path;

use crate::{
    answer::{
        Action, ENDPOINTS, ENTRY_HEAD, EXCEPTIONS_MAX, SECTION_MAX, SLOT_LEN, SLOTS_MASK,
        SLOTS_MAX, Section,
    },
    checksum,
    frame::{self, Recognised},
    lookup::{closest_encloser, entry_of, unchanged, unchanged_above},
    message,
    name::{self, Name},
    packet::{Packet, Scratch, Tables},
    pass::{Answered, Pass},
    reply::{self, Records, Reply},
    stored::{self, Asked},
};

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The packet is now the reply: send it back.
    Answered(Answered),
    /// The packet is as it came: let it go on.
    Passed(Pass),
    /// The packet is neither question nor reply: drop it.
    Torn,
}

/// Turns a question that the tables can answer into its reply, in place.
///
/// Until [`Reply::write`] nothing is changed, and every way out is a [`Pass`]; from there on nothing can
/// fail for a reason of the question.
#[inline(always)]
pub fn intercept<P: Packet>(
    packet: &mut P,
    tables: &impl Tables,
    scratch: &mut Scratch,
) -> Outcome {
    match decide(packet, tables, scratch) {
        Ok(reply) => reply.write(packet, scratch),
        Err(pass) => Outcome::Passed(pass),
    }
}

/// Works out the reply without touching the packet; octets of it lie in `scratch`.
///
/// # Errors
///
/// The reason to leave the packet alone.
#[inline(always)]
pub fn decide<P: Packet>(
    packet: &P,
    tables: &impl Tables,
    scratch: &mut Scratch,
) -> Result<Reply, Pass> {
    let Recognised {
        frame,
        control,
        admission,
        is_admitted,
    } = frame::recognise(packet, tables, &mut scratch.frame, &scratch.admitted)?;
    if !is_admitted {
        let now = tables.now();
        if now >= control.lease {
            return Err(Pass::Lease);
        }
        scratch.admitted = admission;
        scratch.time = now;
    }
    let additional = message::check_header(&scratch.frame)?;
    let name_len =
        match message::usual_name_len(&scratch.frame, tables, frame.question_len, additional) {
            Some(len) => len,
            None => {
                cold_path();
                name::parse(&scratch.frame, frame.question_len, &mut scratch.labels)?.len
            }
        };
    let name_len = tables.forget(name_len) & 0xff;
    let question = message::question(
        &scratch.frame,
        tables,
        name_len,
        frame.question_len,
        additional,
    )?;

    let len = tables.forget(name_len);
    let (place, spelling) =
        name::fold_question(&scratch.frame, len, &mut scratch.names).or(Err(Pass::Frame))?;
    let place = tables.forget(place);
    let len = tables.forget(name_len);
    let records = match entry_of(tables, &scratch.names, place, len, &mut scratch.section) {
        Some(head) => {
            let asked = Asked {
                name_at: frame.name_at(),
                name_len,
                spelling,
            };
            let [_, _, _, slots] = head;
            if slots & ENDPOINTS != 0 && scratch.time >= control.endpoints {
                return Err(Pass::Endpoints);
            }
            at_entry(packet, tables, scratch, head, question.query_type, asked)?
        }
        None => {
            // VERIFIER: what the look at the message's end has told of its length would be followed through the walk.
            let question_len = tables.forget_in_memory(frame.question_len);
            let name = name::parse(&scratch.frame, question_len, &mut scratch.labels)?;
            let name = Name {
                len: tables.forget_in_memory(name.len) & 0xff,
                labels: tables.forget_in_memory(name.labels) & 0x3f,
            };
            if name.len != name_len {
                return Err(Pass::Trailing);
            }
            let encloser = closest_encloser(tables, scratch, place, name, &control)?;
            let form = tables.forget_in_memory(encloser.below.into()) as u8;
            let zone = tables.forget_in_memory(encloser.zone.into()) as u8;
            if tables.started() != control.finished {
                cold_path();
                unchanged_above(tables, scratch, place, name, encloser, &control)?;
            }
            match action(tables, form, question.query_type)? {
                Action::Pass => return Err(Pass::UnknownName),
                _ if name::is_server(&scratch.frame) => return Err(Pass::UnknownName),
                _ if name::asks_for_any(&scratch.frame) => return Err(Pass::UnknownName),
                _ if scratch.time >= control.denials => return Err(Pass::NoDenial),
                denied => denial(tables, scratch, denied, zone, name.len)?,
            }
        }
    };
    let reply = reply::prepare(
        packet,
        tables,
        scratch,
        reply::Asked {
            frame,
            control,
            question,
            name_len,
            spelling,
        },
        records,
    )?;
    if tables.started() != control.finished {
        cold_path();
        // Worked out again, so that it takes no stack in between.
        let place = name::place_of(tables.forget(name_len));
        unchanged(tables, &scratch.names, place, &control)?;
    }
    Ok(reply)
}

/// What the entry of the question's own name says to its type; it lies at the beginning of the section.
#[inline(always)]
fn at_entry(
    packet: &impl Packet,
    tables: &impl Tables,
    scratch: &mut Scratch,
    [zone, here, _, slots]: [u8; ENTRY_HEAD],
    query_type: u16,
    asked: Asked,
) -> Result<Records, Pass> {
    match slot(tables, &scratch.section, slots, query_type) {
        Some(slot) => stored::records(packet, tables, scratch, zone, slot, asked),
        None => match action(tables, here, query_type)? {
            Action::Pass => Err(Pass::QueryType),
            denied => denial(tables, scratch, denied, zone, asked.name_len),
        },
    }
}

/// The slot of a query type.
#[inline(always)]
fn slot(
    tables: &impl Tables,
    entry: &Section<SECTION_MAX>,
    slots: u8,
    query_type: u16,
) -> Option<[u8; SLOT_LEN]> {
    for index in 0..SLOTS_MAX {
        // VERIFIER: of a number that it knows LLVM would make a loop that counts down to zero. Linux 5.10 and 6.1 learn
        // from no comparison with zero that a number is above it, and so find no end of such a loop.
        if index >= tables.forget((slots & SLOTS_MASK).into()) {
            return None;
        }
        let at = ENTRY_HEAD + index * SLOT_LEN;
        let slot: &[u8; SLOT_LEN] = entry.octets.get(at..)?.first_chunk()?;
        let [high, low, ..] = *slot;
        if u16::from_be_bytes([high, low]) == query_type {
            return Some(*slot);
        }
    }
    None
}

/// What a form says of a query type.
#[inline(always)]
fn action(tables: &impl Tables, form: u8, query_type: u16) -> Result<Action, Pass> {
    let form = tables.form(form).ok_or(Pass::Entry)?;
    let mut says = form.otherwise;
    for index in 0..EXCEPTIONS_MAX {
        if index >= usize::from(form.exceptions) {
            break;
        }
        if let Some([high, low, excepted, _]) = form
            .rest
            .get(index * 4..)
            .and_then(|rest| rest.first_chunk::<4>())
            && u16::from_be_bytes([*high, *low]) == query_type
        {
            says = *excepted;
        }
    }
    Ok(match says {
        1 => Action::Nodata,
        2 => Action::Nxdomain,
        _ => Action::Pass,
    })
}

/// The zone's denial, brought into scratch.
#[inline(always)]
fn denial(
    tables: &impl Tables,
    scratch: &mut Scratch,
    action: Action,
    zone: u8,
    name_len: usize,
) -> Result<Records, Pass> {
    let zone = tables
        .zone(zone, &mut scratch.section)
        .filter(|zone| zone.used == 1)
        .ok_or(Pass::Entry)?;
    // The message's header comes before the name; the zone's name ends it.
    let at = (12 + name_len)
        .checked_sub(usize::from(zone.name_len))
        .ok_or(Pass::Entry)?;
    // RFC 1035 §4.1.4.
    let pointer = (0xc000 | at as u16).to_be_bytes();
    let mut sum = u64::from(u16::from_le_bytes(zone.sum));
    for index in 0..3 {
        if index >= usize::from(zone.pointers) {
            break;
        }
        let Some(&place) = zone.pointer_at.get(index) else {
            break;
        };
        let place = usize::from(place & 0x7f);
        if let Some(to) = scratch.section.octets.get_mut(place..place + 2) {
            to.copy_from_slice(&pointer);
        }
        sum += checksum::placed(u16::from_le_bytes(pointer).into(), place);
    }
    let (response_code, answered) = match action {
        Action::Nxdomain => (3, Answered::Nxdomain),
        Action::Nodata | Action::Pass => (0, Answered::Nodata),
    };
    Ok(Records {
        from: 0,
        len: usize::from(zone.section_len),
        sum,
        turned: 0,
        record_len: 0,
        response_code,
        answered,
        authoritative: true,
        counts: [0, 1, 0],
        ends: 0,
    })
}
