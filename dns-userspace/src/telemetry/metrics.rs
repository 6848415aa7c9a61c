//! `/metrics`: the Prometheus text format.

use std::{fmt, time::SystemTime};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::Report;
use crate::datapath::counters::Counts;

/// What the kernel knows.
pub(super) struct Kernel {
    pub(super) counts: Counts,
    pub(super) lease_seconds: f64,
}

/// One label and its value, or several.
type Labels = Vec<(&'static str, String)>;

/// Writes every metric. What is not known is not there.
///
/// # Errors
/// None that are known: the text is written into memory.
pub(super) fn text(
    report: Option<&Report>,
    kernel: Option<&Kernel>,
    now: SystemTime,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("zerohop");
    if let Some(kernel) = kernel {
        of_kernel(&mut registry, kernel);
    }
    if let Some(report) = report {
        of_agent(&mut registry, report, now);
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn of_kernel(registry: &mut Registry, kernel: &Kernel) {
    let counts = &kernel.counts;
    counters(
        registry,
        "answered",
        "Questions answered in the kernel",
        "kind",
        &counts.answered,
    );
    counters(
        registry,
        "passed",
        "Questions left to the DNS service",
        "reason",
        &counts.passed,
    );
    let torn = Counter::<u64>::default();
    torn.inc_by(counts.torn);
    registry.register(
        "torn",
        "Packets dropped because a reply failed half-way",
        torn,
    );
    let lease = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
    lease.set(kernel.lease_seconds);
    registry.register(
        "lease_seconds",
        "How long the kernel would answer on without its agent",
        lease,
    );
}

fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    counts: &[(&'static str, u64)],
) {
    let family = Family::<Labels, Counter>::default();
    for (value, count) in counts {
        let labels = vec![(label, (*value).to_owned())];
        family.get_or_create(&labels).inc_by(*count);
    }
    registry.register(name, help, family);
}

fn of_agent(registry: &mut Registry, report: &Report, now: SystemTime) {
    let policy = &report.policy;
    let now = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let counted = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let numbers = [
        (
            "answering",
            "Whether questions are answered",
            report.answering.into(),
        ),
        (
            "denials",
            "Whether absent names are denied",
            report.denials.denied.into(),
        ),
        (
            "endpoints_left",
            "Whether what comes from endpoints is left to the DNS service, for nothing is heard of them",
            report.endpoints.left.into(),
        ),
        (
            "alone",
            "Whether what comes from endpoints is answered only because no server of the DNS service replies",
            report.endpoints.alone.into(),
        ),
        ("names", "Names in the kernel's maps", report.names),
        (
            "refused_names",
            "Names that the kernel's maps have refused",
            report.refused,
        ),
        (
            "left_out_names",
            "Names without an entry that ask for any port or any protocol",
            report.left_out,
        ),
        (
            "large_services_left",
            "Services of very many endpoints whose own name is left to the DNS service until they are worked out",
            report.large_services_left,
        ),
        (
            "interfaces",
            "Interfaces that the datapath is attached to",
            report.interfaces,
        ),
        (
            "interfaces_behind",
            "Of these, interfaces on which other programs run before the datapath",
            report.interfaces_behind,
        ),
        (
            "interfaces_failing",
            "Interfaces that could not be looked after the last time",
            report.interfaces_failing.count,
        ),
        (
            "skipped_objects",
            "Objects that are not served",
            report.skipped.count,
        ),
        (
            "dns_addresses",
            "Addresses that count as the cluster's DNS",
            counted(report.dns_addresses.len()),
        ),
        (
            "zones",
            "Zones that are answered",
            counted(policy.zones.len()),
        ),
        (
            "policy_age_seconds",
            "How long the policy has been the agreed one",
            now.saturating_sub(policy.since),
        ),
        (
            "earlier_corefiles",
            "Replaced Corefiles that DNS servers may still have",
            counted(policy.earlier.len()),
        ),
        (
            "set_up_refused",
            "Whether the API server refuses to let the set-up of the DNS servers be read any more",
            u64::from(policy.refusal.is_some()),
        ),
        (
            "external_questions",
            "Questions about external names that services lead to",
            report.external.wanted,
        ),
        (
            "external_questions_fresh",
            "Of these, how many have an answer that holds",
            report.external.fresh,
        ),
        (
            "external_questions_failing",
            "Of these, how many were not answered the last time",
            report.external.failing.count,
        ),
        (
            "unheard_clients",
            "Clients that have probably not got the kernel's answers",
            report.breaker.unheard,
        ),
        (
            "many_unheard_clients",
            "Whether there are so many that something of the node itself is likely to be wrong",
            report.breaker.many.into(),
        ),
    ];
    for (name, help, number) in numbers {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    }
    let opened = Counter::<u64>::default();
    opened.inc_by(report.breaker.opened);
    registry.register(
        "breaker_opened",
        "How often a client was begun to be left to the DNS service",
        opened,
    );
    let kinds = report
        .kinds
        .iter()
        .map(|kind| (vec![("kind", kind.kind.clone())], kind.up_to_date));
    flags(
        registry,
        "up_to_date",
        "Whether all objects of a kind are known",
        kinds,
    );
    let failing = report.external.failing.first.iter().map(|failing| {
        let labels = vec![
            ("question", failing.object.clone()),
            ("reason", failing.reason.clone()),
        ];
        (labels, true)
    });
    flags(
        registry,
        "external_failing",
        "Questions about external names that were not answered the last time, and why",
        failing,
    );
    let left = policy.left.iter().map(|left| {
        let labels = vec![("what", left.what.clone()), ("reason", left.reason.clone())];
        (labels, true)
    });
    flags(
        registry,
        "left",
        "What of the DNS service's names is left to it, and why",
        left,
    );
}

fn flags(
    registry: &mut Registry,
    name: &str,
    help: &str,
    flags: impl Iterator<Item = (Labels, bool)>,
) {
    let family = Family::<Labels, Gauge>::default();
    for (labels, flag) in flags {
        family.get_or_create(&labels).set(flag.into());
    }
    registry.register(name, help, family);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{
        EndpointsReport, ExternalReport, KindReport, LeftReport, RefusalReport, SkippedReport,
        TextReport,
    };

    #[test]
    fn numbers_of_the_kernel_and_of_the_agent_are_written_with_their_labels() {
        let report = Report {
            answering: true,
            names: 7,
            endpoints: EndpointsReport {
                alone: true,
                ..EndpointsReport::default()
            },
            interfaces_behind: 2,
            interfaces_failing: SkippedReport {
                count: 3,
                ..SkippedReport::default()
            },
            policy: crate::telemetry::PolicyReport {
                since: 40,
                refusal: Some(RefusalReport::default()),
                left: vec![LeftReport {
                    what: "cluster.local.".to_owned(),
                    reason: "Corefile:3:5: the plugin \"view\" chooses by client".to_owned(),
                }],
                ..Default::default()
            },
            kinds: vec![KindReport {
                kind: "Service".to_owned(),
                ..KindReport::default()
            }],
            external: ExternalReport {
                wanted: 4,
                fresh: 3,
                failing: SkippedReport {
                    count: 1,
                    first: vec![TextReport {
                        object: "db.example.com. A".to_owned(),
                        reason: "the DNS service answered Server Failure".to_owned(),
                    }],
                },
            },
            ..Report::default()
        };
        let kernel = Kernel {
            counts: Counts {
                answered: vec![("answer", 12)],
                passed: vec![("unknown_name", 3)],
                ..Counts::default()
            },
            lease_seconds: 4.5,
        };
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(100);
        let text = text(Some(&report), Some(&kernel), now).unwrap();
        for line in [
            "zerohop_answered_total{kind=\"answer\"} 12",
            "zerohop_passed_total{reason=\"unknown_name\"} 3",
            "zerohop_lease_seconds 4.5",
            "zerohop_answering 1",
            "zerohop_names 7",
            "zerohop_endpoints_left 0",
            "zerohop_alone 1",
            "zerohop_interfaces_behind 2",
            "zerohop_interfaces_failing 3",
            "zerohop_policy_age_seconds 60",
            "zerohop_set_up_refused 1",
            "zerohop_up_to_date{kind=\"Service\"} 0",
            "zerohop_left{what=\"cluster.local.\",reason=\"Corefile:3:5: the plugin \\\"view\\\" chooses by client\"} 1",
            "# TYPE zerohop_left gauge",
            "zerohop_external_questions 4",
            "zerohop_external_questions_fresh 3",
            "zerohop_external_questions_failing 1",
            "zerohop_external_failing{question=\"db.example.com. A\",reason=\"the DNS service answered Server Failure\"} 1",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "no {line} in\n{text}"
            );
        }
    }
}
