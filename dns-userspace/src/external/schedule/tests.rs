//! When questions are asked again. The time is made up.

use super::*;

const TARGET: &str = "db.example.com.";

fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds)
}

fn targets(names: &[&str]) -> BTreeSet<Name> {
    let names = names.iter().map(|text| Name::from_ascii(text).unwrap());
    names.collect()
}

/// A schedule of one target whose AAAA question is not looked at, and its A question.
fn scheduled(start: Instant) -> (Schedule, Question) {
    let mut schedule = Schedule::default();
    schedule.want(&targets(&[TARGET]), start);
    let first = schedule.take_due(start).unwrap();
    let second = schedule.take_due(start).unwrap();
    assert_eq!((first.query_type, second.query_type), QUERY_TYPES.into());
    (schedule, first)
}

/// CoreDNS with `cache`: entries last for `ttl`, and the TTL that is left is rounded up.
struct Cache {
    ttl: u64,
    filled: Option<Instant>,
}

impl Cache {
    fn ask(&mut self, now: Instant) -> Duration {
        let age = |filled: Instant| now.duration_since(filled).as_secs();
        let filled = match self.filled {
            Some(filled) if age(filled) < self.ttl => filled,
            _ => *self.filled.insert(now),
        };
        Duration::from_secs(self.ttl - age(filled))
    }
}

#[test]
fn a_question_in_flight_is_not_asked_again() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    assert_eq!(schedule.take_due(start + seconds(100.0)), None);
    assert_eq!(schedule.next_due(), None);
    // Not even when it was unwanted and wanted again meanwhile.
    schedule.want(&targets(&[]), start);
    schedule.want(&targets(&[TARGET]), start);
    assert_eq!(schedule.take_due(start), None);
    schedule.answered(&question, start, seconds(10.0), start);
    assert_eq!(schedule.report(start).fresh, 1);
}

#[test]
fn an_answer_is_asked_for_again_well_before_it_ends() {
    for (lifetime, earliest, latest) in [
        (1.0, 0.4, 0.6),
        (5.0, 4.0, 4.0),
        (30.0, 25.0, 25.0),
        (3600.0, 30.0, 30.0),
    ] {
        let start = Instant::now();
        let (mut schedule, question) = scheduled(start);
        schedule.answered(&question, start, seconds(lifetime), start);
        let due = schedule.next_due().unwrap() - start;
        assert!(
            (seconds(earliest)..=seconds(latest)).contains(&due),
            "{lifetime}: {due:?}"
        );
    }
}

#[test]
fn an_answer_of_a_cache_that_counts_down_has_no_gap_at_its_end() {
    for (ttl, before) in [(30, 0.0), (30, 12.7), (5, 3.999), (5, 0.001), (1, 0.5)] {
        let start = Instant::now();
        let (mut schedule, question) = scheduled(start + seconds(before));
        let mut cache = Cache {
            ttl,
            filled: Some(start),
        };
        let mut now = start + seconds(before);
        let mut questions = 0;
        let mut fillings = 0;
        while now < start + seconds(300.0) {
            let filled = cache.filled;
            let lifetime = cache.ask(now);
            fillings += u64::from(cache.filled != filled);
            questions += 1;
            // The reply takes a while, longer where the cache had to ask.
            let takes = seconds(if cache.filled == filled { 0.001 } else { 0.15 });
            let ends = schedule.questions[&question].ends;
            assert!(
                ends.is_none_or(|ends| now + takes < ends),
                "{ttl} {before}: a gap after {:?}",
                now - start
            );
            schedule.answered(&question, now, lifetime, now + takes);
            now = schedule.next_due().unwrap();
            assert_eq!(schedule.take_due(now).as_ref(), Some(&question));
        }
        assert!(fillings >= 290 / (ttl + 1), "{ttl} {before}: {fillings}");
        assert!(
            questions <= 4 * (fillings + 1),
            "{ttl} {before}: {questions}"
        );
    }
}

#[test]
fn a_slow_service_with_short_lived_answers_is_not_asked_without_a_pause() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    let now = start + seconds(4.0);
    schedule.answered(&question, start, seconds(1.0), now);
    assert_eq!(schedule.next_due(), Some(now + SHORTEST_WAIT));
    assert_eq!(schedule.report(now).fresh, 0);
}

