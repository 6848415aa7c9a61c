//! Which destinations count as the cluster's DNS.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use tests::{eventually, hickory_proto::rr::RecordType, skipped_without_root};

use crate::scene::{LIMIT, Scene, records};

const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";

/// The DNS service as kubeadm makes it, with a port that its pods call `dns` and number 5353.
const SERVICE: &str = "
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  ports:
  - {name: dns, port: 53, protocol: UDP, targetPort: dns}
  - {name: metrics, port: 9153, protocol: TCP}
";

const SLICE: &str = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kube-dns-1
  namespace: kube-system
  labels: {kubernetes.io/service-name: kube-dns}
addressType: IPv4
ports:
- {name: metrics, port: 9153, protocol: TCP}
- {name: dns, port: 5353, protocol: UDP}
endpoints:
- {addresses: [10.244.1.1]}
";

#[test]
fn the_dns_service_is_known_by_its_service_and_by_its_endpoints() -> Result<()> {
    if skipped_without_root("the_dns_service_is_known_by_its_service_and_by_its_endpoints") {
        return Ok(());
    }
    let scene = Scene::prepare(|_| Ok(()))?;
    let expected = records(&["10.96.0.1"]);
    let sentence = scene.agent.wait_for("not ready", LIMIT)?;
    for part in ["kube-system/kube-dns", "--dns-service", "--dns-address"] {
        assert!(sentence.contains(part), "{sentence}");
    }
    let unknown = scene.passed("unknown_destination")?;
    let answer = scene.ask(KUBERNETES, RecordType::A)?;
    assert_eq!(answer, records(&["10.96.0.1"]).passed());
    assert_eq!(scene.passed("unknown_destination")?, unknown + 1);

    eventually(LIMIT, "kube-system to exist", || scene.api.apply(SERVICE))?;
    let sentence = scene.agent.wait_until_ready(LIMIT);
    sentence?;
    scene.follow(KUBERNETES, RecordType::A, &expected)?;

    // Nobody listens there: only the kernel can answer.
    let endpoint = SocketAddr::from((scene.pod.gateway_ipv4(), 5353));
    let client = scene.pod.client(endpoint)?;
    scene.api.apply(SLICE)?;
    eventually(LIMIT, "the endpoint to be known", || {
        let answer = scene.ask_by(&client, KUBERNETES, RecordType::A)?;
        ensure!(answer == expected, "it answers {answer:?}");
        Ok(())
    })?;
    scene
        .api
        .delete("endpointslice", "kube-system", "kube-dns-1")?;
    eventually(LIMIT, "the endpoint to be forgotten", || {
        let answer = scene.ask_by(&client, KUBERNETES, RecordType::A);
        ensure!(answer.is_err(), "it answers {answer:?}");
        Ok(())
    })?;
    scene.follow(KUBERNETES, RecordType::A, &expected)?;

    scene.api.delete("service", "kube-system", "kube-dns")?;
    scene.follow(KUBERNETES, RecordType::A, &expected.passed())
}
