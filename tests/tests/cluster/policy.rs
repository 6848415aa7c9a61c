//! What is answered follows the Corefile that the cluster's DNS servers run with.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use tests::{ApiServer, Report, eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{LIMIT, Scene, records};

const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";

/// The DNS service as kubeadm makes it.
const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  selector: {k8s-app: kube-dns}
  ports:
  - {name: dns, port: 53, protocol: UDP, targetPort: 53}
";

/// The workload as kubeadm makes it, with an optional ConfigMap as k3s has it.
pub(crate) const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-dns}}
  template:
    metadata: {labels: {k8s-app: kube-dns}}
    spec:
      containers:
      - name: coredns
        image: registry.k8s.io/coredns/coredns:v1.15.0
        args: [-conf, /etc/coredns/Corefile]
        volumeMounts:
        - {name: config-volume, mountPath: /etc/coredns, readOnly: true}
        - {name: custom, mountPath: /etc/coredns/custom, readOnly: true}
      volumes:
      - name: config-volume
        configMap: {name: coredns, items: [{key: Corefile, path: Corefile}]}
      - name: custom
        configMap: {name: coredns-custom, optional: true}
";

/// A pod of the workload, older than any later change.
const POD: &str = "
apiVersion: v1
kind: Pod
metadata: {name: coredns-1, namespace: kube-system, labels: {k8s-app: kube-dns}}
spec:
  containers:
  - name: coredns
    image: registry.k8s.io/coredns/coredns:v1.15.0
    args: [-conf, /etc/coredns/Corefile]
    volumeMounts:
    - {name: config-volume, mountPath: /etc/coredns, readOnly: true}
    - {name: custom, mountPath: /etc/coredns/custom, readOnly: true}
  volumes:
  - name: config-volume
    configMap: {name: coredns, items: [{key: Corefile, path: Corefile}]}
  - name: custom
    configMap: {name: coredns-custom, optional: true}
";

/// A Corefile whose zone has these lines more, read again by CoreDNS within 3 s.
pub(crate) fn corefile(more: &str) -> String {
    format!(
        ".:53 {{
            errors
            {more}
            kubernetes cluster.local {{
                pods insecure
                ttl 30
            }}
            loadbalance
            reload 2s 1s
        }}"
    )
}

/// Makes or changes a ConfigMap of `kube-system` with one key.
pub(crate) fn configure(api: &ApiServer, name: &str, key: &str, text: &str) -> Result<()> {
    let object = serde_json::json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "kube-system"},
        "data": {key: text},
    });
    api.apply(&object.to_string())
}

/// A scene in which the API server has a DNS service with its workload.
pub(crate) fn scene(sync: &str, corefile: &str) -> Result<Scene> {
    scene_with(&["--kubelet-sync", sync], corefile)
}

/// As [`scene`], with these options of the agent.
pub(crate) fn scene_with(options: &[&str], corefile: &str) -> Result<Scene> {
    Scene::with_options(options, |api| {
        // The server makes kube-system by itself, in its own time.
        eventually(LIMIT, "kube-system to exist", || api.apply(SERVICE))?;
        configure(api, "coredns", "Corefile", corefile)?;
        api.apply(POD)?;
        api.apply(DEPLOYMENT)
    })
}

/// Waits until the agent says of itself what `expected` looks for.
pub(crate) fn wait_for_report(
    scene: &Scene,
    what: &str,
    expected: impl Fn(&Report) -> bool,
) -> Result<Report> {
    eventually(LIMIT, what, || {
        let (_, report) = scene.agent.full_status(LIMIT)?;
        ensure!(expected(&report), "the agent says {report:?}");
        Ok(report)
    })
}

fn is_answered(scene: &Scene) -> Result<()> {
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]))
}

fn is_left(scene: &Scene) -> Result<()> {
    scene.follow(KUBERNETES, RecordType::A, &records(&["10.96.0.1"]).passed())
}

fn delete_pod(scene: &Scene) -> Result<()> {
    let delete = [
        "delete",
        "pod",
        "coredns-1",
        "-n",
        "kube-system",
        "--force",
        "--grace-period=0",
    ];
    scene.api.kubectl(&delete, "").map(drop)
}

