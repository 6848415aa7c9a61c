//! Kubernetes objects into the ways in which the DNS servers run.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dns_core::{
    corefile::Mounted,
    rollout::{Running, Start},
};
use k8s_openapi::{
    api::{
        apps::v1::{DaemonSet, Deployment},
        core::v1::{ConfigMap, Pod, PodSpec, PodTemplateSpec, Service},
    },
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};

use super::{
    layout::Layout,
    mounts::{Files, Mount},
    start::start_of,
};

/// What to do when the set-up cannot be read.
pub(super) const REMEDY: &str = "give the policy by --corefile FILE";

/// The objects that are looked at, all of one namespace, by name.
pub(super) struct Objects<'a> {
    pub(super) namespace: &'a str,
    pub(super) service: &'a str,
    pub(super) deployments: &'a BTreeMap<String, Deployment>,
    pub(super) daemon_sets: &'a BTreeMap<String, DaemonSet>,
    /// The pods that the Service leads to.
    pub(super) pods: &'a BTreeMap<String, Pod>,
}

/// A way to run, and what runs so.
pub(super) struct Way {
    pub(super) layout: Layout,
    origins: BTreeSet<String>,
    starts: BTreeSet<Start>,
    /// The pods' own lines in `/etc/hosts`; none: not all of them are known.
    hosts: Option<BTreeSet<String>>,
}

/// What is known of a pod beside its specification.
struct Made {
    start: Start,
    hosts: Option<BTreeSet<String>>,
}

/// The labels by which the Service finds its pods.
///
/// # Errors
/// There are none.
pub(super) fn selector_of(service: &Service) -> Option<&BTreeMap<String, String>> {
    let spec = service.spec.as_ref()?;
    spec.selector
        .as_ref()
        .filter(|selector| !selector.is_empty())
}

/// The different ways in which DNS servers run: by the workloads, and by the pods that are there.
///
/// Workloads of other kinds than Deployment and DaemonSet are not looked at, but their pods are. A Deployment
/// that is scaled to 0 counts only where nothing else runs: then it says what the servers did, and what they will
/// do again. Beside others it is one that was left behind.
///
/// # Errors
/// Why it is not known what the servers do, and the remedy: one sentence for a person.
pub(super) fn ways_of(
    objects: &Objects<'_>,
    selector: &BTreeMap<String, String>,
) -> Result<Vec<Way>, String> {
    let Objects {
        namespace, service, ..
    } = objects;
    let mut ways = Vec::new();
    add_workloads(&mut ways, objects, selector, true)?;
    for (name, pod) in objects.pods {
        let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
        let has_ended = matches!(phase, Some("Succeeded" | "Failed"));
        if let (false, Some(spec)) = (has_ended, &pod.spec) {
            let origin = format!("Pod {namespace}/{name}");
            let made = Made {
                start: start_of(name, pod, spec),
                hosts: hosts_of(name, pod, spec),
            };
            add(&mut ways, spec, origin, Some(made))?;
        }
    }
    if ways.is_empty() {
        add_workloads(&mut ways, objects, selector, false)?;
    }
    if ways.is_empty() {
        let selector: Vec<String> = selector
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        return Err(format!(
            "no Deployment, DaemonSet or Pod of the namespace {namespace} has the labels {} that the Service \
             {namespace}/{service} selects, so the DNS servers' Corefile is not known; name the DNS service by \
             --dns-service, or {REMEDY}",
            selector.join(",")
        ));
    }
    Ok(ways)
}

/// Adds the workloads with the Service's labels: those that want pods, or those that want none.
fn add_workloads(
    ways: &mut Vec<Way>,
    objects: &Objects<'_>,
    selector: &BTreeMap<String, String>,
    want_pods: bool,
) -> Result<(), String> {
    for (kind, name, template) in templates(objects, want_pods) {
        let labels = template.metadata.as_ref().and_then(|it| it.labels.as_ref());
        let is_selected = selector
            .iter()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
        if let (true, Some(spec)) = (is_selected, &template.spec) {
            let origin = format!("{kind} {}/{name}", objects.namespace);
            add(ways, spec, origin, None)?;
        }
    }
    Ok(())
}

/// The templates of workloads that want pods, or of those that want none.
fn templates<'a>(
    objects: &Objects<'a>,
    want_pods: bool,
) -> impl Iterator<Item = (&'static str, &'a str, &'a PodTemplateSpec)> {
    let deployments = objects
        .deployments
        .iter()
        .filter_map(move |(name, deployment)| {
            let spec = deployment.spec.as_ref()?;
            let wants_pods = spec.replicas != Some(0);
            (wants_pods == want_pods).then_some(("Deployment", name.as_str(), &spec.template))
        });
    let daemon_sets = objects
        .daemon_sets
        .iter()
        .filter_map(move |(name, daemon_set)| {
            let spec = daemon_set.spec.as_ref()?;
            want_pods.then_some(("DaemonSet", name.as_str(), &spec.template))
        });
    deployments.chain(daemon_sets)
}

