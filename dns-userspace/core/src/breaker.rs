//! The circuit breaker: which clients have probably not got the kernel's answers, and are left to the DNS service for a
//! while. Pure: what the datapath has counted goes in, and what clients are to be rationed comes out.
//!
//! The datapath passes a repeat, and counts a sign; if the question comes once more although the DNS service has answered,
//! it retracts the sign. So a sign is *confirmed* when [`SETTLED`] has passed, and an answer has *arrived*, for all we
//! know, when it has brought no sign by then. A client's circuit opens when, in a row,
//!
//! * [`STRONG`] strong signs are confirmed that are at least a fifth of the answers meanwhile, or
//! * weak ones of [`WEAK`] names, all after the same time-out, while no answer arrives, or
//! * [`ALWAYS`] of any kind while no watched question goes unrepeated: a busy client, of whose questions few are watched. One
//!   of [`BUSY`] answers must bring a sign: the IDs of a load generator come round, too, after 65,536 questions.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use dns_ebpf::answer::{NOTHING, SIGNS, WATCHED_FOR};

/// How long it takes until an answer has brought a sign, or a sign was retracted: a question is watched for so long, and
/// a client is looked at once a second.
const SETTLED: Duration = Duration::from_millis(WATCHED_FOR as u64 + 1_000);
/// See the module's text.
const STRONG: u32 = 3;
const WEAK: u32 = 5;
const ALWAYS: u32 = 64;
const BUSY: u32 = 4_096;
/// Of so many answers one has to bring a sign.
const SHARE: u32 = 5;
/// For how long nothing is answered the first time; it doubles with each time in a row.
const OPEN: Duration = Duration::from_secs(60);
const OPEN_MAX: Duration = Duration::from_secs(3_600);
/// Of so many questions one is answered then.
const RATION: u32 = 100;
/// After so many answers that have arrived, while no sign waits to be confirmed, all are answered again.
const ARRIVED: i64 = 3;
/// Many clients: as many as that, and more than a tenth of those that have asked within [`RECENT`].
const MANY: usize = 3;
const RECENT: Duration = Duration::from_secs(600);
/// A client that has not asked for so long is forgotten.
pub const FORGOTTEN: Duration = Duration::from_secs(7_200);

/// Who asks: the interface that it is behind, and its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// The interface's index.
    pub interface: u32,
    /// The address.
    pub address: Ipv6Addr,
}

impl Source {
    /// The address, as its family writes it.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        let mapped = self.address.to_ipv4_mapped();
        mapped.map_or(IpAddr::V6(self.address), IpAddr::V4)
    }
}

/// What the datapath has counted of a client since it remembers it; see [`Client`](dns_ebpf::answer::Client).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Questions that were answered.
    pub answered: u32,
    /// Watched questions that were not asked again in time.
    pub unrepeated: u32,
    /// How often a weak sign came after another time than the one before.
    pub paces: u32,
    /// Signs, by kind.
    pub signs: [u32; SIGNS],
    /// Signs that were retracted, by kind.
    pub retracted: [u32; SIGNS],
}

/// How a client is answered. It outlives the agent, in the kernel's map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Circuit {
    /// Of so many questions one is answered; zero: all, [`NOTHING`]: none.
    pub ration: u32,
    /// Since when it is so: CLOCK_BOOTTIME, in seconds.
    pub since: u32,
    /// How often it was opened in a row.
    pub times: u32,
}

impl Circuit {
    /// Whether all questions are answered.
    #[must_use]
    pub fn is_closed(self) -> bool {
        self.ration == 0
    }

    /// For how long nothing is answered.
    fn pause(self) -> Duration {
        let doublings = self.times.saturating_sub(1).min(16);
        (OPEN * 2_u32.pow(doublings)).min(OPEN_MAX)
    }

    /// How long it takes until some questions are answered; none if it is not open.
    #[must_use]
    pub fn half_open_in(self, now: Duration) -> Option<Duration> {
        let since = Duration::from_secs(self.since.into());
        (self.ration == NOTHING).then(|| (since + self.pause()).saturating_sub(now))
    }

    fn opened(self, now: Duration) -> Self {
        Self {
            ration: NOTHING,
            since: seconds(now),
            times: self.times.saturating_add(1),
        }
    }
}

