//! Cases of what is not answered for the moment, or not to this client: lease, denials, changes, sizes.

use dns_ebpf::Pass;
use tests::{
    frame::{SERVICE_VLAN, VLAN},
    hickory_proto::rr::RecordType::{self, *},
};

use super::{Becomes, Case, Condition, soa};
use crate::frames::{Family, over, question, tagged, to_server};

fn asked(name: &str, query_type: RecordType) -> Vec<u8> {
    to_server(&question(&format!("{name}.cluster.local"), query_type).encode())
}

fn with_edns(name: &str, size: u16) -> Vec<u8> {
    let name = format!("{name}.cluster.local");
    to_server(&question(&name, A).with_edns(size).encode())
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = states();
    cases.extend(changes());
    cases.extend(client_sizes());
    cases.extend(interfaces());
    cases
}

fn states() -> Vec<Case> {
    let single = asked("single.data.svc", A);
    let answer = "NOERROR aa rd; single.data.svc.cluster.local. 30 A 10.96.1.1";
    let nodata = format!("NOERROR aa rd; {}", soa("cluster.local."));
    let stranger = crate::frames::between(
        Family::V4.pod(),
        crate::frames::address("192.0.2.99:53"),
        &question("single.data.svc.cluster.local", A).encode(),
    );
    let broken = to_server(&[0; 20]);
    let passed = |condition, what: &str, frame: Vec<u8>, pass| {
        Case::passed(what, frame, pass).under(condition)
    };
    use Condition::{Changing, DenialsOff, EndpointsOld, LeaseOver};
    vec![
        passed(
            LeaseOver,
            "a question after the lease",
            single.clone(),
            Pass::Lease,
        ),
        passed(
            LeaseOver,
            "a message after the lease that is no question",
            broken.clone(),
            Pass::Lease,
        ),
        passed(
            LeaseOver,
            "an unknown address after the lease",
            stranger,
            Pass::UnknownDestination,
        ),
        passed(
            LeaseOver,
            "an absent name after the lease",
            asked("nobody", A),
            Pass::Lease,
        ),
        passed(
            DenialsOff,
            "an absent name while none is denied",
            asked("nobody", A),
            Pass::NoDenial,
        ),
        passed(
            DenialsOff,
            "SOA of an absent name while none is denied",
            asked("nobody", SOA),
            Pass::NoDenial,
        ),
        passed(
            DenialsOff,
            "AXFR of an absent name while none is denied",
            asked("nobody", AXFR),
            Pass::UnknownName,
        ),
        Case::reply(
            "a name that exists while none is denied",
            single.clone(),
            answer,
        )
        .under(DenialsOff),
        Case::reply(
            "a missing type while no name is denied",
            asked("single.data.svc", AAAA),
            nodata,
        )
        .under(DenialsOff),
        passed(
            EndpointsOld,
            "addresses of endpoints that are old",
            asked("head-2.data.svc", A),
            Pass::Endpoints,
        ),
        passed(
            EndpointsOld,
            "a type that endpoints lack, when they are old",
            asked("head-2.data.svc", AAAA),
            Pass::Endpoints,
        ),
        Case::reply(
            "a cluster address while endpoints are old",
            single.clone(),
            answer,
        )
        .under(EndpointsOld),
        Case::reply(
            "an absent name while endpoints are old",
            asked("nobody", A),
            format!("NXDOMAIN aa rd; {}", soa("cluster.local.")),
        )
        .under(EndpointsOld),
        passed(Changing, "a name during a change", single, Pass::Changing),
        passed(
            Changing,
            "an absent name during a change",
            asked("nobody", A),
            Pass::Changing,
        ),
        passed(
            Changing,
            "a missing type during a change",
            asked("dual.data.svc", TXT),
            Pass::Changing,
        ),
        passed(
            Changing,
            "no question during a change",
            broken,
            Pass::Counts,
        ),
    ]
}

/// A change of one name's entry while another, or the same, is asked for.
fn changes() -> Vec<Case> {
    let changing = |name, asked: &str, becomes| Case {
        description: format!("{asked} while {name} is changed"),
        frame: self::asked(asked, A),
        condition: Condition::ChangingAt(name),
        becomes,
    };
    let passed = || Becomes::Passed(Pass::Changing);
    let answer = "NOERROR aa rd; single.data.svc.cluster.local. 30 A 10.96.1.1";
    let answered = || Becomes::Reply(answer.to_owned());
    let absent = || Becomes::Reply(format!("NXDOMAIN aa rd; {}", soa("cluster.local.")));
    let long = "a-name-that-is-longer-than-the-shortest-key";
    let below_nobody = "a.b.nobody.data.svc";
    let namespace_is_absent = "one.nowhere.svc";
    let respelled = "_http._tcp.web.made.svc.Cell-Seventeen.PRODUCTION.platform.exampLe";
    let respelled = question(respelled, SRV).with_edns(4096).encode();
    vec![
        Case::passed(
            "a name of the longest keys, whose zone is spelled otherwise, while it is changed",
            to_server(&respelled),
            Pass::Changing,
        )
        .under(Condition::ChangingAt(
            "_http._tcp.web.made.svc.cell-seventeen.production.platform.example.",
        )),
        changing(
            "single.data.svc.cluster.local.",
            "single.data.svc",
            passed(),
        ),
        changing(
            "dual.data.svc.cluster.local.",
            "single.data.svc",
            answered(),
        ),
        changing("data.svc.cluster.local.", "single.data.svc", answered()),
        changing(
            "nobody.data.svc.cluster.local.",
            "nobody.data.svc",
            passed(),
        ),
        changing(
            "single.data.svc.cluster.local.",
            "nobody.data.svc",
            absent(),
        ),
        changing("data.svc.cluster.local.", "nobody.data.svc", passed()),
        changing("svc.cluster.local.", "nobody.data.svc", absent()),
        changing("data.svc.cluster.local.", long, absent()),
        changing("cluster.local.", long, passed()),
        changing("a.b.nobody.data.svc.cluster.local.", below_nobody, passed()),
        changing("b.nobody.data.svc.cluster.local.", below_nobody, absent()),
        changing("nobody.data.svc.cluster.local.", below_nobody, passed()),
        changing("data.svc.cluster.local.", below_nobody, passed()),
        changing("svc.cluster.local.", below_nobody, absent()),
        changing("nowhere.svc.cluster.local.", namespace_is_absent, passed()),
        changing("svc.cluster.local.", namespace_is_absent, passed()),
        changing("cluster.local.", namespace_is_absent, absent()),
    ]
}

