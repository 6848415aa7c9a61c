//! What the agent says about itself, in words.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::telemetry::{BreakerReport, EarlierReport, PolicyReport, RefusalReport, Report};

/// The report as lines of text.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    // Writing into memory cannot fail.
    let _ = write(&mut text, report, age_of);
    text
}

fn write(text: &mut String, report: &Report, age_of: impl Fn(u64) -> String) -> std::fmt::Result {
    if let Some(reason) = &report.reason {
        writeln!(text, "\nnothing is answered: {reason}")?;
    }
    policy(text, &report.policy, &age_of)?;
    match (&report.denials.denied, &report.denials.reason) {
        (true, None) => writeln!(text, "\nabsent names are denied")?,
        (true, Some(reason)) => writeln!(text, "\nabsent names are denied, but not all: {reason}")?,
        (false, Some(reason)) => writeln!(text, "\nabsent names are not denied: {reason}")?,
        (false, None) => writeln!(text, "\nabsent names are not denied")?,
    }
    if let Some(reason) = &report.endpoints.reason {
        writeln!(text, "\n{reason}")?;
    }
    writeln!(text, "\nobjects")?;
    for kind in &report.kinds {
        let state = kind.reason.as_deref().unwrap_or("up to date");
        writeln!(text, "  {:<22} {state}", kind.kind)?;
    }
    writeln!(text, "  {:<22} {:>12}", "names in the kernel", report.names)?;
    if report.refused > 0 {
        writeln!(
            text,
            "  {:<22} {:>12}",
            "refused by the maps", report.refused
        )?;
    }
    if report.left_out > 0 {
        writeln!(
            text,
            "  {:<22} {:>12}  (they ask for any port or protocol)",
            "names left out", report.left_out
        )?;
    }
    if report.large_services_left > 0 {
        writeln!(
            text,
            "  {:<22} {:>12}  (own names left until they are worked out)",
            "large services", report.large_services_left
        )?;
    }
    writeln!(
        text,
        "\nthe cluster's DNS: {}",
        report.dns_addresses.join(", ")
    )?;
    if report.interfaces_failing.count > 0 {
        let count = report.interfaces_failing.count;
        writeln!(text, "\n{count} interfaces could not be looked after")?;
        for failing in &report.interfaces_failing.first {
            writeln!(text, "  {}: {}", failing.object, failing.reason)?;
        }
    }
    if report.skipped.count > 0 {
        writeln!(text, "\n{} objects are not served", report.skipped.count)?;
        for skipped in &report.skipped.first {
            writeln!(text, "  {}: {}", skipped.object, skipped.reason)?;
        }
        let named = u64::try_from(report.skipped.first.len()).unwrap_or(u64::MAX);
        if let Some(more) = report
            .skipped
            .count
            .checked_sub(named)
            .filter(|more| *more > 0)
        {
            writeln!(text, "  and {more} more, which the agent's log names")?;
        }
    }
    breaker(text, &report.breaker)?;
    if report.external.wanted > 0 {
        let (fresh, wanted) = (report.external.fresh, report.external.wanted);
        writeln!(
            text,
            "\nfor external names, {fresh} of {wanted} questions have an answer that holds"
        )?;
        for failing in &report.external.failing.first {
            writeln!(text, "  {}: {}", failing.object, failing.reason)?;
        }
    }
    Ok(())
}

fn breaker(text: &mut String, breaker: &BreakerReport) -> std::fmt::Result {
    if breaker.unheard == 0 {
        return Ok(());
    }
    writeln!(
        text,
        "\n{} clients have probably not got the kernel's answers",
        breaker.unheard
    )?;
    if breaker.many {
        writeln!(
            text,
            "  so many that something of the node itself may keep replies from pods"
        )?;
    }
    for unheard in &breaker.first {
        let how = match unheard.seconds_left {
            Some(seconds) => format!("left to the DNS service for {seconds} s more"),
            None => "some of its questions are answered again".to_owned(),
        };
        let reason = unheard
            .reason
            .as_deref()
            .unwrap_or("an earlier agent knew why");
        writeln!(
            text,
            "  {:<18} {:<40} {how}: {reason}",
            unheard.interface, unheard.client
        )?;
    }
    Ok(())
}

