//! What the text of a Corefile says about a recorded reply, beside the policy: whether it may have come out of
//! CoreDNS's cache, and whether the recorded external DNS was asked.
//!
//! Neither decides what is answered. This looks at words and lines alone, and where they mislead, replies are
//! compared less strictly, or a question is passed.

/// Whether any `cache` of the Corefile may hold the reply to a question for this name, in lower case and with
/// its final dot; then its lifetimes may have run down, and its names may be in the first asker's spelling.
/// `denial` says that the reply denies.
#[must_use]
pub fn may_be_cached(corefile: &str, name: &str, denial: bool) -> bool {
    let mut lines = corefile.lines().map(words);
    let mut cached = false;
    while let Some(line) = lines.next() {
        let Some(("cache", arguments)) = line.split_first().map(|(first, rest)| (*first, rest))
        else {
            continue;
        };
        let opens = arguments.last() == Some(&"{");
        let mut zones = arguments.iter().copied().filter(|word| *word != "{");
        // The first argument may be the longest lifetime instead of a zone.
        let zones: Vec<&str> = match arguments.first().map(|word| word.parse::<u32>()) {
            Some(Ok(_)) => zones.by_ref().skip(1).collect(),
            _ => zones.collect(),
        };
        let mut holds = covers(&zones, name);
        if opens {
            let options = lines.by_ref().take_while(|line| line.first() != Some(&"}"));
            for option in options {
                if let ["disable", kind, zones @ ..] = option.as_slice() {
                    let wanted = if denial { "denial" } else { "success" };
                    holds &= *kind != wanted || !covers(zones, name);
                }
            }
        }
        cached |= holds;
    }
    cached
}

/// Whether questions for this name, in lower case and with its final dot, go to the server block of the root,
/// whose external DNS is the recorded one. Other blocks may answer otherwise.
#[must_use]
pub fn asks_external(corefile: &str, name: &str) -> bool {
    let mut depth = 0_usize;
    for word in corefile.lines().flat_map(words) {
        match word {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            key if depth == 0 => {
                let zone = zone_of(key);
                if !matches!(zone, "" | ".") && covers(&[zone], name) {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

/// The zone of a server block's key such as `dns://example.org:53,`.
fn zone_of(key: &str) -> &str {
    let key = key.trim_end_matches(',');
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    key.split_once(':').map_or(key, |(zone, _)| zone)
}

/// The words of a line before its comment.
fn words(line: &str) -> Vec<&str> {
    line.split_ascii_whitespace()
        .take_while(|word| !word.starts_with('#'))
        .collect()
}

/// Whether a name lies in one of these zones; no zones are all.
fn covers(zones: &[&str], name: &str) -> bool {
    let holds = |zone: &str| {
        let zone = zone.to_ascii_lowercase();
        let zone = zone.trim_end_matches('.');
        let rest = name.trim_end_matches('.').strip_suffix(zone);
        zone.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    zones.is_empty() || zones.iter().any(|zone| holds(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_another_server_block_is_not_asked_of_the_external_dns() {
        let corefile = ".:53 {\n template IN A {\n answer \"{{ .Name }}\"\n }\n forward . 1.1.1.1\n}\n\
                        dns://Example.org:53, b.test {\n forward . 1.1.1.1\n}\n";
        for (name, external) in [
            ("a.example.org.", false),
            ("b.test.", false),
            ("xb.test.", true),
            ("a.com.", true),
        ] {
            assert_eq!(asks_external(corefile, name), external, "{name}");
        }
    }

    const KUBEADM: &str = ".:53 {\n  kubernetes cluster.local in-addr.arpa\n  cache 30 {\n    disable success cluster.local\n    disable denial cluster.local\n  }\n  loop\n}\n";

    #[test]
    fn a_zone_that_is_disabled_is_not_cached_and_the_others_are() {
        for denial in [false, true] {
            let cached = |name| may_be_cached(KUBEADM, name, denial);
            assert!(!cached("web.shop.svc.cluster.local."));
            assert!(!cached("cluster.local."));
            assert!(cached("1.0.96.10.in-addr.arpa."));
            assert!(cached("notcluster.local."));
        }
    }

    #[test]
    fn answers_and_denials_are_disabled_each_on_their_own() {
        let corefile = "cache {\ndisable denial\n}";
        assert!(may_be_cached(corefile, "a.", false));
        assert!(!may_be_cached(corefile, "a.", true));
    }

    #[test]
    fn a_cache_may_be_for_some_zones_only() {
        for (corefile, cached) in [
            ("cache 30", true),
            ("cache", true),
            ("cache 30 Example.org local.", true),
            ("cache example.org", false),
            ("cache 30 example.org", false),
            ("# cache 30", false),
            ("", false),
            ("cache 30 # example.org", true),
            ("cache example.org\ncache 30", true),
        ] {
            assert_eq!(
                may_be_cached(corefile, "a.cluster.local.", false),
                cached,
                "{corefile}"
            );
        }
    }
}
