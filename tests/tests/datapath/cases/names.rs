//! Cases of the question's name: its form, its letter case, its length, its place in a zone.

use dns_ebpf::Pass;
use tests::hickory_proto::rr::RecordType;

use super::{Case, soa};
use crate::{
    cluster::{EDGES, ZONES, edge_label, long_labels},
    frames::{message, question, to_server},
};

fn asked(name: &str) -> Vec<u8> {
    to_server(&question(name, RecordType::A).encode())
}

/// A question whose name is these octets, type A, class IN.
fn raw(name: &[u8]) -> Vec<u8> {
    let asked = [name, &[0, 1, 0, 1]].concat();
    to_server(&message([7, 0x0100, 1, 0, 0, 0], &asked))
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = forms();
    cases.extend(spellings());
    cases.extend(lengths());
    cases.extend(places());
    cases
}

/// A name of labels of these lengths, and the root.
fn of_labels(lengths: &[u8]) -> Vec<u8> {
    let mut name = Vec::new();
    for length in lengths {
        name.push(*length);
        name.extend(vec![b'a'; usize::from(*length)]);
    }
    name.push(0);
    name
}

fn forms() -> Vec<Case> {
    let good = &question("web.shop.svc.cluster.local", RecordType::A).encode()[12..];
    let pointed = |place: u8| [&b"\x03web\xc0"[..], &[place, 0, 1, 0, 1]].concat();
    let framed = |rest: &[u8]| to_server(&message([7, 0x0100, 1, 0, 0, 0], rest));
    let forward = [&[0xc0, 18, 0, 1, 0, 1][..], &good[..good.len() - 4]].concat();
    let mut cases = vec![
        Case::passed("the root", raw(&[0]), Pass::UnknownName),
        Case::passed(
            "a name that is a pointer to itself",
            framed(&[0xc0, 12, 0, 1, 0, 1]),
            Pass::Name,
        ),
        Case::passed(
            "a name that is a pointer forward",
            framed(&forward),
            Pass::Name,
        ),
        Case::passed(
            "a name that ends with a pointer",
            framed(&pointed(12)),
            Pass::Name,
        ),
        Case::passed("a label type of 0x40", raw(b"\x41a\0"), Pass::Name),
        Case::passed("a label type of 0x80", raw(b"\x81a\0"), Pass::Name),
        Case::passed("a label of 64 octets", raw(&of_labels(&[64])), Pass::Name),
        Case::passed(
            "a label of 63 octets",
            raw(&of_labels(&[63])),
            Pass::UnknownName,
        ),
        Case::passed(
            "a name that runs out of the message",
            framed(b"\x3fabc"),
            Pass::Frame,
        ),
        Case::passed(
            "a name that runs out of the message late",
            framed(b"\x3fabcdef"),
            Pass::Name,
        ),
        Case::passed("a name without root", framed(b"\x08abcdefgh"), Pass::Name),
        Case::passed(
            "a name with what looks like another's end behind it",
            raw(&[good, &b"x\0"[..]].concat()),
            Pass::Trailing,
        ),
        Case::passed(
            "a name whose last label runs over its root",
            raw(b"\x03web\x04shop\x03svc\x07cluster\x07local\0"),
            Pass::Name,
        ),
    ];
    for octets in [254, 255] {
        let name = of_labels(&[63, 63, 63, (octets - 194) as u8]);
        assert_eq!(name.len(), octets);
        let description = format!("an unknown name of {octets} octets");
        cases.push(Case::passed(description, raw(&name), Pass::UnknownName));
    }
    cases.push(Case::passed(
        "a name of 256 octets",
        raw(&of_labels(&[63, 63, 63, 62])),
        Pass::Name,
    ));
    for (labels, pass) in [(40, Pass::UnknownName), (41, Pass::Name), (127, Pass::Name)] {
        let name = of_labels(&vec![1; labels]);
        cases.push(Case::passed(
            format!("an unknown name of {labels} labels"),
            raw(&name),
            pass,
        ));
    }
    for (label, what) in [
        (&b"\x0bshop\x00web.a"[..], "NUL"),
        (b"\x06web.sh", "a dot"),
        (b"\x02\xc3\x89", "octets above 127"),
        (b"\x03a\\b", "a backslash"),
    ] {
        let label = [&[label.len() as u8 - 1], &label[1..]].concat();
        let name = [&label[..], b"\x03svc\x07cluster\x05local\0"].concat();
        let text = format!("NXDOMAIN aa rd; {}", soa("cluster.local."));
        cases.push(Case::reply(
            format!("a namespace with {what} in it"),
            raw(&name),
            text,
        ));
    }
    cases
}

