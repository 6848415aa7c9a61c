//! What of a pod's specification decides what a DNS server in it answers.

use std::collections::{BTreeMap, BTreeSet};

use dns_core::rollout::DNS_PORT;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use super::mounts::{Mount, mounts_of};

/// A container that runs CoreDNS.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Layout {
    pub(super) image: String,
    /// Absolute path of the Corefile.
    pub(super) corefile: String,
    /// The port of server blocks without one.
    pub(super) default_port: u16,
    /// Variables whose values stand in the specification.
    pub(super) environment: BTreeMap<String, String>,
    /// Outer folders first.
    pub(super) mounts: Vec<Mount>,
    /// Whether kubelet writes `/etc/hosts`, with nothing in it but the loopback names and the pod's own line.
    pub(super) has_plain_hosts: bool,
}

/// Where service accounts' tokens lie in every pod, in volumes with random names.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/";

impl Layout {
    /// Reads a pod's specification.
    ///
    /// # Errors
    /// Why it is not known how CoreDNS runs in it, as the end of a sentence that begins with the pod.
    pub(super) fn of(pod: &PodSpec) -> Result<Self, String> {
        let container = server_of(pod)?;
        let arguments = Arguments::of(container)?;
        let mut mounts = mounts_of(pod, container);
        mounts.retain(|mount| !mount.path.starts_with(SERVICE_ACCOUNT));
        let environment = container.env.iter().flatten().filter_map(|variable| {
            let value = variable.value.clone().unwrap_or_default();
            // `$(NAME)` stands for other variables.
            let literal = variable.value_from.is_none() && !value.contains("$(");
            literal.then(|| (variable.name.clone(), value))
        });
        Ok(Self {
            image: container.image.clone().unwrap_or_default(),
            corefile: absolute(&arguments.corefile, container)?,
            default_port: arguments.port,
            environment: environment.collect(),
            has_plain_hosts: has_plain_hosts(pod, &mounts),
            mounts,
        })
    }

    /// The ConfigMaps that it reads.
    pub(super) fn config_maps(&self) -> BTreeSet<&str> {
        self.mounts.iter().flat_map(Mount::config_maps).collect()
    }
}

fn has_plain_hosts(pod: &PodSpec, mounts: &[Mount]) -> bool {
    let has_further_names = pod.host_network == Some(true)
        || pod
            .host_aliases
            .as_ref()
            .is_some_and(|aliases| !aliases.is_empty())
        || pod.subdomain.as_ref().is_some_and(|name| !name.is_empty())
        || pod.hostname_override.is_some();
    let is_windows = pod.os.as_ref().is_some_and(|os| os.name == "windows");
    let is_mounted = mounts
        .iter()
        .any(|mount| matches!(mount.path.as_str(), "" | "/etc" | "/etc/hosts"));
    !has_further_names && !is_windows && !is_mounted
}

/// The name of the container that runs CoreDNS; none: it is not known which one does.
pub(super) fn server_name(pod: &PodSpec) -> Option<&str> {
    server_of(pod).ok().map(|server| server.name.as_str())
}

/// The container that runs CoreDNS: it is given a Corefile or, if none is, its image is called so.
fn server_of(pod: &PodSpec) -> Result<&Container, String> {
    let with = |is_server: fn(&Container) -> bool| -> Vec<&Container> {
        pod.containers.iter().filter(|one| is_server(one)).collect()
    };
    let mut servers = with(has_corefile);
    if servers.is_empty() {
        servers = with(is_called_core_dns);
    }
    match servers[..] {
        [server] => Ok(server),
        [] => {
            let images = pod.containers.iter().filter_map(|one| one.image.as_deref());
            let images: Vec<&str> = images.collect();
            Err(format!(
                "does not run CoreDNS as far as its images ({}) and arguments tell",
                images.join(", ")
            ))
        }
        _ => Err("runs CoreDNS in several containers".to_owned()),
    }
}

fn has_corefile(container: &Container) -> bool {
    let mut words = container.command.iter().chain(&container.args).flatten();
    words.any(|word| option_of(word).is_some_and(|(name, _)| name == "conf"))
}

fn is_called_core_dns(container: &Container) -> bool {
    let image = container.image.as_deref().unwrap_or_default();
    let name = image.rsplit('/').next().unwrap_or_default();
    name.contains("coredns")
}

/// What CoreDNS's command line says.
struct Arguments {
    corefile: String,
    port: u16,
}

impl Arguments {
    fn of(container: &Container) -> Result<Self, String> {
        if let Some(program) = container.command.iter().flatten().next()
            && program.rsplit('/').next() != Some("coredns")
        {
            return Err(format!(
                "starts {program:?} instead of coredns, so its arguments are not known"
            ));
        }
        let command = container.command.iter().flatten().skip(1);
        let mut words = command.chain(container.args.iter().flatten());
        let mut corefile = None;
        let mut port = DNS_PORT;
        while let Some(word) = words.next() {
            if word.contains("$(") {
                return Err(format!(
                    "has the argument {word:?}, whose value is not known"
                ));
            }
            // Go's `flag` stops at the first word that is no option.
            let Some((name, value)) = option_of(word) else {
                break;
            };
            if !matches!(name, "conf" | "dns.port" | "p" | "pidfile") {
                continue;
            }
            let value = match value.or_else(|| words.next().map(String::as_str)) {
                Some(value) if !value.contains("$(") => value,
                _ => {
                    return Err(format!(
                        "has the argument {word:?}, whose value is not known"
                    ));
                }
            };
            match name {
                "conf" => corefile = Some(value.to_owned()),
                "dns.port" | "p" => {
                    port = value.parse().map_err(|_| {
                        format!("has the argument {word} {value:?}, which is no port")
                    })?;
                }
                _ => {}
            }
        }
        let corefile = corefile.ok_or("is given no Corefile by the argument -conf")?;
        Ok(Self { corefile, port })
    }
}

/// An option's name and, behind `=`, its value, as Go's package `flag` reads it.
fn option_of(word: &str) -> Option<(&str, Option<&str>)> {
    let text = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    match text.split_once('=') {
        Some((name, value)) => Some((name, Some(value))),
        None => Some((text, None)),
    }
}

fn absolute(path: &str, container: &Container) -> Result<String, String> {
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    match container.working_dir.as_deref() {
        Some(folder) if folder.starts_with('/') => {
            Ok(format!("{}/{path}", folder.trim_end_matches('/')))
        }
        _ => Err(format!(
            "is given the Corefile {path:?}, relative to a folder that is not known"
        )),
    }
}
