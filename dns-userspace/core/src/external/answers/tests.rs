//! What is kept, for how long, and what is said to have changed.

use std::net::Ipv4Addr;

use hickory_proto::rr::{RData, rdata::A};
use proptest::prelude::*;

use super::*;

const TARGET: &str = "db.example.com.";

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn record(target: &str, last: u8, ttl: u32) -> Record {
    let data = RData::A(A(Ipv4Addr::new(192, 0, 2, last)));
    Record::from_rdata(name(target), ttl, data)
}

fn resolved(target: &str, asked: u64, lifetime: u32) -> Resolved {
    Resolved {
        question: Question {
            target: name(target),
            query_type: RecordType::A,
        },
        records: vec![record(target, 1, lifetime)],
        lifetime,
        asked,
    }
}

fn wanting(targets: &[&str]) -> Answers {
    let mut answers = Answers::new();
    answers.want(targets.iter().map(|text| name(text)).collect());
    answers
}

fn remaining(answers: &Answers) -> Option<u32> {
    let answer = answers.get(&name(TARGET), RecordType::A)?;
    Some(answer.remaining)
}

fn changed(answers: &mut Answers) -> Vec<String> {
    let changed = answers.take_changed();
    changed.iter().map(Name::to_ascii).collect()
}

#[test]
fn a_lifetime_falls_second_by_second_until_nothing_is_known() {
    let mut answers = wanting(&[TARGET]);
    let asked = 7 * SECOND + 500;
    answers.set_now(asked);
    answers.put(resolved(TARGET, asked, 3));
    assert_eq!(changed(&mut answers), [TARGET]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push((remaining(&answers), changed(&mut answers).len()));
        answers.set_now(answers.now + SECOND);
    }
    assert_eq!(
        seen,
        [
            (Some(3), 0),
            (Some(2), 1),
            (Some(1), 1),
            (None, 1),
            (None, 0)
        ]
    );
}

#[test]
fn an_answer_holds_until_its_last_nanosecond_with_one_second_left() {
    let mut answers = wanting(&[TARGET]);
    answers.put(resolved(TARGET, 10, 3));
    let ends = 10 + 3 * SECOND;
    answers.set_now(ends - 1);
    let answer = answers.get(&name(TARGET), RecordType::A).unwrap();
    assert_eq!((answer.remaining, answer.age, answer.ends), (1, 2, ends));
    answers.set_now(ends);
    assert_eq!(remaining(&answers), None);
}

#[test]
fn seconds_count_from_the_question_however_late_the_reply_is_told() {
    let mut answers = wanting(&[TARGET]);
    answers.set_now(12 * SECOND);
    answers.put(resolved(TARGET, 10 * SECOND, 5));
    assert_eq!(remaining(&answers), Some(3));
}

#[test]
fn an_answer_from_after_the_time_last_told_has_all_its_seconds() {
    let mut answers = wanting(&[TARGET]);
    answers.set_now(SECOND);
    answers.put(resolved(TARGET, 2 * SECOND, 5));
    assert_eq!(remaining(&answers), Some(5));
    changed(&mut answers);
    answers.set_now(2 * SECOND + 1);
    assert!(changed(&mut answers).is_empty());
    assert_eq!(remaining(&answers), Some(5));
}

#[test]
fn a_lifetime_of_zero_and_an_answer_that_has_ended_are_not_kept() {
    for (asked, lifetime) in [(10, 0), (9, 1), (0, 10)] {
        let mut answers = wanting(&[TARGET]);
        answers.set_now(10 * SECOND);
        answers.put(resolved(TARGET, asked * SECOND, lifetime));
        assert_eq!(remaining(&answers), None, "{asked} {lifetime}");
        assert!(changed(&mut answers).is_empty());
    }
}

#[test]
fn what_nobody_wants_is_not_kept_and_what_nobody_wants_any_more_is_forgotten_at_once() {
    let mut answers = wanting(&[TARGET, "www.example.com."]);
    answers.put(resolved("mail.example.com.", 0, 30));
    assert!(changed(&mut answers).is_empty());
    answers.put(resolved(TARGET, 0, 30));
    answers.put(resolved("www.example.com.", 0, 30));
    changed(&mut answers);
    answers.want(BTreeSet::from([name("www.example.com.")]));
    assert_eq!(remaining(&answers), None);
    assert_eq!(changed(&mut answers), [TARGET]);
    // Wanted again: what was known then is not known any more.
    answers.want(BTreeSet::from([name(TARGET)]));
    assert_eq!(remaining(&answers), None);
}

