//! The task against a scripted server, with the time in the test's hands.

use dns_core::external::Answers;
use hickory_proto::{op::ResponseCode, rr::RecordType};
use tokio::{task::JoinHandle, time::advance};

use super::*;
use crate::external::scripted::{Asked, Server, StoppedClock, address, name, settle};

const TARGET: &str = "db.example.com.";
/// The system had been up for a while.
const BOOT: u64 = 1_000_000_000_000;

/// A running resolver and what the agent has of it.
struct Bench {
    _clock: StoppedClock,
    server: Server,
    servers: watch::Sender<Vec<SocketAddr>>,
    wanted: watch::Sender<BTreeSet<Name>>,
    resolved: mpsc::Receiver<Resolved>,
    report: watch::Receiver<Report>,
    answers: Answers,
    started: Instant,
    task: JoinHandle<()>,
}

fn targets(names: &[&str]) -> BTreeSet<Name> {
    names.iter().map(|text| name(text)).collect()
}

fn seconds(seconds: f32) -> Duration {
    Duration::from_secs_f32(seconds)
}

impl Bench {
    async fn wanting(wanted: &[&str]) -> Self {
        let clock = StoppedClock::stop();
        let server = Server::start().await;
        let (servers, servers_receiver) = watch::channel(vec![server.address]);
        let (wanted, wanted_receiver) = watch::channel(targets(wanted));
        let (resolved_sender, resolved) = mpsc::channel(8);
        let (report_sender, report) = watch::channel(Report::default());
        let started = Instant::now();
        let resolver = Resolver::new(
            servers_receiver,
            wanted_receiver,
            resolved_sender,
            report_sender,
            move || BOOT + started.elapsed().as_nanos() as u64,
        );
        let mut answers = Answers::new();
        answers.set_now(BOOT);
        answers.want(wanted.borrow().clone());
        Self {
            _clock: clock,
            server,
            servers,
            wanted,
            resolved,
            report,
            answers,
            started,
            task: tokio::spawn(resolver.run()),
        }
    }

    /// Lets time pass.
    async fn pass(&mut self, time: Duration) {
        advance(time).await;
        let now = BOOT + self.started.elapsed().as_nanos() as u64;
        self.answers.set_now(now);
    }

    /// Takes an answer of the resolver over, as the agent does.
    async fn take(&mut self) -> Resolved {
        let resolved = self.resolved.recv().await.unwrap();
        self.answers.put(resolved.clone());
        resolved
    }

    /// What is known of the target: its first address and the seconds that are left.
    fn known(&self) -> Option<(String, u32)> {
        let answer = self.answers.get(&name(TARGET), RecordType::A)?;
        let first = answer.records.first()?;
        Some((first.data.to_string(), answer.remaining))
    }

    /// Waits for a report, and says why the target's A question fails.
    async fn reason(&mut self, seen: impl FnMut(&Report) -> bool) -> Option<String> {
        let report = self.report.wait_for(seen).await.unwrap();
        let question = Question {
            target: name(TARGET),
            query_type: RecordType::A,
        };
        report.failing.get(&question).cloned()
    }

    /// The target's A question, at once.
    async fn asked(&mut self) -> Asked {
        self.asked_after(Duration::MAX).await.0
    }

