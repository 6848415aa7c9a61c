//! The agent's options: as given on the command line ([`Args`]), and as meant ([`Config`]).

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use dns_core::{
    corefile::{KUBEADM, Mounted},
    policy::{Rules, ZoneError, zone_name},
    rollout::{self, Running},
};

use crate::{
    datapath::{attach::Hook, interfaces::Selection, object::Sizes},
    source::Source,
};

/// Where maps, programs and links are pinned unless an option says otherwise.
pub const PIN_DIRECTORY: &str = "/sys/fs/bpf/zerohop";

/// Where metrics, status and probes are served unless an option says otherwise.
///
/// Not 9253: on many nodes that is the port of NodeLocal DNSCache's metrics, on every address.
pub const LISTEN: &str = "127.0.0.1:9553";

/// Answer cluster DNS on the pods' own interfaces until told to stop.
#[derive(Debug, Clone, Parser)]
pub struct Args {
    /// Take objects from these YAML files or folders instead of the Kubernetes API: Namespaces, Services,
    /// EndpointSlices or Endpoints, also in lists. They must be complete: a name of the zone that they do not give
    /// is denied.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub manifests: Vec<PathBuf>,
    /// The kubeconfig of the cluster; in a pod, the service account is used without it.
    #[arg(long, value_name = "FILE", conflicts_with = "manifests")]
    pub kubeconfig: Option<PathBuf>,
    /// The Corefile that the cluster's DNS servers run with, read once. Without it, it is read
    /// from the cluster; with --manifests, it is kubeadm's.
    #[arg(long, value_name = "FILE")]
    pub corefile: Option<PathBuf>,
    /// With --manifests and without --corefile: a zone of the cluster, instead of cluster.local; the first one is
    /// the primary. Repeatable.
    #[arg(
        long = "zone",
        value_name = "ZONE",
        requires = "manifests",
        conflicts_with = "corefile"
    )]
    pub zones: Vec<String>,
    /// The version of the cluster's DNS servers, such as 1.12.0. Without it, it is that of their image; without a
    /// cluster, the newest that is known.
    #[arg(long, value_name = "VERSION")]
    pub coredns_version: Option<String>,
    /// What to do with zones whose queries the DNS servers log, where they would miss what the kernel answers.
    #[arg(long, value_enum, default_value_t = WhenLogged::Pass)]
    pub when_logged: WhenLogged,
    /// The longest that a kubelet takes to bring a changed ConfigMap into a pod: its sync period of 60 s, by
    /// default, and half of that at random. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 90)]
    pub kubelet_sync: u32,
    /// Where metrics, status and probes are served over HTTP; `none` for nowhere.
    #[arg(long, value_name = "IP:PORT", default_value = LISTEN, value_parser = listen)]
    pub listen: Listen,
    /// How long addresses of endpoints are answered once nothing is heard from the API server any more, and half of that
    /// more or less, which each agent chooses at random. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub keep_endpoints: u32,
    /// What to do with addresses of endpoints after that time if no server of the cluster's DNS replies either, as on a node
    /// at the edge that is alone with its pods. Whatever replies at a DNS address counts, so a node-local cache does too.
    #[arg(long, value_enum, default_value_t = WhenAlone::Keep)]
    pub when_alone: WhenAlone,
    /// How long the last policy is kept while the API server refuses (401, 403, 404) to let the DNS servers' set-up be read,
    /// and half of that more or less, which each agent chooses at random. While the server is away or overloaded it is kept
    /// as long as that lasts. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub keep_policy: u32,
    /// Over how long the agents of all nodes spread, at random, what they would else do at once: leave to the DNS service
    /// what nothing was heard of for long, and answer what was left for more than a minute. Also the two times above are
    /// spread over this long at least. What may be wrong is left at once in any case. In seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub jitter: u32,
    /// The Service of the cluster's DNS.
    #[arg(
        long,
        value_name = "NAMESPACE/NAME",
        default_value = "kube-system/kube-dns"
    )]
    pub dns_service: String,
    /// One more address that counts as the cluster's DNS, such as a node-local cache. Repeatable.
    #[arg(long = "dns-address", value_name = "IP:PORT")]
    pub dns_addresses: Vec<SocketAddr>,
    /// Attach to interfaces of these names, of any kind, instead of every veth whose peer is in another
    /// network namespace. Repeatable.
    #[arg(long = "interface", value_name = "GLOB")]
    pub interfaces: Vec<String>,
    /// Attach the XDP program to this interface, for DNS from outside the node. Repeatable.
    #[arg(long = "xdp", value_name = "INTERFACE")]
    pub xdp: Vec<String>,
    /// How to attach to TC.
    #[arg(long, value_enum, default_value_t = HookChoice::Auto)]
    pub hook: HookChoice,
    /// Where maps, programs and links are pinned, on a BPF filesystem.
    #[arg(long, value_name = "DIRECTORY", default_value = PIN_DIRECTORY)]
    pub pin_directory: PathBuf,
    /// The most names that the kernel holds: this many of 41 to 64 octets, half of it of shorter ones, and half
    /// of it of longer ones. Names beyond are left to the DNS service. At most a sixteenth are names that ask for any port
    /// or any protocol, which hardly anybody does.
    #[arg(long, value_name = "NUMBER", default_value_t = Sizes::default().entries, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub entries: u32,
    /// The most answers that are too large for a name's entry: this many of up to 176 octets, as many of up to
    /// 432, a quarter of it of up to 944 and of up to 1456. At most half of each are SRV answers at an endpoint's own
    /// name, which hardly anybody asks for.
    #[arg(long, value_name = "NUMBER", default_value_t = Sizes::default().sections, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub sections: u32,
    /// How the log is written to standard error.
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The hook as it is named on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HookChoice {
    /// TCX where the kernel has it, else clsact.
    Auto,
    /// TCX: Linux 6.6 and later.
    Tcx,
    /// A filter on the clsact qdisc.
    Clsact,
}

