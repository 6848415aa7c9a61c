//! One kind cluster: made, found, removed.

use std::{
    fs, io,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use tests::undo::Undo;

use super::programs::Programs;
use crate::{progress, setup::Environment, tools::Tool, workspace};

/// How long kind waits for the control plane.
const READY: &str = "180s";

/// How many inotify instances the nodes and their pods need; distributions give 128.
const INOTIFY_INSTANCES: u32 = 1024;
const INOTIFY_LIMIT: &str = "/proc/sys/fs/inotify/max_user_instances";

/// One kind cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    name: String,
    programs: Programs,
    /// Its kubeconfig and logs.
    folder: PathBuf,
}

impl Cluster {
    /// The cluster `name`, whether it exists or not.
    ///
    /// # Errors
    ///
    /// The name cannot be a part of a path.
    pub(super) fn new(name: &str, programs: Programs) -> Result<Self> {
        let usable = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        ensure!(
            !name.is_empty() && name.chars().all(usable),
            "{name:?} cannot be a cluster's name: letters, digits and dashes only"
        );
        Ok(Self {
            name: name.to_owned(),
            programs,
            folder: workspace::target_folder().join("kind").join(name),
        })
    }

    /// Makes it. Its nodes stay after a failure if they are to be `kept`; otherwise kind itself removes them.
    ///
    /// # Errors
    ///
    /// kind fails: with the end of its log.
    pub(super) fn create(
        &self,
        configuration: &str,
        node_image: Option<&str>,
        kept: bool,
    ) -> Result<()> {
        allow_watching();
        let path = self.folder.join("configuration.yaml");
        fs::create_dir_all(&self.folder)
            .and_then(|()| fs::write(&path, configuration))
            .with_context(|| format!("write {}", path.display()))?;
        let mut command = self.kind(&["create", "cluster", "--wait", READY]);
        command.arg("--config").arg(&path);
        if let Some(image) = node_image {
            command.args(["--image", image]);
        }
        if kept {
            command.arg("--retain");
        }
        let what = format!("making the cluster {} (about half a minute)", self.name);
        progress::run(&what, &mut command, &self.log("up"))
            .context("kind could not make the cluster")
    }

    /// Puts every image of an archive into each node.
    pub(super) fn load(&self, what: &str, archive: &std::path::Path) -> Result<()> {
        let mut command = self.kind(&["load", "image-archive"]);
        command.arg(archive);
        let log = archive.file_stem().unwrap_or_default().to_string_lossy();
        progress::run(what, &mut command, &self.log(&format!("load-{log}")))
    }

    /// Removes it, and what is kept of it here.
    pub(super) fn delete(&self) -> Result<()> {
        let mut command = self.kind(&["delete", "cluster"]);
        let what = format!("removing the cluster {}", self.name);
        progress::run(&what, &mut command, &self.log("down"))?;
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", self.folder.display()))
            }
            _ => Ok(()),
        }
    }

    /// Removes it when the guard is dropped, and on Ctrl-C.
    pub(super) fn removed_on_drop(&self) -> Undo {
        let cluster = self.clone();
        Undo::on_drop(move || {
            if let Err(error) = cluster.delete() {
                eprintln!(
                    "the cluster {name} is left behind ({error:#}); remove it by `cargo xtask kind down --name {name}`",
                    name = cluster.name
                );
            }
        })
    }

    /// Says how to use and to remove it, if it is there.
    pub(super) fn say_how_to_use(&self) -> Result<()> {
        if self.is_there()? {
            eprintln!(
                "the cluster {name} is kept:\n    export KUBECONFIG={kubeconfig}\n    cargo xtask kind down --name {name}",
                name = self.name,
                kubeconfig = self.kubeconfig().display()
            );
        }
        Ok(())
    }

    /// Makes sure that nobody's cluster is taken.
    pub(super) fn must_be_new(&self) -> Result<()> {
        if self.is_there()? {
            bail!(
                "there is a cluster {name} already; remove it by `cargo xtask kind down --name {name}`, or choose \
                 another name by --name",
                name = self.name
            );
        }
        Ok(())
    }

    /// Makes sure that there is a cluster to work with.
    pub(super) fn must_be_there(&self) -> Result<()> {
        if !self.is_there()? {
            bail!(
                "there is no cluster {name}; make it by `cargo xtask kind up --name {name}`",
                name = self.name
            );
        }
        // The one in the folder may be of an earlier cluster of this name.
        let mut command = self.kind(&["export", "kubeconfig"]);
        let what = format!("asking kind for the kubeconfig of {}", self.name);
        progress::run(&what, &mut command, &self.log("kubeconfig"))
    }

    fn is_there(&self) -> Result<bool> {
        let output = Command::new(&self.programs.kind)
            .args(["get", "clusters"])
            .stdin(Stdio::null())
            .output()
            .context("ask kind for its clusters")?;
        ensure!(
            output.status.success(),
            "kind get clusters: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(names.lines().any(|name| name == self.name))
    }

    /// Tells a program where the cluster is, and with which kubectl to ask it.
    pub(super) fn tell(&self, command: &mut Command, environment: &Environment) -> Result<()> {
        command
            .arg("--kubectl")
            .arg(environment.tool(Tool::Kubectl)?)
            .arg("--kubeconfig")
            .arg(self.kubeconfig());
        Ok(())
    }

    /// A call of `tool` that talks to the cluster.
    pub(super) fn client(&self, environment: &Environment, tool: Tool) -> Result<Command> {
        let mut command = Command::new(environment.tool(tool)?);
        command.env("KUBECONFIG", self.kubeconfig());
        Ok(command)
    }

    /// Where the output of a step goes.
    pub(super) fn log(&self, step: &str) -> PathBuf {
        // Outside the cluster's folder, which goes with it.
        let name = &self.name;
        workspace::target_folder().join(format!("kind-log/{name}-{step}.log"))
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    /// A call of kind about this cluster.
    fn kind(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.programs.kind);
        command.args(words).args(["--name", &self.name]);
        if words.first() != Some(&"load") {
            command.arg("--kubeconfig").arg(self.kubeconfig());
        }
        command
    }
}

/// Makes the machine allow as many inotify instances as the nodes need: kubelet, containerd and systemd of each, and
/// every pod that watches files, share root's.
fn allow_watching() {
    let allowed = fs::read_to_string(INOTIFY_LIMIT)
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    if let Some(allowed) = allowed
        && allowed < INOTIFY_INSTANCES
    {
        match fs::write(INOTIFY_LIMIT, INOTIFY_INSTANCES.to_string()) {
            Ok(()) => eprintln!(
                "fs.inotify.max_user_instances was {allowed}, too few for two nodes with many pods: now {INOTIFY_INSTANCES}"
            ),
            Err(error) => eprintln!(
                "fs.inotify.max_user_instances is {allowed}, which may be too few for two nodes with many pods ({error}); \
                 as root: sysctl fs.inotify.max_user_instances={INOTIFY_INSTANCES}"
            ),
        }
    }
}
