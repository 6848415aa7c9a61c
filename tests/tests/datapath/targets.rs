//! Any services with targets in the zone: spelled as the client spells the zone, with their addresses.

use dns_core::{
    encode,
    policy::{Policy, Zone},
    records::Node,
};
use dns_ebpf::{Answered, Outcome, Pass};
use proptest::{collection::vec, prelude::*, sample::Index};
use tests::{
    frame::{Checksum, Datagram, is_ambiguous},
    hickory_proto::rr::{Name, RecordType},
};

use crate::{
    cluster::Cluster,
    frames::{Family, SERVERS, address, message, over},
    generated::{settings, spelled},
    host::HostTables,
    judge::judge,
    nodes,
};

/// Labels of names, in the letter case of objects.
fn labels() -> impl Strategy<Value = String> {
    vec("[A-Za-z][A-Za-z0-9-]{0,12}", 1..4).prop_map(|labels| labels.join("."))
}

/// A zone of 7 to 64 octets.
fn zone() -> impl Strategy<Value = Zone> {
    vec("[a-z][a-z0-9-]{1,9}", 2..6)
        .prop_map(|labels| labels.join("."))
        .prop_filter("64 octets", |text| text.len() <= 62)
        .prop_map(|text| Zone::parse(&text).expect("a zone"))
}

/// Targets and ports; and addresses, each of a target.
type Services = (Vec<(String, u16)>, Vec<(Index, u32, bool)>);

fn services() -> impl Strategy<Value = Services> {
    (
        vec((labels(), any::<u16>()), 1..12),
        vec((any::<Index>(), any::<u32>(), any::<bool>()), 0..12),
    )
}

/// A name with these services.
fn node(zone: &Zone, labels: &str, (targets, addresses): &Services) -> Node {
    let name = nodes::below(zone, &labels.to_ascii_lowercase());
    let target = |labels: &str| nodes::below(zone, labels);
    let answers = (targets.iter())
        .map(|(labels, port)| nodes::record(&name, nodes::service(1, *port, &target(labels))));
    let glue = addresses.iter().map(|(index, number, v6)| {
        let owner: Name = target(&index.get(targets).0);
        let text = match v6 {
            true => format!("fd00::{:x}:{:x}", number >> 16, number & 0xffff),
            false => std::net::Ipv4Addr::from(*number).to_string(),
        };
        nodes::record(&owner, nodes::address(&text))
    });
    let set = nodes::services(answers.collect(), glue.collect());
    nodes::node(&name, 0, vec![set])
}

proptest! {
    #![proptest_config(settings(500))]

    #[test]
    fn any_targets_are_spelled_as_the_client_spells_their_zone(
        zone in zone(),
        labels in labels(),
        services in services(),
        spelling in prop_oneof![Just(0), Just(u64::MAX), any::<u64>()],
        v6: bool,
    ) {
        let node = node(&zone, &labels, &services);
        let wire = encode::wire_name(&node.name).expect("a name");
        let cluster = Cluster::of_nodes(Policy::kubeadm(vec![zone]), vec![node]);
        let tables = HostTables::new(&cluster, &SERVERS.map(address));
        let opt = [0, 0, 41, 0xff, 0xff, 0, 0, 0, 0, 0, 0];
        let number = u16::from(RecordType::SRV).to_be_bytes();
        let rest = [&spelled(&wire, spelling)[..], &number, &[0, 1], &opt].concat();
        let family = Family::BOTH[usize::from(v6)];
        let frame = over(family, &message([1, 0x0100, 1, 0, 0, 1], &rest));
        for (outcome, after) in [tables.run::<false>(&frame), tables.run::<true>(&frame)] {
            match outcome {
                Outcome::Answered(answered) => {
                    prop_assert_eq!(answered, Answered::Records);
                    judge(&cluster, &frame, &after);
                    let reply = Datagram::parse(&after).expect("a datagram");
                    prop_assert_eq!(reply.checksum, Checksum::Right);
                }
                Outcome::Passed(pass) => {
                    let large = services.0.len() > 6 && [Pass::Mtu, Pass::QueryType].contains(&pass);
                    let either = pass == Pass::Checksum && is_ambiguous(&frame);
                    prop_assert!(large || either, "{:?}", pass);
                }
                Outcome::Torn => prop_assert!(false, "torn"),
            }
        }
    }
}
