//! A small comparison with a running CoreDNS; `cargo xtask parity` makes larger ones.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use parity::{
    cases,
    run::{Plan, run},
    stage::{Reference, Stage},
};
use tests::{Namespace, Tool, program, skipped_without_root};

/// A seed that never changes, so that a change of ours shows against what was equal before.
const FIXED_SEED: u64 = 4;

fn plan(seed: u64, clusters: usize, questions: usize) -> Result<Plan> {
    Ok(Plan {
        seed,
        first: 0,
        clusters,
        questions,
        jobs: 2,
        real_every: 0,
        reference: Reference::at(&program(Tool::CoreDns)?)?,
    })
}

fn compare(plan: &Plan) -> Result<()> {
    println!("seed {}", plan.seed);
    let report = run(plan, |report| println!("{}", report.line()))?;
    println!("{report}");
    ensure!(report.different == 0, "{report}");
    ensure!(
        report.equal > report.questions / 5,
        "hardly anything was answered in the kernel:\n{report}"
    );
    Ok(())
}

#[test]
fn random_clusters_are_answered_as_coredns_answers_them() -> Result<()> {
    let name = "random_clusters_are_answered_as_coredns_answers_them";
    if skipped_without_root(name) {
        return Ok(());
    }
    compare(&plan(FIXED_SEED, 4, 600)?)
}

#[test]
fn random_clusters_of_a_new_seed_are_answered_as_coredns_answers_them() -> Result<()> {
    let name = "random_clusters_of_a_new_seed_are_answered_as_coredns_answers_them";
    if skipped_without_root(name) {
        return Ok(());
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    compare(&plan(since.as_millis() as u64 % 1_000_000, 4, 300)?)
}

#[test]
fn a_random_cluster_in_a_real_api_server_is_answered_as_coredns_answers_it() -> Result<()> {
    let name = "a_random_cluster_in_a_real_api_server_is_answered_as_coredns_answers_it";
    if skipped_without_root(name) {
        return Ok(());
    }
    compare(&Plan {
        real_every: 1,
        ..plan(FIXED_SEED, 1, 600)?
    })
}

#[test]
fn what_was_answered_otherwise_once_is_answered_as_coredns_answers_it() -> Result<()> {
    let name = "what_was_answered_otherwise_once_is_answered_as_coredns_answers_it";
    if skipped_without_root(name) {
        return Ok(());
    }
    let reference = Reference::at(&program(Tool::CoreDns)?)?;
    let namespace = Namespace::new("parity-cases")?;
    let different = namespace.enter(|| {
        let mut stage = Stage::new(&namespace, &reference)?;
        cases::run(&mut stage, &cases::all())
    })?;
    ensure!(different.is_empty(), "{}", different.join("\n"));
    Ok(())
}
