//! What the demo looks up, in which order, and what has to come of it.

use super::{
    look_up::{Answerers, Asker, LookUp},
    zones::{EXTERNAL, EXTERNAL_TARGET},
};

/// A headless service's addresses come in a random order; so it is asked this often.
const HEADLESS_LOOK_UPS: usize = 3;

/// One scene of the play: a heading and its look-ups.
pub(crate) struct Act {
    /// What it shows.
    pub(crate) heading: &'static str,
    /// The look-ups.
    pub(crate) look_ups: Vec<LookUp>,
}

/// The whole play, for the objects in examples/.
pub(crate) fn acts() -> Vec<Act> {
    let mut search: Vec<LookUp> = [
        "default.svc.cluster.local",
        "svc.cluster.local",
        "cluster.local",
    ]
    .map(|suffix| in_kernel(&format!("{}.{suffix}", EXTERNAL.0), "A", &["NXDOMAIN"]))
    .into();
    search.push(by_dns_service(EXTERNAL.0, "A", &[EXTERNAL.1]));
    search.push(LookUp {
        by: Asker::Program(&["getent", "ahostsv4", "github.com"]),
        answered_by: Answerers {
            kernel: 3,
            dns_service: 1,
        },
        answer: vec![EXTERNAL.1.to_owned()],
    });
    vec![
        Act {
            heading: "A service's address",
            look_ups: vec![
                in_kernel("kubernetes.default.svc.cluster.local", "A", &["10.96.0.1"]),
                in_kernel("web.shop.svc.cluster.local", "AAAA", &["fd00:10:96::1234"]),
                LookUp {
                    by: Asker::Program(&["host", "-t", "A", "kubernetes"]),
                    answered_by: Answerers::KERNEL,
                    answer: vec!["10.96.0.1".to_owned()],
                },
                LookUp {
                    by: Asker::Program(&["getent", "ahostsv4", "web.shop"]),
                    answered_by: Answerers {
                        kernel: 2,
                        dns_service: 0,
                    },
                    answer: vec!["10.96.12.34".to_owned()],
                },
            ],
        },
        Act {
            heading: "A headless service: the order differs",
            look_ups: (0..HEADLESS_LOOK_UPS).map(|_| headless()).collect(),
        },
        Act {
            heading: "An ExternalName: the external name was asked for ahead",
            look_ups: vec![
                in_kernel(
                    "ext-service.default.svc.cluster.local",
                    "CNAME",
                    &["database.mycompany.com."],
                ),
                in_kernel(
                    "ext-service.default.svc.cluster.local",
                    "A",
                    &["database.mycompany.com.", EXTERNAL_TARGET],
                ),
            ],
        },
        Act {
            heading: "The port of a service, the name of an address, the version of the rules",
            look_ups: vec![
                in_kernel(
                    "_http._tcp.web.shop.svc.cluster.local",
                    "SRV",
                    &["0 50 80 web.shop.svc.cluster.local."],
                ),
                in_kernel(
                    "34.12.96.10.in-addr.arpa",
                    "PTR",
                    &["web.shop.svc.cluster.local."],
                ),
                in_kernel("dns-version.cluster.local", "TXT", &["\"1.1.0\""]),
            ],
        },
        Act {
            heading: "A name that does not exist",
            look_ups: vec![in_kernel(
                "missing.default.svc.cluster.local",
                "A",
                &["NXDOMAIN"],
            )],
        },
        Act {
            heading: "github.com along the search list (ndots:5), step by step and by the C library",
            look_ups: search,
        },
    ]
}

/// The look-up whose answers come in another order each time.
pub(crate) fn headless() -> LookUp {
    in_kernel(
        "database.shop.svc.cluster.local",
        "A",
        &["10.244.3.7", "10.244.4.9", "10.244.5.4", "10.244.6.2"],
    )
}

fn in_kernel(name: &str, record_type: &'static str, answer: &[&str]) -> LookUp {
    dig(name, record_type, Answerers::KERNEL, answer)
}

fn by_dns_service(name: &str, record_type: &'static str, answer: &[&str]) -> LookUp {
    dig(name, record_type, Answerers::DNS_SERVICE, answer)
}

fn dig(name: &str, record_type: &'static str, answered_by: Answerers, answer: &[&str]) -> LookUp {
    LookUp {
        by: Asker::Dig {
            name: name.to_owned(),
            record_type,
        },
        answered_by,
        answer: answer.iter().map(|&text| text.to_owned()).collect(),
    }
}
