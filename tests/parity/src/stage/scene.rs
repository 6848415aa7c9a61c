//! One Corefile and the objects of one cluster on both sides, and questions to both.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result, bail};
use dns_core::{
    policy::Policy,
    world::{Affected, Event, World},
};
use dns_userspace::source::Source;
use replay::kernel::{Family, Reaction, Transport};
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};

use super::{
    Stage,
    api::{Api, ApiKind},
    external::External,
    marker::Marker,
    server::{ADDRESS, NotStarted, Server},
};
use crate::{
    cluster::{Change, Cluster},
    corefile::{Corefile, Surroundings},
    judge::{Found, Verdict, judge, shown},
    policy,
    question::Question,
};

/// How long the agent's source may take to see a change.
const SIGHT: Duration = Duration::from_secs(20);
/// How often CoreDNS is asked again to see whether its order of records is always the same.
const ORDERS: usize = 200;

/// What became of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel left it to CoreDNS, for this reason.
    Passed(&'static str),
    /// Both said the same.
    Equal,
    /// They did not.
    Different(Found),
}

/// Both sides, with the same objects.
pub struct Scene<'stage> {
    stage: &'stage mut Stage,
    corefile: Corefile,
    policy: Policy,
    source: JoinHandle<()>,
    events: mpsc::Receiver<Event>,
    api: Api,
    world: World,
    external: External,
    cluster: Cluster,
    marker: Marker,
    server: Option<Server>,
    /// What this CoreDNS process has been asked in this round, and in earlier ones.
    asked: BTreeSet<(String, u16)>,
    asked_earlier: BTreeSet<(String, u16)>,
}

impl Drop for Scene<'_> {
    fn drop(&mut self) {
        self.source.abort();
    }
}

impl<'stage> Scene<'stage> {
    /// Puts the objects into an API server, and lets both sides see them.
    ///
    /// # Errors
    /// When a side does not get that far; a Corefile that CoreDNS does not start with is no error.
    pub fn begin(
        stage: &'stage mut Stage,
        kind: ApiKind,
        corefile: &Corefile,
        cluster: &Cluster,
    ) -> Result<Result<Self, NotStarted>> {
        let api = Api::start(kind, &stage.namespace, &stage.runtime)?;
        let (sender, events) = mpsc::channel(1024);
        let source = Source::Cluster {
            kubeconfig: Some(api.kubeconfig()),
        };
        let marker = Marker(0);
        put(&api, cluster.objects.values().cloned());
        put(&api, marker.objects());
        let source = stage.runtime.block_on(source.start(sender))?;
        let policy = policy::of(corefile, &stage.reference.version);
        let external = External::new(&stage.runtime);
        let mut scene = Self {
            stage,
            corefile: corefile.clone(),
            policy,
            source,
            events,
            api,
            world: World::default(),
            external,
            cluster: cluster.clone(),
            marker,
            server: None,
            asked: BTreeSet::new(),
            asked_earlier: BTreeSet::new(),
        };
        scene.see_world()?;
        scene
            .stage
            .kernel
            .fill(&scene.policy, &scene.world, scene.external.answers())?;
        scene.note_objects()?;
        Ok(scene.start_server()?.map(|()| {
            scene.settle();
            scene
        }))
    }

    /// Whether the policy lets anything be answered.
    #[must_use]
    pub fn answers_something(&self) -> bool {
        !self.policy.zones.is_empty()
    }

    /// The objects, as the API server has them, without the markers.
    #[must_use]
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Carries changes out, and lets both sides see them.
    ///
    /// # Errors
    /// When a side does not see them.
    pub fn change(&mut self, changes: &[Change], after: &Cluster) -> Result<()> {
        self.api.carry_out(changes);
        // Once only: CoreDNS waits longer each time before it lists again.
        if self.marker == Marker(0) {
            self.api.forget();
        }
        self.cluster = after.clone();
        self.marker = Marker(self.marker.0 + 1);
        if let (Some(gone), Api::Small { .. }) = (self.marker.gone(), &self.api) {
            self.api.carry_out(&[Change::Delete(gone)]);
        }
        put(&self.api, self.marker.objects());
        let affected = self.see_world()?;
        self.stage
            .kernel
            .carry(&self.world, self.external.answers(), affected)?;
        self.note_objects()?;
        self.asked_earlier.append(&mut self.asked);
        if !self.corefile.repeats()
            && let Some(server) = &mut self.server
        {
            server.see(self.marker, &self.corefile)?;
            self.settle();
            return Ok(());
        }
        match self.start_server()? {
            Ok(()) => {
                self.settle();
                Ok(())
            }
            Err(NotStarted(reason)) => bail!("CoreDNS did not start a second time: {reason}"),
        }
    }

    /// Makes the objects be these, as [`Scene::change`].
    ///
    /// # Errors
    /// As [`Scene::change`].
    pub fn set(&mut self, wanted: &Cluster) -> Result<()> {
        let mut changes = Vec::new();
        for (key, object) in &wanted.objects {
            if self.cluster.objects.get(key) != Some(object) {
                changes.push(Change::Put(object.clone()));
            }
        }
        let here = self.cluster.objects.keys();
        let gone = here.filter(|key| !wanted.objects.contains_key(*key));
        changes.extend(gone.cloned().map(Change::Delete));
        self.change(&changes, wanted)
    }

    /// Whether CoreDNS may answer this out of what it said before the last change.
    #[must_use]
    pub fn is_stale(&self, question: &Question) -> bool {
        self.asked_earlier.contains(&key(question)) && self.corefile.caches(&question.name_text())
    }

