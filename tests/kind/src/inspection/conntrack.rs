//! What the node's conntrack remembers of DNS.

use anyhow::{Context as _, Result};

use super::Inspector;

/// What chooses the entries of questions over UDP.
const QUESTIONS: [&str; 4] = ["-p", "udp", "--dport", "53"];

impl Inspector {
    /// How many entries there are of questions over UDP: `conntrack -L -p udp --dport 53`.
    pub(crate) fn dns_connections(&self) -> Result<u64> {
        let words = [&["conntrack", "-L"], &QUESTIONS[..]].concat();
        let text = self.pod.run(&words).context("read conntrack's entries")?;
        Ok(text
            .lines()
            .filter(|line| line.contains("dport=53"))
            .count() as u64)
    }

    /// Removes them.
    pub(crate) fn forget_dns_connections(&self) -> Result<()> {
        // It ends without success where there is none to remove.
        let remove = format!("conntrack -D {} >/dev/null 2>&1; true", QUESTIONS.join(" "));
        self.pod.run(&["sh", "-c", &remove]).map(drop)
    }
}
