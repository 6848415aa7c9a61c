//! What the names of a service stand for: addresses, each with a name and ports.
//!
//! A service may have thousands of endpoints and a hundred ports. So ports are kept, and looked through, once for all
//! endpoints that have them, and nothing here grows with the product of both.

use std::{collections::BTreeMap, net::IpAddr, rc::Rc};

use super::{ZoneView, endpoint, found::Asked};
use crate::objects::{Address, EndpointPort, Service};

/// An address that a name stands for.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) address: IpAddr,
    /// Its label below the service's name, as it is written in answers; empty for the service's own name. None if it is
    /// not certain.
    pub(super) label: Option<Rc<str>>,
}

/// Numbers of ports.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ports {
    /// How many ports these are, with those that have no number, or the number of another.
    pub(super) count: usize,
    /// Each number once.
    pub(super) numbers: Vec<u16>,
}

/// Some addresses, and those of their ports that are asked for.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) members: Rc<[Member]>,
    pub(super) ports: Rc<Ports>,
}

/// All that was found under a name.
#[derive(Clone, Debug, Default)]
pub(super) struct Targets(pub(super) Vec<Chosen>);

/// A port by its name and protocol. One that stands for none at all has neither, nor a number.
#[derive(Debug, Default)]
struct Port<'view> {
    name: &'view str,
    protocol: &'view str,
    number: Option<u16>,
}

/// Addresses that have the same ports.
#[derive(Debug)]
pub(super) struct Offer<'view> {
    members: Rc<[Member]>,
    offered: Offered<'view>,
}

/// Ports that addresses have, shared by all that have just these, and what of them is asked for by who asks for all.
#[derive(Clone, Debug)]
struct Offered<'view> {
    ports: Rc<[Port<'view>]>,
    all: Rc<Ports>,
}

impl<'view> Offered<'view> {
    fn new(ports: impl Iterator<Item = Port<'view>>) -> Self {
        let mut ports: Vec<Port<'view>> = ports.collect();
        if ports.is_empty() {
            ports.push(Port::default());
        }
        Self {
            all: Rc::new(Ports::of(&ports, Asked::Service)),
            ports: ports.into(),
        }
    }
}

impl Ports {
    /// Those that are asked for.
    fn of(ports: &[Port<'_>], asked: Asked<'_>) -> Self {
        let mut numbers = Vec::new();
        let mut count = 0;
        for port in ports {
            if asked.takes(port.name, port.protocol) {
                count += 1;
                let new = port.number.filter(|number| !numbers.contains(number));
                numbers.extend(new);
            }
        }
        Self { count, numbers }
    }
}

impl Targets {
    /// Whether they are endpoints of this service, and not its cluster addresses.
    pub(super) fn are_endpoints_of(&self, service: &Service) -> bool {
        let is_own = |address| service.cluster_ips.contains(&Address::Ip(address));
        service.is_headless() || self.addresses().any(|address| !is_own(address))
    }

    /// What of these is asked for; endpoints of one label are found by [`by_label`].
    pub(super) fn of(offers: &[Offer<'_>], asked: Asked<'_>) -> Self {
        // Slices of two sets of ports may take turns.
        let mut known: BTreeMap<*const Port<'_>, Rc<Ports>> = BTreeMap::new();
        let chosen = offers.iter().map(|Offer { members, offered }| {
            let ports = known.entry(offered.ports.as_ptr());
            let ports = ports.or_insert_with(|| Rc::new(Ports::of(&offered.ports, asked)));
            Chosen {
                members: Rc::clone(members),
                ports: Rc::clone(ports),
            }
        });
        Self(chosen.filter(|chosen| chosen.ports.count > 0).collect())
    }

    /// How many pairs of an address and a port there are.
    pub(super) fn count(&self) -> usize {
        let counts = self.0.iter();
        counts
            .map(|chosen| chosen.members.len() * chosen.ports.count)
            .sum()
    }

    /// Every address, in its order.
    pub(super) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        let members = self.0.iter().flat_map(|chosen| &*chosen.members);
        members.map(|member| member.address)
    }

    /// Whether these are certainly the same: made of the same addresses, and with the same ports.
    pub(super) fn same(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        self.0.len() == other.0.len()
            && pairs.all(|(one, other)| {
                Rc::ptr_eq(&one.members, &other.members) && one.ports == other.ports
            })
    }
}

/// The cluster addresses of a service; none if one is not certain.
pub(super) fn of_service(service: &Service) -> Option<Vec<Offer<'_>>> {
    let member = |address| {
        Some(Member {
            address: ip(address)?,
            label: Some("".into()),
        })
    };
    let members = service.cluster_ips.iter().map(member);
    let ports = service.ports.iter().map(|port| Port {
        name: &port.name,
        protocol: port.protocol.label(),
        number: Some(port.port),
    });
    Some(vec![Offer {
        members: members.collect::<Option<_>>()?,
        offered: Offered::new(ports),
    }])
}

/// The ready endpoints of a service, in their order; none if an address is not certain.
pub(super) fn of_endpoints<'view>(
    zone: &ZoneView<'view>,
    service: &Service,
) -> Option<Vec<Offer<'view>>> {
    let mut groups: Vec<(&'view [EndpointPort], Vec<Member>)> = Vec::new();
    for (slice, endpoints) in endpoint::slices(zone, service) {
        let mut members = Vec::new();
        for endpoint in endpoints {
            members.push(Member {
                address: ip(&endpoint.address)?,
                label: endpoint::label(zone, endpoint).map(Rc::from),
            });
        }
        match groups.last_mut() {
            _ if members.is_empty() => {}
            Some((ports, all)) if **ports == *slice.ports => all.append(&mut members),
            _ => groups.push((&slice.ports, members)),
        }
    }
    let port = |port: &'view EndpointPort| Port {
        name: &port.name,
        protocol: port.protocol.label(),
        number: port.port,
    };
    let mut known: BTreeMap<&[EndpointPort], Offered<'_>> = BTreeMap::new();
    let offer = |(ports, members): (&'view [EndpointPort], Vec<Member>)| {
        let offered = known.entry(ports);
        let offered = offered.or_insert_with(|| Offered::new(ports.iter().map(port)));
        Offer {
            members: members.into(),
            offered: offered.clone(),
        }
    };
    Some(groups.into_iter().map(offer).collect())
}

/// Endpoints by their labels in lower case, with all their ports. Those that share a label are one name. None stands for
/// those whose label is not certain.
pub(super) fn by_label(offers: &[Offer<'_>]) -> BTreeMap<Option<String>, Targets> {
    let mut labels: BTreeMap<Option<String>, Vec<(usize, Vec<Member>)>> = BTreeMap::new();
    for (index, offer) in offers.iter().enumerate() {
        for member in &*offer.members {
            let label = member
                .label
                .as_ref()
                .map(|label| label.to_ascii_lowercase());
            let groups = labels.entry(label).or_default();
            match groups.last_mut() {
                Some((last, members)) if *last == index => members.push(member.clone()),
                _ => groups.push((index, vec![member.clone()])),
            }
        }
    }
    let targets = |groups: Vec<(usize, Vec<Member>)>| {
        let chosen = groups.into_iter().map(|(index, members)| Chosen {
            members: members.into(),
            ports: Rc::clone(&offers[index].offered.all),
        });
        Targets(chosen.collect())
    };
    let labels = labels.into_iter();
    labels
        .map(|(label, groups)| (label, targets(groups)))
        .collect()
}

fn ip(address: &Address) -> Option<IpAddr> {
    match address {
        Address::Ip(ip) => Some(*ip),
        Address::Text(_) => None,
    }
}
