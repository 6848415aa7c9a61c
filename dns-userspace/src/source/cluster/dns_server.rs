//! How the cluster's DNS servers are set up: the Corefile that CoreDNS runs with, from the workload behind the
//! DNS Service and the ConfigMaps that it mounts.

mod assemble;
mod clock;
mod followed;
mod layout;
mod mounts;
mod start;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    path::PathBuf,
    sync::Arc,
};

use dns_core::rollout::Seen;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::{DaemonSet, Deployment},
        core::v1::{ConfigMap, Pod, Service},
    },
};
use kube::{Api, Client, Resource, runtime::watcher};
use serde::de::DeserializeOwned;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use self::{
    assemble::{Objects, REMEDY, selector_of, ways_of},
    clock::{Clock, Reading},
    followed::{Followed, State},
};

/// Follows the set-up of the servers behind the DNS Service `(namespace, name)`, and tells every change of it,
/// from a task of its own, until the receiver is dropped.
///
/// # Errors
/// If there is no usable configuration. A server that cannot be reached is tried again for ever.
pub async fn start(
    kubeconfig: Option<PathBuf>,
    dns_service: (String, String),
    seen: mpsc::Sender<Seen>,
) -> anyhow::Result<JoinHandle<()>> {
    let (client, server) = super::connect(kubeconfig).await?;
    let follower = Follower::new(client, server, dns_service);
    Ok(tokio::spawn(follower.run(seen)))
}

/// Everything that is followed, all of it in the Service's namespace.
struct Follower {
    client: Client,
    server: Box<str>,
    namespace: String,
    name: String,
    changed: Arc<Notify>,
    clock: Clock,
    service: Followed<Service>,
    deployments: Followed<Deployment>,
    daemon_sets: Followed<DaemonSet>,
    /// The pods with these labels.
    pods: Option<(String, Followed<Pod>)>,
    /// Each by itself, so that the agent need not be allowed to read others.
    config_maps: BTreeMap<String, Followed<ConfigMap>>,
    /// Lists of ConfigMaps that are no longer followed.
    past_lists: u64,
    /// How many lists there were when the clock was last read.
    lists_at_reading: u64,
}

/// Why the set-up is not known.
enum Gap {
    /// Objects have yet to be listed.
    Listing,
    /// For this reason, with the remedy.
    Reason(String),
}

impl Follower {
    fn new(client: Client, server: Box<str>, (namespace, name): (String, String)) -> Self {
        let changed = Arc::new(Notify::new());
        let everything = watcher::Config::default;
        let only = everything().fields(&format!("metadata.name={name}"));
        let service = Followed::start(
            Api::namespaced(client.clone(), &namespace),
            only,
            Arc::clone(&changed),
        );
        let deployments = Followed::start(
            Api::namespaced(client.clone(), &namespace),
            everything(),
            Arc::clone(&changed),
        );
        let daemon_sets = Followed::start(
            Api::namespaced(client.clone(), &namespace),
            everything(),
            Arc::clone(&changed),
        );
        let clock = Clock::start(client.clone(), Arc::clone(&changed));
        Self {
            client,
            server,
            namespace,
            name,
            changed,
            clock,
            service,
            deployments,
            daemon_sets,
            pods: None,
            config_maps: BTreeMap::new(),
            past_lists: 0,
            lists_at_reading: 0,
        }
    }

    async fn run(mut self, seen: mpsc::Sender<Seen>) {
        let mut last = None;
        loop {
            let now = match self.look() {
                Ok(now) => Some(now),
                Err(Gap::Reason(reason)) => Some(Seen::Unknown { reason }),
                // What was known before holds until all is listed.
                Err(Gap::Listing) => None,
            };
            if let Some(now) = now.filter(|now| last.as_ref() != Some(now)) {
                if seen.send(now.clone()).await.is_err() {
                    return;
                }
                last = Some(now);
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = seen.closed() => return,
            }
        }
    }

