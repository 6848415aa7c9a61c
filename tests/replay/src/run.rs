//! Asks every case of a recording and judges what comes back.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use dns_core::projection::{self, NothingResolved, View};
use serde_json::{Value, json};

use crate::{
    compare::{Allowed, Expected, Reply, compare, question_of},
    corefile::{asks_external, may_be_cached},
    kernel::{Family, Kernel, Reaction},
    objects,
    policy::{may_echo_options, policy_of_group},
    presentation::name_text,
    recording::{Case, Content, Group, Recording},
    report::{CaseReport, GroupReport, Outcome, Report},
    upstream::{Said, Upstream},
};

/// Who is told of what happens on the way.
pub trait Observer {
    /// A group begins.
    fn begin(&mut self, group: &Group);
    /// A case of it is done.
    fn advance(&mut self);
    /// Something that a person should know.
    fn tell(&mut self, text: &str);
}

/// Asks every case of every group that can be asked.
///
/// # Errors
/// The kernel's, with the group's name.
pub fn run(
    recording: &Recording,
    kernel: &mut Kernel,
    observer: &mut impl Observer,
) -> Result<Report> {
    let mut report = Report::default();
    let mut told = BTreeSet::new();
    for group in &recording.groups {
        observer.begin(group);
        let mut tell = |text: String| {
            // Groups share fixtures; each sentence is told once.
            if told.insert(text.clone()) {
                observer.tell(&text);
            }
        };
        let prepared = match &group.content {
            Ok(content) => prepare(kernel, content, group, &mut tell)
                .with_context(|| format!("fill the maps for the group {}", group.id))?,
            Err(reason) => Err(reason.clone()),
        };
        match prepared {
            Ok(content) => {
                let asked = ask(kernel, content, group, &mut report, observer)
                    .with_context(|| format!("ask the cases of the group {}", group.id))?;
                report.groups.push(asked);
            }
            Err(reason) => {
                observer.tell(&format!(
                    "skipped the {} cases of {}: {reason}",
                    group.cases.len(),
                    group.id
                ));
                report.skipped += group.cases.len();
            }
        }
    }
    Ok(report)
}

/// Fills the maps for a group; the inner error says why it cannot be asked.
fn prepare<'a>(
    kernel: &mut Kernel,
    content: &'a Content,
    group: &Group,
    tell: &mut impl FnMut(String),
) -> Result<Result<&'a Content, String>> {
    let told = match objects::told(&content.fixture, &content.unsynced) {
        Ok(told) => told,
        Err(reason) => return Ok(Err(reason)),
    };
    let upstream = match Upstream::read(&content.fixture) {
        Ok(upstream) => upstream,
        Err(reason) => return Ok(Err(reason)),
    };
    let policy = policy_of_group(&content.corefile, &content.version);
    let view = View {
        policy: &policy,
        world: &told.world,
        resolved: &NothingResolved,
        serial: 0,
    };
    let targets = projection::external_targets(view)
        .into_keys()
        .filter(|target| asks_external(&content.corefile, &target.to_ascii()));
    let said = Said::of(&upstream, targets, policy.external);
    let filled = kernel.fill(&policy, &told.world, &said)?;
    for skipped in &told.skipped {
        tell(skipped.to_string());
    }
    for (object, reason) in &filled.skipped {
        tell(format!("{object}: {reason}"));
    }
    if filled.refused > 0 {
        tell(format!(
            "{}: the maps refused {} names",
            group.id, filled.refused
        ));
    }
    Ok(Ok(content))
}

