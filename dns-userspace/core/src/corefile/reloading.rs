//! When servers with a Corefile come to another one: the plugin `reload`, and what delays it.

use std::time::Duration;

use super::{
    address::address,
    duration::duration,
    lexer::Token,
    mounted::Mounted,
    parser::{self, Block, Directive},
    plugins::hosts,
};

/// Of `reload`: the time between two looks at the Corefile, and how much of it is left to chance.
const RELOAD: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));
/// How long the plugin `kubernetes` waits for its first lists, without `startup_timeout`.
const STARTUP: Duration = Duration::from_secs(5);

/// What servers do with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// They run with it, as far as it can be told from where its blocks begin and end.
    Read(Reloading),
    /// They certainly refuse it, and go on with the text before.
    Refused,
    /// Not known: it could not be read here.
    Unknown,
}

/// How servers go from a text to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloading {
    /// The longest time after which one with this text has read another one, or another file of `hosts`; none:
    /// it never looks, or when is not known.
    pub noticed_within: Option<Duration>,
    /// How long one that begins with this text waits before it answers, at most. The one with the text before
    /// answers meanwhile.
    pub begins_within: Duration,
}

/// How servers read a text, and go on from it.
#[must_use]
pub fn reading_of(mounted: &Mounted) -> Reading {
    match parser::blocks(mounted) {
        Ok(blocks) => Reading::Read(Reloading {
            noticed_within: noticed_within(&blocks),
            begins_within: blocks.iter().map(begins_within).sum(),
        }),
        Err(_) if parser::is_refused(mounted) => Reading::Refused,
        Err(_) => Reading::Unknown,
    }
}

fn noticed_within(blocks: &[Block]) -> Option<Duration> {
    let named = |name: &'static str| {
        let directives = blocks.iter().flat_map(|block| &block.directives);
        directives.filter(move |directive| directive.name.text == name)
    };
    let mut longest = None;
    for reload in named("reload") {
        let texts: Vec<&str> = texts(&reload.tokens).collect();
        let (interval, jitter) = match texts.as_slice() {
            [] => RELOAD,
            [interval] => (duration(interval)?, RELOAD.1),
            [interval, jitter] => (duration(interval)?, duration(jitter)?),
            _ => return None,
        };
        if interval.is_zero() {
            return None;
        }
        longest = longest.max(Some(interval.saturating_add(jitter.min(interval / 2))));
    }
    let files = named("hosts").map(|hosts| option(hosts, "reload").unwrap_or(hosts::RELOAD));
    // Files that are read less often are left for that.
    let files = files.filter(|interval| *interval <= hosts::RELOAD_MAX);
    longest.map(|longest| files.fold(longest, Duration::max))
}

/// The plugins of a block are set up for each zone of its keys, one after the other.
fn begins_within(block: &Block) -> Duration {
    let zones: usize = block
        .keys
        .iter()
        .map(|key| address(key).map_or(1, |address| address.zones.len()))
        .sum();
    let waits = block
        .directives
        .iter()
        .filter(|directive| directive.name.text == "kubernetes")
        .map(|directive| option(directive, "startup_timeout").unwrap_or(STARTUP));
    let wait: Duration = waits.fold(Duration::ZERO, Duration::saturating_add);
    wait.saturating_mul(u32::try_from(zones).unwrap_or(u32::MAX))
}

/// The duration behind the last line with an option.
fn option(directive: &Directive, name: &str) -> Option<Duration> {
    let parts = directive.parts().ok()?;
    let mut lines = parts.entries.iter().rev();
    let line = lines.find(|entry| entry.name.text == name)?;
    duration(&line.arguments.first()?.text)
}

fn texts(tokens: &[Token]) -> impl Iterator<Item = &str> {
    tokens.iter().map(|token| token.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corefile::KUBEADM;

    /// The seconds until another text is noticed, and until this one has begun.
    fn seconds(text: &str) -> (Option<u64>, u64) {
        match reading_of(&Mounted::only(text)) {
            Reading::Read(reloading) => (
                reloading.noticed_within.map(|time| time.as_secs()),
                reloading.begins_within.as_secs(),
            ),
            other => panic!("{other:?}: {text}"),
        }
    }

    #[test]
    fn reload_is_the_longest_time_until_a_change_is_seen() {
        for (directives, expected) in [
            ("reload", Some(45)),
            ("reload 10s", Some(15)),
            ("reload 1m 5s", Some(65)),
            ("reload 10s 0s", Some(10)),
            ("reload 0s", None),
            ("reload 0", None),
            ("reload soon", None),
            ("errors", None),
            ("reload 2s 1s\nhosts /x", Some(5)),
            ("reload 2s 1s\nhosts /x {\nreload 15s\n}", Some(15)),
            ("reload\nhosts /x {\nreload 15s\n}", Some(45)),
            ("hosts /x {\nreload 15s\n}", None),
            // Left to the DNS service.
            ("reload 2s 1s\nhosts /x {\nreload 1h\n}", Some(3)),
        ] {
            let text = format!(". {{\n{directives}\n}}\n");
            assert_eq!(seconds(&text).0, expected, "{directives}");
        }
        assert_eq!(seconds(KUBEADM), (Some(45), 5));
    }

    #[test]
    fn a_text_begins_when_every_kubernetes_of_it_has_its_lists_or_waits_no_longer() {
        for (text, expected) in [
            (". {\nwhoami\n}\n", 0),
            (". {\nkubernetes a.local\n}\n", 5),
            (". {\nkubernetes a.local {\nstartup_timeout 1m\n}\n}\n", 60),
            (
                "a.local b.local {\nkubernetes\n}\n. {\nkubernetes c.local\n}\n",
                15,
            ),
            ("10.0.0.0/9 {\nkubernetes a.local\n}\n", 640),
        ] {
            assert_eq!(seconds(text).1, expected, "{text}");
        }
    }

    #[test]
    fn only_a_text_that_every_server_refuses_counts_as_refused() {
        for (text, expected) in [
            (". {\n kubernetes cluster.local {\n", Reading::Refused),
            (". {\n reload {\n}\n", Reading::Refused),
            // With what is imported it may be whole.
            (". {\n import /unknown/end\n", Reading::Unknown),
            (". {\n {$END}\n", Reading::Unknown),
            // Servers close what is open at the end, and may take a brace for a zone.
            (". {\n errors \"\n", Reading::Unknown),
            (". {\n}\n}\n", Reading::Unknown),
        ] {
            assert_eq!(reading_of(&Mounted::only(text)), expected, "{text}");
        }
    }
}
