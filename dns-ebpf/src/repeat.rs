//! Who asks the same again has probably not got the answer. Repeats of what is watched are counted and left to the DNS
//! service, so that a second try has another way; what follows from their number, the agent decides. Of a client with many
//! questions under way some are watched.
//!
//! A sign is *strong* when name, type and ID are the same (resolvers of the C libraries, of c-ares, Java and systemd), and
//! *weak* when name and type are asked again a usual time-out later under another ID (Go's resolver), with nothing answered
//! between but the name's other types. A name that is asked for again although the DNS service has answered is *polled*: its
//! repeats mean nothing.

use core::{cell::Cell, hint::cold_path};

use crate::{
    answer::{CLIENTS_MAX, Client, NOTHING, SIGNS, TIME_OUTS, WATCHED_FOR, WATCHED_MAX, units_of},
    packet::Tables,
    pass::Pass,
};

/// [`Client::states`]: answered.
const ANSWERED: u32 = 0;
/// Answered, and asked again meanwhile under another ID: by somebody else, for all we know.
const SHARED: u32 = 1;
/// Left to the DNS service, because it was asked again: by a sign of the kind that is added to this.
const LEFT: u32 = 2;
/// A kind that is not counted: the ID was the same, but so late that a retraction would come too late.
const UNCOUNTED: u32 = 7;

/// The shortest time after which a question is asked again because its answer has not come: nine tenths of the shortest
/// time-out.
const PAUSE: i32 = units_of(TIME_OUTS[0] / 10 * 9) as i32;
/// [`WATCHED_FOR`].
const WATCHED: i32 = units_of(WATCHED_FOR) as i32;

/// A question that is about to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The interface that it came in on, and its sender.
    pub(crate) interface: u32,
    pub(crate) source: [u32; 4],
    /// A mark of its name, whatever its letter case: not zero.
    pub(crate) name: u32,
    pub(crate) query_type: u16,
    /// The sender's port, and behind it the ID.
    pub(crate) id: u32,
    /// The time, in [`units`](crate::answer::units).
    pub(crate) now: u32,
}

/// Notes that a question is being answered, unless it is to be left to the DNS service.
///
/// # Errors
///
/// It is a repeat, or its client is not answered for the time being.
#[inline(always)]
pub(crate) fn look(tables: &impl Tables, asked: Asked) -> Result<(), Pass> {
    // Where all places are taken, a client is answered and not watched.
    let Some(client) = client_of(tables, &asked) else {
        return Ok(());
    };
    if client.name.get() != asked.name {
        client.name.set(asked.name);
        client.since.set(asked.now);
    }
    client.last.set(asked.now);
    let ration = client.ration.get();
    if ration == NOTHING {
        cold_path();
        return Err(Pass::Unheard);
    }
    // Odd numbers, so that neither mark is zero.
    let question = asked.name ^ (u32::from(asked.query_type) << 1);
    let place = tables.forget(place_of(client, question));
    if place < WATCHED_MAX {
        if again(tables, client, place, &asked) {
            cold_path();
            return Err(Pass::Repeat);
        }
    } else {
        // What is watched is answered until it is certain whether its answers arrive.
        if ration != 0 && !tables.random().is_multiple_of(ration) {
            cold_path();
            return Err(Pass::Unheard);
        }
        watch(tables, client, question, &asked);
    }
    count(&client.answered);
    Ok(())
}

/// The memory of a question's client; a new one where there is room.
#[inline(always)]
fn client_of<'tables>(tables: &'tables impl Tables, asked: &Asked) -> Option<&'tables Client> {
    let [first, second, third, fourth] = asked.source;
    let low = u64::from(second ^ fourth);
    let mixed = low | u64::from(asked.interface ^ first ^ third) << 32;
    // The fractional part of the golden ratio spreads what differs over the high bits.
    let spread = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    let place = tables.forget(spread as usize) % CLIENTS_MAX;
    let client = tables.client(place)?;
    if is(client, asked) {
        return Some(client);
    }
    cold_path();
    let neighbour = tables.client(place ^ 1)?;
    if is(neighbour, asked) {
        return Some(neighbour);
    }
    let free = if is_free(client, asked.now) {
        place
    } else if is_free(neighbour, asked.now) {
        place ^ 1
    } else {
        return None;
    };
    let free = tables.client(tables.forget(free) % CLIENTS_MAX)?;
    begin(free, asked);
    Some(free)
}

#[inline(always)]
fn is(client: &Client, asked: &Asked) -> bool {
    let mut difference = client.interface.get() ^ asked.interface;
    for (one, other) in client.source.iter().zip(asked.source) {
        difference |= one.get() ^ other;
    }
    difference == 0
}

/// Whether another client may be remembered here instead.
#[inline(always)]
fn is_free(client: &Client, now: u32) -> bool {
    let is_idle = elapsed(client.last.get(), now) >= WATCHED;
    client.interface.get() == 0 || is_idle && client.ration.get() == 0
}

/// Remembers another client.
#[inline(always)]
fn begin(client: &Client, asked: &Asked) {
    client.answered.set(0);
    client.unrepeated.set(0);
    zero(&client.questions);
    zero(&client.polled);
    zero(&client.signs);
    zero(&client.retracted);
    for (to, from) in client.source.iter().zip(asked.source) {
        to.set(from);
    }
    client.name.set(0);
    client.interface.set(asked.interface);
}

/// Where a question is watched; [`WATCHED_MAX`]: nowhere.
#[inline(always)]
fn place_of(client: &Client, question: u32) -> usize {
    for (place, watched) in client.questions.iter().enumerate() {
        if watched.get() == question {
            return place;
        }
    }
    WATCHED_MAX
}

