//! The agent's options: as given on the command line ([`Args`]), and as meant ([`Config`]).

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};

use crate::{
    datapath::{attach::Hook, interfaces::Selection, object::Sizes},
    policy::{Policy, Zone},
    source::Source,
};

/// Where maps, programs and links are pinned unless an option says otherwise.
pub const PIN_DIRECTORY: &str = "/sys/fs/bpf/zerohop";

/// Answer cluster DNS on the pods' own interfaces until told to stop.
#[derive(Debug, Clone, Parser)]
pub struct Args {
    /// Take objects from these YAML files or folders instead of the Kubernetes API. They must be complete:
    /// a name of the zone that they do not give is denied.
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub manifests: Vec<PathBuf>,
    /// The kubeconfig of the cluster; in a pod, the service account is used without it.
    #[arg(long, value_name = "FILE", conflicts_with = "manifests")]
    pub kubeconfig: Option<PathBuf>,
    /// A zone of the cluster; the first one is the primary. Repeatable.
    #[arg(long = "zone", value_name = "ZONE", default_value = "cluster.local")]
    pub zones: Vec<String>,
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
    /// The most names that the kernel holds: this many of up to 40 octets, as many of up to 64, as many of
    /// longer ones. Names beyond are left to the DNS service.
    #[arg(long, value_name = "NUMBER", default_value_t = Sizes::default().entries, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub entries: u32,
    /// The most answers that are too large for a name's entry: this many of up to 176 octets, as many of up to
    /// 432, a quarter of it of up to 944 and of up to 1456.
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
    /// What may be answered, and how.
    pub policy: Policy,
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

impl Args {
    /// Works out what is meant.
    ///
    /// # Errors
    /// A sentence that names the option, what is wrong with it, and how it is written.
    pub fn config(self) -> anyhow::Result<Config> {
        let zones = self
            .zones
            .iter()
            .map(|zone| Zone::parse(zone))
            .collect::<Result<Vec<_>, _>>()
            .context("read --zone")?;
        if zones.len() > dns_ebpf::answer::ZONES_MAX {
            bail!(
                "--zone is given {} times; at most {} zones can be answered",
                zones.len(),
                dns_ebpf::answer::ZONES_MAX
            );
        }
        apart(&zones)?;
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
            policy: Policy::kubeadm(zones),
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
}

/// Refuses zones whose names would be each other's.
fn apart(zones: &[Zone]) -> anyhow::Result<()> {
    for (index, zone) in zones.iter().enumerate() {
        for other in &zones[..index] {
            let (short, long) = if zone.name.num_labels() < other.name.num_labels() {
                (&zone.name, &other.name)
            } else {
                (&other.name, &zone.name)
            };
            if short == long {
                bail!("--zone {short} is given twice; give each zone once");
            }
            let below = long.trim_to(usize::from(short.num_labels()) + 1);
            let first = below.iter().next().unwrap_or_default();
            if short.zone_of(long)
                && ["svc", "pod", "dns", "dns-version"]
                    .iter()
                    .any(|own| own.as_bytes() == first)
            {
                bail!(
                    "--zone {long} lies among the names that the zone {short} has itself; leave it out"
                );
            }
        }
    }
    Ok(())
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
