//! kubectl, with the cluster's kubeconfig.

pub(crate) mod limited;

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, Result};
use serde_json::Value;

/// How long a deletion may take.
const DELETED: &str = "--timeout=120s";

/// How long the cluster may take to say what is there.
const READ: &str = "--request-timeout=60s";

/// Between two attempts that run kubectl: each takes two cores about 100 ms.
const PAUSE: Duration = Duration::from_millis(250);

/// Tries `attempt`, which runs kubectl, until it succeeds or `limit` has passed; otherwise as [`tests::eventually`].
pub(crate) fn eventually<T>(
    limit: Duration,
    what: &str,
    attempt: impl FnMut() -> Result<T>,
) -> Result<T> {
    tests::eventually_every(PAUSE, limit, what, attempt)
}

/// kubectl, with the cluster's kubeconfig.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// The program and the cluster.
    pub(crate) fn new(program: PathBuf, kubeconfig: PathBuf) -> Self {
        Self {
            program,
            kubeconfig,
        }
    }

    /// A call of it, to be started in another way than [`Self::run`] does. It ends with the thread that starts it.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = limited::command(&self.program);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(words);
        command
    }

    /// Runs it and returns what it printed. A deletion waits for two minutes unless it says for how long.
    ///
    /// # Errors
    ///
    /// It ends without success, or not at all: with the words and what it said.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        self.run_with(words, "")
    }

    /// The same with `input` on its standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> Result<String> {
        let what = format!("kubectl {}", words.join(" "));
        let mut command = self.command(words);
        if words.first() == Some(&"delete")
            && !words.iter().any(|word| word.starts_with("--timeout"))
        {
            command.arg(DELETED);
        }
        limited::run(&mut command, &what, input)
    }

    /// Makes the object exist as given.
    pub(crate) fn apply(&self, object: &Value) -> Result<()> {
        self.run_with(&["apply", "-f", "-"], &object.to_string())
            .map(drop)
    }

    /// Objects as JSON: `get WORDS -o json`.
    pub(crate) fn get(&self, words: &[&str]) -> Result<Value> {
        let text = self.run(&[&["get", "-o", "json", READ], words].concat())?;
        serde_json::from_str(&text).with_context(|| format!("read kubectl get {}", words.join(" ")))
    }

    /// Runs a program in a pod.
    pub(crate) fn exec(
        &self,
        namespace: &str,
        pod: &str,
        words: &[&str],
        input: &str,
    ) -> Result<String> {
        let fixed = ["exec", "-i", "-n", namespace, pod, "--"];
        self.run_with(&[&fixed, words].concat(), input)
    }

    /// Waits until every pod of the workload (`deployment/NAME`, …) is there and ready.
    pub(crate) fn rollout(&self, namespace: &str, workload: &str, limit: Duration) -> Result<()> {
        let limit = format!("--timeout={}s", limit.as_secs());
        self.run(&["rollout", "status", "-n", namespace, workload, &limit])
            .map(drop)
    }
}
