//! `cargo xtask kind`: a real cluster on this machine, zerohop in it, and what is asked of both.

mod cluster;
mod configuration;
mod install;
mod programs;

use std::{
    path::{PathBuf, absolute},
    process::{Command, ExitStatus},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use tests::OwnedChild;

use self::{cluster::Cluster, programs::Programs};
use crate::{
    progress,
    setup::{self, Environment},
    test_images, workspace,
};

/// The cluster that is made unless another one is asked for.
const CONFIGURATION: &str = "deploy/kind/cluster.yaml";

/// How long the tests may take to put the cluster back after an interruption.
const PATIENCE: Duration = Duration::from_secs(180);

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
    /// kind's configuration of the cluster [default: deploy/kind/cluster.yaml of the repository]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
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

impl Options {
    fn config(&self) -> Result<PathBuf> {
        match &self.config {
            Some(path) => absolute(path).with_context(|| format!("find {}", path.display())),
            None => Ok(workspace::root().join(CONFIGURATION)),
        }
    }
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
        Some(Step::Down) => cluster.delete(),
        Some(step) => {
            cluster.must_be_there()?;
            let environment = ready()?;
            match step {
                Step::Load => load(&cluster, &environment),
                Step::Test => test(options, &cluster, &environment),
                Step::Inspect | Step::Up | Step::Down => inspect(&cluster, &environment),
            }
        }
    }
}

fn ready() -> Result<Environment> {
    setup::ready(setup::KIND)
}

fn all(options: &Options, cluster: &Cluster) -> Result<()> {
    // What is missing shall be known before minutes have gone into a cluster.
    let environment = ready()?;
    cluster.must_be_new()?;
    let removal = (!options.keep).then(|| cluster.removed_on_drop());
    let done = create(options, cluster)
        .and_then(|()| load(cluster, &environment))
        .and_then(|()| test(options, cluster, &environment))
        .and_then(|()| inspect(cluster, &environment));
    if removal.is_none() {
        cluster.say_how_to_use()?;
    }
    done
}

fn up(options: &Options, cluster: &Cluster) -> Result<()> {
    cluster.must_be_new()?;
    let removal = (!options.keep).then(|| cluster.removed_on_drop());
    let done = create(options, cluster);
    if done.is_ok() || options.keep {
        // A guard that is never dropped does nothing, for the process ends now.
        std::mem::forget(removal);
        cluster.say_how_to_use()?;
    }
    done
}

fn create(options: &Options, cluster: &Cluster) -> Result<()> {
    let configuration = configuration::read(&options.config()?, options.patches.as_deref())?;
    cluster.create(&configuration, options.node_image.as_deref(), options.keep)
}

fn load(cluster: &Cluster, environment: &Environment) -> Result<()> {
    install::install(cluster, environment)
}

fn test(options: &Options, cluster: &Cluster, environment: &Environment) -> Result<()> {
    let mut command = scenarios(cluster, environment)?;
    if let Some(only) = &options.only {
        command.args(["--only", only]);
    }
    if let Some(json) = &options.json {
        let path = absolute(json).with_context(|| format!("find {}", json.display()))?;
        command.arg("--json").arg(path);
    }
    ensure!(
        run_to_end(&mut command)?.success(),
        "what is told above does not hold"
    );
    Ok(())
}

fn inspect(cluster: &Cluster, environment: &Environment) -> Result<()> {
    let mut command = scenarios(cluster, environment)?;
    command.arg("--inspect");
    ensure!(
        run_to_end(&mut command)?.success(),
        "the inspection has found what is told above"
    );
    Ok(())
}

/// Runs the program that asks the cluster; after an interruption it puts the cluster back before it ends.
fn run_to_end(command: &mut Command) -> Result<ExitStatus> {
    let running = OwnedChild::spawn(command, PATIENCE).context("start the tests")?;
    running.wait().context("wait for the tests")
}

/// The program that asks the cluster.
fn scenarios(cluster: &Cluster, environment: &Environment) -> Result<Command> {
    let mut build = environment.cargo();
    build.args(["build", "--package", "kind-tests"]);
    progress::run("building the tests", &mut build, &cluster.log("build"))?;
    let mut command = Command::new(workspace::target_folder().join("debug/kind-tests"));
    environment.apply(&mut command);
    cluster.tell(&mut command, environment)?;
    command
        .args(["--glibc-image", &test_images::glibc_name()])
        .args(["--musl-image", &test_images::musl_name()]);
    Ok(command)
}
