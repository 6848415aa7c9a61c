//! The task that asks the DNS service for the targets of ExternalName services.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use dns_core::external::{Question, Resolved};
use futures_util::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use hickory_proto::rr::Name;
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::{
    Report,
    lookup::{DnsService, Failure, Reply},
    schedule::{Schedule, Turn},
};

/// How many questions are in flight at most.
const IN_FLIGHT: usize = 16;
/// How long a reply is awaited: CoreDNS's `forward` gives up after 5 seconds itself.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the cluster's DNS service for external names, for as long as they are wanted, and again
/// before its answers end.
pub struct Resolver<Clock> {
    /// The addresses of the real DNS service. Empty: nothing is asked until there is one.
    pub servers: watch::Receiver<Vec<SocketAddr>>,
    /// What ExternalName services point to, outside the zones of the cluster: fully qualified.
    pub wanted: watch::Receiver<BTreeSet<Name>>,
    /// Where answers go. The task ends when nobody listens there.
    pub resolved: mpsc::Sender<Resolved>,
    /// Where it is told how it goes.
    pub report: watch::Sender<Report>,
    /// CLOCK_BOOTTIME in nanoseconds.
    pub clock: Clock,
    /// How long a reply is awaited.
    pub patience: Duration,
}

/// A question that was sent, until its reply.
type Flight = BoxFuture<'static, Landed>;

/// The reply to a question.
struct Landed {
    question: Question,
    /// When it was asked, on the monotonic clock and by `Resolver::clock`.
    asked: (Instant, u64),
    reply: Result<Reply, Failure>,
}

impl<Clock: Fn() -> u64> Resolver<Clock> {
    /// A resolver with the usual patience.
    pub fn new(
        servers: watch::Receiver<Vec<SocketAddr>>,
        wanted: watch::Receiver<BTreeSet<Name>>,
        resolved: mpsc::Sender<Resolved>,
        report: watch::Sender<Report>,
        clock: Clock,
    ) -> Self {
        Self {
            servers,
            wanted,
            resolved,
            report,
            clock,
            patience: PATIENCE,
        }
    }

    /// Runs until nobody listens to `resolved`, or one of the other channels is closed.
    pub async fn run(mut self) {
        let mut schedule = Schedule::default();
        let mut flights = FuturesUnordered::<Flight>::new();
        let mut service = None;
        self.servers.mark_changed();
        self.wanted.mark_changed();
        loop {
            let now = Instant::now();
            while flights.len() < IN_FLIGHT
                && let Some(question) = schedule.take_due(now)
            {
                flights.push(self.depart(question, service.clone(), now));
            }
            let report = schedule.report(now);
            self.report.send_if_modified(|shown| {
                let modified = *shown != report;
                *shown = report;
                modified
            });
            let wake = next_wake(&schedule, now, flights.len() < IN_FLIGHT);
            tokio::select! {
                biased;
                () = self.resolved.closed() => return,
                changed = self.servers.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let addresses = self.servers.borrow_and_update().clone();
                    if addresses.is_empty() {
                        tracing::info!(
                            "no address of the DNS service is known: external names are left to it"
                        );
                    }
                    service = DnsService::at(&addresses, self.patience);
                    flights.clear();
                    schedule.start_over(Instant::now());
                }
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let targets = self.wanted.borrow_and_update().clone();
                    schedule.want(&targets, Instant::now());
                }
                Some(landed) = flights.next() => {
                    if self.land(&mut schedule, landed).await.is_err() {
                        return;
                    }
                }
                () = wake => {}
            }
        }
    }

    /// Sends a question.
    fn depart(&self, question: Question, service: Option<DnsService>, now: Instant) -> Flight {
        let asked = (now, (self.clock)());
        Box::pin(async move {
            let reply = match service {
                Some(service) => service.ask(&question).await,
                None => Err(Failure::NoAddress),
            };
            Landed {
                question,
                asked,
                reply,
            }
        })
    }

    /// Takes a reply in and passes it on.
    ///
    /// # Errors
    /// Nobody listens any more.
    async fn land(
        &self,
        schedule: &mut Schedule,
        landed: Landed,
    ) -> Result<(), mpsc::error::SendError<Resolved>> {
        let now = Instant::now();
        let Landed {
            question,
            asked: (asked, asked_boottime),
            reply,
        } = landed;
        let Reply { records, lifetime } = match reply {
            Ok(reply) => reply,
            Err(failure) => {
                let turn = schedule.failed(&question, failure.clone(), now);
                tell_failure(&question, &failure, turn);
                return Ok(());
            }
        };
        let lasts = Duration::from_secs(u64::from(lifetime));
        if schedule.answered(&question, asked, lasts, now) == Turn::Recovered {
            tracing::info!(%question, "resolved again: answered by the kernel from now on");
        }
        let resolved = Resolved {
            question,
            records,
            lifetime,
            asked: asked_boottime,
        };
        self.resolved.send(resolved).await
    }
}

/// Tells a failure once, until it is another one.
fn tell_failure(question: &Question, failure: &Failure, turn: Turn) {
    match (turn, failure) {
        // Told once for all questions.
        (_, Failure::NoAddress) | (Turn::Same | Turn::Recovered, _) => {
            tracing::debug!(%question, "not resolved: {failure}");
        }
        (Turn::Failed, _) => tracing::warn!(
            %question,
            "not resolved: {failure}; questions for it are left to the DNS service, and it is tried again, quietly: `zerohop status` shows how it stands"
        ),
    }
}

/// Waits until a question falls due that may be sent, or an answer ends.
async fn next_wake(schedule: &Schedule, now: Instant, may_send: bool) {
    let due = schedule.next_due().filter(|_| may_send);
    match due.into_iter().chain(schedule.next_end(now)).min() {
        Some(wake) => sleep_until(wake).await,
        None => std::future::pending().await,
    }
}