/// What to do with zones whose queries are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhenLogged {
    /// Answer in the kernel: the log misses these questions.
    Answer,
    /// Leave them to the DNS servers.
    Pass,
}

/// What to do when neither the API server nor a server of the cluster's DNS can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WhenAlone {
    /// Answer what was known before, until a server of the cluster's DNS replies.
    Keep,
    /// Leave it to the DNS service all the same.
    Pass,
}

/// Where HTTP is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen(pub Option<SocketAddr>);

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the agent shall do.
#[derive(Debug)]
pub struct Config {
    /// Where objects come from.
    pub source: Source,
    /// Where the DNS servers' set-up is read.
    pub set_up: SetUp,
    /// How it is read.
    pub reading: rollout::Options,
    /// How long what comes from endpoints is answered once their source is lost.
    pub endpoints_kept: Duration,
    /// What to do with it then if no server of the cluster's DNS replies.
    pub when_alone: WhenAlone,
    /// How late this agent does what those of all nodes would else do at once.
    pub late: Duration,
    /// Where HTTP is served; none: nowhere.
    pub listen: Option<SocketAddr>,
    /// Namespace and name of the DNS Service.
    pub dns_service: (String, String),
    /// More DNS addresses.
    pub dns_addresses: Vec<SocketAddr>,
    /// Which interfaces are attached to.
    pub selection: Selection,
    /// How TC is attached to.
    pub hook: Hook,
    /// Where things are pinned.
    pub pin_directory: PathBuf,
    /// How much the maps may hold.
    pub sizes: Sizes,
}

/// Where the DNS servers' set-up is read.
#[derive(Debug, Clone)]
pub enum SetUp {
    /// It is given, and stays as it is.
    Given(Box<Running>),
    /// In the cluster.
    Cluster {
        /// The kubeconfig file to connect with; none inside a pod.
        kubeconfig: Option<PathBuf>,
    },
}

/// So many seconds, half of that more or less by `chance`, a number from 0 to 1, or more if that makes less than `jitter`
/// between the least and the most: not all nodes change their ways at once.
fn spread(seconds: u32, jitter: u32, chance: f64) -> Duration {
    let least = Duration::from_secs(seconds.into()) / 2;
    least + Duration::from_secs(seconds.max(jitter).into()).mul_f64(chance)
}

