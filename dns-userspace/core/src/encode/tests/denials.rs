//! Denials: which types they deny, and the SOA record that they carry.

use dns_ebpf::answer::{Action, FORM_LEN, ZONE_HEAD, ZONE_LEN, ZONES_MAX};
use hickory_proto::op::Message;

use super::*;
use crate::policy::{self, Policy};

const DENIALS: [Denial; 5] = [
    Denial::Pass,
    Denial::Exists,
    Denial::Empty,
    Denial::Apex,
    Denial::Absent,
];

/// What the datapath reads out of a form, for a query type.
fn says(form: &[u8; FORM_LEN], query_type: u16) -> u8 {
    let mut exceptions = form[2..].chunks_exact(4).take(usize::from(form[1]));
    // The last one holds.
    let excepted = exceptions.rfind(|exception| exception[..2] == query_type.to_be_bytes());
    excepted.map_or(form[0], |exception| exception[2])
}

/// The rules of CoreDNS (specification §8 and §14), with what is left to it.
fn expected(denial: Denial, zone: &policy::Zone, query_type: u16) -> Action {
    const NS: u16 = 2;
    const SOA: u16 = 6;
    const TXT: u16 = 16;
    const IXFR: u16 = 251;
    const AXFR: u16 = 252;
    let absent = if zone.denies {
        Action::Nxdomain
    } else {
        Action::Pass
    };
    if zone.left_types.contains(&query_type) {
        return Action::Pass;
    }
    match (denial, query_type) {
        (Denial::Pass, _) | (_, IXFR | AXFR) => Action::Pass,
        (Denial::Apex, NS) => Action::Pass,
        (Denial::Empty | Denial::Apex, TXT) => absent,
        (Denial::Absent, SOA) => Action::Nodata,
        (Denial::Absent, _) => absent,
        (Denial::Exists | Denial::Empty | Denial::Apex, _) => Action::Nodata,
    }
}

/// A zone that denies or not, and leaves types to the DNS service.
fn zone_with(name: &str, denies: bool, left_types: &[u16]) -> policy::Zone {
    policy::Zone {
        denies,
        left_types: left_types.iter().copied().collect(),
        ..policy::Zone::parse(name).unwrap()
    }
}

#[test]
fn every_denial_answers_every_type_in_every_zone_as_the_specification_has_it() {
    const ANY: u16 = 255;
    let zones = vec![
        zone_with("a", true, &[]),
        zone_with("b", false, &[]),
        zone_with("c", true, &[28, ANY]),
        zone_with("d", false, &[6, 16]),
        zone_with("e", true, &[]),
    ];
    let forms = Forms::of(&Policy::kubeadm(zones.clone())).unwrap();
    assert_eq!(
        forms.rows()[0],
        [0; FORM_LEN],
        "the first form passes everything"
    );
    for (index, zone) in zones.iter().enumerate() {
        for denial in DENIALS {
            let form = forms.zone(index).unwrap().form(denial);
            let form = &forms.rows()[usize::from(form)];
            for query_type in 0..=u16::MAX {
                assert_eq!(
                    says(form, query_type),
                    expected(denial, zone, query_type) as u8,
                    "{denial:?} {query_type} {}",
                    zone.name
                );
            }
        }
    }
    let form = |zone: usize, denial| forms.zone(zone).unwrap().form(denial);
    assert_eq!(
        form(0, Denial::Apex),
        form(4, Denial::Apex),
        "zones with the same options share their forms"
    );
}

#[test]
fn forms_are_explained_to_people() {
    let zones = vec![zone_with("a", true, &[]), zone_with("b", false, &[255])];
    let forms = Forms::of(&Policy::kubeadm(zones)).unwrap();
    let said = |zone: usize, denial| {
        let form = forms.zone(zone).unwrap().form(denial);
        denial_of(&forms.rows()[usize::from(form)])
    };
    assert_eq!(said(0, Denial::Pass), "the DNS service answers");
    assert_eq!(said(0, Denial::Absent), "NXDOMAIN; SOA: NODATA");
    assert_eq!(
        said(0, Denial::Apex),
        "NODATA; NS: the DNS service answers; TXT: NXDOMAIN"
    );
    assert_eq!(
        said(1, Denial::Absent),
        "the DNS service answers; SOA: NODATA"
    );
    assert_eq!(
        said(1, Denial::Exists),
        "NODATA; ANY: the DNS service answers"
    );
}

