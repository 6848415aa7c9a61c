//! Volumes of all kinds, at places beside and within each other.

use dns_core::rollout::Running;
use serde_json::{Value, json};

use super::{Cluster, kubeadm, object, push};

/// Servers with these mounts and volumes beside kubeadm's.
fn with(mount: Value, volume: Value) -> Cluster {
    let mut spec = kubeadm();
    push(&mut spec["containers"][0]["volumeMounts"], mount);
    push(&mut spec["volumes"], volume);
    super::cluster(spec)
}

fn files(running: &Running) -> Vec<(&str, &str)> {
    let files = running.mounted.files.iter();
    files
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect()
}

fn folders(running: &Running) -> Vec<&str> {
    running.mounted.folders.iter().map(String::as_str).collect()
}

const CUSTOM: &str = "/etc/coredns/custom";

fn custom() -> Value {
    json!({"name": "custom", "mountPath": CUSTOM})
}

#[test]
fn an_optional_config_map_that_is_absent_is_an_empty_folder() {
    let volume =
        json!({"name": "custom", "configMap": {"name": "coredns-custom", "optional": true}});
    let running = with(custom(), volume.clone())
        .without_config_map("coredns-custom")
        .one();
    assert_eq!(folders(&running), ["/etc/coredns", CUSTOM]);
    assert_eq!(files(&running), [("/etc/coredns/Corefile", ".:53 {}")]);
    let data = json!({"data": {"a.override": "log"}});
    let running = with(custom(), volume)
        .with_config_map("coredns-custom", data)
        .one();
    assert_eq!(
        files(&running)[1],
        ("/etc/coredns/custom/a.override", "log")
    );
}

#[test]
fn a_config_map_that_must_be_there_and_is_not_is_told() {
    let volume = json!({"name": "custom", "configMap": {"name": "coredns-custom"}});
    let reason = with(custom(), volume)
        .without_config_map("coredns-custom")
        .reason();
    assert!(
        reason.contains("the ConfigMap coredns-custom, which does not exist"),
        "{reason}"
    );
    let cluster =
        super::cluster(kubeadm()).with_config_map("coredns", json!({"data": {"other": ""}}));
    let reason = cluster.reason();
    assert!(
        reason.contains("the key Corefile of the ConfigMap coredns"),
        "{reason}"
    );
}

#[test]
fn all_keys_are_files_where_no_items_are_chosen() {
    let mut spec = kubeadm();
    spec["volumes"][0]["configMap"] = json!({"name": "coredns"});
    let running = super::cluster(spec).one();
    let names: Vec<&str> = running.mounted.files.keys().map(String::as_str).collect();
    assert_eq!(names, ["/etc/coredns/Corefile", "/etc/coredns/NodeHosts"]);
}

#[test]
fn a_projected_volume_joins_its_config_maps() {
    let volume = json!({"name": "custom", "projected": {"sources": [
        {"configMap": {"name": "one", "items": [{"key": "a", "path": "deep/a"}]}},
        {"configMap": {"name": "two", "optional": true}},
    ]}});
    let running = with(custom(), volume)
        .with_config_map("one", json!({"data": {"a": "1", "b": "2"}}))
        .without_config_map("two")
        .one();
    assert_eq!(files(&running)[1], ("/etc/coredns/custom/deep/a", "1"));
    assert_eq!(folders(&running), ["/etc/coredns", CUSTOM]);
}

#[test]
fn what_is_not_made_of_config_maps_makes_its_folder_and_those_around_it_uncertain() {
    for volume in [
        json!({"name": "custom", "emptyDir": {}}),
        json!({"name": "custom", "secret": {"secretName": "s"}}),
        json!({"name": "custom", "projected": {"sources": [
            {"configMap": {"name": "coredns"}}, {"secret": {"name": "s"}}]}}),
    ] {
        let running = with(custom(), volume).one();
        assert!(folders(&running).is_empty(), "{running:?}");
        assert_eq!(files(&running), [("/etc/coredns/Corefile", ".:53 {}")]);
    }
}

#[test]
fn octets_that_are_no_text_make_their_folder_uncertain() {
    let volume = json!({"name": "custom", "configMap": {"name": "coredns-custom"}});
    let running = with(custom(), volume)
        .with_config_map(
            "coredns-custom",
            json!({"data": {"a": "1"}, "binaryData": {"b": "/w=="}}),
        )
        .one();
    assert!(folders(&running).is_empty(), "{running:?}");
    assert_eq!(files(&running).len(), 2);
}

#[test]
fn a_mount_hides_what_is_at_its_place_in_the_volume_around_it() {
    let mut spec = kubeadm();
    // Listed first, and yet the inner one.
    spec["containers"][0]["volumeMounts"] = json!([
        {"name": "custom", "mountPath": "/etc/coredns/NodeHosts"},
        {"name": "config-volume", "mountPath": "/etc/coredns/"},
    ]);
    spec["volumes"] = json!([
        {"name": "config-volume", "configMap": {"name": "coredns"}},
        {"name": "custom", "configMap": {"name": "hosts"}},
    ]);
    let running = super::cluster(spec)
        .with_config_map("hosts", json!({"data": {"a": "1"}}))
        .one();
    let expected = [
        ("/etc/coredns/Corefile", ".:53 {}"),
        ("/etc/coredns/NodeHosts/a", "1"),
    ];
    assert_eq!(files(&running), expected);
}

#[test]
fn a_file_mounted_by_itself_is_known_but_never_updated() {
    let mut spec = kubeadm();
    spec["containers"][0]["volumeMounts"] = json!([
        {"name": "config-volume", "mountPath": "/etc/coredns/Corefile", "subPath": "Corefile"},
    ]);
    let running = super::cluster(spec).one();
    assert_eq!(files(&running), [("/etc/coredns/Corefile", ".:53 {}")]);
    assert!(folders(&running).is_empty(), "{running:?}");
    assert!(!running.updated_in_place);
}

#[test]
fn a_path_that_is_worked_out_from_variables_is_unknown() {
    let mut spec = kubeadm();
    spec["containers"][0]["volumeMounts"][0]["subPathExpr"] = "$(A)".into();
    let reason = super::cluster(spec).reason();
    assert!(
        reason.contains("does not come from a ConfigMap"),
        "{reason}"
    );
}

#[test]
fn a_service_without_labels_to_select_by_selects_no_pods() {
    let service = |spec: Value| object(json!({"spec": spec}));
    for spec in [json!({}), json!({"selector": {}})] {
        assert_eq!(super::super::selector_of(&service(spec)), None);
    }
    let selector = json!({"selector": {"a": "b"}});
    assert!(super::super::selector_of(&service(selector)).is_some());
}
