//! Cases of the kinds of records: services with targets, aliases, authority, and types that are left.

use dns_ebpf::Pass;
use tests::hickory_proto::rr::RecordType::{self, *};

use super::Case;
use crate::frames::{Family, over, question, to_server};

fn asked(name: &str, query_type: RecordType) -> Vec<u8> {
    to_server(&question(name, query_type).with_edns(4096).encode())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = services();
    cases.extend(aliases());
    cases.extend(left());
    cases.extend(signed());
    cases.extend(handed_on());
    cases
}

/// Questions whose flags and options CoreDNS hands on when it asks for an external name.
fn handed_on() -> Vec<Case> {
    // A message's flags are its third and fourth octet (RFC 1035 §4.1.1).
    let flagged = |name: &str, flags: [u8; 2]| {
        let mut message = question(name, A).encode();
        message[2..4].copy_from_slice(&flags);
        to_server(&message)
    };
    let (far, near) = ("far.made.svc.cluster.local", "web.made.svc.cluster.local");
    // Client subnet (RFC 7871 §6): family 1, 24 bits, 192.0.2.
    let mut subnet = question(far, A).encode();
    subnet[11] = 1;
    subnet.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 11]);
    subnet.extend([0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]);
    vec![
        Case::passed(
            "A without RD of an alias of an external name",
            flagged(far, [0x00, 0x00]),
            Pass::External,
        ),
        Case::passed(
            "A with CD of an alias of an external name",
            flagged(far, [0x01, 0x10]),
            Pass::External,
        ),
        Case::passed(
            "A for a subnet of an alias of an external name",
            to_server(&subnet),
            Pass::External,
        ),
        Case::reply(
            "A without RD of a service",
            flagged(near, [0x00, 0x00]),
            "NOERROR aa; web.made.svc.cluster.local. 30 A 10.9.0.1",
        ),
    ]
}

/// Questions for DNSSEC records too.
fn signed() -> Vec<Case> {
    let asked = |name: &str, query_type| {
        let mut question = question(name, query_type).with_edns(4096);
        if let Some(edns) = &mut question.edns {
            edns.flags = 0x8000;
        }
        to_server(&question.encode())
    };
    vec![
        Case::passed(
            "A with DO of an alias of an external name, which may be signed",
            asked("far.made.svc.cluster.local", A),
            Pass::External,
        ),
        Case::reply(
            "CNAME with DO of an alias of an external name",
            asked("far.made.svc.cluster.local", CNAME),
            "NOERROR aa rd; far.made.svc.cluster.local. 30 CNAME Database.MyCompany.com.; OPT 4096 8000",
        ),
        Case::reply(
            "A with DO of an alias within the zone",
            asked("near.made.svc.cluster.local", A),
            "NOERROR aa rd; near.made.svc.cluster.local. 30 CNAME middle.made.svc.cluster.local.; \
             middle.made.svc.cluster.local. 30 CNAME web.made.svc.cluster.local.; \
             web.made.svc.cluster.local. 30 A 10.9.0.1; OPT 4096 8000",
        ),
    ]
}

/// The SRV records and addresses of `web.made`, asked by a name in a zone as the client spells it.
fn of_one_port(name: &str, zone: &str) -> String {
    let target = format!("web.made.svc.{zone}");
    format!(
        "NOERROR aa rd; {name}. 30 SRV 0 50 80 {target}.; {target}. 30 A 10.9.0.1; \
         {target}. 30 AAAA fd00:9::1; OPT 4096 0000"
    )
}

