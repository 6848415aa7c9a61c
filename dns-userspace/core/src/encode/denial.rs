//! How what does not exist is denied: the maps `FORMS` and `ZONES`.

use std::collections::BTreeMap;

use dns_ebpf::{
    answer::{
        Action, EXCEPTIONS_MAX, FORM_LEN, FORMS_MAX, Form, ZONE_HEAD, ZONE_LEN, ZONES_MAX, Zone,
        ZoneHead,
    },
    sum_of,
};
use hickory_proto::{ProtoError, rr::RecordType};

use super::{WireName, wire_name};
use crate::{
    policy::{self, Policy},
    records::Denial,
};

/// REFRESH, RETRY and EXPIRE of CoreDNS's SOA records, in seconds (specification §11).
const REFRESH: u32 = 7_200;
const RETRY: u32 = 1_800;
const EXPIRE: u32 = 86_400;

/// Zone transfers, which are left to the DNS service everywhere.
const TRANSFERS: [RecordType; 2] = [RecordType::AXFR, RecordType::IXFR];

/// The `FORMS` map, and which of its forms hold in which zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forms {
    rows: Vec<[u8; FORM_LEN]>,
    zones: Vec<ZoneForms>,
}

/// The forms of one zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ZoneForms {
    /// The zone's name.
    pub(super) name: WireName,
    exists: u8,
    empty: u8,
    apex: u8,
    absent: u8,
}

/// Why a policy does not fit the maps.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormsError {
    /// More zones than `ZONES` holds.
    #[error(
        "there are {0} zones, more than the {ZONES_MAX} that the kernel's map holds; serve fewer zones"
    )]
    TooManyZones(usize),
    /// More kinds of zones than `FORMS` holds.
    #[error(
        "the zones deny names in more than {FORMS_MAX} ways, more than the kernel's map holds; give more of them the same options"
    )]
    TooManyForms,
    /// More exceptions than a form holds.
    #[error(
        "in the zone {zone} {exceptions} query types are denied in ways of their own, more than {EXCEPTIONS_MAX}; leave fewer types to the DNS service"
    )]
    TooManyExceptions {
        /// The zone.
        zone: String,
        /// How many there are.
        exceptions: usize,
    },
    /// A zone's name that is none.
    #[error("the zone's name {0} cannot be written in wire form")]
    Name(String),
}

impl Forms {
    /// The forms of a policy's zones.
    ///
    /// # Errors
    /// A policy that does not fit the maps.
    pub fn of(policy: &Policy) -> Result<Self, FormsError> {
        if policy.zones.len() > ZONES_MAX {
            return Err(FormsError::TooManyZones(policy.zones.len()));
        }
        let mut forms = Self {
            rows: vec![[0; FORM_LEN]],
            zones: Vec::with_capacity(policy.zones.len()),
        };
        for zone in &policy.zones {
            let name = wire_name(&zone.name).or(Err(FormsError::Name(zone.name.to_ascii())))?;
            let mut row = |denial| forms_row(&mut forms.rows, form(denial, zone)?);
            let zone = ZoneForms {
                name,
                exists: row(Denial::Exists)?,
                empty: row(Denial::Empty)?,
                apex: row(Denial::Apex)?,
                absent: row(Denial::Absent)?,
            };
            forms.zones.push(zone);
        }
        Ok(forms)
    }

    /// The `FORMS` map, from index 0 on.
    #[must_use]
    pub fn rows(&self) -> &[[u8; FORM_LEN]] {
        &self.rows
    }

    /// The forms of a zone of the policy.
    pub(super) fn zone(&self, index: usize) -> Option<&ZoneForms> {
        self.zones.get(index)
    }
}

impl ZoneForms {
    /// The index of a denial's form.
    pub(super) fn form(&self, denial: Denial) -> u8 {
        match denial {
            Denial::Pass => super::PASS,
            Denial::Exists => self.exists,
            Denial::Empty => self.empty,
            Denial::Apex => self.apex,
            Denial::Absent => self.absent,
        }
    }
}

/// The index of a form among the rows, which get one more if it is new.
fn forms_row(rows: &mut Vec<[u8; FORM_LEN]>, form: Form) -> Result<u8, FormsError> {
    let octets = form.to_octets();
    let index = rows.iter().position(|row| *row == octets);
    let index = index.unwrap_or_else(|| {
        rows.push(octets);
        rows.len() - 1
    });
    if index >= FORMS_MAX {
        return Err(FormsError::TooManyForms);
    }
    Ok(index as u8)
}

/// How a denial answers each query type in a zone (specification §8, §14).
fn form(denial: Denial, zone: &policy::Zone) -> Result<Form, FormsError> {
    let absent = match zone.denies {
        true => Action::Nxdomain,
        false => Action::Pass,
    };
    let (otherwise, own): (Action, &[(RecordType, Action)]) = match denial {
        Denial::Pass => (Action::Pass, &[]),
        Denial::Exists => (Action::Nodata, &[]),
        Denial::Empty => (Action::Nodata, &[(RecordType::TXT, absent)]),
        Denial::Apex => (
            Action::Nodata,
            &[(RecordType::TXT, absent), (RecordType::NS, Action::Pass)],
        ),
        Denial::Absent => (absent, &[(RecordType::SOA, Action::Nodata)]),
    };
    let mut exceptions: BTreeMap<u16, Action> = (own.iter())
        .map(|(query_type, action)| ((*query_type).into(), *action))
        .collect();
    let left = TRANSFERS
        .map(u16::from)
        .into_iter()
        .chain(zone.left_types.iter().copied());
    exceptions.extend(left.map(|query_type| (query_type, Action::Pass)));
    exceptions.retain(|_, action| *action != otherwise);
    if exceptions.len() > EXCEPTIONS_MAX {
        return Err(FormsError::TooManyExceptions {
            zone: zone.name.to_ascii(),
            exceptions: exceptions.len(),
        });
    }
    let mut rest = [0; FORM_LEN - 2];
    for (place, (query_type, action)) in rest.chunks_exact_mut(4).zip(&exceptions) {
        let [high, low] = query_type.to_be_bytes();
        place.copy_from_slice(&[high, low, *action as u8, 0]);
    }
    Ok(Form {
        otherwise: otherwise as u8,
        exceptions: exceptions.len() as u8,
        rest,
    })
}

/// A form's meaning, for people. That transfers are left to the DNS service goes without saying.
#[must_use]
pub fn denial_of(form: &[u8; FORM_LEN]) -> String {
    let says = |action: u8| match action {
        1 => "NODATA",
        2 => "NXDOMAIN",
        _ => "the DNS service answers",
    };
    let [otherwise, exceptions, rest @ ..] = form;
    let mut text = says(*otherwise).to_owned();
    for exception in rest.chunks_exact(4).take(usize::from(*exceptions)) {
        let [high, low, action, _] = *exception else {
            break;
        };
        let query_type = RecordType::from(u16::from_be_bytes([high, low]));
        if !TRANSFERS.contains(&query_type) {
            text += &format!("; {query_type}: {}", says(action));
        }
    }
    text
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
        head: ZoneHead {
            name_len: wire_name(&zone.name)?.len() as u8,
            section_len: section.len() as u8,
            sum: sum_of(&section),
            pointers: 3,
            pointer_at: [0, server, mailbox],
            used: 1,
            reserved: [0; 7],
        },
        section: octets,
    })
}