    /// Asks both sides.
    ///
    /// # Errors
    /// When the kernel does not run the program.
    pub fn ask(&mut self, questions: &[Question]) -> Result<Vec<Outcome>> {
        self.refresh()?;
        let mut sent = Vec::with_capacity(questions.len());
        let mut reactions = Vec::with_capacity(questions.len());
        for (question, family) in questions.iter().zip(Family::ALL.into_iter().cycle()) {
            let message = question.encode();
            let reaction = self.stage.kernel.ask(&message, family, Transport::Udp)?;
            sent.push((message, matches!(reaction, Reaction::Answered(_))));
            reactions.push(reaction);
        }
        // Questions are under way together, so that the cache may have met any of several equal ones first.
        let mut repeated = BTreeSet::new();
        for question in questions {
            let key = key(question);
            if !self.asked.insert(key.clone()) {
                repeated.insert(key);
            }
        }
        let replies = self.server()?.asker.ask(&sent)?;
        let mut outcomes = Vec::with_capacity(questions.len());
        for ((question, reaction), reply) in questions.iter().zip(reactions).zip(replies) {
            let caches = self.corefile.caches(&question.name_text());
            let repeated = caches && repeated.contains(&key(question));
            outcomes.push(match reaction {
                Reaction::Passed(reason) => Outcome::Passed(reason),
                Reaction::Broken(reason) => Outcome::Different(Found::broken(reason)),
                Reaction::Answered(got) => self.compare(question, reply, &got, repeated, caches)?,
            });
        }
        Ok(outcomes)
    }

    fn compare(
        &mut self,
        question: &Question,
        reply: Option<Vec<u8>>,
        got: &[u8],
        repeated: bool,
        caches: bool,
    ) -> Result<Outcome> {
        let message = question.encode();
        let verdict = judge(&message, reply.as_deref(), got, repeated, &self.corefile);
        match verdict {
            Verdict::Equal => Ok(Outcome::Equal),
            // A cache keeps the order of one moment.
            Verdict::Order(_) if caches => Ok(Outcome::Equal),
            Verdict::Order(found) => self.order(question, found),
            Verdict::Different(_) => self.once_more(question, caches),
        }
    }

    /// Asks both again, to exclude that a reply was late, or that a lifetime fell between the two.
    fn once_more(&mut self, question: &Question, caches: bool) -> Result<Outcome> {
        self.refresh()?;
        let message = question.encode();
        let reaction = self
            .stage
            .kernel
            .ask(&message, Family::V4, Transport::Udp)?;
        let got = match reaction {
            Reaction::Passed(reason) => return Ok(Outcome::Passed(reason)),
            Reaction::Broken(reason) => return Ok(Outcome::Different(Found::broken(reason))),
            Reaction::Answered(got) => got,
        };
        let reply = self.server()?.ask_one(message.clone())?;
        match judge(&message, reply.as_deref(), &got, caches, &self.corefile) {
            Verdict::Different(found) => Ok(Outcome::Different(found)),
            Verdict::Order(found) if !caches => self.order(question, found),
            Verdict::Order(_) | Verdict::Equal => Ok(Outcome::Equal),
        }
    }

    /// Another order is a difference only where CoreDNS always has one and the same: it keeps that of the
    /// addresses of one slice, and takes slices in any.
    fn order(&mut self, question: &Question, found: Found) -> Result<Outcome> {
        let message = question.encode();
        for _ in 0..ORDERS {
            let reply = self.server()?.ask_one(message.clone())?;
            let other = reply.is_some_and(|reply| shown(&reply) != found.expected);
            if other {
                return Ok(Outcome::Equal);
            }
        }
        Ok(Outcome::Different(found))
    }

    fn server(&mut self) -> Result<&mut Server> {
        self.server
            .as_mut()
            .context("there is no CoreDNS to compare with")
    }

    /// Lets external names be resolved, through CoreDNS as it is now.
    fn settle(&mut self) {
        let Stage { runtime, .. } = &*self.stage;
        self.external.settle(runtime, &self.policy, &self.world);
    }

    fn refresh(&mut self) -> Result<()> {
        self.external
            .refresh(&mut self.stage.kernel, &self.policy, &self.world)
    }

    /// Takes in what the source tells until the markers are there.
    fn see_world(&mut self) -> Result<Affected> {
        let mut affected = Affected::new();
        let events = &mut self.events;
        while !(self.marker.is_in(&self.world) && self.world.fresh()) {
            let next = async { timeout(SIGHT, events.recv()).await };
            let event = self
                .stage
                .runtime
                .block_on(next)
                .context("the agent's source does not see the markers")?
                .context("the agent's source has ended")?;
            affected.extend(self.world.apply(event));
        }
        Ok(affected)
    }

    fn note_objects(&mut self) -> Result<()> {
        if let Some(cluster) = self.api.read_back()? {
            self.cluster = cluster;
        }
        Ok(())
    }

    fn start_server(&mut self) -> Result<Result<(), NotStarted>> {
        // Its ports must be free for the next one.
        self.server = None;
        self.asked.clear();
        self.asked_earlier.clear();
        let text = self.corefile.live(&Surroundings {
            api: self.api.for_core_dns(),
            upstream: self.stage.upstream.address(),
        });
        let server = Server::start(&self.stage.namespace, &self.stage.reference, &text)?;
        self.external.ask_at(ADDRESS);
        Ok(server.map(|server| self.server = Some(server)))
    }
}

fn put(api: &Api, objects: impl IntoIterator<Item = serde_json::Value>) {
    let changes: Vec<Change> = objects.into_iter().map(Change::Put).collect();
    api.carry_out(&changes);
}

/// What a cache tells questions apart by, and less.
fn key(question: &Question) -> (String, u16) {
    let name = question.name_text().to_ascii_lowercase();
    (name, question.query_type)
}
