//! Objects as they are found in clusters, into the ways in which DNS servers run.

mod hosts;
mod mounts;
mod starts;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use dns_core::rollout::Running;
use k8s_openapi::api::{
    apps::v1::{DaemonSet, Deployment},
    core::v1::{ConfigMap, Pod},
};
use serde_json::{Value, json};

use super::assemble::{Objects, Way, ways_of};

/// Objects of the namespace `kube-system`, by name.
#[derive(Default)]
struct Cluster {
    deployments: BTreeMap<String, Deployment>,
    daemon_sets: BTreeMap<String, DaemonSet>,
    pods: BTreeMap<String, Pod>,
    config_maps: BTreeMap<String, Option<ConfigMap>>,
}

/// kubeadm's pod.
fn kubeadm() -> Value {
    json!({
        "containers": [{
            "name": "coredns",
            "image": "registry.k8s.io/coredns/coredns:v1.12.0",
            "args": ["-conf", "/etc/coredns/Corefile"],
            "volumeMounts": [{"name": "config-volume", "mountPath": "/etc/coredns"}],
        }],
        "volumes": [{
            "name": "config-volume",
            "configMap": {"name": "coredns", "items": [{"key": "Corefile", "path": "Corefile"}]},
        }],
    })
}

/// A pod as the API server makes it out of a template.
fn injected(mut spec: Value) -> Value {
    let mount = json!({
        "name": "kube-api-access-x7k2p",
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount",
    });
    push(&mut spec["containers"][0]["volumeMounts"], mount);
    spec
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

fn object<K: serde::de::DeserializeOwned>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

impl Cluster {
    fn with_deployment(mut self, name: &str, spec: Value) -> Self {
        let deployment = object(json!({
            "metadata": {"name": name},
            "spec": {
                "selector": {},
                "template": {"metadata": {"labels": {"k8s-app": "kube-dns", "a": "b"}}, "spec": spec},
            },
        }));
        self.deployments.insert(name.to_owned(), deployment);
        self
    }

    fn with_pod(mut self, name: &str, made: &str, phase: &str, spec: Value) -> Self {
        let pod = object(json!({
            "metadata": {"name": name, "creationTimestamp": made, "labels": {"k8s-app": "kube-dns"}},
            "spec": spec,
            "status": {"phase": phase},
        }));
        self.pods.insert(name.to_owned(), pod);
        self
    }

    fn with_config_map(mut self, name: &str, value: Value) -> Self {
        let mut value = value;
        value["metadata"]["name"] = name.into();
        value["metadata"]["resourceVersion"] = "812".into();
        self.config_maps
            .insert(name.to_owned(), Some(object(value)));
        self
    }

    fn without_config_map(mut self, name: &str) -> Self {
        self.config_maps.insert(name.to_owned(), None);
        self
    }

    fn ways(&self) -> Result<Vec<Way>, String> {
        let objects = Objects {
            namespace: "kube-system",
            service: "kube-dns",
            deployments: &self.deployments,
            daemon_sets: &self.daemon_sets,
            pods: &self.pods,
        };
        let selector = BTreeMap::from([("k8s-app".to_owned(), "kube-dns".to_owned())]);
        ways_of(&objects, &selector)
    }

    fn running(&self) -> Result<Vec<Running>, String> {
        let ways = self.ways()?;
        ways.iter()
            .map(|way| way.running("kube-system", &self.config_maps))
            .collect()
    }

    /// The one way in which its servers run.
    fn one(&self) -> Running {
        let mut running = self.running().unwrap();
        assert_eq!(running.len(), 1, "{running:?}");
        running.remove(0)
    }

    /// Why it is not known how its servers run.
    fn reason(&self) -> String {
        self.running().unwrap_err()
    }
}

fn cluster(spec: Value) -> Cluster {
    Cluster::default()
        .with_deployment("coredns", spec)
        .with_config_map(
            "coredns",
            json!({"data": {"Corefile": ".:53 {}", "NodeHosts": "10.0.0.1 a"}}),
        )
}

#[test]
fn kubeadms_workload_gives_the_corefile_its_image_and_the_whole_folder() {
    let running = cluster(kubeadm()).one();
    assert_eq!(running.origin, "Deployment kube-system/coredns");
    assert_eq!(running.image, "registry.k8s.io/coredns/coredns:v1.12.0");
    assert_eq!(
        running.revision,
        "ConfigMap kube-system/coredns (version 812)"
    );
    assert_eq!(running.default_port, 53);
    assert!(running.updated_in_place);
    assert_eq!(running.mounted.path, "/etc/coredns/Corefile");
    let files = [("/etc/coredns/Corefile".to_owned(), ".:53 {}".to_owned())];
    assert_eq!(running.mounted.files, BTreeMap::from(files));
    assert_eq!(
        running.mounted.folders,
        BTreeSet::from(["/etc/coredns".to_owned()])
    );
}

#[test]
fn pods_of_the_workload_run_the_same_way_whatever_is_injected_into_them() {
    let running = cluster(kubeadm())
        .with_pod(
            "coredns-b",
            "2026-01-02T00:00:00Z",
            "Running",
            injected(kubeadm()),
        )
        .with_pod(
            "coredns-a",
            "2026-01-01T00:00:00Z",
            "Running",
            injected(kubeadm()),
        )
        .with_pod(
            "coredns-c",
            "2025-01-01T00:00:00Z",
            "Failed",
            json!({"containers": []}),
        )
        .one();
    assert_eq!(starts::oldest(&running), Some(1_767_225_600));
    assert_eq!(running.origin, "Deployment kube-system/coredns");
}

#[test]
fn pods_with_another_image_run_another_way() {
    let mut old = kubeadm();
    old["containers"][0]["image"] = "registry.k8s.io/coredns/coredns:v1.11.3".into();
    let running = cluster(kubeadm())
        .with_pod("coredns-a", "2026-01-01T00:00:00Z", "Running", old)
        .running()
        .unwrap();
    let images: Vec<&str> = running.iter().map(|one| one.image.as_str()).collect();
    assert_eq!(images.len(), 2, "{images:?}");
    assert_ne!(running[0].identity, running[1].identity);
}

#[test]
fn a_workload_whose_labels_the_service_does_not_select_is_not_asked() {
    let mut cluster = cluster(kubeadm());
    let deployment = cluster.deployments.get_mut("coredns").unwrap();
    let template = &mut deployment.spec.as_mut().unwrap().template;
    template.metadata.as_mut().unwrap().labels = Some(BTreeMap::new());
    let reason = cluster.reason();
    assert!(reason.contains("k8s-app=kube-dns"), "{reason}");
    assert!(reason.contains("--dns-service"), "{reason}");
}

#[test]
fn a_workload_without_replicas_and_pods_is_not_asked_beside_another() {
    let mut cluster = cluster(kubeadm()).with_deployment(
        "kube-dns",
        json!({"containers": [{
        "name": "dnsmasq", "image": "k8s-dns-dnsmasq-nanny:1"}]}),
    );
    assert!(
        cluster
            .reason()
            .contains("Deployment kube-system/kube-dns does not run CoreDNS")
    );
    let spec = cluster
        .deployments
        .get_mut("kube-dns")
        .unwrap()
        .spec
        .as_mut()
        .unwrap();
    spec.replicas = Some(0);
    assert_eq!(cluster.one().origin, "Deployment kube-system/coredns");
}

#[test]
fn a_workload_without_replicas_still_says_how_the_servers_ran_when_it_is_alone() {
    let mut cluster = cluster(kubeadm());
    let deployment = cluster.deployments.get_mut("coredns").unwrap();
    deployment.spec.as_mut().unwrap().replicas = Some(0);
    let alone = cluster.one();
    assert_eq!(alone.origin, "Deployment kube-system/coredns");
    assert_eq!(starts::oldest(&alone), None);
    let left = cluster.with_pod("coredns-1", "2026-01-01T00:00:00Z", "Running", kubeadm());
    assert_eq!(
        left.one().identity,
        alone.identity,
        "the last pod's end changes nothing"
    );
}

#[test]
fn a_daemon_set_is_a_workload_too() {
    let mut cluster = cluster(kubeadm());
    let deployment = cluster.deployments.remove("coredns").unwrap();
    let template = deployment.spec.unwrap().template;
    let daemon_set = object(json!({"spec": {"selector": {}, "template": template}}));
    cluster
        .daemon_sets
        .insert("dns-default".to_owned(), daemon_set);
    assert_eq!(cluster.one().origin, "DaemonSet kube-system/dns-default");
}

#[test]
fn arguments_are_read_as_go_reads_them() {
    for (arguments, expected) in [
        (json!(["-conf", "/etc/coredns/Corefile"]), 53),
        (
            json!(["--conf=/etc/coredns/Corefile", "-dns.port=1053"]),
            1053,
        ),
        (
            json!(["-quiet", "-p", "5353", "-conf=/etc/coredns/Corefile"]),
            5353,
        ),
    ] {
        let mut spec = kubeadm();
        spec["containers"][0]["args"] = arguments;
        let running = cluster(spec).one();
        assert_eq!(running.default_port, expected);
        assert_eq!(running.mounted.path, "/etc/coredns/Corefile");
    }
}

#[test]
fn arguments_that_leave_the_corefile_open_are_told() {
    for (arguments, reason) in [
        (json!([]), "is given no Corefile by the argument -conf"),
        (json!(["-conf", "$(COREFILE)"]), "whose value is not known"),
        (json!(["-conf"]), "whose value is not known"),
        (
            json!(["-conf", "Corefile"]),
            "relative to a folder that is not known",
        ),
        (
            json!(["-dns.port", "dns", "-conf", "/etc/coredns/Corefile"]),
            "which is no port",
        ),
        (
            json!(["-conf", "/elsewhere/Corefile"]),
            "does not come from a ConfigMap",
        ),
        // What follows a word that is no option is not read.
        (
            json!(["x", "-conf", "/etc/coredns/Corefile"]),
            "is given no Corefile",
        ),
    ] {
        let mut spec = kubeadm();
        spec["containers"][0]["args"] = arguments.clone();
        let told = cluster(spec).reason();
        assert!(told.contains(reason), "{arguments}: {told}");
        assert!(told.contains("--corefile FILE"), "{told}");
        assert!(told.contains("Deployment kube-system/coredns"), "{told}");
    }
}

#[test]
fn a_shell_that_starts_the_server_hides_its_arguments() {
    let mut spec = kubeadm();
    spec["containers"][0]["command"] = json!(["/bin/sh", "-c"]);
    assert!(
        cluster(spec)
            .reason()
            .contains("\"/bin/sh\" instead of coredns")
    );
    let mut spec = kubeadm();
    spec["containers"][0]["command"] = json!(["/coredns"]);
    cluster(spec).one();
}

#[test]
fn of_several_containers_the_one_with_a_corefile_is_the_server() {
    let sidecar = json!({"name": "tuner", "image": "example.org/coredns-tuner:1"});
    let mut spec = kubeadm();
    push(&mut spec["containers"], sidecar);
    assert_eq!(
        cluster(spec.clone()).one().image,
        "registry.k8s.io/coredns/coredns:v1.12.0"
    );
    let twin = spec["containers"][0].clone();
    push(&mut spec["containers"], twin);
    assert!(
        cluster(spec)
            .reason()
            .contains("runs CoreDNS in several containers")
    );
}

#[test]
fn only_variables_with_their_values_in_the_specification_are_known() {
    let mut spec = kubeadm();
    spec["containers"][0]["env"] = json!([
        {"name": "ZONE", "value": "cluster.local"},
        {"name": "EMPTY"},
        {"name": "OTHER", "value": "$(ZONE)."},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
    ]);
    let environment = cluster(spec).one().mounted.environment;
    let names: Vec<&str> = environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["EMPTY", "ZONE"]);
}

