//! The connections that a node keeps track of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use pod::protocol::{Replied, Transport};

use crate::pods::Pod;

/// The source ports of the questions that a node keeps track of, from one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Connections(BTreeSet<(String, u16)>);

impl Connections {
    /// Those of a node from `source`; `host` is a pod in the node's own network.
    pub(super) fn of(host: &Pod, source: &str) -> Result<Self> {
        let family = if source.contains(':') { "ipv6" } else { "ipv4" };
        let text = host.run(&["conntrack", "-L", "-f", family, "-s", source])?;
        Ok(Self::read(&text))
    }

    /// What `conntrack -L` prints: the protocol first, then `key=value`, each key for the way there and back.
    fn read(text: &str) -> Self {
        let port = |line: &str, key: &str| {
            let mut words = line.split_whitespace();
            words.find_map(|word| word.strip_prefix(key)?.parse::<u16>().ok())
        };
        let questions = text.lines().filter_map(|line| {
            let protocol = line.split_whitespace().next()?.to_owned();
            let is_dns = port(line, "dport=") == Some(53);
            is_dns.then_some((protocol, port(line, "sport=")?))
        });
        Self(questions.collect())
    }

    /// Of `questions`, those that have an entry now and had none before, and those that have none.
    ///
    /// A port that had an entry before says nothing, and neither does one that several of `all`, the questions that
    /// were asked meanwhile, were sent from: those questions are in neither.
    pub(super) fn split<'all>(
        &self,
        before: &Self,
        transport: Transport,
        all: impl IntoIterator<Item = &'all Replied>,
        questions: impl IntoIterator<Item = &'all Replied>,
    ) -> Result<(Vec<&'all Replied>, Vec<&'all Replied>)> {
        let protocol = match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let mut sent: BTreeMap<u16, usize> = BTreeMap::new();
        for port in all.into_iter().filter_map(|one| one.source_port) {
            *sent.entry(port).or_default() += 1;
        }
        let mut split = (Vec::new(), Vec::new());
        for question in questions {
            let port = question.source_port.context("a question without a port")?;
            if sent.get(&port).is_some_and(|times| *times > 1) {
                continue;
            }
            let key = (protocol.to_owned(), port);
            match (before.0.contains(&key), self.0.contains(&key)) {
                (true, _) => {}
                (false, true) => split.0.push(question),
                (false, false) => split.1.push(question),
            }
        }
        ensure!(
            !split.0.is_empty() || !split.1.is_empty(),
            "no question has a port of its own that was free before"
        );
        Ok(split)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_port_of_the_way_there_is_read() {
        let text = "udp      17 29 src=10.244.1.5 dst=10.96.0.10 sport=40001 dport=53 \
                    src=10.244.0.2 dst=10.244.1.5 sport=53 dport=40001 mark=0 use=1\n\
                    tcp      6 119 TIME_WAIT src=10.244.1.5 dst=10.96.0.10 sport=40002 dport=53 \
                    src=10.244.0.2 dst=10.244.1.5 sport=53 dport=40002 [ASSURED] mark=0 use=1\n\
                    tcp      6 9 CLOSE src=10.244.1.5 dst=10.96.0.1 sport=40003 dport=443 use=1\n";
        let expected = [("tcp".to_owned(), 40_002), ("udp".to_owned(), 40_001)];
        assert_eq!(Connections::read(text).0, BTreeSet::from(expected));
    }

    #[test]
    fn a_port_that_two_questions_were_sent_from_says_nothing_of_either() {
        let from = |port| Replied {
            question: String::new(),
            reply: None,
            trouble: None,
            microseconds: 0.0,
            hop_limit: None,
            source_port: Some(port),
        };
        let [tracked, untracked, twice, again] = [1, 2, 3, 3].map(from);
        let all = [&tracked, &untracked, &twice, &again];
        let now = Connections([1, 3].map(|port| ("udp".to_owned(), port)).into());
        let before = Connections::default();
        let split = now.split(&before, Transport::Udp, all, [&tracked, &untracked, &twice]);
        assert_eq!(split.unwrap(), (vec![&tracked], vec![&untracked]));
        let nothing = now.split(&before, Transport::Udp, all, [&twice]);
        assert!(nothing.is_err(), "{nothing:?}");
    }
}