    /// The target's A question, and when it comes while time passes in these steps and something is known
    /// all the time: after how long. Every AAAA question is denied for long.
    async fn asked_after(&mut self, step: Duration) -> (Asked, Duration) {
        let start = Instant::now();
        let known = self.known().is_some();
        loop {
            while !self.server.is_asked().await {
                assert_ne!(step, Duration::MAX, "not asked at once");
                assert!(start.elapsed() < seconds(100.0), "not asked again");
                self.pass(step).await;
                assert!(
                    !known || self.known().is_some(),
                    "a gap after {:?}",
                    start.elapsed()
                );
            }
            let asked = self.server.asked().await;
            if asked.text() == format!("{TARGET} A") {
                return (asked, start.elapsed());
            }
            asked.deny(ResponseCode::NoError, 30).await;
            self.take().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn both_families_of_a_target_are_resolved() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    for (question, found) in [("A", "192.0.2.1"), ("AAAA", "2001:db8::1")] {
        let asked = bench.server.asked().await;
        assert_eq!(asked.text(), format!("{TARGET} {question}"));
        asked.answer(vec![address(TARGET, 60, found)]).await;
        let resolved = bench.take().await;
        assert_eq!(resolved.records[0].data.to_string(), found);
        assert_eq!((resolved.lifetime, resolved.asked), (60, BOOT));
    }
    let report = bench.report.wait_for(|report| report.fresh == 2).await;
    assert_eq!(report.unwrap().wanted, 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_renewed_before_it_ends_and_a_new_address_is_followed() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    let asked = bench.asked().await;
    asked.answer(vec![address(TARGET, 30, "192.0.2.1")]).await;
    bench.take().await;
    for last in 2..6 {
        let (asked, passed) = bench.asked_after(seconds(1.0)).await;
        assert!(passed >= seconds(20.0), "asked already after {passed:?}");
        // The reply takes a while.
        bench.pass(seconds(0.1)).await;
        let found = format!("192.0.2.{last}");
        asked.answer(vec![address(TARGET, 30, &found)]).await;
        bench.take().await;
        assert_eq!(bench.known(), Some((found, 30)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_with_a_ttl_that_falls_is_asked_for_until_a_new_one_comes() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    let asked = bench.asked().await;
    asked.answer(vec![address(TARGET, 10, "192.0.2.1")]).await;
    bench.take().await;
    let mut questions = 0;
    // A cache with an entry that ends after ten seconds.
    let entry = bench.started + seconds(10.0);
    loop {
        let (asked, _) = bench.asked_after(seconds(0.1)).await;
        questions += 1;
        let left = entry.saturating_duration_since(Instant::now());
        if left.is_zero() {
            asked.answer(vec![address(TARGET, 10, "192.0.2.2")]).await;
            bench.take().await;
            break;
        }
        let ttl = left.as_secs_f32().ceil() as u32;
        asked.answer(vec![address(TARGET, ttl, "192.0.2.1")]).await;
        bench.take().await;
    }
    assert_eq!(bench.known(), Some(("192.0.2.2".to_owned(), 10)));
    assert!(questions <= 4, "{questions}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_does_not_exist_is_known_to_have_no_records() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    let asked = bench.asked().await;
    asked.deny(ResponseCode::NXDomain, 12).await;
    bench.take().await;
    let answer = bench.answers.get(&name(TARGET), RecordType::A).unwrap();
    assert_eq!((answer.records.len(), answer.remaining), (0, 12));
    bench.pass(seconds(12.0)).await;
    assert_eq!(bench.answers.get(&name(TARGET), RecordType::A), None);
}

#[tokio::test(start_paused = true)]
async fn after_servfail_nothing_is_known_and_it_is_asked_again() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    for _ in 0..3 {
        let (asked, _) = bench.asked_after(seconds(1.0)).await;
        let fail = |reply: &mut hickory_proto::op::Message| {
            reply.metadata.response_code = ResponseCode::ServFail;
        };
        asked.reply(fail).await;
        let reason = bench.reason(|report| !report.failing.is_empty()).await;
        assert_eq!(
            reason.unwrap(),
            format!("the DNS service answered {}", ResponseCode::ServFail)
        );
        assert_eq!(bench.known(), None);
    }
    let (asked, _) = bench.asked_after(seconds(1.0)).await;
    asked.answer(vec![address(TARGET, 60, "192.0.2.1")]).await;
    bench.take().await;
    assert!(bench.known().is_some());
    let reason = bench.reason(|report| report.failing.is_empty()).await;
    assert_eq!(reason, None);
}

#[tokio::test(start_paused = true)]
async fn after_silence_nothing_is_known_and_what_was_known_holds_until_its_end() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    let asked = bench.asked().await;
    asked.answer(vec![address(TARGET, 30, "192.0.2.1")]).await;
    bench.take().await;
    let (_unanswered, passed) = bench.asked_after(seconds(1.0)).await;
    assert_eq!(passed, seconds(25.0));
    bench.pass(seconds(4.0)).await;
    assert!(bench.known().is_some());
    bench.pass(seconds(1.0)).await;
    let reason = bench.reason(|report| !report.failing.is_empty()).await;
    assert_eq!(
        reason.unwrap(),
        "the DNS service did not answer within 5 seconds"
    );
    assert_eq!(bench.known(), None);
}

#[tokio::test(start_paused = true)]
async fn targets_come_and_go() {
    let mut bench = Bench::wanting(&[]).await;
    assert!(!bench.server.is_asked().await);
    bench.wanted.send(targets(&[TARGET])).unwrap();
    bench.answers.want(targets(&[TARGET]));
    let asked = bench.asked().await;
    asked.answer(vec![address(TARGET, 30, "192.0.2.1")]).await;
    bench.take().await;
    bench.wanted.send(targets(&["www.example.com."])).unwrap();
    bench.answers.want(targets(&["www.example.com."]));
    assert_eq!(bench.known(), None);
    for question in ["A", "AAAA"] {
        loop {
            let asked = bench.server.asked().await;
            if asked.text() == format!("www.example.com. {question}") {
                asked.deny(ResponseCode::NXDomain, 30).await;
                break;
            }
            // Sent before the change.
            assert_eq!(asked.text(), format!("{TARGET} AAAA"));
        }
        bench.take().await;
    }
    bench.wanted.send(targets(&[])).unwrap();
    bench
        .report
        .wait_for(|report| report.wanted == 0)
        .await
        .unwrap();
    bench.pass(seconds(60.0)).await;
    assert!(!bench.server.is_asked().await);
}

#[tokio::test(start_paused = true)]
async fn another_server_is_asked_when_the_addresses_change() {
    let mut bench = Bench::wanting(&[TARGET]).await;
    let late = bench.server.asked().await;
    let mut other = Server::start().await;
    bench.servers.send(vec![other.address]).unwrap();
    let asked = other.asked().await;
    // What the first one says now is not heard.
    late.answer(vec![address(TARGET, 30, "192.0.2.66")]).await;
    settle().await;
    asked.answer(vec![address(TARGET, 30, "192.0.2.1")]).await;
    bench.take().await;
    assert_eq!(bench.known(), Some(("192.0.2.1".to_owned(), 30)));
}

#[tokio::test(start_paused = true)]
async fn without_a_server_nothing_is_known_and_the_first_one_is_asked_at_once() {
    let mut bench = Bench::wanting(&[]).await;
    bench.servers.send(Vec::new()).unwrap();
    bench.wanted.send(targets(&[TARGET])).unwrap();
    let reason = bench.reason(|report| report.failing.len() == 2).await;
    assert_eq!(
        reason.unwrap(),
        "the DNS service has no address that could be asked"
    );
    bench.pass(seconds(100.0)).await;
    assert!(!bench.server.is_asked().await);
    bench.servers.send(vec![bench.server.address]).unwrap();
    bench.asked().await;
}

#[tokio::test(start_paused = true)]
async fn questions_in_flight_are_bounded() {
    let names: Vec<_> = (0..20)
        .map(|number| format!("n{number}.example.com."))
        .collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::wanting(&names).await;
    let mut flying = Vec::new();
    for answered in 0..=24 {
        while bench.server.is_asked().await {
            flying.push(bench.server.asked().await);
        }
        assert_eq!(flying.len(), IN_FLIGHT, "{answered}");
        flying.pop().unwrap().deny(ResponseCode::NXDomain, 30).await;
        bench.take().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_ends_when_nobody_listens() {
    let Bench {
        resolved,
        task,
        _clock,
        servers,
        wanted,
        ..
    } = Bench::wanting(&[TARGET]).await;
    drop(resolved);
    task.await.unwrap();
    drop((servers, wanted));
}