#[test]
fn a_policy_that_does_not_fit_the_maps_is_refused_with_a_remedy() {
    let many = |count: u16| {
        let zones =
            (0..count).map(|number| zone_with(&format!("z{number}"), true, &[1000 + number]));
        Forms::of(&Policy::kubeadm(zones.collect()))
    };
    assert!(many(15).is_ok());
    assert_eq!(many(32), Err(FormsError::TooManyForms));
    assert_eq!(many(33), Err(FormsError::TooManyZones(33)));
    let crowded = zone_with("a", true, &[1, 2, 3, 4, 5, 6, 7]);
    let refused = Forms::of(&Policy::kubeadm(vec![crowded])).unwrap_err();
    assert!(matches!(refused, FormsError::TooManyExceptions { .. }));
    assert!(
        refused.to_string().contains("leave fewer types"),
        "{refused}"
    );
}

fn policy(zones: &[&str]) -> Policy {
    let zones = zones.iter().map(|zone| policy::Zone::parse(zone).unwrap());
    Policy::kubeadm(zones.collect())
}

/// The reply of the datapath to a question for `name`, which is in the zone.
fn denial(zone: &[u8; ZONE_LEN], name: &Name) -> Message {
    let mut section = zone[ZONE_HEAD..][..usize::from(zone[1])].to_vec();
    let wire = wire_name(name).unwrap();
    let at = 12 + wire.len() - usize::from(zone[0]);
    for place in &zone[5..][..usize::from(zone[4])] {
        let pointer = &mut section[usize::from(*place)..][..2];
        assert_eq!(pointer, [0, 0], "the sum is that of zero pointers");
        pointer.copy_from_slice(&(0xc000 | at as u16).to_be_bytes());
    }
    let mut reply = vec![0, 1, 0x84, 3, 0, 1, 0, 0, 0, 1, 0, 0];
    reply.extend(&*wire);
    reply.extend([0, 1, 0, 1]);
    reply.extend(section);
    Message::from_vec(&reply).expect("the section parses")
}

#[test]
fn each_zones_denials_carry_its_own_soa_record() {
    let names = ["cluster.local", "a", "prod.eu-west-1.k8s.example.internal"];
    let zones = zones(&policy(&names), 1_700_000_000).unwrap();
    assert_eq!(zones.len(), names.len());
    for (zone, name) in zones.iter().zip(names) {
        for below in ["", "svc.", "absent.shop.svc."] {
            let asked = Name::from_ascii(format!("{below}{name}.")).unwrap();
            let message = denial(zone, &asked);
            let [record] = &message.authorities[..] else {
                panic!("{message}")
            };
            assert_eq!(
                record.to_string(),
                format!(
                    "{name}. 30 IN SOA ns.dns.{name}. hostmaster.{name}. 1700000000 7200 1800 86400 30"
                )
            );
        }
        assert_eq!(
            zone[2..4],
            sum_of(&zone[ZONE_HEAD..][..usize::from(zone[1])])
        );
        assert_eq!(zone[8..16], [1, 0, 0, 0, 0, 0, 0, 0]);
    }
}

#[test]
fn as_many_zones_as_the_map_holds_are_written_in_the_order_of_the_policy() {
    let names: Vec<String> = (0..ZONES_MAX)
        .map(|number| format!("z{number}.example"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let zones = zones(&policy(&names), 0).unwrap();
    for (zone, name) in zones.iter().zip(names) {
        let name = Name::from_ascii(format!("{name}.")).unwrap();
        assert_eq!(denial(zone, &name).authorities[0].name, name);
    }
}
