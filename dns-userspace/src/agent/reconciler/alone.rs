//! Whether the node is alone: while the source of endpoints is lost and their time is nearly over, the servers of the
//! cluster's DNS are asked whether they are there. What follows from that is [`Endpoints`](dns_core::permission::Endpoints)'.

use std::{net::SocketAddr, time::Duration};

use dns_core::{
    objects::Address,
    permission::{EndpointsState, Servers},
};
use hickory_proto::rr::Name;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{Phase, Reconciler};
use crate::{
    config::{Config, WhenAlone},
    datapath::control,
    servers::{self, Asked},
    telemetry::EndpointsReport,
    told::Told,
};

/// How long before the time of endpoints is over servers are asked for the first time: a round of questions takes three
/// seconds, and this is looked at once a second.
const LEAD: Duration = Duration::from_secs(10);

/// What is known of the servers, and what was said of endpoints.
pub(super) struct Alone {
    when_alone: WhenAlone,
    kept: Duration,
    asking: Option<Asking>,
    state: EndpointsState,
}

/// The task that asks.
struct Asking {
    asked: watch::Sender<Asked>,
    told: watch::Receiver<Servers>,
    task: JoinHandle<()>,
}

impl Asking {
    fn start(asked: Asked) -> Self {
        let (asked, asked_receiver) = watch::channel(asked);
        let (told_sender, told) = watch::channel(Servers::NotAsked);
        let task = servers::ask(asked_receiver, told_sender, control::now);
        Self {
            asked,
            told,
            task: tokio::spawn(task),
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Alone {
    /// Nobody is asked yet.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            when_alone: config.when_alone,
            kept: config.endpoints_kept,
            asking: None,
            state: EndpointsState::Heard,
        }
    }

    /// What is known of the servers.
    pub(super) fn servers(&self) -> Servers {
        match &self.asking {
            Some(asking) => *asking.told.borrow(),
            None => Servers::NotAsked,
        }
    }

    /// Whether servers are to be asked now, when the source is lost since then.
    fn is_due(&self, lost: Option<u64>, now: u64) -> bool {
        let (kept, lead) = (self.kept.as_nanos() as u64, LEAD.as_nanos() as u64);
        let is_near = |lost: u64| now.saturating_add(lead) >= lost.saturating_add(kept);
        self.when_alone == WhenAlone::Keep && lost.is_some_and(is_near)
    }

    /// Asks these from now on; none: nobody.
    fn ask(&mut self, asked: Option<Asked>) {
        match (&self.asking, asked) {
            (_, None) => self.asking = None,
            (None, Some(asked)) => self.asking = Some(Asking::start(asked)),
            (Some(asking), Some(asked)) => {
                asking.asked.send_if_modified(|before| {
                    let is_other = *before != asked;
                    *before = asked;
                    is_other
                });
            }
        }
    }

    /// Takes in how it stands with endpoints, and says once when that is something else than before.
    fn follow(&mut self, state: EndpointsState, told: &mut Told) {
        let before = std::mem::replace(&mut self.state, state);
        if std::mem::discriminant(&before) == std::mem::discriminant(&state) {
            return;
        }
        let sentence = sentence(state, control::now());
        match state {
            EndpointsState::Heard => {
                if matches!(
                    before,
                    EndpointsState::Alone | EndpointsState::Left | EndpointsState::Late(_)
                ) {
                    tracing::info!(
                        "what comes from endpoints is answered again, for they are heard of"
                    );
                }
            }
            // That the source is lost was told with its reason.
            EndpointsState::Kept(_) if before == EndpointsState::Heard => {}
            EndpointsState::Kept(_) | EndpointsState::Late(_) => {
                if let Some(sentence) = sentence {
                    tracing::info!("{sentence}");
                }
            }
            EndpointsState::Alone | EndpointsState::Left => {
                if let Some(sentence) = sentence
                    && told.is_new(&sentence, Instant::now())
                {
                    tracing::warn!("{sentence}");
                }
            }
        }
    }

    /// How it stands, for those who ask.
    pub(super) fn report(&self) -> EndpointsReport {
        EndpointsReport {
            left: matches!(self.state, EndpointsState::Left | EndpointsState::Late(_)),
            alone: self.state == EndpointsState::Alone,
            reason: sentence(self.state, control::now()),
        }
    }
}

/// What is the matter with endpoints, for people; none: nothing is.
fn sentence(state: EndpointsState, now: u64) -> Option<String> {
    let seconds = |until: u64| Duration::from_nanos(until.saturating_sub(now)).as_secs();
    Some(match state {
        EndpointsState::Heard => return None,
        EndpointsState::Kept(until) => format!(
            "nothing is heard of endpoints: what comes from them is answered for {} s more",
            seconds(until)
        ),
        EndpointsState::Alone => {
            "nothing is heard of endpoints, and no server of the cluster's DNS replies either: what comes from endpoints is \
             answered until one does (--when-alone)"
                .to_owned()
        }
        EndpointsState::Left => {
            "nothing is heard of endpoints for long: what comes from them is left to the DNS service until they are heard of \
             (--keep-endpoints)"
                .to_owned()
        }
        EndpointsState::Late(until) => format!(
            "what comes from endpoints is answered again in {} s: not by all nodes in the same second (--jitter)",
            seconds(until)
        ),
    })
}

impl Reconciler {
    /// Asks the servers of the cluster's DNS whether they are there, while that matters, and says how it stands with what
    /// comes from endpoints.
    pub(super) fn follow_alone(&mut self) {
        if self.phase != Phase::Filled {
            return;
        }
        let is_due = self.alone.is_due(self.endpoints_lost, control::now());
        let asked = is_due.then(|| self.dns_servers());
        self.alone.ask(asked);
        self.alone
            .follow(self.heartbeat.endpoints(), &mut self.told);
    }

