//! A pod with another nameserver: a CoreDNS of its own that says something else about a name of the cluster.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use tests::hickory_proto::rr::RecordType;

use super::{
    counters::{counted, counted_as},
    look_up::finds,
    objects::ZONE,
    scene::{Scene, address_of},
};
use crate::{
    meaning::{all_over_tcp, answers, question},
    pods::Pod,
    report::Report,
    stage::{NAMESPACE, Stage},
};

/// The server's name.
const SERVER: &str = "names-other-server";
/// What it says of `kubernetes.default`, an address for documentation (RFC 5737).
const INJECTED: &str = "192.0.2.53";
/// A name that only this server has, and the search domain that leads to it.
const OWN_NAME: &str = "notexistname";
const OWN_DOMAIN: &str = "resolv.conf.local";
/// What it says of that one.
const OWN_ADDRESS: &str = "192.0.2.54";

/// The server, on another node than the one that asks. Its image is CoreDNS's, which every node may have.
pub(super) fn objects(stage: &Stage) -> Result<Vec<Value>> {
    let workload = stage
        .kubectl
        .get(&["deployment", "coredns", "-n", "kube-system"])?;
    let image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
        .as_str()
        .context("CoreDNS's Deployment names no image")?;
    let node = &stage.nodes[0];
    let mut server = Pod::manifest(SERVER, image, node);
    server["spec"]["dnsPolicy"] = "Default".into();
    server["spec"]["volumes"] = json!([{"name": "corefile", "configMap": {"name": SERVER}}]);
    let container = &mut server["spec"]["containers"][0];
    container["command"] = Value::Null;
    container["args"] = json!(["-conf", "/etc/coredns/Corefile"]);
    container["imagePullPolicy"] = "IfNotPresent".into();
    container["securityContext"] = json!({"runAsUser": 0});
    container["readinessProbe"] = json!({"tcpSocket": {"port": 53}, "periodSeconds": 1});
    container["volumeMounts"] = json!([{"name": "corefile", "mountPath": "/etc/coredns"}]);
    // In blocks of their own: `template` would deny the names before `hosts` is asked.
    let known = [
        (format!("kubernetes.default.{ZONE}"), INJECTED),
        (format!("{OWN_NAME}.{OWN_DOMAIN}"), OWN_ADDRESS),
    ];
    let blocks = known.map(|(name, address)| {
        format!("{name}:53 {{\n    hosts {{\n        {address} {name}\n    }}\n}}\n")
    });
    let others = ".:53 {\n    template ANY ANY {\n        rcode NXDOMAIN\n    }\n}\n";
    let corefile = blocks.concat() + others;
    let configuration = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": SERVER, "namespace": NAMESPACE},
        "data": {"Corefile": corefile},
    });
    Ok(vec![configuration, server])
}

/// The server's address, as soon as it serves.
pub(super) fn address(stage: &Stage) -> Result<String> {
    let pod = format!("pod/{SERVER}");
    let words = [
        "wait",
        "-n",
        NAMESPACE,
        "--for=condition=Ready",
        "--timeout=60s",
        &pod,
    ];
    stage.kubectl.run(&words)?;
    address_of(stage, NAMESPACE, &pod, "/status/podIP")
}

/// The pod that asks that server and no other.
pub(super) fn client(stage: &Stage, server: &str) -> Value {
    let mut manifest = Pod::manifest("names-elsewhere", &stage.images.glibc, stage.worker());
    manifest["spec"]["dnsPolicy"] = "None".into();
    manifest["spec"]["dnsConfig"] = json!({
        "nameservers": [server],
        "searches": [OWN_DOMAIN, ZONE],
        "options": [{"name": "ndots", "value": "2"}],
    });
    manifest
}

/// Asks from that pod.
pub(super) fn check(stage: &Stage, scene: &Scene, report: &mut Report) -> Result<()> {
    let pod = &scene.elsewhere;
    let server = &scene.other_server;
    report.check(
        "questions to another nameserver are never touched, also about a name of the cluster",
        || {
            let address: std::net::IpAddr = server.parse().context("the server's address")?;
            let to = std::net::SocketAddr::new(address, 53).to_string();
            let asked = [question(
                &format!("kubernetes.default.{ZONE}"),
                RecordType::A,
            )];
            let (replied, moved) = counted(stage, &pod.node, || pod.ask(&to, &asked))?;
            let over_tcp = pod.ask(&to, &all_over_tcp(&asked))?;
            for replied in replied.iter().chain(&over_tcp) {
                let told = answers(replied)?;
                ensure!(
                    told.iter().any(|record| record.ends_with(INJECTED)) && told.len() == 1,
                    "the answer is {told:?} instead of {INJECTED}"
                );
            }
            ensure!(!replied[0].crossed_no_router(), "{:?}", replied[0]);
            ensure!(
                moved.elsewhere.contains_key(server),
                "counted were {moved:?}, without a question to {server}"
            );
            Ok(())
        },
    );
    report.check(
        "a pod with another nameserver finds what that one says, through its own search path",
        || {
            let expected: [(&str, &[&str]); 2] = [
                ("kubernetes.default", &[INJECTED]),
                (OWN_NAME, &[OWN_ADDRESS]),
            ];
            counted_as(
                stage,
                &pod.node,
                || finds(pod, &expected),
                |moved| moved.in_kernel() == 0,
            )
        },
    );
    Ok(())
}
