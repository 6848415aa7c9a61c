//! Cases of what is answered: records by type, denials by type, crafted entries.

use dns_ebpf::Pass;
use tests::hickory_proto::rr::RecordType::{self, *};

use super::{Case, soa};
use crate::{
    cluster::ZONES,
    frames::{question, to_server},
};

fn asked(name: &str, query_type: RecordType) -> Vec<u8> {
    to_server(&question(name, query_type).encode())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = records();
    cases.extend(denials());
    cases.extend(crafted());
    cases
}

fn records() -> Vec<Case> {
    let head_2 = (1..=2)
        .map(|host| format!("; head-2.data.svc.cluster.local. 30 A 10.245.1.{host}"))
        .collect::<String>();
    let both = (1..=2)
        .map(|host| format!("; both.data.svc.cluster.local. 30 A 10.244.8.{host}"))
        .collect::<String>();
    [
        (
            "single.data",
            A,
            "; single.data.svc.cluster.local. 30 A 10.96.1.1",
        ),
        (
            "dual.data",
            A,
            "; dual.data.svc.cluster.local. 30 A 10.96.1.2",
        ),
        (
            "dual.data",
            AAAA,
            "; dual.data.svc.cluster.local. 30 AAAA fd00:10:96::102",
        ),
        (
            "six.data",
            AAAA,
            "; six.data.svc.cluster.local. 30 AAAA fd00:10:96::103",
        ),
        (
            "alias.data",
            CNAME,
            "; alias.data.svc.cluster.local. 30 CNAME Database.MyCompany.COM.",
        ),
        (
            "head-1.data",
            A,
            "; head-1.data.svc.cluster.local. 30 A 10.245.0.1",
        ),
        ("head-2.data", A, &head_2),
        ("both.data", A, &both),
        (
            "both.data",
            AAAA,
            "; both.data.svc.cluster.local. 30 AAAA fd00:10:244::81",
        ),
        (
            "both-0.both.data",
            A,
            "; both-0.both.data.svc.cluster.local. 30 A 10.244.8.1",
        ),
        (
            "both-0.both.data",
            AAAA,
            "; both-0.both.data.svc.cluster.local. 30 AAAA fd00:10:244::81",
        ),
        (
            "both-1.both.data",
            A,
            "; both-1.both.data.svc.cluster.local. 30 A 10.244.8.2",
        ),
        (
            "pod-60.head-60.data",
            A,
            "; pod-60.head-60.data.svc.cluster.local. 30 A 10.245.4.60",
        ),
    ]
    .into_iter()
    .map(|(name, query_type, text)| {
        let frame = asked(&format!("{name}.svc.cluster.local"), query_type);
        Case::reply(
            format!("{query_type} of {name}"),
            frame,
            format!("NOERROR aa rd{text}"),
        )
    })
    .collect()
}

/// What is expected of a name without a record.
enum Denied {
    Nodata,
    Nxdomain,
    Pass(Pass),
}

/// What a name is, the name, and what becomes of each type.
type Row = (&'static str, &'static str, Vec<(RecordType, Denied)>);

