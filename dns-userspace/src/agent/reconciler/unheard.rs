//! Clients that have probably not got the kernel's answers: see [`breaker`](dns_core::breaker).

use std::{collections::BTreeMap, time::Duration};

use dns_core::breaker::{Breaker, FORGOTTEN, Seen, Source, Switch};

use crate::{
    datapath::{
        clients::{Clients, interface_name},
        control,
    },
    telemetry::{BreakerReport, UnheardReport},
};

/// How many clients are named.
const NAMED: usize = 100;

/// The breaker, and what it works on.
#[derive(Debug)]
pub(super) struct Unheard {
    clients: Clients,
    breaker: Breaker,
    /// Why each of them is not answered as usual.
    reasons: BTreeMap<Source, String>,
    /// How often a circuit was opened.
    opened: u64,
    /// Whether it was said that there are many.
    said_many: bool,
    report: BreakerReport,
}

impl Unheard {
    pub(super) fn new(clients: Clients) -> Self {
        Self {
            clients,
            breaker: Breaker::default(),
            reasons: BTreeMap::new(),
            opened: 0,
            said_many: false,
            report: BreakerReport::default(),
        }
    }

    /// Looks at what the datapath has counted, and switches what is to be switched.
    pub(super) fn beat(&mut self) {
        let now = Duration::from_nanos(control::now());
        let mut seen: Vec<Seen> = self.clients.seen().collect();
        // A client that is gone leaves its place to others.
        seen.retain(|seen| {
            let has_no_interface = || {
                let name = interface_name(seen.source.interface);
                name.is_ok_and(|name| name.is_none())
            };
            let is_gone = seen.quiet > FORGOTTEN || !seen.circuit.is_closed() && has_no_interface();
            if is_gone {
                self.clients.forget(seen);
            }
            !is_gone
        });
        let switches = self.breaker.beat(now, &seen);
        for switch in &switches {
            if self.clients.switch(switch) {
                self.note(now, switch);
            }
            let mut seen = seen.iter_mut();
            if let Some(seen) = seen.find(|seen| seen.place == switch.place) {
                seen.circuit = switch.circuit;
            }
        }
        self.warn_of_many();
        seen.retain(|seen| !seen.circuit.is_closed());
        self.reasons
            .retain(|source, _| seen.iter().any(|seen| seen.source == *source));
        self.report = self.reported(now, &seen);
    }

    fn note(&mut self, now: Duration, switch: &Switch) {
        let Switch {
            source,
            circuit,
            reason,
            ..
        } = switch;
        let interface = name_of(*source);
        let client = source.ip();
        if let Some(pause) = circuit.half_open_in(now) {
            self.opened += 1;
            tracing::warn!(
                %interface, %client,
                "the client {reason}, and has probably not got the kernel's answers: the DNS service answers it for {} s; find out what keeps replies from it, such as a checksum or a filter behind its interface",
                pause.as_secs()
            );
            self.reasons.insert(*source, reason.clone());
        } else {
            tracing::info!(%interface, %client, "the client {reason}");
        }
    }

    /// Says when many clients do not get their answers, and when it is over.
    fn warn_of_many(&mut self) {
        let many = self.breaker.many();
        match (many, self.said_many) {
            (Some((unheard, all)), false) => tracing::error!(
                "{unheard} of {all} clients of this node have probably not got the kernel's answers: something of the node itself may keep replies from pods; the DNS service answers these clients, and `zerohop detach` leaves everything to it"
            ),
            (None, true) => tracing::info!("most clients get the kernel's answers again"),
            _ => {}
        }
        self.said_many = many.is_some();
    }

    fn reported(&self, now: Duration, seen: &[Seen]) -> BreakerReport {
        let named = seen.iter().take(NAMED).map(|seen| UnheardReport {
            interface: name_of(seen.source),
            client: seen.source.ip().to_string(),
            seconds_left: seen.circuit.half_open_in(now).map(|left| left.as_secs()),
            times: seen.circuit.times,
            reason: self.reasons.get(&seen.source).cloned(),
        });
        BreakerReport {
            unheard: u64::try_from(seen.len()).unwrap_or(u64::MAX),
            opened: self.opened,
            many: self.said_many,
            first: named.collect(),
        }
    }

    pub(super) fn report(&self) -> BreakerReport {
        self.report.clone()
    }
}

/// The interface's name, or its number.
fn name_of(source: Source) -> String {
    let name = interface_name(source.interface).ok().flatten();
    name.unwrap_or_else(|| format!("number {}", source.interface))
}
