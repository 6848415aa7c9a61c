//! `cargo xtask kind`: a real cluster on this machine, zerohop in it, and what is asked of both.

mod cluster;
mod configuration;
mod install;
mod programs;

use std::{
    path::{PathBuf, absolute},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use self::{cluster::Cluster, programs::Programs};
use crate::{
    setup::{self, Environment},
    test_images, workspace,
};

/// What to do with which cluster.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// One step only; without it: up, load, test, inspect, down
    #[command(subcommand)]
    step: Option<Step>,
    /// The cluster's name
    #[arg(long, global = true, default_value = "zerohop")]
    name: String,
    /// The image of its nodes; by default kind's own
    #[arg(long, global = true, env = "ZEROHOP_NODE_IMAGE", value_name = "IMAGE")]
    node_image: Option<String>,
    /// kind's configuration of the cluster
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        default_value = "deploy/kind/cluster.yaml"
    )]
    config: PathBuf,
    /// A configuration of kind whose kubeadmConfigPatches are added, for node images that need them
    #[arg(long, global = true, env = "ZEROHOP_KIND_PATCHES", value_name = "FILE")]
    patches: Option<PathBuf>,
    /// Leave the cluster where it would be removed: at the end, and after a failure
    #[arg(long, global = true)]
    keep: bool,
    /// Of the tests, only scenarios whose name contains this
    #[arg(long, global = true, value_name = "TEXT")]
    only: Option<String>,
    /// Write the tests' checks and figures into this file as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::Subcommand)]
enum Step {
    /// Makes the cluster: one node with the control plane, one worker
    Up,
    /// Builds the images, puts them into the nodes, and installs zerohop by its chart
    Load,
    /// Asks from inside pods, and disturbs the cluster meanwhile
    Test,
    /// Shows what bpftool sees in a node, and what it means
    Inspect,
    /// Removes the cluster
    Down,
}

/// Runs one step, or all of them.
pub(crate) fn run(options: &Options) -> Result<()> {
    let programs = Programs::find()?;
    let cluster = Cluster::new(&options.name, programs)?;
    match options.step {
        None => all(options, &cluster),
        Some(Step::Up) => up(options, &cluster),
        Some(Step::Load) => load(&cluster, &ready()?),
        Some(Step::Test) => test(options, &cluster, &ready()?),
        Some(Step::Inspect) => inspect(&cluster, &ready()?),
        Some(Step::Down) => cluster.delete(),
    }
}

fn ready() -> Result<Environment> {
    setup::ready(setup::KIND)
}

fn all(options: &Options, cluster: &Cluster) -> Result<()> {
    // What is missing shall be known before minutes have gone into a cluster.
    let environment = ready()?;
    cluster.must_be_new()?;
    let removal = cluster.removed_on_drop();
    let done = up_unguarded(options, cluster)
        .and_then(|()| load(cluster, &environment))
        .and_then(|()| test(options, cluster, &environment))
        .and_then(|()| inspect(cluster, &environment));
    if options.keep {
        cluster.keep(removal);
    }
    done
}

fn up(options: &Options, cluster: &Cluster) -> Result<()> {
    cluster.must_be_new()?;
    let removal = cluster.removed_on_drop();
    let done = up_unguarded(options, cluster);
    if done.is_ok() || options.keep {
        cluster.keep(removal);
    }
    done
}

fn up_unguarded(options: &Options, cluster: &Cluster) -> Result<()> {
    let configuration = configuration::read(
        &workspace::root().join(&options.config),
        options.patches.as_deref(),
    )?;
    cluster.create(&configuration, options.node_image.as_deref())
}

fn load(cluster: &Cluster, environment: &Environment) -> Result<()> {
    cluster.must_be_there()?;
    install::install(cluster, environment)
}

fn test(options: &Options, cluster: &Cluster, environment: &Environment) -> Result<()> {
    cluster.must_be_there()?;
    let mut command = scenarios(cluster, environment)?;
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    if let Some(json) = &options.json {
        let path = absolute(json).with_context(|| format!("find {}", json.display()))?;
        command.arg("--json").arg(path);
    }
    let status = command.status().context("start the tests")?;
    ensure!(status.success(), "what is told above does not hold");
    Ok(())
}

fn inspect(cluster: &Cluster, environment: &Environment) -> Result<()> {
    cluster.must_be_there()?;
    let mut command = scenarios(cluster, environment)?;
    let status = command
        .arg("--inspect")
        .status()
        .context("start the inspection")?;
    ensure!(
        status.success(),
        "the inspection has found what is told above"
    );
    Ok(())
}

/// The program that asks the cluster.
fn scenarios(cluster: &Cluster, environment: &Environment) -> Result<Command> {
    let mut build = environment.cargo();
    build.args(["build", "--quiet", "--package", "kind-tests"]);
    let status = build.status().context("start cargo")?;
    ensure!(
        status.success(),
        "the tests do not build, for the reasons above"
    );
    let mut command = Command::new(workspace::target_folder().join("debug/kind-tests"));
    environment.apply(&mut command);
    cluster.tell(&mut command, environment)?;
    command
        .args(["--glibc-image", &test_images::glibc_name()])
        .args(["--musl-image", &test_images::musl_name()]);
    Ok(command)
}
