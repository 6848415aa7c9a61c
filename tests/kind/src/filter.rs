//! A stateful filter on a pod's interface, as network plugins enforce a default-deny ingress policy: run by the
//! program `pod` in a privileged pod in the node's network.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use anyhow::{Context as _, Result};
use pod::protocol::Filtered;
use serde_json::{Value, json};

use crate::{
    kubectl::Kubectl,
    node::Node,
    pods::{PROGRAM, Pod},
    stage::NAMESPACE,
};

/// How long loading, attaching and counting may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The manifest of a pod that may change the node's network.
pub(crate) fn node_pod(name: &str, image: &str, node: &Node) -> Value {
    let mut manifest = Pod::manifest(name, image, node);
    let spec = &mut manifest["spec"];
    spec["hostNetwork"] = json!(true);
    spec["dnsPolicy"] = json!("Default");
    spec["containers"][0]["securityContext"] = json!({"privileged": true});
    manifest
}

/// The number of the node's end of a pod's veth.
pub(crate) fn interface_of(pod: &Pod) -> Result<u32> {
    let text = pod.run(&["cat", "/sys/class/net/eth0/iflink"])?;
    text.trim()
        .parse()
        .with_context(|| format!("read the other end of eth0 in pod {}", pod.name))
}

/// A filter that is attached until this is dropped.
pub(crate) struct Filter {
    child: Child,
    requests: Option<ChildStdin>,
    counts: Receiver<String>,
}

impl Filter {
    /// Attaches before all others that hang on `hook` (`tcx` or `clsact`) at the interface; `host` is the pod of
    /// [`node_pod`].
    pub(crate) fn attach(
        kubectl: &Kubectl,
        host: &Pod,
        interface: u32,
        hook: &str,
    ) -> Result<Self> {
        let interface = interface.to_string();
        let words = [
            ["exec", "-i", "-n", NAMESPACE].as_slice(),
            &[&host.name, "--", PROGRAM, "filter", "--interface"],
            &[&interface, "--hook", hook, "--place", "first"],
        ];
        let mut child = kubectl
            .command(&words.concat())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start the filter by kubectl")?;
        let requests = child.stdin.take();
        let output = child.stdout.take().context("the filter's output")?;
        let (send, counts) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody waits any more once the filter is dropped.
                if send.send(line).is_err() {
                    break;
                }
            }
        });
        let filter = Self {
            child,
            requests,
            counts,
        };
        filter.next().context("attach the filter")?;
        Ok(filter)
    }

    /// What it has seen until now.
    pub(crate) fn counts(&mut self) -> Result<Filtered> {
        let requests = self.requests.as_mut().context("the filter's input")?;
        requests
            .write_all(b"\n")
            .context("ask the filter for its counts")?;
        self.next()
    }

    fn next(&self) -> Result<Filtered> {
        let line = self
            .counts
            .recv_timeout(PATIENCE)
            .context("the filter says nothing")?;
        serde_json::from_str(&line).context("read the filter's counts")
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        // The end of its input ends it, and then its output ends; what is left of it goes with the pod.
        drop(self.requests.take());
        while self.counts.recv_timeout(PATIENCE).is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
