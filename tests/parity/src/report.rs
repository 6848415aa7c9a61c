//! What came of a run.

use std::{collections::BTreeMap, fmt};

use comfy_table::Table;
use serde_json::{Value, json};

use crate::{cluster::Cluster, judge::Found, question::Question};

/// The most differences that are shown in full.
const SHOWN: usize = 5;

/// What came of one cluster, or of several.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The number of the cluster; of the first one, if there are several.
    pub number: usize,
    /// How many clusters.
    pub clusters: usize,
    /// How many questions were asked of both.
    pub questions: usize,
    /// How many the kernel answered as CoreDNS did.
    pub equal: usize,
    /// How many it answered otherwise.
    pub different: usize,
    /// How many it left to CoreDNS, by reason.
    pub passed: BTreeMap<&'static str, usize>,
    /// Corefiles that CoreDNS did not start with; others were taken.
    pub refused_corefiles: usize,
    /// Corefiles under which nothing is answered, and which were not compared for that.
    pub unanswered_corefiles: usize,
    /// The differences.
    pub differences: Vec<Difference>,
}

/// A question that was answered otherwise.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The seed of the run.
    pub seed: u64,
    /// The number of the cluster.
    pub number: usize,
    /// After how many batches of changes.
    pub round: usize,
    /// The Corefile as it would stand in a ConfigMap.
    pub corefile: String,
    /// The objects.
    pub objects: Cluster,
    /// The question.
    pub question: Question,
    /// What was said.
    pub found: Found,
    /// Whether it comes again with the objects and the question above alone.
    pub is_small: bool,
}

impl Difference {
    /// A difference as it was met.
    #[must_use]
    pub fn new(
        seed: u64,
        number: usize,
        round: usize,
        question: Question,
        objects: Cluster,
        found: Found,
    ) -> Self {
        Self {
            seed,
            number,
            round,
            corefile: String::new(),
            objects,
            question,
            found,
            is_small: false,
        }
    }

    fn json(&self) -> Value {
        let hex = |octets: Vec<u8>| {
            octets
                .iter()
                .map(|octet| format!("{octet:02x}"))
                .collect::<String>()
        };
        json!({
            "seed": self.seed,
            "cluster": self.number,
            "round": self.round,
            "shrunk": self.is_small,
            "corefile": self.corefile,
            "objects": self.objects.objects.values().collect::<Vec<_>>(),
            "question": self.question.to_string(),
            "message": hex(self.question.encode()),
            "reasons": self.found.reasons,
            "expected": self.found.expected,
            "got": self.found.got,
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            seed,
            number,
            round,
            question,
            found,
            ..
        } = self;
        writeln!(
            formatter,
            "DIFFERENT: seed {seed}, cluster {number}, round {round}: {question}"
        )?;
        for reason in &found.reasons {
            writeln!(formatter, "  {reason}")?;
        }
        writeln!(
            formatter,
            "  CoreDNS: {}\n  kernel:  {}",
            found.expected, found.got
        )?;
        if self.is_small {
            writeln!(
                formatter,
                "  with this Corefile and these objects alone:\n{}",
                self.corefile
            )?;
            for object in self.objects.objects.values() {
                writeln!(formatter, "{object}")?;
            }
        } else {
            writeln!(
                formatter,
                "  not made smaller; again by: cargo xtask parity --seed {seed} --first {number} --clusters 1"
            )?;
        }
        Ok(())
    }
}

impl Report {
    /// The report of one cluster, still without questions.
    #[must_use]
    pub fn of_cluster(number: usize) -> Self {
        Self {
            number,
            clusters: 1,
            ..Self::default()
        }
    }

    /// Adds another report.
    pub fn add(&mut self, other: Self) {
        self.clusters += other.clusters;
        self.questions += other.questions;
        self.equal += other.equal;
        self.different += other.different;
        self.refused_corefiles += other.refused_corefiles;
        self.unanswered_corefiles += other.unanswered_corefiles;
        for (reason, count) in other.passed {
            *self.passed.entry(reason).or_default() += count;
        }
        self.differences.extend(other.differences);
    }

    /// One line for a person who waits.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "cluster {}: {} questions, {} answered in the kernel, {} passed, {} different",
            self.number,
            self.questions,
            self.equal + self.different,
            self.passed.values().sum::<usize>(),
            self.different
        )
    }

    /// The report for a program.
    #[must_use]
    pub fn json(&self, seed: u64, version: &str) -> Value {
        json!({
            "seed": seed,
            "coredns": version,
            "clusters": self.clusters,
            "questions": self.questions,
            "answered": self.equal + self.different,
            "equal": self.equal,
            "passed": self.passed.values().sum::<usize>(),
            "pass_reasons": self.passed,
            "different": self.different,
            "refused_corefiles": self.refused_corefiles,
            "unanswered_corefiles": self.unanswered_corefiles,
            "differences": self.differences.iter().map(Difference::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in self.differences.iter().take(SHOWN) {
            writeln!(formatter, "{difference}")?;
        }
        if let Some(more) = self.differences.len().checked_sub(SHOWN + 1) {
            writeln!(
                formatter,
                "and {} more differences (--json FILE has them all)",
                more + 1
            )?;
        }
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.add_row(["clusters".to_owned(), self.clusters.to_string()]);
        table.add_row(["questions".to_owned(), self.questions.to_string()]);
        table.add_row([
            "answered in the kernel".to_owned(),
            (self.equal + self.different).to_string(),
        ]);
        table.add_row([
            "passed".to_owned(),
            self.passed.values().sum::<usize>().to_string(),
        ]);
        for (reason, count) in &self.passed {
            table.add_row([format!("  {reason}"), count.to_string()]);
        }
        table.add_row(["different".to_owned(), self.different.to_string()]);
        table.add_row([
            "Corefiles that CoreDNS refused".to_owned(),
            self.refused_corefiles.to_string(),
        ]);
        table.add_row([
            "Corefiles that leave everything".to_owned(),
            self.unanswered_corefiles.to_string(),
        ]);
        write!(formatter, "{table}")
    }
}
