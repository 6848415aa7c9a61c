//! How what does not exist is denied: the maps `FORMS` and `ZONES`.

use dns_ebpf::{
    answer::{Action, EXCEPTIONS_MAX, FORM_LEN, Form, ZONE_HEAD, ZONE_LEN, Zone},
    sum_of,
};
use hickory_proto::{ProtoError, rr::RecordType};

use super::wire_name;
use crate::{
    policy::{self, Policy},
    records::Denial,
};

/// REFRESH, RETRY and EXPIRE of CoreDNS's SOA records, in seconds (specification §11).
const REFRESH: u32 = 7_200;
const RETRY: u32 = 1_800;
const EXPIRE: u32 = 86_400;

/// Every [`Denial`], in the order of its form's index.
const DENIALS: [Denial; 5] = [
    Denial::Pass,
    Denial::Exists,
    Denial::Empty,
    Denial::Apex,
    Denial::Absent,
];

/// The index of a denial's form.
pub(super) fn form_of(denial: Denial) -> u8 {
    denial as u8
}

/// The `FORMS` map, from index 0 on.
#[must_use]
pub fn forms() -> Vec<[u8; FORM_LEN]> {
    DENIALS
        .iter()
        .map(|denial| form(*denial).to_octets())
        .collect()
}

/// How a denial answers each query type (specification §8, §14).
fn form(denial: Denial) -> Form {
    const TRANSFERS: [(RecordType, Action); 2] = [
        (RecordType::AXFR, Action::Pass),
        (RecordType::IXFR, Action::Pass),
    ];
    let (otherwise, exceptions): (Action, &[(RecordType, Action)]) = match denial {
        Denial::Pass => {
            return Form {
                otherwise: 0,
                exceptions: 0,
                rest: [0; FORM_LEN - 2],
            };
        }
        Denial::Exists => (Action::Nodata, &[]),
        Denial::Empty => (Action::Nodata, &[(RecordType::TXT, Action::Nxdomain)]),
        Denial::Apex => (
            Action::Nodata,
            &[
                (RecordType::TXT, Action::Nxdomain),
                (RecordType::NS, Action::Pass),
            ],
        ),
        Denial::Absent => (Action::Nxdomain, &[(RecordType::SOA, Action::Nodata)]),
    };
    let mut rest = [0; FORM_LEN - 2];
    let all = exceptions.iter().chain(&TRANSFERS).take(EXCEPTIONS_MAX);
    let count = all.clone().count();
    for (place, (query_type, action)) in rest.chunks_exact_mut(4).zip(all) {
        let [high, low] = u16::from(*query_type).to_be_bytes();
        place.copy_from_slice(&[high, low, *action as u8, 0]);
    }
    Form {
        otherwise: otherwise as u8,
        exceptions: count as u8,
        rest,
    }
}

/// A form's meaning, for people.
#[must_use]
pub fn denial_of(form: u8) -> &'static str {
    match DENIALS.get(usize::from(form)) {
        Some(Denial::Pass) => "the DNS service answers",
        Some(Denial::Exists) => "NODATA",
        Some(Denial::Empty) => "NODATA; TXT: NXDOMAIN",
        Some(Denial::Apex) => "NODATA; TXT: NXDOMAIN; NS: the DNS service answers",
        Some(Denial::Absent) => "NXDOMAIN; SOA: NODATA",
        None => "unknown: the entry is of another version of zerohop",
    }
}

/// The `ZONES` map: the SOA record of each zone's denials (specification §11).
///
/// `serial` is any plausible recent Unix time: CoreDNS's replicas differ in it, and clients ignore it.
///
/// # Errors
/// A zone's name that cannot be written in wire form.
pub fn zones(policy: &Policy, serial: u32) -> Result<Vec<[u8; ZONE_LEN]>, ProtoError> {
    policy
        .zones
        .iter()
        .map(|zone| Ok(zone_of(zone, serial)?.to_octets()))
        .collect()
}

fn zone_of(zone: &policy::Zone, serial: u32) -> Result<Zone, ProtoError> {
    let mut section = [0, 0, 0, 6, 0, 1].to_vec();
    section.extend(zone.lifetimes.denial.to_be_bytes());
    section.extend([0, 42]);
    section.extend(b"\x02ns\x03dns");
    let server = section.len() as u8;
    section.extend([0, 0]);
    section.extend(b"\x0ahostmaster");
    let mailbox = section.len() as u8;
    section.extend([0, 0]);
    for number in [serial, REFRESH, RETRY, EXPIRE, zone.lifetimes.minimum] {
        section.extend(number.to_be_bytes());
    }
    let mut octets = [0; ZONE_LEN - ZONE_HEAD];
    octets[..section.len()].copy_from_slice(&section);
    Ok(Zone {
        name_len: wire_name(&zone.name)?.len() as u8,
        section_len: section.len() as u8,
        sum: sum_of(&section),
        pointers: 3,
        pointer_at: [0, server, mailbox],
        used: 1,
        reserved: [0; 7],
        section: octets,
    })
}
