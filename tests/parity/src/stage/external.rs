//! External names, resolved as the agent does: through the CoreDNS that is compared with.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use dns_core::{
    external::{Answers, QUERY_TYPES, Resolved},
    policy::Policy,
    projection::{View, external_targets},
    world::{Affected, World},
};
use dns_userspace::{
    datapath::control,
    external::{Report, Resolver},
};
use replay::kernel::Kernel;
use tests::hickory_proto::rr::Name;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

/// How long external names may take; what is not known then is left to CoreDNS.
const PATIENCE: Duration = Duration::from_secs(2);

/// The agent's resolver, and what it has told.
pub(super) struct External {
    answers: Answers,
    servers: watch::Sender<Vec<SocketAddr>>,
    wanted: watch::Sender<BTreeSet<Name>>,
    resolved: mpsc::Receiver<Resolved>,
    report: watch::Receiver<Report>,
    task: JoinHandle<()>,
}

impl Drop for External {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl External {
    pub(super) fn new(runtime: &Runtime) -> Self {
        let (servers, asked) = watch::channel(Vec::new());
        let (wanted, targets) = watch::channel(BTreeSet::new());
        let (sender, resolved) = mpsc::channel(1024);
        let (shown, report) = watch::channel(Report::default());
        let resolver = Resolver::new(asked, targets, sender, shown, control::now);
        Self {
            answers: Answers::new(),
            servers,
            wanted,
            resolved,
            report,
            task: runtime.spawn(resolver.run()),
        }
    }

    /// What is known.
    pub(super) fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Forgets what another server said, and asks this one.
    pub(super) fn ask_at(&mut self, server: SocketAddr) {
        self.answers = Answers::new();
        self.servers.send_replace(vec![server]);
    }

    /// Resolves what the services point to now, with patience for replies.
    pub(super) fn settle(&mut self, runtime: &Runtime, policy: &Policy, world: &World) {
        let targets: BTreeSet<Name> = external_targets(self.view(policy, world))
            .into_keys()
            .collect();
        let questions = targets.len() * QUERY_TYPES.len();
        self.answers.want(targets.clone());
        self.wanted.send_replace(targets);
        let settled = |report: &Report| {
            report.wanted == questions && report.fresh + report.failing.len() >= questions
        };
        let report = &mut self.report;
        // What has not been said until then is not known, which is no fault.
        let _ = runtime.block_on(async { timeout(PATIENCE, report.wait_for(settled)).await });
    }

    /// Takes in what was told, lets lifetimes fall, and brings the kernel up to date.
    ///
    /// # Errors
    /// As [`Kernel::carry`].
    pub(super) fn refresh(
        &mut self,
        kernel: &mut Kernel,
        policy: &Policy,
        world: &World,
    ) -> anyhow::Result<()> {
        self.answers.set_now(control::now());
        while let Ok(resolved) = self.resolved.try_recv() {
            self.answers.put(resolved);
        }
        let changed = self.answers.take_changed();
        if changed.is_empty() {
            return Ok(());
        }
        let affected: Affected = external_targets(self.view(policy, world))
            .into_iter()
            .filter(|(target, _)| changed.contains(target))
            .flat_map(|(_, owners)| owners)
            .collect();
        kernel.carry(world, &self.answers, affected).map(drop)
    }

    fn view<'view>(&'view self, policy: &'view Policy, world: &'view World) -> View<'view> {
        View {
            policy,
            world,
            resolved: &self.answers,
            serial: 0,
        }
    }
}