    fn look(&mut self) -> Result<Seen, Gap> {
        let (namespace, name) = (self.namespace.clone(), self.name.clone());
        let mut refused = None;
        let selector = {
            let state = self.service.state();
            let services = self.listed(&state, "Service", "services", &mut refused)?;
            let Some(service) = services.get(&name) else {
                return Err(Gap::Reason(format!(
                    "there is no Service {namespace}/{name}, so the DNS servers' Corefile is not known; name the DNS \
                     service by --dns-service, or {REMEDY}"
                )));
            };
            let selector = selector_of(service).ok_or_else(|| {
                Gap::Reason(format!(
                    "the Service {namespace}/{name} selects no pods, so the DNS servers' Corefile is not known; {REMEDY}"
                ))
            })?;
            selector.clone()
        };
        self.follow_pods(&selector);
        let ways = {
            let deployments = self.deployments.state();
            let daemon_sets = self.daemon_sets.state();
            let Some((_, pods)) = &self.pods else {
                return Err(Gap::Listing);
            };
            let pods = pods.state();
            let objects = Objects {
                namespace: &namespace,
                service: &name,
                deployments: self.listed(
                    &deployments,
                    "Deployment",
                    "deployments",
                    &mut refused,
                )?,
                daemon_sets: self.listed(&daemon_sets, "DaemonSet", "daemonsets", &mut refused)?,
                pods: self.listed(&pods, "Pod", "pods", &mut refused)?,
            };
            ways_of(&objects, &selector).map_err(Gap::Reason)?
        };
        let needed: BTreeSet<&str> = ways
            .iter()
            .flat_map(|way| way.layout.config_maps())
            .collect();
        self.follow_config_maps(&needed);
        let mut config_maps = BTreeMap::new();
        let mut lists = self.past_lists;
        for (name, followed) in &self.config_maps {
            let state = followed.state();
            let listed = self.listed(&state, "ConfigMap", "configmaps", &mut refused)?;
            config_maps.insert(name.clone(), listed.get(name).cloned());
            lists += state.lists;
        }
        let running = ways.iter().map(|way| way.running(&namespace, &config_maps));
        let running = running.collect::<Result<_, _>>().map_err(Gap::Reason)?;
        let clock = match self.clock.reading() {
            Reading::NotYet => return Err(Gap::Listing),
            Reading::Failed => None,
            Reading::Read(clock) => Some(clock),
        };
        // What was not watched is dated by the clock.
        if std::mem::replace(&mut self.lists_at_reading, lists) != lists {
            self.clock.read_again();
        }
        Ok(Seen::Running {
            running,
            lists,
            refused,
            clock,
        })
    }

    /// Objects as they were last known. Where the server refuses to tell more of them, `refused` becomes the reason,
    /// unless there is one already.
    fn listed<'a, K>(
        &self,
        state: &'a State<K>,
        kind: &str,
        resource: &str,
        refused: &mut Option<String>,
    ) -> Result<&'a BTreeMap<String, K>, Gap> {
        let namespace = &self.namespace;
        let trouble = state.trouble.as_ref();
        let refusal = trouble.filter(|trouble| trouble.refused).map(|trouble| {
            format!(
                "the API server refuses {kind}s of the namespace {namespace} ({}), so the DNS servers' Corefile is not \
                 known; give the agent a Role there with the verbs list and watch on {resource}, or {REMEDY}",
                trouble.message
            )
        });
        if let Some(objects) = &state.objects {
            *refused = refused.take().or(refusal);
            return Ok(objects);
        }
        Err(match (refusal, trouble) {
            (Some(refusal), _) => Gap::Reason(refusal),
            (None, Some(trouble)) => Gap::Reason(format!(
                "{kind}s of the namespace {namespace} cannot be read from the API server at {} ({}), so the \
                 DNS servers' Corefile is not known; check that it runs, or {REMEDY}",
                self.server, trouble.message
            )),
            (None, None) => Gap::Listing,
        })
    }

    fn follow_pods(&mut self, selector: &BTreeMap<String, String>) {
        let labels: Vec<String> = selector
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        let labels = labels.join(",");
        if self.pods.as_ref().is_none_or(|(known, _)| *known != labels) {
            let config = watcher::Config::default().labels(&labels);
            self.pods = Some((labels, self.follow(config)));
        }
    }

    fn follow_config_maps(&mut self, needed: &BTreeSet<&str>) {
        let past_lists = &mut self.past_lists;
        self.config_maps.retain(|name, followed| {
            let is_needed = needed.contains(name.as_str());
            if !is_needed {
                *past_lists += followed.state().lists;
            }
            is_needed
        });
        for name in needed {
            if !self.config_maps.contains_key(*name) {
                let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
                let followed = self.follow(config);
                self.config_maps.insert((*name).to_owned(), followed);
            }
        }
    }

    fn follow<K>(&self, config: watcher::Config) -> Followed<K>
    where
        K: Resource<Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
        K::DynamicType: Default,
    {
        let api = Api::namespaced(self.client.clone(), &self.namespace);
        Followed::start(api, config, Arc::clone(&self.changed))
    }
}
