//! The algorithm in one screen: recognise, parse, look up, reply.

use crate::{
    answer::{Action, Control, EXCEPTIONS_MAX, Entry, SLOT_LEN, SLOTS_MAX},
    checksum, frame, message,
    name::{self, KEY_LENGTHS, Name, Spelling},
    packet::{Failed, Packet, Scratch, Tables},
    pass::{Answered, Pass},
    reply::{self, Records, Reply},
    stored::{self, Asked},
};

/// The most nodes that the walk looks at: a zone, what lies between it and a longer zone, `svc`, a
/// namespace, a service, an endpoint.
const WALK_MAX: usize = 8;

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
    let (frame, control) = frame::recognise(packet, tables, &mut scratch.head, &mut scratch.cell)?;
    if tables.now() >= control.lease {
        return Err(Pass::Lease);
    }
    let additional = message::check_header(&scratch.head)?;
    packet
        .load_words(frame.name_at(), &mut scratch.question, frame.question_len)
        .or(Err(Pass::Frame))?;
    let name = name::parse(&scratch.question, frame.question_len, &mut scratch.labels)?;
    let name = Name {
        len: tables.forget(&mut scratch.cell, name.len) & 0xff,
        labels: tables.forget(&mut scratch.cell, name.labels) & 0x3f,
    };
    let question = message::question(
        &scratch.question,
        tables,
        &mut scratch.cell,
        name.len,
        frame.question_len,
        additional,
    )?;

    let (spelling, found) = look_up(
        packet,
        tables,
        frame.name_at(),
        tables.forget(&mut scratch.cell, name.len),
        &mut scratch.key,
        &mut scratch.entry,
    )
    .or(Err(Pass::Frame))?;
    let records = if found {
        let asked = Asked {
            name_at: frame.name_at(),
            name,
            spelling,
        };
        at_entry(packet, tables, scratch, question.query_type, asked)?
    } else {
        let (form, zone) = closest_encloser(packet, tables, scratch, &frame, name, &control)?;
        let form = tables.forget(&mut scratch.cell, form.into()) as u8;
        let zone = tables.forget(&mut scratch.cell, zone.into()) as u8;
        match action(tables, form, question.query_type)? {
            Action::Pass => return Err(Pass::UnknownName),
            _ if name::is_server(&scratch.question) => return Err(Pass::UnknownName),
            _ if control.denials == 0 => return Err(Pass::NoDenial),
            denied => denial(tables, scratch, denied, zone, name)?,
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
            name,
            spelling,
        },
        records,
    )?;

    // Elements of a map are reused under their readers. If no change of a map was begun since the last
    // one was finished before the look-up, all that was read belonged together and to this name.
    if tables.started() != control.finished {
        return Err(Pass::Changing);
    }
    Ok(reply)
}

/// Copies the entry of the name of `len` octets at `at` of the packet, if there is one.
#[inline(always)]
fn look_up(
    packet: &impl Packet,
    tables: &impl Tables,
    at: usize,
    len: usize,
    key: &mut [u64; 32],
    entry: &mut Entry,
) -> Result<(Spelling, bool), Failed> {
    let [short, middle, _] = KEY_LENGTHS;
    if len <= short {
        let key = key.first_chunk_mut::<5>().ok_or(Failed)?;
        let spelling = name::load_key(packet, at, len, key)?;
        Ok((spelling, tables.entry_40(key, entry)))
    } else if len <= middle {
        let key = key.first_chunk_mut::<8>().ok_or(Failed)?;
        let spelling = name::load_key(packet, at, len, key)?;
        Ok((spelling, tables.entry_64(key, entry)))
    } else {
        let spelling = name::load_key(packet, at, len, key)?;
        Ok((spelling, tables.entry_256(key, entry)))
    }
}

/// What the entry of the question's own name says to its type.
#[inline(always)]
fn at_entry(
    packet: &impl Packet,
    tables: &impl Tables,
    scratch: &mut Scratch,
    query_type: u16,
    asked: Asked,
) -> Result<Records, Pass> {
    match slot(&scratch.entry, query_type) {
        Some(slot) => stored::records(packet, tables, scratch, slot, asked),
        None => match action(tables, scratch.entry.here, query_type)? {
            Action::Pass => Err(Pass::QueryType),
            denied => denial(tables, scratch, denied, scratch.entry.zone, asked.name),
        },
    }
}

/// The slot of a query type.
#[inline(always)]
fn slot(entry: &Entry, query_type: u16) -> Option<[u8; SLOT_LEN]> {
    for index in 0..SLOTS_MAX {
        if index >= usize::from(entry.slots) {
            return None;
        }
        let slot: &[u8; SLOT_LEN] = entry.rest.get(index * SLOT_LEN..)?.first_chunk()?;
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

/// Walks from the zone downwards to the deepest existing ancestor of an absent name (RFC 5155 §1.3);
/// returns its form for names below it, and its zone.
#[inline(always)]
fn closest_encloser(
    packet: &impl Packet,
    tables: &impl Tables,
    scratch: &mut Scratch,
    frame: &frame::Frame,
    name: Name,
    control: &Control,
) -> Result<(u8, u8), Pass> {
    let mut depth = control.zone_labels as usize & 0x3f;
    let (mut form, mut zone) = (0, 0);
    for _ in 0..WALK_MAX {
        // The name itself is known to be absent.
        if depth >= name.labels {
            return Ok((form, zone));
        }
        let index = tables.forget(&mut scratch.cell, name.labels - depth) & 0x3f;
        let Some(start) = scratch.labels.get(index) else {
            return Err(Pass::Name);
        };
        let start = usize::from(*start);
        let len = name.len.wrapping_sub(start) & 0xff;
        let (_, found) = look_up(
            packet,
            tables,
            frame.name_at() + start,
            len,
            &mut scratch.key,
            &mut scratch.node,
        )
        .or(Err(Pass::Frame))?;
        if !found {
            return Ok((form, zone));
        }
        (form, zone) = (scratch.node.below, scratch.node.zone);
        depth = tables.forget(&mut scratch.cell, depth + 1) & 0x3f;
    }
    Err(Pass::UnknownName)
}

/// The zone's denial, brought into scratch.
#[inline(always)]
fn denial(
    tables: &impl Tables,
    scratch: &mut Scratch,
    action: Action,
    zone: u8,
    name: Name,
) -> Result<Records, Pass> {
    let zone = tables
        .zone(zone)
        .filter(|zone| zone.used == 1)
        .ok_or(Pass::Entry)?;
    // The message's header comes before the name; the zone's name ends it.
    let at = (12 + name.len)
        .checked_sub(usize::from(zone.name_len))
        .ok_or(Pass::Entry)?;
    // RFC 1035 §4.1.4.
    let pointer = (0xc000 | at as u16).to_be_bytes();
    let octets = scratch
        .section
        .octets
        .first_chunk_mut()
        .ok_or(Pass::Entry)?;
    *octets = zone.section;
    let mut sum = u64::from(u16::from_le_bytes(zone.sum));
    for index in 0..3 {
        if index >= usize::from(zone.pointers) {
            break;
        }
        let Some(&place) = zone.pointer_at.get(index) else {
            break;
        };
        let place = usize::from(place & 0x7f);
        if let Some(to) = octets.get_mut(place..place + 2) {
            to.copy_from_slice(&pointer);
        }
        sum += checksum::placed(u16::from_le_bytes(pointer), place);
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
