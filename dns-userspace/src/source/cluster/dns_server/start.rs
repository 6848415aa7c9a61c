//! When the server in a pod was started last.

use std::time::Duration;

use dns_core::rollout::Start;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec, PodStatus};

use super::{assemble::since_epoch, layout::server_name};

/// The last start of the server in a pod.
pub(super) fn start_of(name: &str, pod: &Pod, spec: &PodSpec) -> Start {
    let made = pod.metadata.creation_timestamp.as_ref().map(since_epoch);
    // A pod that does not say when it was made counts as old.
    let pod_made = made.unwrap_or_default();
    let container = server_name(spec).and_then(|server| status_of(pod, server));
    let id = container.and_then(|container| container.container_id.as_deref());
    let pod_id = pod.metadata.uid.as_deref().unwrap_or(name);
    Start {
        of: format!("{pod_id} {}", id.unwrap_or_default()),
        pod_made,
        container_started: pod
            .status
            .as_ref()
            .and_then(|status| started(pod_made, status, container?)),
    }
}

fn status_of<'a>(pod: &'a Pod, server: &str) -> Option<&'a ContainerStatus> {
    let statuses = &pod.status.as_ref()?.container_statuses;
    let mut statuses = statuses.iter().flatten();
    statuses.find(|status| status.name == server)
}

/// When a container was started, by the API server's clock, which has made the pod at `pod_made`.
///
/// The kubelet tells the start by its own clock, which may be ahead of the API server's. But it began with the pod after this
/// was made; and what has passed on its clock from there to the start has passed since the pod was made.
fn started(pod_made: Duration, pod: &PodStatus, container: &ContainerStatus) -> Option<Duration> {
    let running = container.state.as_ref()?.running.as_ref()?;
    let started = since_epoch(running.started_at.as_ref()?);
    let begun = since_epoch(pod.start_time.as_ref()?);
    let at_least = pod_made.saturating_add(started.saturating_sub(begun));
    Some(started.min(at_least))
}