#[test]
fn the_last_change_is_the_newest_of_all_fields_of_all_config_maps() {
    let mut spec = kubeadm();
    let mount = json!({"name": "custom", "mountPath": "/etc/coredns/custom"});
    push(&mut spec["containers"][0]["volumeMounts"], mount);
    let source = json!({"name": "coredns-custom", "optional": true});
    push(
        &mut spec["volumes"],
        json!({"name": "custom", "configMap": source}),
    );
    let cluster = cluster(spec)
        .with_config_map("coredns", json!({
            "data": {"Corefile": ""},
            "metadata": {
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [{"time": "2026-01-01T00:00:05Z"}, {"time": "2026-01-01T00:00:02Z"}],
            },
        }))
        .without_config_map("coredns-custom");
    assert_eq!(
        cluster.one().changed,
        Some(Duration::from_secs(1_767_225_605))
    );
    let cluster = cluster.with_config_map(
        "coredns-custom",
        json!({
            "metadata": {"creationTimestamp": "2026-01-01T00:00:09Z"},
        }),
    );
    let running = cluster.one();
    assert_eq!(running.changed, Some(Duration::from_secs(1_767_225_609)));
    assert_eq!(
        running.revision,
        "ConfigMap kube-system/coredns (version 812), ConfigMap kube-system/coredns-custom (version 812)"
    );
}