impl Args {
    /// Works out what is meant.
    ///
    /// # Errors
    /// A sentence that names the option, what is wrong with it, and how it is written.
    pub fn config(self) -> anyhow::Result<Config> {
        let late = Duration::from_secs(self.jitter.into()).mul_f64(fastrand::f64());
        let reading = rollout::Options {
            kubelet_sync: Duration::from_secs(self.kubelet_sync.into()),
            rules: self.rules()?,
            answer_when_logged: self.when_logged == WhenLogged::Answer,
            policy_kept: spread(self.keep_policy, self.jitter, fastrand::f64()),
            late,
        };
        let set_up = self.set_up(reading)?;
        let source = if self.manifests.is_empty() {
            Source::Cluster {
                kubeconfig: self.kubeconfig,
            }
        } else {
            Source::Manifests {
                paths: self.manifests,
            }
        };
        Ok(Config {
            source,
            set_up,
            reading,
            endpoints_kept: spread(self.keep_endpoints, self.jitter, fastrand::f64()),
            when_alone: self.when_alone,
            late,
            listen: self.listen.0,
            dns_service: namespaced(&self.dns_service)?,
            dns_addresses: self.dns_addresses,
            selection: Selection::new(&self.interfaces, &self.xdp)
                .context("read --interface and --xdp")?,
            hook: match self.hook {
                HookChoice::Auto => Hook::Auto,
                HookChoice::Tcx => Hook::Tcx,
                HookChoice::Clsact => Hook::Clsact,
            },
            pin_directory: absolute(&self.pin_directory)?,
            sizes: Sizes {
                entries: self.entries,
                sections: self.sections,
            },
        })
    }

    /// The rules of the version that is named; without a cluster, of the newest one.
    fn rules(&self) -> anyhow::Result<Option<Rules>> {
        match &self.coredns_version {
            Some(version) => Ok(Some(Rules::of_version(version))),
            None if self.manifests.is_empty() => Ok(None),
            None => Ok(Some(Rules::default())),
        }
    }

    fn set_up(&self, reading: rollout::Options) -> anyhow::Result<SetUp> {
        let (mounted, origin) = match &self.corefile {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("read --corefile {}", path.display()))?;
                (
                    Mounted::only(&text),
                    format!("--corefile {}", path.display()),
                )
            }
            None if self.manifests.is_empty() => {
                return Ok(SetUp::Cluster {
                    kubeconfig: self.kubeconfig.clone(),
                });
            }
            None => (
                Mounted::only(&self.kubeadm()?),
                "the default Corefile of kubeadm".to_owned(),
            ),
        };
        let running = Running::given(origin, mounted);
        rollout::check(&running, reading)?;
        Ok(SetUp::Given(Box::new(running)))
    }

    /// kubeadm's Corefile for the zones that are given.
    fn kubeadm(&self) -> anyhow::Result<String> {
        let zones: Vec<String> = self
            .zones
            .iter()
            .map(|zone| Ok(zone_name(zone)?.to_ascii()))
            .collect::<Result<_, ZoneError>>()
            .context("read --zone")?;
        Ok(match zones.is_empty() {
            true => KUBEADM.to_owned(),
            false => KUBEADM.replace("cluster.local", &zones.join(" ")),
        })
    }
}

fn listen(text: &str) -> Result<Listen, String> {
    if text == "none" {
        return Ok(Listen(None));
    }
    let address = text
        .parse()
        .map_err(|error| format!("{error}; write it like {LISTEN} or [::1]:9553, or write none"))?;
    Ok(Listen(Some(address)))
}

fn namespaced(text: &str) -> anyhow::Result<(String, String)> {
    match text.split_once('/') {
        Some((namespace, name))
            if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
        {
            Ok((namespace.to_owned(), name.to_owned()))
        }
        _ => bail!(
            "--dns-service {text:?} is not NAMESPACE/NAME; write it like kube-system/kube-dns"
        ),
    }
}

fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("read --pin-directory {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_ends_half_earlier_or_later_and_over_the_jitter_at_least() {
        let between = |seconds, jitter| {
            [0.0, 1.0].map(|chance| spread(seconds, jitter, chance).as_secs_f64())
        };
        assert_eq!(between(300, 30), [150.0, 450.0]);
        assert_eq!(between(10, 30), [5.0, 35.0]);
        assert_eq!(between(0, 30), [0.0, 30.0]);
        assert_eq!(between(2, 0), [1.0, 3.0]);
    }
}
