//! Real look-ups in the pod, and who answered them.

use std::time::{Duration, Instant};

use ::tests::eventually;
use anyhow::{Context, Result, bail};

use super::scene::{DNS_SERVICE, Scene};

/// How long the server's counter may lag behind its answer.
const COUNTER_LIMIT: Duration = Duration::from_secs(2);

/// What is to be looked up, and what has to come of it.
pub(crate) struct LookUp {
    /// How it is asked.
    pub(crate) by: Asker,
    /// How many questions each side has to answer.
    pub(crate) answered_by: Answerers,
    /// What the answer has to be, in any order.
    pub(crate) answer: Vec<String>,
}

/// Who puts the question.
pub(crate) enum Asker {
    /// `dig` for one name and type.
    Dig {
        /// The full name.
        name: String,
        /// The type, such as `A`.
        record_type: &'static str,
    },
    /// A program that uses the pod's resolv.conf, as applications do.
    Program(&'static [&'static str]),
}

/// Numbers of questions, by who answered them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answerers {
    /// Answered by the program on the pod's veth.
    pub(crate) kernel: u64,
    /// Answered by the DNS service.
    pub(crate) dns_service: u64,
}

/// What came of a look-up.
pub(crate) struct Outcome {
    /// Who answered.
    pub(crate) answered_by: Answerers,
    /// The answer as it came: the data of the records, or the response code.
    pub(crate) answer: Vec<String>,
    /// How long it took: dig's measure of the round trip; of other programs, the whole run.
    pub(crate) time: Duration,
}

impl LookUp {
    /// Looks up, and finds out who answered by the counters before and after.
    ///
    /// # Errors
    ///
    /// When there is no answer at all, or the counters cannot be read.
    pub(crate) fn run(&self, scene: &Scene) -> Result<Outcome> {
        let before = Counters::read(scene)?;
        let (answer, time) = match &self.by {
            Asker::Dig { name, record_type } => dig(scene, name, record_type)?,
            Asker::Program(words) => run_program(scene, words)?,
        };
        let answered_by = self.count_since(&before, scene)?;
        Ok(Outcome {
            answered_by,
            answer,
            time,
        })
    }

    /// Whether all came as it had to.
    pub(crate) fn is_met_by(&self, outcome: &Outcome) -> bool {
        let (mut wanted, mut got) = (self.answer.clone(), outcome.answer.clone());
        wanted.sort_unstable();
        got.sort_unstable();
        wanted == got && self.answered_by == outcome.answered_by
    }

    /// The words that a person would type in the pod.
    pub(crate) fn command(&self) -> String {
        match &self.by {
            Asker::Dig { name, record_type } => format!("dig {name} {record_type}"),
            Asker::Program(words) => words.join(" "),
        }
    }

    /// CoreDNS counts a question just after it has answered, so its counter is read until both sides
    /// account for every question. It also counts what it asks itself, for the target of a CNAME; the
    /// pod's own questions are those that the kernel passed on.
    fn count_since(&self, before: &Counters, scene: &Scene) -> Result<Answerers> {
        let expected = self.answered_by.kernel + self.answered_by.dns_service;
        let count = || {
            let now = Counters::read(scene)?;
            let passed = now.passed.saturating_sub(before.passed);
            let dns_service = now.dns_service.saturating_sub(before.dns_service);
            Ok(Answerers {
                kernel: now.kernel.saturating_sub(before.kernel),
                dns_service: dns_service.min(passed),
            })
        };
        let complete = eventually(COUNTER_LIMIT, "both counters", || {
            let counted = count()?;
            if counted.kernel + counted.dns_service < expected {
                bail!("{counted:?} are fewer than {expected} questions");
            }
            Ok(counted)
        });
        // A count that stays short is no failure to look up: it is an outcome, and is shown as one.
        complete.or_else(|_| count())
    }
}

impl Answerers {
    /// One question, answered in the kernel.
    pub(crate) const KERNEL: Self = Self {
        kernel: 1,
        dns_service: 0,
    };
    /// One question, answered by the DNS service.
    pub(crate) const DNS_SERVICE: Self = Self {
        kernel: 0,
        dns_service: 1,
    };

    /// In words; with numbers only where there are several questions.
    pub(crate) fn text(self) -> String {
        match (self.kernel, self.dns_service) {
            (0, 0) => "nobody".to_owned(),
            (1, 0) => "kernel".to_owned(),
            (0, 1) => "DNS service".to_owned(),
            (kernel, 0) => format!("{kernel} kernel"),
            (0, dns_service) => format!("{dns_service} DNS service"),
            (kernel, dns_service) => format!("{kernel} kernel, {dns_service} DNS service"),
        }
    }
}

struct Counters {
    kernel: u64,
    passed: u64,
    dns_service: u64,
}

impl Counters {
    fn read(scene: &Scene) -> Result<Self> {
        let status = scene.agent.status()?;
        Ok(Self {
            kernel: status.answered_in_kernel(),
            passed: status.passed_on(),
            dns_service: scene.dns_service.questions()?,
        })
    }
}

fn dig(scene: &Scene, name: &str, record_type: &str) -> Result<(Vec<String>, Duration)> {
    let reply = scene
        .pod
        .dig(&[&format!("@{DNS_SERVICE}"), name, record_type])
        .with_context(|| format!("dig {name} {record_type} in the pod"))?;
    let answer = match reply.answers.as_slice() {
        [] => vec![reply.status],
        records => records.iter().map(|record| record.data.clone()).collect(),
    };
    Ok((answer, reply.time))
}

fn run_program(scene: &Scene, words: &[&str]) -> Result<(Vec<String>, Duration)> {
    let start = Instant::now();
    let output = scene.pod.run_with_resolver(&scene.resolver(), words)?;
    let time = start.elapsed();
    let printed = String::from_utf8_lossy(&output.stdout);
    let mut answer: Vec<String> = Vec::new();
    for address in printed.lines().filter_map(address_in) {
        // getent prints an address once for each type of socket.
        if !answer.contains(&address) {
            answer.push(address);
        }
    }
    if answer.is_empty() {
        answer.push(format!("no address ({})", output.status));
    }
    Ok((answer, time))
}

/// The address in a line of `getent ahosts…` (the first word) or of `host` (the last).
fn address_in(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let candidates = [words.next(), words.next_back()];
    let is_address = |word: &&str| word.parse::<std::net::IpAddr>().is_ok();
    candidates
        .into_iter()
        .flatten()
        .find(is_address)
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_what_getent_and_host_print() {
        let getent = "10.96.0.1       STREAM kubernetes.default.svc.cluster.local";
        assert_eq!(address_in(getent).as_deref(), Some("10.96.0.1"));
        let host = "kubernetes.default.svc.cluster.local has address 10.96.0.1";
        assert_eq!(address_in(host).as_deref(), Some("10.96.0.1"));
        assert_eq!(address_in("Host nothing not found: 3(NXDOMAIN)"), None);
    }
}
