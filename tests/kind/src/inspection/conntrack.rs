//! What the node's conntrack remembers of DNS.

use anyhow::{Context as _, Result};

use super::Inspector;

impl Inspector {
    /// What chooses the entries of questions over UDP, in the DNS service's address family.
    fn questions(&self) -> [&'static str; 6] {
        ["-f", self.family, "-p", "udp", "--dport", "53"]
    }

    /// How many entries there are of questions over UDP: `conntrack -L -f ipv4 -p udp --dport 53`.
    pub(crate) fn dns_connections(&self) -> Result<u64> {
        let words = [&["conntrack", "-L"], &self.questions()[..]].concat();
        let text = self.pod.run(&words).context("read conntrack's entries")?;
        Ok(text
            .lines()
            .filter(|line| line.contains("dport=53"))
            .count() as u64)
    }

    /// Removes them.
    pub(crate) fn forget_dns_connections(&self) -> Result<()> {
        // It ends without success where there is none to remove.
        let remove = format!(
            "conntrack -D {} >/dev/null 2>&1; true",
            self.questions().join(" ")
        );
        self.pod.run(&["sh", "-c", &remove]).map(drop)
    }
}