/// Replaces the pod by one that was made later than all that was changed before.
pub(crate) fn replace_pod(scene: &Scene) -> Result<()> {
    delete_pod(scene)?;
    // Times of objects are whole seconds.
    thread::sleep(Duration::from_secs(1));
    scene.api.apply(POD)
}

#[test]
fn the_corefile_of_the_workload_behind_the_dns_service_decides() -> Result<()> {
    if skipped_without_root("the_corefile_of_the_workload_behind_the_dns_service_decides") {
        return Ok(());
    }
    // The import finds nothing, for the optional ConfigMap is not there.
    let scene = scene("1", &corefile("import custom/*.override"))?;
    is_answered(&scene)?;
    let report = wait_for_report(&scene, "the policy", |report| report.answering)?;
    let zones: Vec<(&str, u32)> = report
        .policy
        .zones
        .iter()
        .map(|zone| (zone.zone.as_str(), zone.ttl))
        .collect();
    assert_eq!(zones, [("cluster.local.", 30)]);
    let corefile = &report.policy.corefiles[0];
    assert!(
        corefile.contains("ConfigMap kube-system/coredns (version "),
        "{corefile}"
    );
    assert!(
        report.kinds.iter().all(|kind| kind.up_to_date),
        "{report:?}"
    );
    Ok(())
}

#[test]
fn a_stricter_corefile_holds_at_once_and_a_wider_one_when_servers_must_have_it() -> Result<()> {
    if skipped_without_root(
        "a_stricter_corefile_holds_at_once_and_a_wider_one_when_servers_must_have_it",
    ) {
        return Ok(());
    }
    let scene = scene("1", &corefile(""))?;
    is_answered(&scene)?;
    let strict = corefile("acl {\n block type ANY\n }");
    configure(&scene.api, "coredns", "Corefile", &strict)?;
    is_left(&scene)?;
    let report = wait_for_report(&scene, "the stricter text", |report| !report.answering)?;
    assert!(report.reason.is_some_and(|reason| reason.contains("acl")));
    wait_for_report(&scene, "the end of the former text", |report| {
        report.policy.earlier.is_empty()
    })?;
    is_left(&scene)?;

    configure(&scene.api, "coredns", "Corefile", &corefile(""))?;
    let report = wait_for_report(&scene, "both texts", |report| {
        !report.policy.earlier.is_empty()
    })?;
    assert!(!report.answering, "{report:?}");
    let left = report.policy.earlier[0].seconds_left;
    // 1 s for the kubelet, 3 s for `reload` and 5 s for `kubernetes` to begin.
    assert!(left.is_some_and(|seconds| seconds <= 9), "{report:?}");
    is_answered(&scene)
}

#[test]
fn without_reload_a_wider_corefile_waits_for_new_pods() -> Result<()> {
    if skipped_without_root("without_reload_a_wider_corefile_waits_for_new_pods") {
        return Ok(());
    }
    let once = |more: &str| corefile(more).replace("reload 2s 1s", "");
    let scene = scene("0", &once("acl {\n block type ANY\n }"))?;
    scene.agent.wait_for("acl", LIMIT)?;
    configure(&scene.api, "coredns", "Corefile", &once(""))?;
    let report = wait_for_report(&scene, "both texts", |report| {
        !report.policy.earlier.is_empty()
    })?;
    assert_eq!(report.policy.earlier[0].seconds_left, None);
    assert!(!report.answering, "{report:?}");
    delete_pod(&scene)?;
    is_answered(&scene)
}

/// Has a kubelet say that the pod's container was started long after the pod.
fn start_container_again(scene: &Scene) -> Result<()> {
    let begun = scene.api.kubectl(
        &[
            "get",
            "pod",
            "coredns-1",
            "-n",
            "kube-system",
            "-o",
            "jsonpath={.metadata.creationTimestamp}",
        ],
        "",
    )?;
    let status = serde_json::json!({"status": {
        "startTime": begun,
        "containerStatuses": [{
            "name": "coredns",
            "image": "registry.k8s.io/coredns/coredns:v1.15.0",
            "imageID": "",
            "containerID": "containerd://2",
            "ready": true,
            "restartCount": 1,
            "state": {"running": {"startedAt": "2099-01-01T00:00:00Z"}},
        }],
    }});
    let patch = [
        "patch",
        "pod",
        "coredns-1",
        "-n",
        "kube-system",
        "--subresource=status",
        "--type=merge",
        "-p",
        &status.to_string(),
    ];
    scene.api.kubectl(&patch, "").map(drop)
}