fn services() -> Vec<Case> {
    let mut cases = Vec::new();
    for zone in [
        "cluster.local",
        "CLUSTER.local",
        "Cluster.Local",
        "cluster.locaL",
        "cell-seventeen.production.platform.example",
        "Cell-Seventeen.PRODUCTION.platform.exampLe",
    ] {
        for labels in [
            "_http._tcp.web.made.svc",
            "http.tcp.web.made.svc",
            "_HTTP.tcp.Web.MADE.SVC",
            "_._.web.made.svc",
        ] {
            let name = format!("{labels}.{zone}");
            let text = of_one_port(&name, zone);
            let what = format!("SRV of {name}");
            cases.push(Case::reply(what.clone(), asked(&name, SRV), text.clone()));
            let v6 = over(Family::V6, &question(&name, SRV).with_edns(4096).encode());
            cases.push(Case::reply(format!("{what} over IPv6"), v6, text));
        }
    }
    cases.push(Case::reply(
        "SRV of several endpoints, one of which has upper case in its name",
        asked("head.made.svc.CLUSTER.local", SRV),
        "NOERROR aa rd; head.made.svc.CLUSTER.local. 30 SRV 0 33 8080 Pod-One.head.made.svc.CLUSTER.local.; \
         head.made.svc.CLUSTER.local. 30 SRV 0 33 8080 pod-2.head.made.svc.CLUSTER.local.; \
         pod-2.head.made.svc.CLUSTER.local. 30 AAAA fd00:9::2; \
         Pod-One.head.made.svc.CLUSTER.local. 30 A 10.9.1.1; \
         pod-2.head.made.svc.CLUSTER.local. 30 A 10.9.1.2; \
         pod-2.head.made.svc.CLUSTER.local. 30 A 10.9.1.3; OPT 4096 0000",
    ));
    cases.push(Case::reply(
        "SRV without addresses",
        asked("BARE.made.svc.cluster.LOCAL", SRV),
        "NOERROR aa rd; BARE.made.svc.cluster.LOCAL. 30 SRV 0 50 80 web.made.svc.cluster.LOCAL.; OPT 4096 0000",
    ));
    cases.push(Case::passed(
        "SRV of more endpoints than a client without OPT takes",
        to_server(&question("many.made.svc.cluster.local", SRV).encode()),
        Pass::ClientSize,
    ));
    cases
}

fn aliases() -> Vec<Case> {
    vec![
        Case::reply(
            "A of an alias of an alias",
            asked("NEAR.made.svc.CLUSTER.local", A),
            "NOERROR aa rd; NEAR.made.svc.CLUSTER.local. 30 CNAME middle.made.svc.cluster.local.; \
             middle.made.svc.cluster.local. 30 CNAME web.made.svc.cluster.local.; \
             web.made.svc.cluster.local. 30 A 10.9.0.1; OPT 4096 0000",
        ),
        Case::reply(
            "CNAME of an alias of an alias",
            asked("near.made.svc.cluster.local", CNAME),
            "NOERROR aa rd; near.made.svc.cluster.local. 30 CNAME middle.made.svc.cluster.local.; OPT 4096 0000",
        ),
        Case::reply(
            "A of an alias of an external name",
            asked("far.made.svc.cluster.local", A),
            "NOERROR aa rd; far.made.svc.cluster.local. 30 CNAME Database.MyCompany.com.; \
             database.mycompany.com. 30 CNAME db1.cdn.example.; db1.cdn.example. 30 A 192.0.2.7; \
             db1.cdn.example. 30 A 192.0.2.8; OPT 4096 0000",
        ),
        Case::reply(
            "SOA of the zone",
            asked("Cluster.LOCAL", SOA),
            "NOERROR aa rd; Cluster.LOCAL. 30 SOA ns.dns.Cluster.LOCAL. hostmaster.Cluster.LOCAL. \
             1700000000 7200 1800 86400 30; OPT 4096 0000",
        ),
    ]
}

fn left() -> Vec<Case> {
    vec![
        Case::passed(
            "A of a name of which A is left",
            asked("partly.made.svc.cluster.local", A),
            Pass::QueryType,
        ),
        Case::passed(
            "SRV of a name of which SRV is left",
            asked("Partly.made.svc.cluster.local", SRV),
            Pass::QueryType,
        ),
        Case::reply(
            "AAAA of a name of which A is left",
            asked("partly.made.svc.cluster.local", AAAA),
            "NOERROR aa rd; partly.made.svc.cluster.local. 30 AAAA fd00:9::3; OPT 4096 0000",
        ),
        Case::passed(
            "AAAA of an external name of which only A is known",
            asked("far.made.svc.cluster.local", AAAA),
            Pass::QueryType,
        ),
    ]
}
