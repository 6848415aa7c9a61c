//! What of a pod's questions is answered in the kernel under the Corefiles that distributions install:
//! `cargo test -p replay --test distributions -- --nocapture` prints it.

use std::{collections::BTreeSet, fmt::Write as _};

use dns_core::{
    corefile::{self, Mounted, Server},
    policy::Rules,
};
use replay::{
    kernel::{Family, Kernel, Reaction, Transport},
    objects,
    question::Question,
    upstream::{Said, Upstream},
};
use serde_json::json;

/// A Corefile with what is mounted beside it, and the share of the questions, in per cent, that is answered.
struct Distribution {
    name: &'static str,
    corefile: &'static str,
    files: &'static [(&'static str, &'static str)],
    image: &'static str,
    share: usize,
}

/// As a cloud's or an installer's image is tagged.
const DISTRIBUTIONS: [Distribution; 10] = [
    Distribution {
        name: "kubeadm, 1.32 and later",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/kubeadm.corefile"
        ),
        files: &[],
        image: "registry.k8s.io/coredns/coredns:v1.12.1",
        share: 100,
    },
    Distribution {
        name: "kubeadm before 1.32",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/kubeadm-before-1.32.corefile"
        ),
        files: &[],
        image: "registry.k8s.io/coredns/coredns:v1.11.3",
        share: 100,
    },
    Distribution {
        name: "k3s",
        corefile: include_str!("../../../dns-userspace/core/src/corefile/tests/data/k3s.corefile"),
        files: &[(
            "/etc/coredns/NodeHosts",
            "192.168.1.10 node1\n192.168.1.11 node2\n",
        )],
        image: "rancher/mirrored-coredns-coredns:1.12.3",
        share: 100,
    },
    Distribution {
        name: "RKE2",
        corefile: include_str!("../../../dns-userspace/core/src/corefile/tests/data/rke2.corefile"),
        files: &[],
        image: "rancher/hardened-coredns:v1.12.1-build20250401",
        share: 100,
    },
    Distribution {
        name: "EKS",
        corefile: include_str!("../../../dns-userspace/core/src/corefile/tests/data/eks.corefile"),
        files: &[],
        image: "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/coredns:v1.11.4-eksbuild.33",
        share: 94,
    },
    Distribution {
        name: "AKS",
        corefile: include_str!("../../../dns-userspace/core/src/corefile/tests/data/aks.corefile"),
        files: &[],
        image: "mcr.microsoft.com/oss/v2/kubernetes/coredns:v1.12.1-1",
        share: 100,
    },
    Distribution {
        name: "OpenShift, digest only",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/openshift.corefile"
        ),
        files: &[],
        image: "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0123",
        share: 94,
    },
    Distribution {
        name: "kubespray",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/kubespray.corefile"
        ),
        files: &[],
        image: "registry.k8s.io/coredns/coredns:v1.12.0",
        share: 94,
    },
    Distribution {
        name: "kubespray, with options",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/kubespray-options.corefile"
        ),
        files: &[("/etc/coredns/hosts", "192.168.1.10 node1\n")],
        image: "registry.k8s.io/coredns/coredns:v1.12.4",
        share: 77,
    },
    Distribution {
        name: "any of these, another version",
        corefile: include_str!(
            "../../../dns-userspace/core/src/corefile/tests/data/kubeadm.corefile"
        ),
        files: &[],
        image: "coredns/coredns:latest",
        share: 94,
    },
];

/// What a pod of the namespace `shop` asks the cluster for, search path included.
const QUESTIONS: [(&str, &str); 18] = [
    ("kubernetes.default.svc.cluster.local", "A"),
    ("kubernetes.default.svc.cluster.local", "AAAA"),
    ("kubernetes.default.shop.svc.cluster.local", "A"),
    ("web.shop.svc.cluster.local", "A"),
    ("web.shop.svc.cluster.local", "HTTPS"),
    ("_http._tcp.web.shop.svc.cluster.local", "SRV"),
    ("database.shop.svc.cluster.local", "A"),
    ("database.shop.svc.cluster.local", "SRV"),
    ("database-0.database.shop.svc.cluster.local", "A"),
    ("external.shop.svc.cluster.local", "A"),
    ("external.shop.svc.cluster.local", "CNAME"),
    ("github.com.shop.svc.cluster.local", "A"),
    ("github.com.shop.svc.cluster.local", "AAAA"),
    ("github.com.svc.cluster.local", "A"),
    ("github.com.cluster.local", "A"),
    ("1.0.96.10.in-addr.arpa", "PTR"),
    ("3.7.244.10.in-addr.arpa", "PTR"),
    ("4.7.244.10.in-addr.arpa", "PTR"),
];

