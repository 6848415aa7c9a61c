//! What the agent says about itself.
//!
//! *Ready* is for those who replace agents node by node: this one has taken its node over, and the next may be
//! replaced. So a Corefile that leaves everything to the DNS service is no obstacle, and neither is what happens
//! later, such as an API server that is away: whether questions are answered now is told apart from it.

use std::time::Duration;

use dns_core::{
    objects::Skipped,
    permission::{LEASE, Obstacle, WAITING},
    rollout::Agreed,
};

use super::Reconciler;
use crate::{
    datapath::control,
    telemetry::{
        DenialsReport, EarlierReport, ExternalReport, KindReport, LeftReport, PolicyReport,
        RefusalReport, Report, SkippedReport, TextReport, ZoneReport,
    },
};

/// How many objects are named that are not served.
const NAMED: usize = 100;

impl Reconciler {
    /// Tells those who ask how things stand.
    pub(super) fn tell(&mut self) {
        self.ready = self.ready || self.has_taken_over();
        self.telemetry.tell(self.report());
    }

    /// Whether objects and set-up have been read, interfaces attached to, and what may be answered is answered.
    ///
    /// A Corefile that leaves everything makes no exception to the lists: another one may come at any time.
    fn has_taken_over(&self) -> bool {
        let answered = match &self.said {
            Some(None) => true,
            Some(Some(Obstacle::LeftAll)) => self.may_answer_nothing(),
            Some(Some(_)) | None => false,
        };
        answered
            && self.world.complete()
            && self.interfaces.borrow().surveyed
            && self.policy.is_known()
    }

    /// Whether the policy leaves everything to the DNS service.
    fn may_answer_nothing(&self) -> bool {
        let agreed = self.policy.agreed();
        agreed.is_some_and(|agreed| agreed.policy.zones.is_empty())
    }

    /// Everything that is worth telling.
    fn report(&self) -> Report {
        let reason = self.reason();
        let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let kinds = self.world.kinds().map(|(kind, reason)| KindReport {
            kind: kind.name().to_owned(),
            up_to_date: reason.is_none(),
            reason: reason.map(str::to_owned),
        });
        let coverage = self.interfaces.borrow();
        let failing = coverage.failing.values().take(NAMED);
        let failing = failing.map(|(object, reason)| TextReport {
            object: object.clone(),
            reason: reason.clone(),
        });
        let named = self.not_served.all().take(NAMED);
        let named = named.map(|Skipped { object, reason }| TextReport { object, reason });
        Report {
            pin_directory: self.pin_directory.clone(),
            ready: self.ready,
            answering: reason.is_none(),
            reason,
            policy: self.policy_report(),
            denials: self.denials(),
            endpoints: self.alone.report(),
            kinds: kinds.collect(),
            dns_addresses: self
                .dns
                .addresses()
                .iter()
                .map(ToString::to_string)
                .collect(),
            names: counted(self.table.entries()),
            refused: counted(self.table.refused().count()),
            left_out: counted(self.table.left_out()),
            large_services_left: counted(self.large.left()),
            interfaces: counted(coverage.attached),
            interfaces_behind: counted(coverage.behind),
            interfaces_failing: SkippedReport {
                count: counted(coverage.failing.len()),
                first: failing.collect(),
            },
            skipped: SkippedReport {
                count: counted(self.not_served.count()),
                first: named.collect(),
            },
            external: self.external_report(),
            breaker: self.unheard.report(),
        }
    }

    /// Why nothing is answered; none: it is.
    fn reason(&self) -> Option<String> {
        let (namespace, name) = self.dns.service();
        match self.said.as_ref()? {
            None => {
                let age = control::now().saturating_sub(self.settled());
                let age = Duration::from_nanos(age);
                (age > WAITING + LEASE).then(|| {
                    format!(
                        "what was read {} s ago is not in the maps yet",
                        age.as_secs()
                    )
                })
            }
            Some(Obstacle::NoAddress) => Some(format!(
                "no address of the cluster's DNS is known: there is no Service {namespace}/{name} with a UDP port"
            )),
            Some(Obstacle::Stale(entries)) => Some(format!(
                "the kernel refuses to remove {entries} entries that must not stay"
            )),
            Some(Obstacle::LeftAll) => {
                let agreed = self.policy.agreed();
                let left = agreed.and_then(|agreed| agreed.policy.left.first());
                Some(match left {
                    Some(left) if self.may_answer_nothing() => left.reason.clone(),
                    _ => "the policy is being written".to_owned(),
                })
            }
            Some(Obstacle::NoPolicy) => {
                Some("the set-up of the DNS servers has not been read yet".to_owned())
            }
            Some(Obstacle::Filling) => Some("the cluster's names are being written".to_owned()),
            Some(Obstacle::NotListed) => {
                Some("not every kind of objects has been listed yet".to_owned())
            }
        }
    }

    fn denials(&self) -> DenialsReport {
        let lost = self.world.kinds().find_map(|(kind, reason)| {
            let reason = reason?;
            Some(format!("{kind}s are not up to date: {reason}"))
        });
        let reason = lost.or_else(|| {
            let uncertain = self.table.refused().next().is_some();
            uncertain.then(|| {
                "the maps have refused names, and names beside them may not be denied".to_owned()
            })
        });
        DenialsReport {
            denied: self.world.fresh(),
            reason,
        }
    }

    fn external_report(&self) -> ExternalReport {
        let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let report = self.external.report();
        let failing = report.failing.iter().take(NAMED);
        let first = failing.map(|(question, reason)| TextReport {
            object: question.to_string(),
            reason: reason.clone(),
        });
        ExternalReport {
            wanted: counted(report.wanted),
            fresh: counted(report.fresh),
            failing: SkippedReport {
                count: counted(report.failing.len()),
                first: first.collect(),
            },
        }
    }

    fn policy_report(&self) -> PolicyReport {
        let Some(agreed) = self.policy.agreed() else {
            return PolicyReport::default();
        };
        let Agreed {
            policy,
            revisions,
            earlier,
            refusal,
        } = agreed;
        let zones = policy.zones.iter().map(|zone| ZoneReport {
            zone: zone.name.to_ascii(),
            ttl: zone.lifetimes.records,
            denial_ttl: zone.lifetimes.denial,
            denies: zone.denies,
        });
        let left = policy.left.iter().map(|left| LeftReport {
            what: left.what.clone(),
            reason: left.reason.clone(),
        });
        let lasting = refusal.as_ref().filter(|refusal| refusal.lasts());
        let now = std::time::Duration::from_nanos(control::now());
        let earlier = earlier.iter().map(|earlier| EarlierReport {
            revision: earlier.revision.clone(),
            replaced: earlier.replaced.as_secs(),
            seconds_left: earlier
                .until
                .map(|until| until.saturating_sub(now).as_secs()),
        });
        PolicyReport {
            zones: zones.collect(),
            left: left.collect(),
            corefiles: revisions.iter().cloned().collect(),
            since: self.policy.since().as_secs(),
            earlier: earlier.collect(),
            refusal: lasting.map(|refusal| RefusalReport {
                reason: refusal.reason.clone(),
                seconds_left: refusal.kept_until.saturating_sub(now).as_secs(),
            }),
        }
    }
}
