//! Many clusters, each with a Corefile, questions, and changes in between.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
    mpsc,
};

use anyhow::{Context as _, Result};
use tests::Namespace;

use crate::{
    cluster::{Cluster, Oddity},
    corefile::{Corefile, Zones},
    question::{Question, Subjects},
    random::Random,
    report::{Difference, Report},
    shrink::shrink,
    stage::{ApiKind, NotStarted, Outcome, Reference, Scene, Stage},
};

/// In how many rounds a cluster is asked; it changes between two of them.
const ROUNDS: usize = 4;
/// How many Corefiles are tried for a cluster until CoreDNS starts with one and it lets something be answered.
const COREFILES: u64 = 20;
/// Differences of one cluster that are made small.
const SHRUNK: usize = 2;

/// What to do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed that all choices follow from.
    pub seed: u64,
    /// The number of the first cluster.
    pub first: usize,
    /// How many clusters.
    pub clusters: usize,
    /// How many questions for each cluster.
    pub questions: usize,
    /// How many clusters at once.
    pub jobs: usize,
    /// Every so many clusters, one lies in a real kube-apiserver; 0: none.
    pub real_every: usize,
    /// The CoreDNS to compare with.
    pub reference: Reference,
}

impl Plan {
    fn kind(&self, number: usize) -> ApiKind {
        match self.real_every {
            0 => ApiKind::Small,
            every if (number + 1).is_multiple_of(every) => ApiKind::Real,
            _ => ApiKind::Small,
        }
    }
}

/// Carries a plan out; `progress` is told of each cluster that is done.
///
/// # Errors
/// What keeps the comparison from going on; a difference is no error but in the report.
pub fn run(plan: &Plan, progress: impl Fn(&Report) + Sync) -> Result<Report> {
    let next = AtomicUsize::new(plan.first);
    let whole = Mutex::new(Report::default());
    let jobs = plan.jobs.clamp(1, plan.clusters.max(1));
    let (sender, errors) = mpsc::channel();
    std::thread::scope(|scope| {
        for job in 0..jobs {
            let (next, whole, progress, sender) = (&next, &whole, &progress, sender.clone());
            scope.spawn(move || {
                let work = || {
                    let namespace = Namespace::new(&format!("parity-{job}"))?;
                    namespace.enter(|| {
                        let mut stage = Stage::new(&namespace, &plan.reference)?;
                        loop {
                            let number = next.fetch_add(1, Ordering::Relaxed);
                            if number >= plan.first + plan.clusters {
                                return Ok(());
                            }
                            let report = one(plan, number, &mut stage).with_context(|| {
                                format!("cluster {number} of seed {}", plan.seed)
                            })?;
                            progress(&report);
                            whole
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .add(report);
                        }
                    })
                };
                if let Err(error) = work() {
                    // The others need not begin what will not be reported.
                    next.store(usize::MAX / 2, Ordering::Relaxed);
                    // The receiver outlives every sender.
                    let _ = sender.send(error);
                }
            });
        }
    });
    drop(sender);
    match errors.try_recv() {
        Ok(error) => Err(error),
        Err(_) => Ok(whole.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// Compares one cluster.
fn one(plan: &Plan, number: usize, stage: &mut Stage) -> Result<Report> {
    let kind = plan.kind(number);
    let oddity = match kind {
        ApiKind::Small => Oddity::Any,
        ApiKind::Real => Oddity::Accepted,
    };
    let place = number as u64;
    let mut random = Random::new(plan.seed, &[place]);
    let begin = Cluster::random(&mut random, oddity);
    let mut report = Report::of_cluster(number);
    for attempt in 0..COREFILES {
        let (corefile, zones) = Corefile::random(&mut Random::new(plan.seed, &[place, attempt]));
        let answers = crate::policy::answers_something(&corefile, &plan.reference.version);
        if !answers && attempt + 1 < COREFILES {
            report.unanswered_corefiles += 1;
            continue;
        }
        let case = Case {
            plan,
            kind,
            oddity,
            corefile: &corefile,
            zones: &zones,
        };
        if case.compare(stage, &begin, &mut random, &mut report)? {
            break;
        }
        report.refused_corefiles += 1;
    }
    Ok(report)
}

/// One cluster with one Corefile.
struct Case<'a> {
    plan: &'a Plan,
    kind: ApiKind,
    oddity: Oddity,
    corefile: &'a Corefile,
    zones: &'a Zones,
}

impl Case<'_> {
    /// Asks about all its states, and makes differences small; false if CoreDNS does not start.
    fn compare(
        &self,
        stage: &mut Stage,
        begin: &Cluster,
        random: &mut Random,
        report: &mut Report,
    ) -> Result<bool> {
        match Scene::begin(stage, self.kind, self.corefile, begin)? {
            Ok(mut scene) => self.rounds(&mut scene, random, report)?,
            Err(NotStarted(_)) => return Ok(false),
        }
        for difference in report.differences.iter_mut().take(SHRUNK) {
            difference.corefile = self.corefile.to_string();
            shrink(stage, self.corefile, difference)?;
        }
        Ok(true)
    }

    fn rounds(
        &self,
        scene: &mut Scene<'_>,
        random: &mut Random,
        report: &mut Report,
    ) -> Result<()> {
        let Self { plan, zones, .. } = self;
        let mut id = 0_u16;
        for round in 0..ROUNDS {
            if round > 0 {
                let mut after = scene.cluster().clone();
                let changes = after.change(random, self.oddity);
                scene.change(&changes, &after)?;
            }
            let subjects = Subjects::of(scene.cluster(), zones);
            let share = plan.questions / ROUNDS + usize::from(round < plan.questions % ROUNDS);
            let mut questions = Vec::with_capacity(share);
            while questions.len() < share {
                id = id.wrapping_add(1);
                let question = Question::random(random, &subjects, id);
                // What a cache repeats of an earlier state is no state to compare with.
                if !scene.is_stale(&question) {
                    questions.push(question);
                }
            }
            let outcomes = scene.ask(&questions)?;
            for (question, outcome) in questions.into_iter().zip(outcomes) {
                report.questions += 1;
                match outcome {
                    Outcome::Equal => report.equal += 1,
                    Outcome::Passed(reason) => *report.passed.entry(reason).or_default() += 1,
                    Outcome::Different(found) => {
                        report.different += 1;
                        let objects = scene.cluster().clone();
                        let (seed, number) = (plan.seed, report.number);
                        let found = Difference::new(seed, number, round, question, objects, found);
                        report.differences.push(found);
                    }
                }
            }
            if report.different > 0 {
                break;
            }
        }
        Ok(())
    }
}
