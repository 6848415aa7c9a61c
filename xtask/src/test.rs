//! `cargo xtask test`: every test, with a closing count.

mod tally;

use std::{
    env, fs,
    io::{self, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use self::tally::Tally;
use crate::{
    build,
    setup::{self, Environment},
    workspace::{self, WITHOUT_BPF_VARIABLE},
};

/// Names the file to which a test that cannot run appends `name: reason`.
const SKIPPED_VARIABLE: &str = "ZEROHOP_SKIPPED";

/// Which tests to run.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Run only the tests whose name contains this
    pattern: Option<String>,
    /// How many tests with network namespaces run at once
    #[arg(long, env = "ZEROHOP_TEST_THREADS", default_value_t = 4)]
    threads: usize,
}

/// One call of `cargo test`.
struct Suite {
    package: &'static str,
    library_only: bool,
}

const fn whole(package: &'static str) -> Suite {
    Suite {
        package,
        library_only: false,
    }
}

const fn library(package: &'static str) -> Suite {
    Suite {
        package,
        library_only: true,
    }
}

/// What root runs: all.
const WITH_ROOT: [Suite; 10] = [
    library("dns-ebpf"),
    whole("xtask"),
    whole("dns-core"),
    whole("dns-userspace"),
    whole("replay"),
    library("parity"),
    whole("pod"),
    whole("kind-tests"),
    whole("bench"),
    whole(NEEDS_THE_AGENT),
];

/// What needs no root.
const WITHOUT_ROOT: [Suite; 8] = [
    library("dns-ebpf"),
    whole("xtask"),
    whole("dns-core"),
    library("dns-userspace"),
    library("parity"),
    whole("pod"),
    whole("kind-tests"),
    whole("bench"),
];

/// The package whose tests run the agent and make network namespaces.
const NEEDS_THE_AGENT: &str = "tests";

/// Names the agent's program for those tests.
const AGENT_VARIABLE: &str = "ZEROHOP_BIN";

/// Sets up, runs the tests and counts.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !setup::is_root() {
        return run_without_root(options);
    }
    let mut environment = setup::ready(setup::TEST)?;
    environment.add(setup::unpacked()?);
    run_suites(&WITH_ROOT, options, Some(&environment))
}

fn run_without_root(options: &Options) -> Result<()> {
    // A failed test is worse news than the missing root, so it is told first.
    run_suites(
        &WITHOUT_ROOT,
        options,
        ready_if_nothing_is_missing().as_ref(),
    )?;
    bail!(
        "not run without root: the tests of the kernel program, of network namespaces and with the \
         Kubernetes API (packages dns-userspace and tests). Run:\n    {}",
        setup::as_root("test")
    )
}

/// Without root nothing is installed: what is missing for the BPF object stays missing.
fn ready_if_nothing_is_missing() -> Option<Environment> {
    let things = setup::inspect(setup::BUILD);
    let is_complete = things.iter().all(|thing| thing.repair().is_none());
    is_complete
        .then(|| setup::ready(setup::BUILD).ok())
        .flatten()
}

/// Runs the suites; without an environment the agent is built without its BPF object.
fn run_suites(
    suites: &[Suite],
    options: &Options,
    environment: Option<&Environment>,
) -> Result<()> {
    let skipped_file = new_skipped_file()?;
    let mut tally = Tally::default();
    for suite in suites {
        let mut command = match environment {
            Some(environment) => environment.cargo(),
            None => workspace::cargo(),
        };
        command
            .args(suite_arguments(suite, options))
            .env(SKIPPED_VARIABLE, &skipped_file);
        match environment {
            None => {
                command.env(WITHOUT_BPF_VARIABLE, "1");
            }
            Some(environment) if suite.package == NEEDS_THE_AGENT => {
                match build::agent(environment, false, &[NEEDS_THE_AGENT]) {
                    Ok(agent) => command.env(AGENT_VARIABLE, agent),
                    Err(error) => {
                        tally.add_failure(format!("{}: {error}", suite.package));
                        continue;
                    }
                };
            }
            Some(_) => {}
        }
        run_suite(suite.package, &mut command, &mut tally)?;
    }
    let skipped = fs::read_to_string(&skipped_file)
        .with_context(|| format!("read {}", skipped_file.display()))?;
    tally.add_skipped_file(&skipped);
    close(&tally)
}

/// An empty file for this run. It lies in the target folder, where an interrupted run's may stay.
fn new_skipped_file() -> Result<PathBuf> {
    let folder = workspace::target_folder();
    let path = folder.join("zerohop-skipped-tests");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, ""))
        .with_context(|| format!("create {}", path.display()))?;
    path.canonicalize()
        .with_context(|| format!("find {}", path.display()))
}

fn suite_arguments(suite: &Suite, options: &Options) -> Vec<String> {
    let mut arguments: Vec<String> = ["test", "--no-fail-fast", "--package", suite.package]
        .map(str::to_owned)
        .into();
    if suite.library_only {
        arguments.push("--lib".to_owned());
    }
    arguments.extend(options.pattern.clone());
    if suite.package == NEEDS_THE_AGENT {
        arguments.extend([
            "--".to_owned(),
            format!("--test-threads={}", options.threads),
        ]);
    }
    arguments
}

/// Runs one call of cargo, shows its output as it comes and counts its results.
fn run_suite(package: &str, command: &mut Command, tally: &mut Tally) -> Result<()> {
    println!("== tests of {package}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start cargo test")?;
    if let Some(output) = child.stdout.take() {
        copy_and_count(BufReader::new(output), io::stdout(), tally)?;
    }
    let status = child.wait().context("wait for cargo test")?;
    tally.end_suite(package, status.success());
    Ok(())
}

fn copy_and_count(
    mut output: impl io::BufRead,
    mut shown: impl io::Write,
    tally: &mut Tally,
) -> Result<()> {
    let mut line = Vec::new();
    while output
        .read_until(b'\n', &mut line)
        .context("read the output of cargo test")?
        > 0
    {
        shown
            .write_all(&line)
            .context("write the output of cargo test")?;
        tally.add_line(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

/// Says what failed and what was skipped, then the count, alone on its line.
fn close(tally: &Tally) -> Result<()> {
    println!();
    for name in tally.failed_names() {
        println!("failed:  {name}");
    }
    for line in tally.skipped() {
        println!("skipped: {line}");
    }
    println!("{}", tally.count());

    if tally.failed() > 0 {
        bail!("{} of the tests failed", tally.failed());
    }
    if !tally.skipped().is_empty() && env::var("CI").is_ok_and(|value| value == "true") {
        bail!("tests were skipped, which CI=true does not allow");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pattern: Option<&str>) -> Options {
        Options {
            pattern: pattern.map(str::to_owned),
            threads: 1,
        }
    }

    #[test]
    fn only_the_namespace_tests_are_held_to_the_number_of_threads() {
        let arguments = suite_arguments(&whole("tests"), &options(None));
        assert_eq!(
            arguments.join(" "),
            "test --no-fail-fast --package tests -- --test-threads=1"
        );
        let arguments = suite_arguments(&library("dns-ebpf"), &options(Some("name")));
        assert_eq!(
            arguments.join(" "),
            "test --no-fail-fast --package dns-ebpf --lib name"
        );
    }

    #[test]
    fn output_that_is_not_text_does_not_stop_the_count() {
        let mut tally = Tally::default();
        let output = b"\xff\xfe\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured;\n";
        copy_and_count(&output[..], io::sink(), &mut tally).expect("count");
        assert_eq!(tally.count(), "2 passed, 0 failed, 0 skipped");
    }
}