fn spellings() -> Vec<Case> {
    let ascii: Vec<u8> = (b'!'..=b'~').filter(|octet| *octet != b'.').collect();
    let mut cases: Vec<Case> = [
        ("WEB.SHOP.SVC.CLUSTER.LOCAL", "upper case"),
        ("wEb.ShOp.sVc.ClUsTeR.lOcAl", "mixed case"),
    ]
    .into_iter()
    .map(|(name, what)| {
        let text = format!("NOERROR aa rd; {name}. 30 A 10.96.12.34");
        Case::reply(format!("a name in {what}"), asked(name), text)
    })
    .collect();
    for (name, zone) in [
        ("Nobody.SHOP.svc.cluster.local", "cluster.local."),
        ("nobody.shop.svc.Cluster.LOCAL", "Cluster.LOCAL."),
    ] {
        let text = format!("NXDOMAIN aa rd; {}", soa(zone));
        cases.push(Case::reply(
            format!("an absent name spelled {name}"),
            asked(name),
            text,
        ));
    }
    // The octets around the letters, `@[` and `` `{ ``, must not be taken for letters of another case.
    for half in ascii.chunks(47) {
        let name = [
            &[half.len() as u8][..],
            half,
            b"\x04shop\x03svc\x07cluster\x05local\0",
        ]
        .concat();
        let text = format!("NXDOMAIN aa rd; {}", soa("cluster.local."));
        let description = format!(
            "an absent label of {} other octets, first {}",
            half.len(),
            half[0]
        );
        cases.push(Case::reply(description, raw(&name), text));
    }
    cases
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for (index, octets) in EDGES.into_iter().enumerate() {
        for zone in ZONES {
            let name = format!("{}.edge.svc.{zone}", edge_label(octets));
            let text = format!("NOERROR aa rd; {name}. 30 A 10.96.2.{index}");
            let description =
                format!("the name that has {octets} octets in the first zone, in {zone}");
            cases.push(Case::reply(description, asked(&name), text));
        }
    }
    let [host, service, namespace] = long_labels();
    for zone in ZONES {
        let name = format!("{host}.{service}.{namespace}.svc.{zone}");
        let text = format!("NOERROR aa rd; {name}. 30 A 10.246.0.1");
        cases.push(Case::reply(
            format!("a long name in {zone}"),
            asked(&name),
            text,
        ));
    }
    cases
}

fn places() -> Vec<Case> {
    let absent = |name: &str| {
        let text = format!("NXDOMAIN aa rd; {}", soa("cluster.local."));
        Case::reply(format!("an absent name: {name}"), asked(name), text)
    };
    let passed = |name: &str| {
        Case::passed(
            format!("an uncertain name: {name}"),
            asked(name),
            Pass::UnknownName,
        )
    };
    vec![
        absent("nobody.cluster.local"),
        absent("nobody.svc.cluster.local"),
        absent("nobody.shop.svc.cluster.local"),
        absent("a.nobody.shop.svc.cluster.local"),
        absent("a.b.c.nobody.shop.svc.cluster.local"),
        absent("web.shop.svc.cluster.local.svc.cluster.local"),
        absent("github.com.shop.svc.cluster.local"),
        absent("github.com.svc.cluster.local"),
        absent("github.com.cluster.local"),
        absent("idle.data.svc.cluster.local"),
        absent("quiet.quiet.svc.cluster.local"),
        // Below a service lie ports, protocols and endpoints.
        absent("nobody.web.shop.svc.cluster.local"),
        absent("_https._tcp.web.shop.svc.cluster.local"),
        absent("_http._udp.web.shop.svc.cluster.local"),
        absent("x._http._tcp.web.shop.svc.cluster.local"),
        absent("x._http._.web.shop.svc.cluster.local"),
        absent("__.web.shop.svc.cluster.local"),
        absent("10-244-9-1.database.shop.svc.cluster.local"),
        absent("x.dns.cluster.local"),
        // What cannot be read of an endpoint may be any name below its service.
        passed("odd-0.odd.data.svc.cluster.local"),
        passed("nobody.odd.data.svc.cluster.local"),
        // An underscore alone asks for any port, or any protocol, and names with one need not have entries.
        passed("_._udp.web.shop.svc.cluster.local"),
        passed("_https._.web.shop.svc.cluster.local"),
        passed("_.TCP.nobody.shop.svc.cluster.local"),
        passed("10-1-2-3.shop.pod.cluster.local"),
        passed("github.com"),
        passed("local"),
        passed("cluster.local.example"),
        passed("xcluster.local"),
        passed("web.shop.svc.cluster.localx"),
    ]
}
