//! Random Corefiles, and the two readings of one: as it would stand in a ConfigMap, and as a CoreDNS beside
//! the test runs with it.

mod block;
mod options;

use std::{fmt, net::SocketAddr};

use crate::random::Random;

pub use self::block::Zones;

/// A Corefile as it would stand in a cluster's ConfigMap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Corefile {
    text: String,
}

/// What a running CoreDNS must be told other than the ConfigMap says.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The Kubernetes API, as URL, or the path of a kubeconfig file.
    pub api: Api,
    /// Where what is not the cluster's is forwarded to.
    pub upstream: SocketAddr,
}

/// How CoreDNS gets to the Kubernetes API.
#[derive(Debug, Clone)]
pub enum Api {
    /// By a URL, without authentication.
    Url(String),
    /// By a kubeconfig file.
    Kubeconfig(String),
}

impl fmt::Display for Corefile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Corefile {
    /// Takes a text as it is. For [`Corefile::live`] each directive must stand on a line of its own.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    /// A Corefile of any sort, and the zones that it serves.
    #[must_use]
    pub fn random(random: &mut Random) -> (Self, Zones) {
        let (text, zones) = block::server_blocks(random);
        (Self { text }, zones)
    }

    /// The text for a CoreDNS that runs beside the test.
    #[must_use]
    pub fn live(&self, surroundings: &Surroundings) -> String {
        let upstream = surroundings.upstream.to_string();
        let api = match &surroundings.api {
            Api::Url(url) => format!("endpoint {url}"),
            Api::Kubeconfig(path) => format!("kubeconfig {path}"),
        };
        let mut live = String::new();
        for line in self.text.lines() {
            let line = line.replace("/etc/resolv.conf", &upstream);
            let is_plugin = line.split_whitespace().next() == Some("kubernetes");
            let opens = line.trim_end().ends_with('{');
            live += &match (is_plugin, opens) {
                (true, true) => format!("{line}\n        {api}\n"),
                (true, false) => format!("{line} {{\n        {api}\n    }}\n"),
                (false, _) => format!("{line}\n"),
            };
        }
        live
    }

    /// The texts without one of the lines each: what a smaller Corefile may be.
    #[must_use]
    pub fn without_one_line(&self) -> Vec<Self> {
        let lines: Vec<&str> = self.text.lines().collect();
        (0..lines.len())
            .filter_map(|index| {
                let is_part = !lines[index].contains(['{', '}']) && !lines[index].trim().is_empty();
                let is_needed = lines[index].trim_start().starts_with("kubernetes");
                (is_part && !is_needed).then(|| {
                    let mut left = lines.clone();
                    left.remove(index);
                    Self::new(&(left.join("\n") + "\n"))
                })
            })
            .collect()
    }

    /// The zones that hold the cluster's names, none of them a reverse zone.
    #[must_use]
    pub fn zones(&self) -> Vec<String> {
        let directives = self.text.lines().map(str::split_whitespace);
        directives
            .filter_map(|mut words| (words.next() == Some("kubernetes")).then_some(words))
            .flatten()
            .filter(|word| !word.ends_with("arpa") && !word.contains(['/', '{']))
            .map(str::to_owned)
            .collect()
    }

    /// The first of them.
    #[must_use]
    pub fn primary_zone(&self) -> String {
        let first = self.zones().into_iter().next();
        first.unwrap_or_else(|| "cluster.local".to_owned())
    }

    /// Whether the server may repeat what it said of a cluster's name some time ago: then a process is
    /// asked about one state of the objects only.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.caches(&self.primary_zone())
    }

    /// Whether the server may repeat what it said of a name some time ago.
    #[must_use]
    pub fn caches(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        let lines = || self.text.lines().map(str::trim);
        let disables = |what: &str| {
            let prefix = format!("disable {what}");
            lines()
                .filter_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
                .any(|zones| zones.split_whitespace().any(|zone| lies_in(&name, zone)))
        };
        let has_cache = lines().any(|line| line.split_whitespace().next() == Some("cache"));
        has_cache && !(disables("success") && disables("denial"))
    }

    /// Whether addresses come in any order.
    #[must_use]
    pub fn shuffles(&self) -> bool {
        let mut lines = self.text.lines().map(str::trim);
        lines.any(|line| line.starts_with("loadbalance"))
    }
}

fn lies_in(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_server_is_told_where_api_and_upstream_are() {
        let corefile = Corefile::new(
            ".:53 {\n    kubernetes cluster.local {\n        ttl 30\n    }\n    forward . /etc/resolv.conf\n}\n",
        );
        let live = corefile.live(&Surroundings {
            api: Api::Url("http://127.0.0.1:1".to_owned()),
            upstream: "127.0.0.1:5300".parse().unwrap(),
        });
        assert!(live.contains("kubernetes cluster.local {\n        endpoint http://127.0.0.1:1\n"));
        assert!(live.contains("forward . 127.0.0.1:5300\n"));
        assert!(!corefile.to_string().contains("endpoint"));
    }

    #[test]
    fn a_cache_repeats_unless_it_is_disabled_for_the_zone() {
        assert!(Corefile::new(".:53 {\n cache 30\n}\n").repeats());
        let half = "disable success cluster.local";
        let whole = format!("{half}\n  disable denial cluster.local");
        let of = |lines: &str| {
            Corefile::new(&format!(
                ".:53 {{\n kubernetes cluster.local\n cache 30 {{\n  {lines}\n }}\n}}\n"
            ))
        };
        assert!(of(half).repeats());
        assert!(!of(&whole).repeats());
        assert!(of(&whole).caches("1.0.96.10.in-addr.arpa"));
        assert!(!of(&whole).caches("web.shop.svc.Cluster.local"));
        assert!(!Corefile::new(".:53 {\n}\n").repeats());
    }

    #[test]
    fn every_random_corefile_has_its_braces_in_pairs() {
        for number in 0..300 {
            let (corefile, zones) = Corefile::random(&mut Random::new(1, &[number]));
            let text = corefile.to_string();
            assert_eq!(
                text.matches('{').count(),
                text.matches('}').count(),
                "{text}"
            );
            assert!(!zones.names.is_empty());
        }
    }
}
