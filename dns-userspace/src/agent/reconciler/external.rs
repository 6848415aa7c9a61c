//! External names that services lead to: asked for, and what is known of them shown while it holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use dns_core::{
    external::{Answers, Resolved},
    objects::Address,
    projection::{self, dns_addresses},
    world::{Affected, Owner, World},
};
use hickory_proto::rr::Name;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{Phase, Reconciler};
use crate::{
    datapath::control,
    external::{Report, Resolver},
};

#[cfg(test)]
mod tests;

/// Lifetimes that fall within this time of each other are written together.
const GRAIN: Duration = Duration::from_millis(50);

/// What is known of external names, and who depends on it.
pub(super) struct External {
    answers: Answers,
    /// The names that are asked for, each with the services that lead to it.
    targets: BTreeMap<Name, BTreeSet<Owner>>,
    /// All of these services.
    users: BTreeSet<Owner>,
    /// Whether the targets have to be worked out again, since services may lead elsewhere by now.
    dirty: bool,
    /// Where the DNS service is asked.
    servers: Vec<SocketAddr>,
    resolved: mpsc::Sender<Resolved>,
    /// None while there is nothing to ask.
    resolving: Option<Resolving>,
    /// What was asked before is not true any more: CLOCK_BOOTTIME in nanoseconds.
    since: u64,
}

/// The task that asks.
struct Resolving {
    servers: watch::Sender<Vec<SocketAddr>>,
    wanted: watch::Sender<BTreeSet<Name>>,
    report: watch::Receiver<Report>,
    task: JoinHandle<()>,
}

impl Resolving {
    fn start(
        servers: Vec<SocketAddr>,
        wanted: BTreeSet<Name>,
        resolved: mpsc::Sender<Resolved>,
    ) -> Self {
        let (servers, servers_receiver) = watch::channel(servers);
        let (wanted, wanted_receiver) = watch::channel(wanted);
        let (report_sender, report) = watch::channel(Report::default());
        let resolver = Resolver::new(
            servers_receiver,
            wanted_receiver,
            resolved,
            report_sender,
            control::now,
        );
        Self {
            servers,
            wanted,
            report,
            task: tokio::spawn(resolver.run()),
        }
    }
}

impl Drop for Resolving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl External {
    /// Nothing is known, and nothing is asked yet. What the DNS service says comes through `resolved`, and is
    /// to be given to [`Reconciler::note_resolved`].
    pub(super) fn new(resolved: mpsc::Sender<Resolved>) -> Self {
        Self {
            answers: Answers::new(),
            targets: BTreeMap::new(),
            users: BTreeSet::new(),
            dirty: true,
            servers: Vec::new(),
            resolved,
            resolving: None,
            since: 0,
        }
    }

    /// What holds, as of when the time was last told.
    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Takes in that services may lead elsewhere.
    pub(super) fn mark_dirty(&mut self) {
        self.dirty = true;
    }

    /// Takes in whose records may have changed.
    pub(super) fn note(&mut self, world: &World, affected: &Affected) {
        self.dirty |= affected.iter().any(|owner| match owner {
            Owner::Namespace(_) => true,
            Owner::Service { namespace, name } => {
                let service = world.service(namespace, name);
                service.is_some_and(|service| service.external_name.is_some())
                    || self.users.contains(owner)
            }
            Owner::Zone | Owner::Address(_) => false,
        });
    }

    /// Makes exactly these the names that are asked for.
    fn want(&mut self, targets: BTreeMap<Name, BTreeSet<Owner>>) {
        self.dirty = false;
        if self.targets == targets {
            return;
        }
        self.users = targets.values().flatten().cloned().collect();
        self.targets = targets;
        let names = self.names();
        self.answers.want(names.clone());
        match &self.resolving {
            _ if names.is_empty() => self.resolving = None,
            Some(resolving) => {
                resolving.wanted.send_replace(names);
            }
            None => self.ask(),
        }
    }

    /// Asks at these addresses from now on.
    fn ask_at(&mut self, servers: Vec<SocketAddr>) {
        if self.servers != servers {
            self.servers.clone_from(&servers);
            if let Some(resolving) = &self.resolving {
                resolving.servers.send_replace(servers);
            }
        }
    }

    /// Forgets what is known and asks anew: the DNS servers may say something else by now.
    pub(super) fn start_over(&mut self) {
        self.since = control::now();
        if self.resolving.is_some() {
            self.answers.want(BTreeSet::new());
            self.answers.want(self.names());
            self.ask();
        }
    }

    fn ask(&mut self) {
        let (servers, resolved) = (self.servers.clone(), self.resolved.clone());
        self.resolving = Some(Resolving::start(servers, self.names(), resolved));
    }

    fn names(&self) -> BTreeSet<Name> {
        self.targets.keys().cloned().collect()
    }

    fn put(&mut self, resolved: Resolved) {
        if resolved.asked >= self.since {
            self.answers.put(resolved);
        }
    }

    /// Tells the time, before anything is projected by it.
    pub(super) fn tell_time(&mut self) {
        self.answers.set_now(control::now());
    }

    /// The services of whose targets something else is known than when this was last asked.
    pub(super) fn take_changed(&mut self) -> Affected {
        let changed = self.answers.take_changed();
        let users = changed.iter().filter_map(|name| self.targets.get(name));
        users.flatten().cloned().collect()
    }

    /// How it goes.
    pub(super) fn report(&self) -> Report {
        match &self.resolving {
            Some(resolving) => resolving.report.borrow().clone(),
            None => Report::default(),
        }
    }
}

impl Reconciler {
    /// Notes what the DNS service said of external names.
    pub(in crate::agent) fn note_resolved(&mut self, batch: Vec<Resolved>) {
        self.external.tell_time();
        for resolved in batch {
            self.external.put(resolved);
        }
    }

    /// In how long an answer has grown older, or has ended; none: not before something else happens.
    pub(super) fn until_something_ages(&self) -> Option<Duration> {
        let next = self.external.answers().next_change()?;
        let pause = Duration::from_nanos(next.saturating_sub(control::now()));
        (self.phase == Phase::Filled).then(|| pause.max(GRAIN))
    }

    /// Works out which external names services lead to, if they may be others than before. None
    /// while nothing is answered.
    pub(super) fn follow_external(&mut self) {
        if !self.external.dirty {
            return;
        }
        self.follow_servers();
        let targets = match self.view() {
            Some((view, _)) if !self.policy.is_silent() => projection::external_targets(view),
            _ => BTreeMap::new(),
        };
        self.external.want(targets);
    }

    /// Says where the DNS service is asked for external names.
    pub(super) fn follow_servers(&mut self) {
        let servers = servers(&self.world, self.dns.service(), self.dns.more());
        self.external.ask_at(servers);
    }
}

/// Where to ask the DNS service: at its cluster addresses, which are where pods ask, else at its endpoints, else
/// where a person has said that it is.
fn servers(
    world: &World,
    (namespace, name): &(String, String),
    given: &[SocketAddr],
) -> Vec<SocketAddr> {
    let service = world.service(namespace, name);
    let cluster_ips = service.map_or(&[][..], |service| &service.cluster_ips);
    let (cluster, endpoints): (Vec<SocketAddr>, Vec<SocketAddr>) =
        dns_addresses(world, namespace, name)
            .into_iter()
            .partition(|address| cluster_ips.contains(&Address::Ip(address.ip())));
    [cluster, endpoints, given.to_vec()]
        .into_iter()
        .find(|servers| !servers.is_empty())
        .unwrap_or_default()
}
