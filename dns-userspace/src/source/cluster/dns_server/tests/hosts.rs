//! What kubelet writes into the pods' `/etc/hosts`.

use super::*;

/// kubeadm's cluster with a pod of this specification and status.
fn with_pod(spec: Value, status: Value) -> Cluster {
    let mut cluster = cluster(kubeadm());
    cluster.deployments.clear();
    cluster.with_another("coredns-1", spec, status)
}

impl Cluster {
    fn with_another(mut self, name: &str, spec: Value, status: Value) -> Self {
        let pod = object(json!({"metadata": {"name": name}, "spec": spec, "status": status}));
        self.pods.insert(name.to_owned(), pod);
        self
    }
}

/// The pods' lines.
fn lines(cluster: &Cluster) -> Option<Vec<String>> {
    let hosts = cluster.one().hosts;
    hosts.map(|lines| lines.into_iter().collect())
}

fn running(addresses: &[&str]) -> Value {
    let addresses: Vec<Value> = addresses.iter().map(|ip| json!({"ip": ip})).collect();
    json!({"phase": "Running", "podIP": addresses[0]["ip"], "podIPs": addresses})
}

#[test]
fn each_pod_has_a_line_for_each_of_its_addresses() {
    let mut named = kubeadm();
    named["hostname"] = "dns".into();
    let cluster = with_pod(kubeadm(), running(&["10.244.0.3", "fd00::3"]))
        .with_another("coredns-2", named, running(&["10.244.1.3"]))
        .with_another("coredns-3", kubeadm(), json!({"phase": "Pending"}));
    let expected = [
        "10.244.0.3 coredns-1",
        "10.244.1.3 dns",
        "fd00::3 coredns-1",
    ];
    assert_eq!(lines(&cluster).unwrap(), expected);
}

#[test]
fn a_long_name_is_cut_as_kubelet_cuts_it() {
    let name = format!("{}-{}", "a".repeat(62), "b".repeat(20));
    let cluster = with_pod(kubeadm(), json!({"phase": "Failed"})).with_another(
        &name,
        kubeadm(),
        running(&["10.244.0.3"]),
    );
    assert_eq!(
        lines(&cluster).unwrap(),
        [format!("10.244.0.3 {}", "a".repeat(62))]
    );
}

#[test]
fn a_pod_that_runs_without_a_known_address_leaves_the_file_open() {
    let cluster = with_pod(kubeadm(), running(&["10.244.0.3"])).with_another(
        "coredns-2",
        kubeadm(),
        json!({"phase": "Running"}),
    );
    assert_eq!(lines(&cluster), None);
}

#[test]
fn a_file_with_more_in_it_is_not_known() {
    let plain = with_pod(kubeadm(), running(&["10.244.0.3"]));
    assert!(lines(&plain).is_some());
    for (field, value) in [
        ("hostNetwork", json!(true)),
        (
            "hostAliases",
            json!([{"ip": "10.0.0.1", "hostnames": ["a.cluster.local"]}]),
        ),
        ("subdomain", json!("dns")),
        ("hostnameOverride", json!("a.cluster.local")),
        ("os", json!({"name": "windows"})),
    ] {
        let mut spec = kubeadm();
        spec[field] = value;
        let cluster = with_pod(spec, running(&["10.244.0.3"]));
        assert_eq!(lines(&cluster), None, "{field}");
    }
    for path in ["/etc/hosts", "/etc", "/etc/"] {
        let mut spec = kubeadm();
        let mount = json!({"name": "other", "mountPath": path});
        push(&mut spec["containers"][0]["volumeMounts"], mount);
        push(
            &mut spec["volumes"],
            json!({"name": "other", "emptyDir": {}}),
        );
        let cluster = with_pod(spec, running(&["10.244.0.3"]));
        assert_eq!(lines(&cluster), None, "{path}");
    }
}