fn fixture() -> serde_json::Value {
    let service = |namespace: &str, name: &str, spec: serde_json::Value| json!({"kind": "Service", "metadata": {"namespace": namespace, "name": name}, "spec": spec});
    let port = json!([{"name": "http", "port": 80, "protocol": "TCP"}]);
    json!({
        "namespaces": [{"metadata": {"name": "default"}}, {"metadata": {"name": "shop"}}],
        "services": [
            service("default", "kubernetes", json!({"clusterIP": "10.96.0.1", "ports": port})),
            service("shop", "web", json!({"clusterIP": "10.96.0.2", "ports": port})),
            service("shop", "database", json!({"clusterIP": "None"})),
            service("shop", "external", json!({"type": "ExternalName", "externalName": "db.example.com"})),
        ],
        "endpointslices": [{
            "metadata": {"namespace": "shop", "name": "database-1",
                "labels": {"kubernetes.io/service-name": "database"}},
            "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
            "endpoints": [
                {"addresses": ["10.244.7.3"], "hostname": "database-0"},
                {"addresses": ["10.244.7.4"]},
            ],
        }],
        "upstream": [{"name": "db.example.com.", "type": "A", "ttl": 300, "rdata": ["192.0.2.1"]}],
    })
}

#[test]
fn every_distributions_corefile_lets_nearly_all_of_a_pods_questions_be_answered() {
    let name = "every_distributions_corefile_lets_nearly_all_of_a_pods_questions_be_answered";
    if tests::skipped_without_root(name) {
        return;
    }
    let fixture = fixture();
    let told = objects::told(&fixture, &[]).expect("objects");
    let upstream = Upstream::read(&fixture).expect("an upstream");
    let mut kernel = Kernel::load().expect("the kernel takes the program");
    let mut table = String::new();
    let mut wrong = Vec::new();
    for distribution in &DISTRIBUTIONS {
        let mut mounted = Mounted::only(distribution.corefile);
        mounted.folders = BTreeSet::from(["/etc/coredns/custom".to_owned()]);
        for (path, text) in distribution.files {
            mounted.files.insert((*path).to_owned(), (*text).to_owned());
        }
        let server = Server {
            rules: Rules::of_image(distribution.image),
            port: None,
            answer_when_logged: false,
        };
        let policy = corefile::policy_of(&mounted, &server);
        let target = dns_core::policy::zone_name("db.example.com").expect("a name");
        let said = Said::of(&upstream, [target], policy.external);
        kernel
            .fill(&policy, &told.world, &said)
            .expect("filled maps");
        let mut passed = Vec::new();
        for (name, query_type) in QUESTIONS {
            let message = Question::new(&format!("{name}."), query_type)
                .expect("a question")
                .message();
            match kernel
                .ask(&message, Family::V4, Transport::Udp)
                .expect("a run")
            {
                Reaction::Answered(_) => {}
                Reaction::Passed(_) => passed.push(format!("{name} {query_type}")),
                Reaction::Broken(reason) => panic!("{name} {query_type}: {reason}"),
            }
        }
        let share = (QUESTIONS.len() - passed.len()) * 100 / QUESTIONS.len();
        writeln!(
            table,
            "{:<32} {share:>3} %  {}",
            distribution.name,
            passed.join(", ")
        )
        .expect("a line");
        if share != distribution.share {
            wrong.push(format!(
                "{}: {share} %, not {} %",
                distribution.name, distribution.share
            ));
        }
    }
    print!("{table}");
    assert!(wrong.is_empty(), "{wrong:#?}\n{table}");
}
