//! The rollout of Corefiles: the DNS servers read a changed one in their own time, and until all have, the agreed policy
//! holds.
//!
//! Pure: clocks are passed in. Somebody who watches the ConfigMaps sees a change before the servers do, and
//! for a while either text may be the one that a server answers by. So a change never replaces a policy: the
//! new text joins those that servers may have, and what is answered is what all of them agree on. A text leaves
//! when no server can have it any more: see [`history`].
//!
//! Somebody who may not watch any more sees no change. What was agreed on last is kept for a while then, since it hardly
//! changes and the refusal may be a mistake that is soon mended; and the texts are kept for when they may be read again.

mod history;
mod refusal;
mod running;
#[cfg(test)]
mod tests;
mod times;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

pub use self::{
    history::{History, Text},
    refusal::Refusal,
    running::{Running, Seen, Start},
    times::{ServerClock, Times},
};
use crate::{
    corefile::{Server, policy_of},
    policy::{Policy, Rules, intersect},
};

/// The time, by both clocks that matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// CLOCK_BOOTTIME: what has passed between two moments that were both seen.
    pub since_boot: Duration,
    /// Since the Unix epoch, for people. No times of objects are compared with it: see [`times`].
    pub since_epoch: Duration,
}

/// What is the same for all Corefiles.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The longest that a kubelet takes to bring a changed ConfigMap into a pod's volume.
    pub kubelet_sync: Duration,
    /// The rules of the servers' version, where a person has named it; none: those of the image.
    pub rules: Option<Rules>,
    /// Whether zones are answered whose queries the servers log.
    pub answer_when_logged: bool,
    /// How long the last policy is kept while the set-up may not be read.
    pub policy_kept: Duration,
    /// How late this node follows a set-up that may be read again, when it has left it for long.
    pub late: Duration,
}

/// Every Corefile that a server may have.
#[derive(Debug)]
pub struct Rollout {
    options: Options,
    is_given: bool,
    /// UDP ports at which the DNS service's questions arrive at the servers.
    ports: BTreeSet<u16>,
    known: Known,
    /// What all texts agree on, until one of them comes or goes.
    policy: Option<Policy>,
    /// How often the ConfigMaps had been listed, when they were last seen.
    lists: u64,
    /// Some of the set-up may not be read any more, or may be again and is not followed yet; none: all may be.
    refusal: Option<Refusal>,
    /// The API server's clock, as it was read last.
    clock: Option<ServerClock>,
}

#[derive(Debug)]
enum Known {
    /// Nothing has been seen yet.
    NotYet,
    /// Nothing is known, for this reason.
    Nothing(String),
    /// One history for each way in which servers run, by [`Running::identity`].
    Histories(BTreeMap<String, History>),
}

/// What may be answered now, and how that came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreed {
    /// What all Corefiles that a server may have agree on.
    pub policy: Policy,
    /// The newest texts, for people, such as `ConfigMap kube-system/coredns (version 812)`.
    pub revisions: BTreeSet<String>,
    /// Texts that have been replaced and that servers may still have.
    pub earlier: Vec<Earlier>,
    /// Why the set-up may not be read any more, or is not followed yet; none: it may be, and is.
    pub refusal: Option<Refusal>,
}

/// A text that has been replaced and that servers may still have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earlier {
    /// The text, for people; none if it was never seen.
    pub revision: Option<String>,
    /// When it was replaced, since the Unix epoch.
    pub replaced: Duration,
    /// When no server can have it any more, by CLOCK_BOOTTIME; none: when the pods that have it are gone.
    pub until: Option<Duration>,
}