fn ask(
    kernel: &mut Kernel,
    content: &Content,
    group: &Group,
    report: &mut Report,
    observer: &mut impl Observer,
) -> Result<GroupReport> {
    let mut counts = GroupReport {
        id: group.id.clone(),
        ..GroupReport::default()
    };
    for (index, recorded) in group.cases.iter().enumerate() {
        observer.advance();
        let case = match Case::read(content.kind, recorded) {
            Ok(case) => case,
            Err(reason) => {
                observer.tell(&format!("skipped case {index} of {}: {reason}", group.id));
                report.skipped += 1;
                continue;
            }
        };
        let judged = judge(kernel, content, &case)?;
        let (outcome, reason) = match &judged.outcome {
            Judgement::Equal => {
                counts.equal += 1;
                report.equal += 1;
                continue;
            }
            Judgement::Passed(reason) => {
                counts.passed += 1;
                report.passed += 1;
                *report.pass_reasons.entry((*reason).to_owned()).or_default() += 1;
                (Outcome::Passed, (*reason).to_owned())
            }
            Judgement::Different(reason) => {
                counts.different += 1;
                report.different += 1;
                (Outcome::Different, reason.clone())
            }
        };
        report.cases.push(CaseReport {
            group: group.id.clone(),
            case: index,
            outcome,
            reason,
            expected: expected_json(&case),
            got: judged.got.map_or(Value::Null, |reply| reply_json(&reply)),
            asked: asked_text(recorded),
        });
    }
    Ok(counts)
}

enum Judgement {
    Equal,
    Passed(&'static str),
    Different(String),
}

struct Judged {
    outcome: Judgement,
    got: Option<Vec<u8>>,
}

/// Asks over IPv4, which decides, and over IPv6, where the reply may not differ either; larger headers may let
/// it pass there.
fn judge(kernel: &mut Kernel, content: &Content, case: &Case) -> Result<Judged> {
    let over_v4 = judge_over(kernel, content, case, Family::V4)?;
    if matches!(over_v4.outcome, Judgement::Different(_)) {
        return Ok(over_v4);
    }
    let mut over_v6 = judge_over(kernel, content, case, Family::V6)?;
    if let Judgement::Different(reason) = &mut over_v6.outcome {
        *reason = format!("over IPv6: {reason}");
        return Ok(over_v6);
    }
    Ok(over_v4)
}

fn judge_over(
    kernel: &mut Kernel,
    content: &Content,
    case: &Case,
    family: Family,
) -> Result<Judged> {
    let judged = |outcome, got| Ok(Judged { outcome, got });
    let got = match kernel.ask(&case.message, family, case.transport)? {
        Reaction::Passed(reason) => return judged(Judgement::Passed(reason), None),
        Reaction::Broken(reason) => return judged(Judgement::Different(reason), None),
        Reaction::Answered(got) => got,
    };
    if let Some(reason) = case.must_pass {
        let reason = format!("answered in the kernel, but {reason}");
        return judged(Judgement::Different(reason), Some(got));
    }
    let allowed = Allowed {
        exact_order: content.exact_order,
        fewer_options: may_echo_options(&content.version),
        cached: may_have_been_cached(content, case),
    };
    match compare(&case.message, &case.expected, &got, allowed) {
        Ok(()) => judged(Judgement::Equal, Some(got)),
        Err(differences) => judged(Judgement::Different(differences.join("; ")), Some(got)),
    }
}

fn may_have_been_cached(content: &Content, case: &Case) -> bool {
    let Some(question) = question_of(&case.message) else {
        return false;
    };
    let name = name_text(question).to_ascii_lowercase();
    let has_answer = matches!(&case.expected.sections, [Some(answer), ..] if !answer.is_empty());
    may_be_cached(&content.corefile, &name, !has_answer)
}

fn expected_json(case: &Case) -> Value {
    let mut expected = case.expected.json();
    if let (Some(reason), Some(fields)) = (case.must_pass, expected.as_object_mut()) {
        fields.insert("must_pass".to_owned(), reason.into());
    }
    expected
}

fn reply_json(reply: &[u8]) -> Value {
    match Reply::parse(reply) {
        Ok(reply) => Expected::whole(&reply).json(),
        Err(reason) => json!({ "unreadable": reason }),
    }
}

/// What a case asks, for a person.
fn asked_text(recorded: &Value) -> String {
    let text = |name: &str| recorded.get(name).and_then(Value::as_str);
    match (text("qname"), text("qtype"), text("name")) {
        (Some(name), Some(kind), _) => format!("{name} {kind}"),
        (_, _, Some(name)) => name.to_owned(),
        _ => String::new(),
    }
}