/// `head-29` has a reply of 512 octets, 523 with an OPT; `head-60` of 1008, 1019 with an OPT.
fn client_sizes() -> Vec<Case> {
    let addresses = |count: usize, block: usize| {
        let records = (1..=count).map(|host| {
            format!("; head-{count}.data.svc.cluster.local. 30 A 10.245.{block}.{host}")
        });
        format!("NOERROR aa rd{}", records.collect::<String>())
    };
    let small = "head-29.data.svc";
    let large = "head-60.data.svc";
    let cut = |what: &str, frame| Case::passed(what, frame, Pass::ClientSize);
    let fits = |what: &str, frame, count, block, size: u16| {
        let text = addresses(count, block) + &format!("; OPT {size} 0000");
        Case::reply(what, frame, text)
    };
    vec![
        Case::reply(
            "a reply of 512 octets without OPT",
            asked(small, A),
            addresses(29, 3),
        ),
        cut(
            "a reply of 523 octets to a client that takes 512",
            with_edns(small, 512),
        ),
        cut(
            "a reply of 523 octets to a client that takes 522",
            with_edns(small, 522),
        ),
        cut(
            "a reply of 523 octets to a client that says 0",
            with_edns(small, 0),
        ),
        fits(
            "a reply of 523 octets to a client that takes 523",
            with_edns(small, 523),
            29,
            3,
            523,
        ),
        cut("a reply of 1008 octets without OPT", asked(large, A)),
        cut(
            "a reply of 1019 octets to a client that takes 1018",
            with_edns(large, 1018),
        ),
        fits(
            "a reply of 1019 octets to a client that takes 1019",
            with_edns(large, 1019),
            60,
            4,
            1019,
        ),
        fits(
            "a reply of 1019 octets to a client that takes 65535",
            with_edns(large, 65535),
            60,
            4,
            65535,
        ),
        cut(
            "a reply of 1019 octets under a server's limit of 1018",
            with_edns(large, 4096),
        )
        .under(Condition::SizeCap(1018)),
        fits(
            "a reply of 1019 octets under a server's limit of 1019",
            with_edns(large, 4096),
            60,
            4,
            1019,
        )
        .under(Condition::SizeCap(1019)),
        fits(
            "a client that takes less than the server's limit",
            with_edns(small, 600),
            29,
            3,
            600,
        )
        .under(Condition::SizeCap(1232)),
        Case::reply(
            "a reply of 512 octets under a server's limit of 100",
            asked(small, A),
            addresses(29, 3),
        )
        .under(Condition::SizeCap(100)),
    ]
}

/// `single.data` has a reply of 63 octets: an IPv4 packet of 91, an IPv6 packet of 111.
fn interfaces() -> Vec<Case> {
    let message = question("single.data.svc.cluster.local", A).encode();
    let v4 = to_server(&message);
    let v6 = over(Family::V6, &message);
    let tags = tagged(&[(SERVICE_VLAN, 9), (VLAN, 7)], &v4);
    let answer = "NOERROR aa rd; single.data.svc.cluster.local. 30 A 10.96.1.1";
    let fits = |what: &str, frame: &[u8], mtu| {
        Case::reply(what, frame.to_vec(), answer).under(Condition::Mtu(Some(mtu)))
    };
    let large = |what: &str, frame: &[u8], mtu| {
        Case::passed(what, frame.to_vec(), Pass::Mtu).under(Condition::Mtu(Some(mtu)))
    };
    vec![
        fits("an IPv4 packet of the MTU", &v4, 91),
        large("an IPv4 packet of one octet over the MTU", &v4, 90),
        fits("an IPv4 packet of the MTU behind VLAN tags", &tags, 91),
        large(
            "an IPv4 packet of one octet over the MTU behind VLAN tags",
            &tags,
            90,
        ),
        fits("an IPv6 packet of the MTU", &v6, 111),
        large("an IPv6 packet of one octet over the MTU", &v6, 110),
        fits("an MTU of 65536", &v4, 65536),
        Case::passed("an interface of unknown MTU", v4.clone(), Pass::Mtu)
            .under(Condition::Mtu(None)),
        Case::reply("an interface beside one of a small MTU", v4, answer)
            .under(Condition::NarrowNeighbour),
    ]
}
