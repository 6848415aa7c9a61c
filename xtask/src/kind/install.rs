//! Images into the nodes, and zerohop by its chart.

use anyhow::{Context as _, Result};

use super::cluster::Cluster;
use crate::{image, progress, setup::Environment, test_images, tools::Tool, workspace};

/// The chart's folder.
const CHART: &str = "deploy/chart/zerohop";

/// The release's name, and so the DaemonSet's.
const RELEASE: &str = "zerohop";

/// The release's namespace.
const NAMESPACE: &str = "kube-system";

/// How long the DaemonSet may take to be ready on every node.
const READY: &str = "120s";

/// Builds the images, puts them into the nodes, and installs or upgrades zerohop.
///
/// # Errors
///
/// A build fails, kind cannot load an image, or the DaemonSet does not become ready: with the end of its log.
pub(super) fn install(cluster: &Cluster, environment: &Environment) -> Result<()> {
    let (archive, name) = (image::default_archive(), image::default_name());
    let digest = image::build(environment, &archive, &name)?;
    cluster.load("putting the agent's image into the nodes", &archive)?;
    let tests = test_images::build(environment)?;
    cluster.load("putting the test images into the nodes", &tests)?;

    let (repository, tag) = name
        .rsplit_once(':')
        .context("the image's name has no tag")?;
    let mut helm = cluster.client(environment, Tool::Helm)?;
    helm.args(["upgrade", "--install", RELEASE])
        .arg(workspace::root().join(CHART))
        .args(["--namespace", NAMESPACE, "--wait", "--timeout", READY])
        .args(["--set-string", &format!("image.repository={repository}")])
        .args(["--set-string", &format!("image.tag={tag}")])
        // Another image under the same name must make new pods.
        .args([
            "--set-string",
            &format!("podAnnotations.image-digest={digest}"),
        ]);
    let installed = progress::run(
        "installing zerohop by its chart",
        &mut helm,
        &cluster.log("install"),
    )
    .and_then(|()| wait_until_ready(cluster, environment));
    installed.inspect_err(|_| show_trouble(cluster, environment))
}

/// Helm waits for all nodes but those that may be unavailable meanwhile; this, for all.
fn wait_until_ready(cluster: &Cluster, environment: &Environment) -> Result<()> {
    let mut kubectl = cluster.client(environment, Tool::Kubectl)?;
    kubectl.args(["rollout", "status", "--namespace", NAMESPACE]);
    kubectl.args([format!("daemonset/{RELEASE}"), format!("--timeout={READY}")]);
    let what = "waiting for zerohop on every node";
    progress::run(what, &mut kubectl, &cluster.log("rollout"))
}

/// What the pods say, for nobody can look after the cluster is gone.
fn show_trouble(cluster: &Cluster, environment: &Environment) {
    for words in [
        &["get", "pods", "--all-namespaces", "-o", "wide"][..],
        &[
            "describe",
            "pods",
            "-n",
            NAMESPACE,
            "-l",
            "app.kubernetes.io/name=zerohop",
        ],
        &[
            "logs",
            "-n",
            NAMESPACE,
            "-l",
            "app.kubernetes.io/name=zerohop",
            "--all-containers",
            "--prefix",
            "--tail=100",
        ],
    ] {
        let Ok(mut kubectl) = cluster.client(environment, Tool::Kubectl) else {
            return;
        };
        eprintln!("== kubectl {}", words.join(" "));
        if let Err(error) = kubectl.args(words).status() {
            eprintln!("kubectl cannot be started: {error}");
        }
    }
}
