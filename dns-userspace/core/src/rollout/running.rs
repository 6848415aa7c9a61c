//! How the DNS servers of a cluster are seen to run.

use std::{collections::BTreeSet, time::Duration};

use super::ServerClock;
use crate::corefile::Mounted;

/// How the DNS servers are set up, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is not known.
    Unknown {
        /// Why, and what to do about it: one sentence for a person.
        reason: String,
    },
    /// Servers run, or are about to, in these ways.
    Running {
        /// Every way, at least one.
        running: Vec<Running>,
        /// How often ConfigMaps have been listed: after a list, as opposed to a change that was watched, an
        /// earlier change may have been missed.
        lists: u64,
        /// Why some of it may not be read any more and is told as it was read last, and what to do about it: one
        /// sentence for a person. None: all of it may be read.
        refused: Option<String>,
        /// The clock by which its objects say when they were made and changed; none: it is not known.
        clock: Option<ServerClock>,
    },
}

/// One way in which servers run: those pods, and workloads that make pods, that have the same image,
/// arguments, environment and volumes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Equal for equal ways, whatever the ConfigMaps hold.
    pub identity: String,
    /// What runs so, for people, such as `Deployment kube-system/coredns`.
    pub origin: String,
    /// The container's image.
    pub image: String,
    /// The port of server blocks without one.
    pub default_port: u16,
    /// The Corefile and what it may import, as the ConfigMaps hold it now.
    pub mounted: Mounted,
    /// The text, for people, such as `ConfigMap kube-system/coredns (version 812)`.
    pub revision: String,
    /// When the ConfigMaps were last changed, since the Unix epoch; none: they do not say.
    pub changed: Option<Duration>,
    /// Whether a changed ConfigMap reaches running pods; not so with `subPath`.
    pub updated_in_place: bool,
    /// The last start of each server that runs so; empty: there is no pod.
    pub starts: BTreeSet<Start>,
    /// The pods' own lines in the `/etc/hosts` that kubelet writes, such as `10.244.0.3 coredns-1`; none: not
    /// known, or there is more in it. They are the pods', whichever text these have read.
    pub hosts: Option<BTreeSet<String>>,
}

/// The last start of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Start {
    /// Tells it from all other starts of all servers.
    pub of: String,
    /// When the pod was made, since the Unix epoch.
    pub pod_made: Duration,
    /// When the container was started, by the same clock, and rather too early than too late; none: not known.
    pub container_started: Option<Duration>,
}

impl Start {
    /// Whether the server began with what a ConfigMap has held since `change`. A pod's volume is made with it; a container
    /// that is started again finds the volume as the kubelet left it, which takes up to `sync` to renew it. None: it is not
    /// known to renew it.
    #[must_use]
    pub fn has_read(&self, change: Duration, sync: Option<Duration>) -> bool {
        // Times of objects are whole seconds.
        let seconds = |time: Duration| Duration::from_secs(time.as_secs());
        let is_renewed = || {
            let renewed = seconds(change).checked_add(sync?)?;
            Some(seconds(self.container_started?) > renewed)
        };
        seconds(self.pod_made) > seconds(change) || is_renewed() == Some(true)
    }
}

impl Running {
    /// Servers whose Corefile is given and never changes.
    #[must_use]
    pub fn given(origin: String, mounted: Mounted) -> Self {
        Self {
            identity: origin.clone(),
            revision: origin.clone(),
            origin,
            image: String::new(),
            default_port: super::DNS_PORT,
            mounted,
            changed: None,
            updated_in_place: false,
            starts: BTreeSet::new(),
            hosts: None,
        }
    }
}