fn policy(
    text: &mut String,
    policy: &PolicyReport,
    age_of: impl Fn(u64) -> String,
) -> std::fmt::Result {
    if !policy.corefiles.is_empty() {
        let corefiles = policy.corefiles.join(", ");
        writeln!(
            text,
            "\nby {corefiles}, agreed for {}",
            age_of(policy.since)
        )?;
    }
    for zone in &policy.zones {
        let denies = if zone.denies {
            ""
        } else {
            ", absent names are left"
        };
        writeln!(
            text,
            "  {:<22} ttl {} s, denials {} s{denies}",
            zone.zone, zone.ttl, zone.denial_ttl
        )?;
    }
    for EarlierReport {
        revision,
        replaced,
        seconds_left,
    } in &policy.earlier
    {
        let revision = revision
            .as_deref()
            .unwrap_or("an earlier text that was not seen");
        let until = match seconds_left {
            Some(seconds) => format!("for {seconds} s more"),
            None => "until the pods that have it are replaced".to_owned(),
        };
        writeln!(
            text,
            "  beside {revision}, replaced {} ago, which servers may still have {until}",
            age_of(*replaced)
        )?;
    }
    if let Some(RefusalReport {
        reason,
        seconds_left,
    }) = &policy.refusal
        && *seconds_left > 0
    {
        writeln!(text, "  kept for {seconds_left} s more: {reason}")?;
    }
    if !policy.left.is_empty() {
        writeln!(text, "\nleft to the DNS service")?;
        for left in &policy.left {
            writeln!(text, "  {:<22} {}", left.what, left.reason)?;
        }
    }
    Ok(())
}

/// How long ago a moment was.
fn age_of(moment: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    format!("{} s", now.saturating_sub(moment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{EndpointsReport, LeftReport, ZoneReport};

    #[test]
    fn zones_earlier_texts_and_reasons_are_told_in_words() {
        let policy = PolicyReport {
            zones: vec![ZoneReport {
                zone: "cluster.local.".to_owned(),
                ttl: 30,
                denial_ttl: 5,
                denies: false,
            }],
            left: vec![LeftReport {
                what: "example.org.".to_owned(),
                reason: "Corefile:9:1: `mystery`".to_owned(),
            }],
            corefiles: vec!["ConfigMap kube-system/coredns (version 812)".to_owned()],
            since: 100,
            earlier: vec![EarlierReport {
                revision: None,
                replaced: 90,
                seconds_left: Some(7),
            }],
            refusal: Some(RefusalReport {
                reason: "the API server refuses Pods".to_owned(),
                seconds_left: 43,
            }),
        };
        let report = Report {
            reason: Some("no address".to_owned()),
            policy,
            endpoints: EndpointsReport {
                reason: Some("nothing is heard of endpoints".to_owned()),
                ..EndpointsReport::default()
            },
            ..Report::default()
        };
        let mut text = String::new();
        write(&mut text, &report, |moment| format!("{} s", 110 - moment)).unwrap();
        for line in [
            "nothing is answered: no address",
            "by ConfigMap kube-system/coredns (version 812), agreed for 10 s",
            "  cluster.local.         ttl 30 s, denials 5 s, absent names are left",
            "  beside an earlier text that was not seen, replaced 20 s ago, which servers may still have for 7 s more",
            "  kept for 43 s more: the API server refuses Pods",
            "  example.org.           Corefile:9:1: `mystery`",
            "absent names are not denied",
            "nothing is heard of endpoints",
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "no {line:?} in\n{text}"
            );
        }
    }
}