/// Watches a question in place of one that was not asked again in time, if the next is such a one. So of a busy client
/// some questions are watched, each of them long enough.
#[inline(always)]
fn watch(tables: &impl Tables, client: &Client, question: u32, asked: &Asked) {
    let next = client.next.get();
    client.next.set(next.wrapping_add(1));
    let place = tables.forget(next as usize) & (WATCHED_MAX - 1);
    let (Some(watched), Some(state), Some(before), Some(id)) = (
        client.questions.get(place),
        client.states.get(place),
        client.asked.get(place),
        client.ids.get(place),
    ) else {
        return;
    };
    if watched.get() != 0 {
        if elapsed(before.get(), asked.now) < WATCHED {
            return;
        }
        if state.get() < LEFT {
            count(&client.unrepeated);
        }
    }
    watched.set(question);
    state.set(ANSWERED);
    before.set(asked.now);
    id.set(asked.id);
}

/// Takes in that a watched question is asked again; says whether it is a repeat that is to be left to the DNS service.
#[inline(always)]
fn again(tables: &impl Tables, client: &Client, place: usize, asked: &Asked) -> bool {
    // VERIFIER: known to be a place, it would be no bounded number any more.
    let place = tables.forget(place) & (WATCHED_MAX - 1);
    let (Some(before), Some(state), Some(id)) = (
        client.asked.get(place),
        client.states.get(place),
        client.ids.get(place),
    ) else {
        return false;
    };
    let age = elapsed(before.get(), asked.now);
    let was = state.get();
    // Of the many who ask a name under any ID, one has chosen the same by chance now and then.
    let compared = if was == SHARED { u32::MAX } else { 0xffff };
    let is_same = (id.get() ^ asked.id) & compared == 0;
    // What a busy client asks all the time.
    if was == SHARED && !is_same && age < WATCHED {
        return false;
    }
    cold_path();
    // Nothing else was asked for since.
    let is_alone = elapsed(client.since.get(), before.get()) >= 0;
    let time_out = if is_alone { time_out_of(age as u32) } else { 0 };
    // VERIFIER: one of few numbers, for each of which it would verify what follows.
    let time_out = tables.forget(time_out as usize) as u32;
    let is_old = age >= WATCHED;
    let becomes = if was >= LEFT {
        let kind = was - LEFT;
        let is_polled = match kind {
            0 | UNCOUNTED => is_same,
            _ => time_out == kind,
        };
        if is_polled {
            add(tables, &client.retracted, kind);
            note_polled(client, asked.name);
        }
        ANSWERED
    } else {
        let is_strong = is_same && age >= PAUSE;
        let is_weak = !is_same && was == ANSWERED && time_out != 0;
        if (is_strong || is_weak) && !is_polled(client, asked.name) {
            let kind = match (is_same, is_old) {
                (true, false) => 0,
                (true, true) => UNCOUNTED,
                (false, _) => time_out,
            };
            add(tables, &client.signs, kind);
            if is_weak {
                note_pace(client, age as u32);
            }
            LEFT + kind
        } else if is_old || is_same || is_weak {
            if is_old {
                count(&client.unrepeated);
            }
            ANSWERED
        } else {
            SHARED
        }
    };
    let becomes = tables.forget(becomes as usize) as u32;
    if becomes == SHARED {
        state.set(SHARED);
        return false;
    }
    state.set(becomes);
    before.set(asked.now);
    id.set(asked.id);
    becomes != ANSWERED
}

/// How long it is since `then`; below zero where another CPU's clock was looked at a tick later than this one's.
#[inline(always)]
fn elapsed(then: u32, now: u32) -> i32 {
    now.wrapping_sub(then) as i32
}

/// The kind of weak sign that a repeat after so long a time is: within a tenth of a usual time-out. Zero: none.
#[inline(always)]
fn time_out_of(age: u32) -> u32 {
    let mut kind = 0;
    for (index, time_out) in TIME_OUTS.into_iter().enumerate() {
        if age.wrapping_sub(units_of(time_out / 10 * 9)) <= units_of(time_out / 5) {
            kind = index as u32 + 1;
        }
    }
    kind
}

/// Whether the name is known to be asked for again whoever answers.
#[inline(always)]
fn is_polled(client: &Client, name: u32) -> bool {
    let [first, second, third, fourth] = &client.polled;
    // VERIFIER: without branches, or what follows would be verified for each place.
    let is = |polled: &Cell<u32>| u64::from(polled.get() ^ name).wrapping_sub(1) >> 63;
    is(first) | is(second) | is(third) | is(fourth) != 0
}

/// Remembers a name that is asked for again whoever answers.
#[inline(always)]
fn note_polled(client: &Client, name: u32) {
    let [first, second, third, fourth] = &client.polled;
    fourth.set(third.get());
    third.set(second.get());
    second.set(first.get());
    first.set(name);
}

/// Notes after how long a weak sign came: a time-out is the same each time.
#[inline(always)]
fn note_pace(client: &Client, age: u32) {
    let pace = client.pace.get();
    if age.wrapping_sub(pace).wrapping_add(pace / 64) > pace / 32 {
        client.pace.set(age);
        count(&client.paces);
    }
}

#[inline(always)]
fn add(tables: &impl Tables, counts: &[Cell<u32>; SIGNS], kind: u32) {
    if let Some(counted) = counts.get(tables.forget(kind as usize) & 7) {
        count(counted);
    }
}

#[inline(always)]
fn zero<const N: usize>(cells: &[Cell<u32>; N]) {
    for cell in cells {
        cell.set(0);
    }
}

#[inline(always)]
fn count(counted: &Cell<u32>) {
    counted.set(counted.get().wrapping_add(1));
}
