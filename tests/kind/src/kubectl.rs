//! kubectl, with the cluster's kubeconfig.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

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

    /// A call of it, to be started in another way than [`Self::run`] does.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(words);
        command
    }

    /// Runs it and returns what it printed.
    ///
    /// # Errors
    ///
    /// It ends without success: with the words and what it said.
    pub(crate) fn run(&self, words: &[&str]) -> Result<String> {
        self.run_with(words, "")
    }

    /// The same with `input` on its standard input.
    pub(crate) fn run_with(&self, words: &[&str], input: &str) -> Result<String> {
        let failed = || format!("kubectl {}", words.join(" "));
        let mut child = self
            .command(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_owned();
            // On a thread of its own, for the child may write before it has read everything; one that ends early
            // says so by its status.
            std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        }
        let output = child.wait_with_output().with_context(failed)?;
        if !output.status.success() {
            bail!(
                "{}: {}",
                failed(),
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        String::from_utf8(output.stdout).with_context(failed)
    }

    /// Makes the object exist as given.
    pub(crate) fn apply(&self, object: &Value) -> Result<()> {
        self.run_with(&["apply", "-f", "-"], &object.to_string())
            .map(drop)
    }

    /// Objects as JSON: `get WORDS -o json`.
    pub(crate) fn get(&self, words: &[&str]) -> Result<Value> {
        let text = self.run(&[&["get", "-o", "json"], words].concat())?;
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
