//! Differences that were found once, each as a small case with a name: objects, a Corefile and a question.
//!
//! They are put to CoreDNS as well as to the kernel, so that each says what CoreDNS does and not what
//! somebody remembers of it.

mod objects;
mod regressions;

use anyhow::{Result, bail};

pub use self::regressions::all;
use crate::{
    cluster::Cluster,
    corefile::Corefile,
    question::Question,
    stage::{ApiKind, NotStarted, Outcome, Scene, Stage},
};

/// A small case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What was wrong, as a sentence about what is right.
    pub name: &'static str,
    /// The Corefile as it would stand in a ConfigMap.
    pub corefile: &'static str,
    /// The objects.
    pub objects: Cluster,
    /// The questions.
    pub questions: Vec<Question>,
}

/// Puts every case to both sides; returns a sentence for each that differs.
///
/// # Errors
/// When CoreDNS does not start with a case's Corefile, or a side cannot be asked.
pub fn run(stage: &mut Stage, cases: &[Case]) -> Result<Vec<String>> {
    let mut different = Vec::new();
    let mut rest = cases;
    while let Some(first) = rest.first() {
        // Neighbours under one Corefile share a CoreDNS.
        let count = rest
            .iter()
            .take_while(|case| case.corefile == first.corefile)
            .count();
        let (together, behind) = rest.split_at(count);
        rest = behind;
        let corefile = Corefile::new(first.corefile);
        let begun = Scene::begin(stage, ApiKind::Small, &corefile, &first.objects)?;
        let mut scene = match begun {
            Ok(scene) => scene,
            Err(NotStarted(reason)) => bail!("\"{}\": {reason}", first.name),
        };
        for case in together {
            scene.set(&case.objects)?;
            let outcomes = scene.ask(&case.questions)?;
            for (question, outcome) in case.questions.iter().zip(outcomes) {
                if let Outcome::Different(found) = outcome {
                    different.push(format!(
                        "\"{}\": {question}: {}\n  CoreDNS: {}\n  kernel:  {}",
                        case.name,
                        found.reasons.join("; "),
                        found.expected,
                        found.got
                    ));
                }
            }
        }
    }
    Ok(different)
}