    /// Where the cluster's DNS is, and a zone of its.
    fn dns_servers(&self) -> Asked {
        let (namespace, name) = self.dns.service();
        let service = self.world.service(namespace, name);
        let cluster_ips = service.map_or(&[][..], |service| &service.cluster_ips);
        let is_server = |address: &SocketAddr| {
            !cluster_ips.contains(&Address::Ip(address.ip())) && !self.dns.more().contains(address)
        };
        let addresses = self.dns.addresses().iter().copied();
        let (servers, service) = addresses.partition(is_server);
        let zones = self.policy.stored().map(|stored| &stored.policy.zones);
        let zone = zones.and_then(|zones| zones.first());
        Asked {
            service,
            servers,
            zone: zone.map_or_else(Name::root, |zone| zone.primary.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn alone(when_alone: WhenAlone) -> Alone {
        Alone {
            when_alone,
            kept: Duration::from_secs(300),
            asking: None,
            state: EndpointsState::Heard,
        }
    }

    #[test]
    fn servers_are_asked_shortly_before_the_time_of_endpoints_is_over_and_from_then_on() {
        let is_due = |when_alone, lost: Option<u64>, second: u64| {
            alone(when_alone).is_due(lost, second * SECOND)
        };
        let lost = Some(100 * SECOND);
        assert!(!is_due(WhenAlone::Keep, lost, 389));
        assert!(is_due(WhenAlone::Keep, lost, 390));
        assert!(is_due(WhenAlone::Keep, lost, 10_000));
        assert!(!is_due(WhenAlone::Keep, None, 10_000));
        assert!(!is_due(WhenAlone::Pass, lost, 10_000));
    }

    #[test]
    fn status_tells_apart_what_is_kept_left_and_not_answered_yet() {
        let report = |state| {
            let mut alone = alone(WhenAlone::Keep);
            alone.follow(state, &mut Told::default());
            let report = alone.report();
            (report.left, report.alone, report.reason.is_some())
        };
        assert_eq!(report(EndpointsState::Heard), (false, false, false));
        assert_eq!(report(EndpointsState::Kept(1)), (false, false, true));
        assert_eq!(report(EndpointsState::Alone), (false, true, true));
        assert_eq!(report(EndpointsState::Left), (true, false, true));
        assert_eq!(report(EndpointsState::Late(1)), (true, false, true));
    }
}