#[test]
fn pauses_after_failures_grow_to_half_a_minute_at_most_and_start_anew_after_a_success() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    let mut now = start;
    for shortest in [1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0] {
        schedule.failed(&question, Failure::Truncated, now);
        let due = schedule.next_due().unwrap();
        let pause = due - now;
        assert!(pause >= seconds(shortest), "{pause:?}");
        assert!(pause <= seconds(2.0 * shortest), "{pause:?}");
        now = due;
        schedule.take_due(now).unwrap();
    }
    schedule.answered(&question, now, seconds(30.0), now);
    schedule.failed(&question, Failure::Truncated, now);
    assert!(schedule.next_due().unwrap() - now <= seconds(2.0));
}

#[test]
fn a_failure_is_told_once_until_its_reason_changes() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    let fail = |schedule: &mut Schedule, reason| schedule.failed(&question, reason, start);
    assert_eq!(fail(&mut schedule, Failure::Truncated), Turn::Failed);
    assert_eq!(fail(&mut schedule, Failure::Truncated), Turn::Same);
    assert_eq!(fail(&mut schedule, Failure::Momentary), Turn::Failed);
    let mut answer = || schedule.answered(&question, start, seconds(30.0), start);
    assert_eq!(answer(), Turn::Recovered);
    assert_eq!(answer(), Turn::Same);
}

#[test]
fn a_service_that_fails_now_and_then_is_told_of_once() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    let mut now = start;
    let mut turns = Vec::new();
    for _ in 0..300 {
        turns.push(schedule.failed(&question, Failure::Truncated, now));
        turns.push(schedule.failed(&question, Failure::Momentary, now));
        turns.push(schedule.answered(&question, now, seconds(30.0), now));
        now += seconds(25.0);
    }
    let (first, later) = turns.split_at(3);
    assert_eq!(first, [Turn::Failed, Turn::Failed, Turn::Recovered]);
    assert!(later.iter().all(|turn| *turn == Turn::Same), "{later:?}");
    now += seconds(3600.0);
    assert_eq!(
        schedule.failed(&question, Failure::Truncated, now),
        Turn::Failed
    );
}

#[test]
fn an_answer_stays_fresh_until_its_end_while_asking_again_fails() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    schedule.answered(&question, start, seconds(30.0), start);
    let later = start + seconds(25.0);
    schedule.failed(&question, Failure::Silence(seconds(5.0)), later);
    let report = schedule.report(later);
    assert_eq!((report.wanted, report.fresh), (2, 1));
    assert_eq!(
        report.failing.get(&question).unwrap(),
        "the DNS service did not answer within 5 seconds"
    );
    assert_eq!(schedule.next_end(later), Some(start + seconds(30.0)));
    assert_eq!(schedule.report(start + seconds(30.0)).fresh, 0);
}

#[test]
fn another_dns_service_is_asked_at_once_for_what_is_not_fresh() {
    let start = Instant::now();
    let mut schedule = Schedule::default();
    schedule.want(&targets(&[TARGET, "www.example.com."]), start);
    let questions: Vec<_> = std::iter::from_fn(|| schedule.take_due(start)).collect();
    let [fresh, failing, flying, ended] = &questions[..] else {
        panic!("{questions:?}");
    };
    let now = start + seconds(2.0);
    schedule.answered(fresh, now, seconds(30.0), now);
    schedule.failed(failing, Failure::Truncated, now);
    schedule.answered(ended, start, seconds(1.0), now);
    schedule.start_over(now);
    let due: BTreeSet<_> = std::iter::from_fn(|| schedule.take_due(now)).collect();
    assert_eq!(due, [failing, flying, ended].into_iter().cloned().collect());
}

#[test]
fn a_target_that_is_not_wanted_any_more_is_not_asked_for() {
    let start = Instant::now();
    let (mut schedule, question) = scheduled(start);
    schedule.want(&targets(&[]), start);
    schedule.answered(&question, start, seconds(30.0), start);
    assert_eq!(schedule.take_due(start + seconds(60.0)), None);
    assert_eq!(schedule.report(start), Report::default());
}