#[test]
fn a_denial_holds_without_records_and_its_seconds_are_no_change() {
    let mut answers = wanting(&[TARGET]);
    let mut denial = resolved(TARGET, 0, 2);
    denial.records.clear();
    answers.put(denial);
    changed(&mut answers);
    answers.set_now(SECOND);
    assert!(changed(&mut answers).is_empty());
    assert_eq!(answers.next_change(), Some(2 * SECOND));
    let answer = answers.get(&name(TARGET), RecordType::A).unwrap();
    assert_eq!(answer.records, []);
    assert_eq!(answer.ends, 2 * SECOND);
    answers.set_now(2 * SECOND);
    assert_eq!(changed(&mut answers), [TARGET]);
}

#[test]
fn a_later_answer_replaces_the_one_before() {
    let mut answers = wanting(&[TARGET]);
    answers.put(resolved(TARGET, 0, 30));
    changed(&mut answers);
    let mut later = resolved(TARGET, SECOND, 20);
    later.records = vec![record(TARGET, 2, 20)];
    answers.set_now(SECOND);
    changed(&mut answers);
    answers.put(later.clone());
    let answer = answers.get(&name(TARGET), RecordType::A).unwrap();
    assert_eq!((answer.records, answer.remaining), (&later.records[..], 20));
    assert_eq!(changed(&mut answers), [TARGET]);
}

#[test]
fn the_families_of_a_target_are_known_apart_and_other_types_never() {
    let mut answers = wanting(&[TARGET]);
    answers.put(resolved(TARGET, 0, 30));
    for (query_type, known) in [(RecordType::A, true), (RecordType::AAAA, false)] {
        let answer = answers.get(&name(TARGET), query_type);
        assert_eq!(answer.is_some(), known, "{query_type}");
    }
    let mut mail = resolved(TARGET, 0, 30);
    mail.question.query_type = RecordType::MX;
    answers.put(mail);
    assert_eq!(answers.get(&name(TARGET), RecordType::MX), None);
}

#[test]
fn a_target_is_found_whatever_the_case_of_its_letters() {
    let mut answers = wanting(&[TARGET]);
    answers.put(resolved(TARGET, 0, 30));
    assert!(
        answers
            .get(&name("DB.Example.com."), RecordType::A)
            .is_some()
    );
}

#[derive(Debug, Clone)]
enum Step {
    Pass(u64),
    Put(usize, u64, u32, bool),
    Want([bool; 3]),
}

const TARGETS: [&str; 3] = ["a.example.", "b.example.", "c.example."];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3 * SECOND).prop_map(Step::Pass),
        (0..3_usize, 0..5 * SECOND, 0..6_u32, any::<bool>())
            .prop_map(|(target, ago, lifetime, empty)| Step::Put(target, ago, lifetime, empty)),
        any::<[bool; 3]>().prop_map(Step::Want),
    ]
}

/// What is seen of a target: whether it has records, and the seconds where it has; and the end.
type Seen = Option<(Option<u32>, u64)>;

fn seen(answers: &Answers, target: &str) -> Seen {
    let answer = answers.get(&name(target), RecordType::A)?;
    let shown = (!answer.records.is_empty()).then_some(answer.remaining);
    Some((shown, answer.ends))
}

proptest! {
    #[test]
    fn nothing_changes_untold_and_nothing_outlives_its_end(steps in prop::collection::vec(step(), 0..40)) {
        let mut answers = wanting(&TARGETS);
        let mut now = 100 * SECOND;
        answers.set_now(now);
        let mut before = TARGETS.map(|target| seen(&answers, target));
        for step in steps {
            let announced = answers.next_change();
            let (start, passes) = (now, matches!(step, Step::Pass(_)));
            match step {
                Step::Pass(time) => {
                    now += time;
                    answers.set_now(now);
                }
                Step::Put(target, ago, lifetime, empty) => {
                    let mut resolved = resolved(TARGETS[target], now - ago, lifetime);
                    if empty {
                        resolved.records.clear();
                    }
                    answers.put(resolved);
                }
                Step::Want(wanted) => {
                    let wanted = TARGETS.iter().zip(wanted).filter(|(_, wanted)| *wanted);
                    answers.want(wanted.map(|(target, _)| name(target)).collect());
                }
            }
            let changed = answers.take_changed();
            if passes {
                let expected = announced.is_some_and(|at| start < at && at <= now);
                prop_assert_eq!(!changed.is_empty(), expected);
            }
            for (before, target) in before.iter_mut().zip(TARGETS) {
                let after = seen(&answers, target);
                if *before != after {
                    prop_assert!(changed.contains(&name(target)), "{target}: {before:?} {after:?}");
                }
                if let Some(answer) = answers.get(&name(target), RecordType::A) {
                    prop_assert!(answer.remaining >= 1);
                    prop_assert!(now < answer.ends);
                    // Rounded up to whole seconds.
                    prop_assert_eq!(u64::from(answer.remaining), (answer.ends - now).div_ceil(SECOND));
                }
                *before = after;
            }
        }
    }
}