/// A client as the kernel's map has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Where it lies.
    pub place: usize,
    /// Who it is.
    pub source: Source,
    /// What was counted.
    pub counted: Counted,
    /// How it is answered.
    pub circuit: Circuit,
    /// How long it has not asked.
    pub quiet: Duration,
}

/// A client that is to be answered otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Where it lies.
    pub place: usize,
    /// Who it is.
    pub source: Source,
    /// How it is to be answered.
    pub circuit: Circuit,
    /// Why; a part of a sentence.
    pub reason: String,
}

/// What is remembered of all clients.
#[derive(Debug, Default)]
pub struct Breaker {
    /// By place and source: two CPUs that meet a new client at once may put it into both its places.
    histories: BTreeMap<(usize, Source), History>,
    /// How many clients have asked lately, and how many of them were not answered as usual.
    clients: usize,
    rationed: usize,
}

impl Breaker {
    /// Takes in what was counted up to `now` (CLOCK_BOOTTIME), once a second; returns what is to be changed.
    pub fn beat(&mut self, now: Duration, seen: &[Seen]) -> Vec<Switch> {
        let mut histories = std::mem::take(&mut self.histories);
        let mut switches = Vec::new();
        for seen in seen {
            let mut history = histories
                .remove(&(seen.place, seen.source))
                .unwrap_or_default();
            if let Some((circuit, reason)) = history.beat(now, seen) {
                history = History::default();
                switches.push(Switch {
                    place: seen.place,
                    source: seen.source,
                    circuit,
                    reason,
                });
            }
            self.histories.insert((seen.place, seen.source), history);
        }
        let switched = |seen: &Seen| {
            let mut switches = switches.iter();
            let switch = switches.find(|switch| switch.place == seen.place);
            switch.map_or(seen.circuit, |switch| switch.circuit)
        };
        let recent = || seen.iter().filter(|seen| seen.quiet < RECENT);
        self.clients = recent().count();
        self.rationed = recent().filter(|seen| !switched(seen).is_closed()).count();
        switches
    }

    /// Whether so many clients do not get their answers that something of the node's own is likely to be wrong: how many,
    /// and of how many.
    #[must_use]
    pub fn many(&self) -> Option<(usize, usize)> {
        let is_many = self.rationed >= MANY && self.rationed * 10 > self.clients;
        is_many.then_some((self.rationed, self.clients))
    }
}

/// What is remembered of a client since its circuit was switched last, or since it was seen first. Counts are from then on.
#[derive(Debug, Default)]
struct History {
    /// What had been counted by then.
    before: Option<Counted>,
    /// What was counted lately, the oldest first.
    samples: VecDeque<(Duration, Counted)>,
    /// Confirmed signs, by kind.
    confirmed: [u32; SIGNS],
    /// Names with a confirmed weak sign: the types of a name are asked for at once, and count once.
    weak_names: u32,
    /// Answers that have arrived: at least so many.
    arrived: i64,
    strong: Row,
    weak: Row,
    always: Row,
}

/// Where a row of signs began.
#[derive(Clone, Copy, Debug, Default)]
struct Row {
    strong: u32,
    all: u32,
    weak_names: u32,
    answered: u32,
    unrepeated: u32,
    paces: u32,
}

impl Counted {
    fn since(self, before: Self) -> Self {
        let each = |now: [u32; SIGNS], before: [u32; SIGNS]| {
            std::array::from_fn(|kind| now[kind].wrapping_sub(before[kind]))
        };
        Self {
            answered: self.answered.wrapping_sub(before.answered),
            unrepeated: self.unrepeated.wrapping_sub(before.unrepeated),
            paces: self.paces.wrapping_sub(before.paces),
            signs: each(self.signs, before.signs),
            retracted: each(self.retracted, before.retracted),
        }
    }

    /// Whether nothing was counted back since: a count wraps, but not within a second.
    fn follows(self, before: Self) -> bool {
        let Self {
            answered,
            unrepeated,
            paces,
            signs,
            retracted,
        } = self.since(before);
        let mut counts = [answered, unrepeated, paces]
            .into_iter()
            .chain(signs)
            .chain(retracted);
        counts.all(|more| more <= u32::MAX / 2)
    }

