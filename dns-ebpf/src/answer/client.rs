//! What the datapath remembers of a client: what it was answered lately, and how often it has asked the same again.

use core::cell::Cell;

/// The number of clients that are remembered.
pub const CLIENTS_MAX: usize = 1024;
/// How many questions of a client are watched at a time.
pub const WATCHED_MAX: usize = 8;
/// [`Client::ration`]: nothing is answered.
pub const NOTHING: u32 = u32::MAX;
/// The kinds of signs that a client has not got an answer: the ID was the same, or it was a usual time-out later, one of
/// [`TIME_OUTS`].
pub const SIGNS: usize = 1 + TIME_OUTS.len();
/// The time-outs after which resolvers usually ask again, in milliseconds.
pub const TIME_OUTS: [u32; 4] = [1_000, 2_000, 2_500, 5_000];
/// How long a question is watched, in milliseconds: longer than any of [`TIME_OUTS`], and a tenth of it.
pub const WATCHED_FOR: u32 = 6_000;

/// A client, that is an interface and a source address, in memory that agent and kernel share.
///
/// What every question needs lies in the first 64 octets. The kernel writes all but what is said to be the agent's. CPUs may
/// write at once: a count may be lost. Times count in [`units`] of CLOCK_BOOTTIME, and wrap.
#[repr(C, align(64))]
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The index of the interface that it is behind; zero: there is no client here.
    pub interface: Cell<u32>,
    /// Its address as it lies in memory; IPv4 as an IPv4-mapped IPv6 address.
    pub source: [Cell<u32>; 4],
    /// The mark of the name that it has asked for last; names that are left to the DNS service do not count.
    pub name: Cell<u32>,
    /// When it asked last.
    pub last: Cell<u32>,
    /// Written by the agent: of so many questions one is answered; zero: all, [`NOTHING`]: none.
    pub ration: Cell<u32>,
    /// Marks of the questions that are watched (name and type); zero: none.
    pub questions: [Cell<u32>; WATCHED_MAX],
    /// Their ports and, behind those, IDs.
    pub ids: [Cell<u32>; WATCHED_MAX],
    /// When they were asked last.
    pub asked: [Cell<u32>; WATCHED_MAX],
    /// What became of them then.
    pub states: [Cell<u32>; WATCHED_MAX],
    /// Marks of the last names that turned out to be asked for again and again, whoever answers.
    pub polled: [Cell<u32>; 4],
    /// Which question is watched next.
    pub next: Cell<u32>,
    /// How many of its questions were answered.
    pub answered: Cell<u32>,
    /// Since when it has asked for no other name than `name`.
    pub since: Cell<u32>,
    /// How many of those that were watched were not asked again in time.
    pub unrepeated: Cell<u32>,
    /// How many were asked again, by kind of sign.
    pub signs: [Cell<u32>; SIGNS],
    /// How many of these signs meant nothing: the question was asked once more after the DNS service had answered it.
    pub retracted: [Cell<u32>; SIGNS],
    /// After how long the last weak sign came, and how often that was another time than before, by more than a sixty-fourth.
    pub pace: Cell<u32>,
    /// See `pace`.
    pub paces: Cell<u32>,
    /// Written by the agent: since when it is so, in seconds of CLOCK_BOOTTIME.
    pub rationed_at: Cell<u32>,
    /// Written by the agent: how often it has been so in a row.
    pub times: Cell<u32>,
    /// Zero.
    pub reserved: [Cell<u32>; 2],
}

const _: () = assert!(size_of::<Client>() == 256);

/// A time of CLOCK_BOOTTIME in nanoseconds in units of 2^20 nanoseconds, which is about a millisecond.
#[inline(always)]
#[must_use]
pub const fn units(nanoseconds: u64) -> u32 {
    (nanoseconds >> 20) as u32
}

/// Milliseconds in such units.
#[must_use]
pub const fn units_of(milliseconds: u32) -> u32 {
    units(milliseconds as u64 * 1_000_000)
}
