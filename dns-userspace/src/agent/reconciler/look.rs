//! A look at what the datapath has counted, once a minute: what a person should know of it.

use std::{collections::BTreeMap, net::SocketAddr};

use dns_ebpf::Pass;
use tokio::time::Instant;

use super::Reconciler;
use crate::datapath::counters::Counts;

/// What was counted until the last look.
#[derive(Debug, Default)]
pub(super) struct LastLook {
    /// Questions to known DNS addresses.
    known: u64,
    unknown: BTreeMap<SocketAddr, u64>,
    torn: u64,
}

/// What was counted between two looks.
#[derive(Debug, PartialEq, Eq)]
struct Lately {
    /// The address that is no known DNS address and was asked most, and how often; none if a known one was asked, or
    /// nobody asked at all.
    elsewhere: Option<(SocketAddr, u64)>,
    torn: u64,
}

impl LastLook {
    /// What was counted since.
    fn take(&mut self, counts: &Counts) -> Lately {
        let unknown = Pass::UnknownDestination.label();
        let all = counts.answered.iter().chain(&counts.passed);
        let known = all
            .filter(|(label, _)| *label != unknown)
            .map(|(_, count)| count)
            .sum();
        let asked = counts.unknown_destinations.iter();
        let asked = asked.map(|(address, count)| {
            // The kernel forgets addresses that are seldom asked; one that comes back counts from one again.
            let before = self.unknown.get(address).filter(|before| *before <= count);
            (*address, count - before.unwrap_or(&0))
        });
        let most = asked
            .filter(|(_, count)| *count > 0)
            .max_by_key(|(_, count)| *count);
        let lately = Lately {
            elsewhere: most.filter(|_| known == self.known),
            torn: counts.torn.saturating_sub(self.torn),
        };
        *self = Self {
            known,
            unknown: counts.unknown_destinations.iter().copied().collect(),
            torn: counts.torn,
        };
        lately
    }
}

impl Reconciler {
    /// Begins to count from here: the maps may be an earlier agent's.
    pub(super) fn begin_to_look(&mut self) {
        if let Ok(counts) = self.store.counts() {
            self.last_look.take(&counts);
        }
    }

    /// Says when interfaces are attached and those who ask lately ask no known DNS address, and when packets were lost.
    pub(super) fn look(&mut self) {
        let Ok(counts) = self.store.counts() else {
            return;
        };
        let Lately { elsewhere, torn } = self.last_look.take(&counts);
        let now = Instant::now();
        if let Some((address, questions)) = elsewhere
            && self.told.is_new("nobody asks a known address", now)
        {
            tracing::warn!(
                "attached to {} interfaces, and in the last minute nobody asked a known DNS address: {address} was asked \
                 ({questions} questions); if that is the cluster's DNS, name it by --dns-address",
                self.interfaces.borrow().attached
            );
        }
        if torn > 0 && self.told.is_new("packets were torn", now) {
            tracing::error!(
                "{torn} packets were dropped in the last minute because a reply failed half-way and the question could not \
                 be put back; this is a fault of zerohop or of the kernel: `zerohop detach` leaves all to the DNS service"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(answered: u64, unknown: &[(&str, u64)]) -> Counts {
        let unknown_destinations = unknown
            .iter()
            .map(|(address, count)| (address.parse().unwrap(), *count));
        Counts {
            answered: vec![("answer", answered)],
            // Of all time: it stays when the kernel forgets an address.
            passed: vec![(Pass::UnknownDestination.label(), 1000)],
            unknown_destinations: unknown_destinations.collect(),
            ..Counts::default()
        }
    }

    /// What each of these looks finds, after a first one that only begins.
    fn looks<const N: usize>(all: [Counts; N]) -> Vec<Option<(String, u64)>> {
        let mut last = LastLook::default();
        let all = all.iter().map(|counts| last.take(counts).elsewhere);
        let all = all.map(|most| most.map(|(address, count)| (address.to_string(), count)));
        all.skip(1).collect()
    }

    #[test]
    fn a_stray_question_is_noticed_by_one_look_and_not_by_those_after_it() {
        let stray = [("192.0.2.1:53", 1)];
        let found = looks([
            counts(5, &[]),
            counts(5, &stray),
            counts(5, &stray),
            counts(5, &stray),
        ]);
        assert_eq!(found, [Some(("192.0.2.1:53".into(), 1)), None, None]);
    }

    #[test]
    fn what_an_earlier_agent_has_counted_is_no_news() {
        let found = looks([
            counts(5, &[("192.0.2.1:53", 700)]),
            counts(5, &[("192.0.2.1:53", 700)]),
        ]);
        assert_eq!(found, [None]);
    }

    #[test]
    fn the_address_that_was_asked_most_lately_is_named_unless_a_known_one_was_asked() {
        let before = [("192.0.2.1:53", 700), ("[2001:db8::1]:53", 3)];
        let after = [("192.0.2.1:53", 701), ("[2001:db8::1]:53", 5)];
        let found = looks([counts(5, &before), counts(5, &after)]);
        assert_eq!(found, [Some(("[2001:db8::1]:53".into(), 2))]);
        let found = looks([counts(5, &before), counts(6, &after)]);
        assert_eq!(found, [None]);
    }

    #[test]
    fn an_address_that_the_kernel_has_forgotten_and_met_again_counts_anew() {
        let of = |count| counts(5, &[("192.0.2.1:53", count)]);
        let found = looks([of(700), of(2), counts(5, &[]), of(3)]);
        let named = |count| Some(("192.0.2.1:53".to_owned(), count));
        assert_eq!(found, [named(2), None, named(3)]);
    }
}
