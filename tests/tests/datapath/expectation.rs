//! What must be answered, worked out from the records of every name and nothing else.

use dns_core::records::{Denial, Node, RecordSet};
use dns_ebpf::NAME_MAX;
use tests::hickory_proto::rr::RecordType;

use crate::cluster::Cluster;

/// What a question must come to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expectation<'cluster> {
    /// It goes on.
    Pass,
    /// The records of its name and type, in a zone given by the length of its name in wire form.
    Records(&'cluster RecordSet, usize),
    /// No records, and the SOA record of a zone, given by the length of its name in wire form.
    Nodata(usize),
    /// No such name, likewise.
    Nxdomain(usize),
}

impl Cluster {
    /// What a question for a name in wire form, in any case, must come to.
    pub(crate) fn expectation(&self, name: &[u8], query_type: RecordType) -> Expectation<'_> {
        let name = name.to_ascii_lowercase();
        if let Some(node) = self.nodes.get(name.as_slice()) {
            let set = node.sets.iter().find(|set| set.query_type == query_type);
            return match set {
                Some(set) if set.is_left() => Expectation::Pass,
                Some(set) => Expectation::Records(set, self.zone_len(node)),
                None => self.denied(node, node.here, query_type),
            };
        }
        let nearest = ancestors(&name).find_map(|ancestor| self.nodes.get(ancestor));
        match nearest {
            Some(node) => self.denied(node, node.below, query_type),
            None => Expectation::Pass,
        }
    }

    fn zone_len(&self, node: &Node) -> usize {
        let zone = &self.policy.zones[node.zone].name;
        zone.iter().map(|label| 1 + label.len()).sum::<usize>() + 1
    }

    /// The specification's §8 and §14, for names without records.
    fn denied(&self, node: &Node, denial: Denial, query_type: RecordType) -> Expectation<'_> {
        use RecordType as T;
        let zone = &self.policy.zones[node.zone];
        let nodata = Expectation::Nodata(self.zone_len(node));
        let nxdomain = match zone.denies {
            true => Expectation::Nxdomain(self.zone_len(node)),
            false => Expectation::Pass,
        };
        if zone.left_types.contains(&query_type.into()) {
            return Expectation::Pass;
        }
        match (denial, query_type) {
            (Denial::Pass, _) | (_, T::AXFR | T::IXFR) => Expectation::Pass,
            (Denial::Apex, T::NS) => Expectation::Pass,
            (Denial::Empty | Denial::Apex, T::TXT) => nxdomain,
            (Denial::Absent, T::SOA) => nodata,
            (Denial::Absent, _) => nxdomain,
            _ => nodata,
        }
    }
}

/// The names above a name in wire form, nearest first; none of anything that is not a name.
fn ancestors(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = if name.len() <= NAME_MAX { name } else { &[] };
    std::iter::from_fn(move || {
        let label = usize::from(*rest.first()?);
        rest = rest.get(1 + label..).unwrap_or(&[]);
        (label > 0 && !rest.is_empty()).then_some(rest)
    })
}
