//! When the servers were started.

use dns_core::rollout::Start;

use super::*;

/// When the oldest pod was made, in seconds.
pub(super) fn oldest(running: &Running) -> Option<u64> {
    let made = running.starts.iter().map(|start| start.pod_made.as_secs());
    made.min()
}

/// The start of a server whose pod was made at 12:00:00, with this status.
fn start(status: Value) -> Start {
    let mut cluster = cluster(kubeadm());
    let pod = object(json!({
        "metadata": {"name": "coredns-1", "uid": "812", "creationTimestamp": "2026-01-01T12:00:00Z"},
        "spec": kubeadm(),
        "status": status,
    }));
    cluster.pods.insert("coredns-1".to_owned(), pod);
    let mut starts = cluster.one().starts;
    assert_eq!(starts.len(), 1, "{starts:?}");
    starts.pop_first().unwrap()
}

/// A status by a kubelet that has begun with the pod at `begun`, and has started the container at `started`.
fn status(begun: &str, started: &str) -> Value {
    json!({"phase": "Running", "startTime": begun, "containerStatuses": [
        {"name": "tuner", "containerID": "containerd://0", "state": {"running": {"startedAt": "2027-01-01T00:00:00Z"}}},
        {"name": "coredns", "containerID": "containerd://1", "state": {"running": {"startedAt": started}}},
    ]})
}

/// Seconds from when the pod was made until its container was started.
fn seconds(start: &Start) -> Option<u64> {
    let started = start.container_started?;
    Some(started.as_secs() - start.pod_made.as_secs())
}

#[test]
fn the_start_that_counts_is_that_of_the_servers_container() {
    let start = start(status("2026-01-01T12:00:02Z", "2026-01-01T13:00:02Z"));
    assert_eq!(seconds(&start), Some(3_600));
    assert_eq!(start.of, "812 containerd://1");
}

#[test]
fn a_kubelet_whose_clock_is_wrong_makes_no_start_later_than_it_was() {
    // Ten minutes ahead.
    let ahead = start(status("2026-01-01T12:10:02Z", "2026-01-01T13:10:02Z"));
    assert_eq!(seconds(&ahead), Some(3_600));
    // Ten minutes behind when it began with the pod, and set right since.
    let set = start(status("2026-01-01T11:50:02Z", "2026-01-01T13:00:02Z"));
    assert_eq!(seconds(&set), Some(3_602));
}

#[test]
fn a_container_that_does_not_run_has_only_its_pods_start() {
    let waiting = json!({"startTime": "2026-01-01T12:00:02Z", "containerStatuses": [
        {"name": "coredns", "containerID": "containerd://1", "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
    ]});
    for status in [json!({}), json!({"phase": "Pending"}), waiting] {
        assert_eq!(start(status.clone()).container_started, None, "{status}");
    }
    // Without a beginning on the kubelet's clock, its clock tells nothing.
    let mut unbegun = status("2026-01-01T12:00:02Z", "2026-01-01T13:00:02Z");
    unbegun.as_object_mut().unwrap().remove("startTime");
    assert_eq!(start(unbegun).container_started, None);
}