/// The lines that kubelet writes into a pod's `/etc/hosts` for the pod itself; none: not known yet.
fn hosts_of(name: &str, pod: &Pod, spec: &PodSpec) -> Option<BTreeSet<String>> {
    let status = pod.status.as_ref();
    let addresses: BTreeSet<&str> = status
        .iter()
        .flat_map(|status| {
            status
                .pod_ips
                .iter()
                .flatten()
                .map(|address| address.ip.as_str())
        })
        .chain(status.and_then(|status| status.pod_ip.as_deref()))
        .collect();
    // Until it has an address, nobody is led to a pod whose containers have not been made.
    if addresses.is_empty() {
        let phase = status.and_then(|status| status.phase.as_deref());
        return (phase == Some("Pending")).then(BTreeSet::new);
    }
    let host_name = match spec.hostname.as_deref() {
        None | Some("") => name,
        Some(host_name) => host_name,
    };
    // Longer ones are cut.
    let host_name = host_name.get(..63).unwrap_or(host_name);
    let host_name = host_name.trim_end_matches(['-', '.']);
    let lines = addresses
        .into_iter()
        .map(|address| format!("{address} {host_name}"));
    Some(lines.collect())
}

fn add(
    ways: &mut Vec<Way>,
    spec: &PodSpec,
    origin: String,
    made: Option<Made>,
) -> Result<(), String> {
    let layout = Layout::of(spec).map_err(|reason| {
        format!("{origin} {reason}; nothing is answered in the kernel: {REMEDY}")
    })?;
    let index = match ways.iter().position(|way| way.layout == layout) {
        Some(index) => index,
        None => {
            ways.push(Way {
                layout,
                origins: BTreeSet::new(),
                starts: BTreeSet::new(),
                hosts: Some(BTreeSet::new()),
            });
            ways.len().saturating_sub(1)
        }
    };
    let Some(way) = ways.get_mut(index) else {
        return Ok(());
    };
    way.origins.insert(origin);
    if let Some(made) = made {
        way.starts.insert(made.start);
        way.hosts = match (way.hosts.take(), made.hosts) {
            (Some(mut lines), Some(more)) => {
                lines.extend(more);
                Some(lines)
            }
            _ => None,
        };
    }
    Ok(())
}

impl Way {
    /// With the content of the ConfigMaps; every one that the layout names is a key, without a value if it
    /// does not exist.
    ///
    /// # Errors
    /// Why the Corefile is not known, and the remedy: one sentence for a person.
    pub(super) fn running(
        &self,
        namespace: &str,
        config_maps: &BTreeMap<String, Option<ConfigMap>>,
    ) -> Result<Running, String> {
        // `Deployment` comes before `Pod`.
        let origin = self.origins.first().cloned().unwrap_or_default();
        let mut read = Files::default();
        for mount in &self.layout.mounts {
            mount.read(config_maps, &mut read).map_err(|lacks| {
                format!("{origin} mounts {lacks}; DNS servers may run by an earlier one: {REMEDY}")
            })?;
        }
        let path = &self.layout.corefile;
        if !read.files.contains_key(path) {
            return Err(format!(
                "the Corefile {path} of {origin} does not come from a ConfigMap, so it is not known; {REMEDY}"
            ));
        }
        let names = self.layout.config_maps();
        let present: Vec<&ObjectMeta> = names
            .iter()
            .filter_map(|name| config_maps.get(*name)?.as_ref())
            .map(|config_map| &config_map.metadata)
            .collect();
        let revisions: Vec<String> = present
            .iter()
            .map(|metadata| {
                let name = metadata.name.as_deref().unwrap_or_default();
                let version = metadata.resource_version.as_deref().unwrap_or("unknown");
                format!("ConfigMap {namespace}/{name} (version {version})")
            })
            .collect();
        Ok(Running {
            identity: format!("{:?}", self.layout),
            origin,
            image: self.layout.image.clone(),
            default_port: self.layout.default_port,
            revision: revisions.join(", "),
            changed: present.into_iter().filter_map(changed).max(),
            updated_in_place: self.layout.mounts.iter().all(Mount::is_updated_in_place),
            starts: self.starts.clone(),
            hosts: self.hosts.clone().filter(|_| self.layout.has_plain_hosts),
            mounted: Mounted {
                path: path.clone(),
                files: read.files,
                folders: read.folders,
                environment: self.layout.environment.clone(),
            },
        })
    }
}

/// When an object was last changed, as far as it says.
fn changed(metadata: &ObjectMeta) -> Option<Duration> {
    let fields = metadata.managed_fields.iter().flatten();
    let times = fields.filter_map(|field| field.time.as_ref());
    times
        .chain(&metadata.creation_timestamp)
        .map(since_epoch)
        .max()
}

pub(super) fn since_epoch(time: &Time) -> Duration {
    Duration::from_secs(u64::try_from(time.0.as_second()).unwrap_or(0))
}