fn denials() -> Vec<Case> {
    use Denied::{Nodata, Nxdomain, Pass as Passed};
    let left = || Passed(Pass::QueryType);
    let absent = || Passed(Pass::UnknownName);
    let rows: Vec<Row> = vec![
        (
            "the zone",
            "cluster.local",
            vec![
                (A, Nodata),
                (AAAA, Nodata),
                (SRV, Nodata),
                (MX, Nodata),
                (ANY, Nodata),
                (PTR, Nodata),
                (CNAME, Nodata),
                (HTTPS, Nodata),
                (DS, Nodata),
                (TXT, Nxdomain),
                (NS, left()),
                (AXFR, left()),
                (IXFR, left()),
            ],
        ),
        (
            "`svc`",
            "svc.cluster.local",
            vec![
                (A, Nodata),
                (NS, Nodata),
                (SOA, Nodata),
                (TXT, Nxdomain),
                (AXFR, left()),
            ],
        ),
        (
            "`pod`",
            "pod.cluster.local",
            vec![(A, Nodata), (SRV, Nodata), (TXT, Nxdomain)],
        ),
        (
            "a namespace",
            "shop.svc.cluster.local",
            vec![
                (A, Nodata),
                (SRV, Nodata),
                (SOA, Nodata),
                (TXT, Nxdomain),
                (IXFR, left()),
            ],
        ),
        (
            "an empty namespace",
            "quiet.svc.cluster.local",
            vec![(A, Nodata), (TXT, Nxdomain)],
        ),
        (
            "a service",
            "single.data.svc.cluster.local",
            vec![
                (AAAA, Nodata),
                (CNAME, Nodata),
                (TXT, Nodata),
                (MX, Nodata),
                (SOA, Nodata),
                (ANY, Nodata),
                (HTTPS, Nodata),
                (RecordType::Unknown(0), Nodata),
                (RecordType::Unknown(65534), Nodata),
                (OPT, Nodata),
                (AXFR, left()),
            ],
        ),
        (
            "a service over IPv6 alone",
            "six.data.svc.cluster.local",
            vec![(A, Nodata)],
        ),
        (
            "an external name",
            "alias.data.svc.cluster.local",
            vec![(TXT, Nodata), (MX, Nodata), (SRV, Nodata), (AXFR, left())],
        ),
        (
            "an endpoint",
            "both-1.both.data.svc.cluster.local",
            vec![(AAAA, Nodata), (TXT, Nodata)],
        ),
        (
            "an absent service",
            "nobody.data.svc.cluster.local",
            vec![
                (A, Nxdomain),
                (TXT, Nxdomain),
                (SRV, Nxdomain),
                (ANY, Nxdomain),
                (SOA, Nodata),
                (AXFR, absent()),
                (IXFR, absent()),
            ],
        ),
        (
            "`dns`",
            "dns.cluster.local",
            vec![(A, Nxdomain), (TXT, Nxdomain), (SOA, Nodata)],
        ),
        (
            "the servers' own name",
            "ns.dns.cluster.local",
            vec![(A, left()), (AAAA, left())],
        ),
        (
            "`dns-version`",
            "dns-version.cluster.local",
            vec![(A, Nxdomain), (SRV, Nxdomain)],
        ),
        (
            "too many endpoints",
            "head-90.data.svc.cluster.local",
            vec![(A, left()), (AAAA, Nodata)],
        ),
    ];
    let mut cases = Vec::new();
    for (what, name, types) in rows {
        for (query_type, denied) in types {
            let frame = asked(name, query_type);
            let description = format!("{query_type:?} of {what}");
            let soa = soa("cluster.local.");
            cases.push(match denied {
                Nodata => Case::reply(description, frame, format!("NOERROR aa rd; {soa}")),
                Nxdomain => Case::reply(description, frame, format!("NXDOMAIN aa rd; {soa}")),
                Passed(pass) => Case::passed(description, frame, pass),
            });
        }
    }
    cases
}

fn crafted() -> Vec<Case> {
    let reply = |label: &str, aa: &str, what: &str| {
        let text = format!("NOERROR{aa} rd; {label}.test. 30 A 192.0.2.1");
        Case::reply(what, asked(&format!("{label}.test"), A), text)
    };
    let passed = |name: &str, what: &str, pass| Case::passed(what, asked(name, A), pass);
    let contradiction = |name: &str, what: &str| Case::passed(what, asked(name, SRV), Pass::Entry);
    vec![
        reply("plain", " aa", "records in the entry itself"),
        reply("lasting", " aa", "a section that ends later"),
        reply("guest", "", "an answer without authority"),
        passed("left.test", "a type that is left", Pass::QueryType),
        Case::reply(
            "a target and its address, whatever their zone",
            asked("alien.test", SRV),
            "NOERROR aa rd; alien.test. 30 SRV 0 100 80 service.test.; service.test. 30 A 192.0.2.1",
        ),
        contradiction("alien.TEST", "a target that is shorter than its zone"),
        contradiction("early.test", "additional records that begin too early"),
        contradiction("late.test", "additional records that begin too late"),
        contradiction("fewer.test", "fewer additional records than there are"),
        contradiction("more.test", "more additional records than there are"),
        contradiction("endless.TEST", "a target past the records"),
        contradiction("short.test", "records that are cut"),
        Case::passed(
            "targets in a zone of more than 64 octets, in upper case",
            asked(
                &format!("bare.made.svc.{}", ZONES[2].to_ascii_uppercase()),
                SRV,
            ),
            Pass::Spelling,
        ),
        passed("expired.test", "a section that has ended", Pass::Expired),
        passed(
            "nowhere.test",
            "an entry whose section is gone",
            Pass::Entry,
        ),
        passed(
            "misplaced.test",
            "records in the entry's own head",
            Pass::Entry,
        ),
        passed(
            "classless.test",
            "records in a map that does not exist",
            Pass::Entry,
        ),
        passed(
            "homeless.test",
            "a denial of a zone that is not in use",
            Pass::Entry,
        ),
        passed(
            "zoneless.test",
            "a denial of a zone that does not exist",
            Pass::Entry,
        ),
        passed("formless.test", "a form that does not exist", Pass::Entry),
        Case::reply(
            "records in the additional section",
            asked("service.test", SRV),
            "NOERROR aa rd; service.test. 30 SRV 0 100 80 service.test.; service.test. 30 A 192.0.2.1",
        ),
        Case::reply(
            "records in the additional section before the OPT",
            to_server(&question("service.test", SRV).with_edns(1232).encode()),
            "NOERROR aa rd; service.test. 30 SRV 0 100 80 service.test.; service.test. 30 A 192.0.2.1; OPT 1232 0000",
        ),
    ]
}