impl Rollout {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            is_given: false,
            ports: BTreeSet::new(),
            known: Known::NotYet,
            policy: None,
            lists: 0,
            refusal: None,
            clock: None,
        }
    }

    /// Servers whose Corefile is given and never changes.
    #[must_use]
    pub fn given(options: Options, running: Running, now: Now) -> Self {
        let history = History::begin(running, true, Times { now, server: None });
        let identity = history.running().identity.clone();
        Self {
            is_given: true,
            known: Known::Histories(BTreeMap::from([(identity, history)])),
            ..Self::new(options)
        }
    }

    /// Whether anything has been seen, be it that nothing can be known.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        !matches!(self.known, Known::NotYet)
    }

    /// Whether it is known how the servers are set up, and not only how they were.
    #[must_use]
    pub fn is_known(&self) -> bool {
        matches!(self.known, Known::Histories(_)) && !self.is_refused()
    }

    fn is_refused(&self) -> bool {
        self.refusal.as_ref().is_some_and(Refusal::lasts)
    }

    /// Takes in where the DNS service's questions arrive at the servers. Empty: not known. A Corefile that is
    /// given is meant for wherever they arrive.
    pub fn set_ports(&mut self, ports: BTreeSet<u16>) {
        if !self.is_given && self.ports != ports {
            self.ports = ports;
            self.policy = None;
        }
    }

    /// Takes in how the servers are set up now.
    pub fn observe(&mut self, seen: Seen, now: Now) {
        self.policy = None;
        let (running, lists, refused, clock) = match seen {
            Seen::Unknown { reason } => {
                self.known = Known::Nothing(reason);
                return;
            }
            Seen::Running {
                running,
                lists,
                refused,
                clock,
            } => (running, lists, refused, clock),
        };
        self.clock = clock;
        let times = self.times(now);
        self.end_refusal(now);
        let was_refused = self.is_refused();
        let before = self.refusal.take();
        self.refusal = Refusal::follow(before, refused, now.since_boot, &self.options);
        // Whatever may not be read, pods for one, may have changed and changed back.
        let relisted = std::mem::replace(&mut self.lists, lists) != lists || was_refused;
        let (mut before, followed) = match std::mem::replace(&mut self.known, Known::NotYet) {
            Known::Histories(histories) => (histories, !relisted),
            Known::Nothing(_) | Known::NotYet => (BTreeMap::new(), false),
        };
        let mut histories = BTreeMap::new();
        for running in running {
            let identity = running.identity.clone();
            let history = match before.remove(&identity) {
                Some(history) => history.followed_by(running, relisted, times),
                // Servers that came while somebody watched began with a text that was seen.
                None => History::begin(running, followed, times),
            };
            histories.insert(identity, history);
        }
        self.known = Known::Histories(histories);
    }

    /// Forgets a refusal that is over.
    fn end_refusal(&mut self, now: Now) {
        self.refusal
            .take_if(|refusal| refusal.is_over(now.since_boot));
    }

    fn times(&self, now: Now) -> Times {
        Times {
            now,
            server: self.clock,
        }
    }

    /// What may be answered now.
    pub fn agreed(&mut self, now: Now) -> Agreed {
        let times = self.times(now);
        self.end_refusal(now);
        let histories = match &mut self.known {
            Known::NotYet => {
                let reason = "the set-up of the DNS servers has not been read yet";
                return Agreed::nothing(reason.to_owned());
            }
            Known::Nothing(reason) => return Agreed::nothing(reason.clone()),
            Known::Histories(histories) => histories,
        };
        let refusal = self.refusal.clone();
        let why_left = refusal
            .as_ref()
            .and_then(|refusal| refusal.why_left(now.since_boot));
        if let Some(reason) = why_left {
            return Agreed {
                refusal,
                ..Agreed::nothing(reason)
            };
        }
        let sync = self.options.kubelet_sync;
        let mut revisions = BTreeSet::new();
        let mut earlier = Vec::new();
        for history in histories.values_mut() {
            if history.forget(sync, times) {
                self.policy = None;
            }
            revisions.insert(history.running().revision.clone());
            earlier.extend(history.earlier(sync, times));
        }
        let policy = self
            .policy
            .get_or_insert_with(|| policy(&self.options, &self.ports, histories.values()))
            .clone();
        Agreed {
            policy,
            revisions,
            earlier,
            refusal,
        }
    }
}

impl Agreed {
    fn nothing(reason: String) -> Self {
        Self {
            policy: Policy::nothing(reason),
            revisions: BTreeSet::new(),
            earlier: Vec::new(),
            refusal: None,
        }
    }
}

/// Nothing at all would be answered by a Corefile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing could be answered by {origin}: {reasons}")]
pub struct NothingAnswered {
    /// Where the Corefile comes from.
    origin: String,
    /// Why each of its zones is left.
    reasons: String,
}

/// Checks a Corefile that a person has given.
///
/// # Errors
/// Why nothing at all would be answered by it.
pub fn check(running: &Running, options: Options) -> Result<(), NothingAnswered> {
    let now = Now {
        since_boot: Duration::ZERO,
        since_epoch: Duration::ZERO,
    };
    let policy = Rollout::given(options, running.clone(), now)
        .agreed(now)
        .policy;
    if policy.zones.is_empty() {
        let reasons: Vec<String> = policy.left.into_iter().map(|left| left.reason).collect();
        return Err(NothingAnswered {
            origin: running.origin.clone(),
            reasons: reasons.join("; "),
        });
    }
    Ok(())
}

/// What all texts agree on that servers may have.
fn policy<'a>(
    options: &Options,
    ports: &BTreeSet<u16>,
    histories: impl Iterator<Item = &'a History>,
) -> Policy {
    let mut policies = Vec::new();
    for history in histories {
        for text in history.may_run() {
            policies.extend(policies_of(options, ports, history.running(), &text));
        }
    }
    // Nothing can be added to a policy that leaves everything, least of all reasons.
    match policies.iter().find(|policy| policy.zones.is_empty()) {
        Some(nothing) => nothing.clone(),
        None => policies
            .into_iter()
            .reduce(|one, other| intersect(&one, &other))
            .unwrap_or_else(|| Policy::nothing("no DNS server is known".to_owned())),
    }
}

/// The policy of a text at every port where questions arrive.
fn policies_of(
    options: &Options,
    ports: &BTreeSet<u16>,
    running: &Running,
    text: &Text,
) -> Vec<Policy> {
    let mounted = match text {
        Text::Seen(mounted) => match &running.hosts {
            Some(lines) => Cow::Owned((*mounted).clone().with_hosts_of(lines)),
            None => Cow::Borrowed(*mounted),
        },
        Text::Unseen => {
            let reason = format!(
                "{} was changed before the agent began to watch it, and DNS servers may still answer by the \
                 earlier text, which is not known",
                running.revision
            );
            return vec![Policy::nothing(reason)];
        }
    };
    let server = |port| Server {
        rules: options
            .rules
            .unwrap_or_else(|| Rules::of_image(&running.image)),
        port,
        answer_when_logged: options.answer_when_logged,
    };
    let mut policies: Vec<Policy> = ports
        .iter()
        .map(|port| policy_of(&mounted, &server(Some(*port))))
        .collect();
    if policies.is_empty() {
        policies.push(policy_of(&mounted, &server(None)));
    }
    if running.default_port != DNS_PORT {
        let reason = format!(
            "{} is started with -dns.port {}, which is not supported; write the port into the Corefile's \
             server blocks instead, or give the policy by --corefile FILE",
            running.origin, running.default_port
        );
        policies.push(Policy::nothing(reason));
    }
    policies
}

/// The port of server blocks without one (CoreDNS's option `-dns.port`).
pub const DNS_PORT: u16 = 53;