    fn all_signs(self) -> u32 {
        self.signs
            .iter()
            .fold(0, |all, signs| all.wrapping_add(*signs))
    }
}

impl History {
    fn beat(&mut self, now: Duration, seen: &Seen) -> Option<(Circuit, String)> {
        let circuit = seen.circuit;
        if let Some(left) = circuit.half_open_in(now) {
            let half_open = Circuit {
                ration: RATION,
                since: seconds(now),
                ..circuit
            };
            let reason = format!("is tried again with one answer in {RATION}");
            return (left == Duration::ZERO).then_some((half_open, reason));
        }
        let waits = self.take_in(now, seen.counted);
        if circuit.is_closed() {
            return Some((circuit.opened(now), self.reason_to_open()?));
        }
        if self.confirmed.iter().any(|signs| *signs > 0) {
            let reason = "has asked again what was answered to try it".to_owned();
            return Some((circuit.opened(now), reason));
        }
        (self.arrived >= ARRIVED && !waits).then(|| {
            let reason = format!("has got {ARRIVED} answers");
            (Circuit::default(), reason)
        })
    }

    /// Takes in what was counted, and what has settled of it; says whether a sign is neither confirmed nor retracted.
    fn take_in(&mut self, now: Duration, counted: Counted) -> bool {
        let all = counted;
        let mut counted = all.since(*self.before.get_or_insert(all));
        if matches!(self.samples.back(), Some((_, last)) if !counted.follows(*last)) {
            // While nobody looked, another client had its place.
            *self = Self {
                before: Some(all),
                ..Self::default()
            };
            counted = Counted::default();
        }
        self.samples.push_back((now, counted));
        let has_settled = |time: Duration| time + SETTLED <= now;
        while matches!(self.samples.get(1), Some((time, _)) if has_settled(*time)) {
            self.samples.pop_front();
        }
        let Some((_, settled)) = self
            .samples
            .front()
            .copied()
            .filter(|(time, _)| has_settled(*time))
        else {
            return true;
        };
        let arrived = i64::from(settled.answered) - i64::from(counted.all_signs());
        if arrived > self.arrived || settled.paces != self.weak.paces {
            self.arrived = self.arrived.max(arrived);
            self.weak = self.here(settled);
        }
        let before = self.confirmed;
        for (kind, confirmed) in self.confirmed.iter_mut().enumerate() {
            let signs = settled.signs[kind].saturating_sub(counted.retracted[kind]);
            *confirmed = signs.max(*confirmed);
        }
        self.weak_names += u32::from(before[1..] != self.confirmed[1..]);
        if counted.unrepeated != self.always.unrepeated {
            self.always = self.here(settled);
            self.always.unrepeated = counted.unrepeated;
        }
        let here = self.here(settled);
        let meanwhile = here.answered.wrapping_sub(self.always.answered);
        if meanwhile > BUSY.saturating_mul((here.all - self.always.all).max(1)) {
            self.always = Row {
                unrepeated: self.always.unrepeated,
                ..here
            };
        }
        let meanwhile = here.answered.wrapping_sub(self.strong.answered);
        if meanwhile > SHARE * (here.strong - self.strong.strong).max(1) {
            self.strong = here;
        }
        counted.signs != counted.retracted
    }

    /// A row that begins here.
    fn here(&self, settled: Counted) -> Row {
        Row {
            strong: self.confirmed[0],
            all: self.confirmed.iter().sum(),
            weak_names: self.weak_names,
            answered: settled.answered,
            unrepeated: settled.unrepeated,
            paces: settled.paces,
        }
    }

    fn reason_to_open(&self) -> Option<String> {
        let strong = self.confirmed[0] - self.strong.strong;
        let weak = self.weak_names - self.weak.weak_names;
        let all = self.confirmed.iter().sum::<u32>() - self.always.all;
        if strong >= STRONG {
            return Some(format!(
                "has asked {strong} questions again under the same ID"
            ));
        }
        if weak >= WEAK {
            return Some(format!(
                "has asked for {weak} names again after a time-out, all that it was answered"
            ));
        }
        (all >= ALWAYS).then(|| format!("has asked {all} questions again, all that were watched"))
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