#[test]
fn without_reload_a_container_that_is_started_again_has_the_wider_corefile() -> Result<()> {
    let name = "without_reload_a_container_that_is_started_again_has_the_wider_corefile";
    if skipped_without_root(name) {
        return Ok(());
    }
    let once = |more: &str| corefile(more).replace("reload 2s 1s", "");
    let scene = scene("0", &once("acl {\n block type ANY\n }"))?;
    scene.agent.wait_for("acl", LIMIT)?;
    configure(&scene.api, "coredns", "Corefile", &once(""))?;
    wait_for_report(&scene, "both texts", |report| {
        !report.policy.earlier.is_empty() && !report.answering
    })?;
    start_container_again(&scene)?;
    is_answered(&scene)
}

#[test]
fn a_plugin_that_is_not_known_leaves_its_zones_and_says_so() -> Result<()> {
    if skipped_without_root("a_plugin_that_is_not_known_leaves_its_zones_and_says_so") {
        return Ok(());
    }
    let scene = scene("1", &corefile("mystery"))?;
    let line = scene.agent.wait_for("mystery", LIMIT)?;
    assert!(line.contains("left to the DNS service"), "{line}");
    is_left(&scene)?;
    let report = wait_for_report(&scene, "the reason", |report| {
        report
            .policy
            .left
            .iter()
            .any(|left| left.reason.contains("mystery"))
    })?;
    assert!(report.policy.zones.is_empty(), "{report:?}");
    let url = scene.agent.url(LIMIT)?;
    let metrics = scene.node.run(&["curl", "-s", &format!("{url}/metrics")])?;
    let left = metrics
        .lines()
        .find(|line| line.starts_with("zerohop_left{") && line.contains("mystery"));
    assert!(left.is_some_and(|line| line.ends_with(" 1")), "{metrics}");
    let ready = scene.node.run(&["curl", "-s", &format!("{url}/readyz")])?;
    assert!(ready.contains("mystery"), "{ready}");
    let healthy = scene
        .node
        .run(&["curl", "-sf", &format!("{url}/healthz")])?;
    assert_eq!(healthy, "ok\n");
    Ok(())
}

#[test]
fn an_optional_config_map_that_comes_is_imported() -> Result<()> {
    if skipped_without_root("an_optional_config_map_that_comes_is_imported") {
        return Ok(());
    }
    let scene = scene("1", &corefile("import custom/*.override"))?;
    is_answered(&scene)?;
    configure(&scene.api, "coredns-custom", "more.override", "mystery\n")?;
    is_left(&scene)?;
    scene
        .api
        .delete("configmap", "kube-system", "coredns-custom")?;
    is_answered(&scene)
}

#[test]
fn an_image_of_unknown_version_is_answered_for_by_the_rules_of_all_versions() -> Result<()> {
    let name = "an_image_of_unknown_version_is_answered_for_by_the_rules_of_all_versions";
    if skipped_without_root(name) {
        return Ok(());
    }
    let scene = scene("1", &corefile(""))?;
    is_answered(&scene)?;
    let image = r#"{"spec": {"template": {"spec": {"containers": [{"name": "coredns", "image": "example.org/dnsmasq:1"}]}}}}"#;
    let strategic = [
        "patch",
        "deployment",
        "coredns",
        "-n",
        "kube-system",
        "-p",
        image,
    ];
    scene.api.kubectl(&strategic, "")?;
    // It has -conf still, so it is CoreDNS, of a version that nobody can tell; and the former one runs, too. What
    // both have in common is answered.
    is_answered(&scene)?;
    delete_pod(&scene)?;
    is_answered(&scene)?;
    let replaced = r#"[{"op": "remove", "path": "/spec/template/spec/containers/0/args"}]"#;
    let json = [
        "patch",
        "--type=json",
        "deployment",
        "coredns",
        "-n",
        "kube-system",
        "-p",
        replaced,
    ];
    scene.api.kubectl(&json, "")?;
    is_left(&scene)?;
    let report = wait_for_report(&scene, "the reason", |report| !report.answering)?;
    let reason = report.reason.unwrap_or_default();
    assert!(reason.contains("does not run CoreDNS"), "{reason}");
    assert!(reason.contains("--corefile FILE"), "{reason}");
    Ok(())
}
