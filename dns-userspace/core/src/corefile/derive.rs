//! From server blocks to the policy: which block answers which zone, and under which rules.

use std::collections::{BTreeMap, BTreeSet};

use hickory_proto::rr::{Name, RecordType};

use super::{
    Server,
    address::{Address, address},
    effects::{Effects, Surroundings},
    external,
    fault::Fault,
    mounted::Mounted,
    parser::Block,
    plugins,
    zone::{Answered, answered},
};
use crate::policy::{Left, Policy};

/// A block with what its keys and plugins mean.
#[derive(Debug)]
pub(super) struct Served {
    /// The keys as they stand, for people.
    pub(super) title: String,
    pub(super) addresses: Vec<Address>,
    pub(super) effects: Effects,
    /// The addresses that the server listens on (`bind`), as they stand.
    bound: Vec<String>,
    /// Whether it is meant to answer for a cluster, be it understood or not.
    of_cluster: bool,
}

impl Served {
    fn of(block: &Block, mounted: &Mounted, server: &Server) -> Result<Self, Fault> {
        let addresses: Vec<Address> = block.keys.iter().map(address).collect::<Result<_, _>>()?;
        let zones: Vec<Name> = addresses
            .iter()
            .flat_map(|address| address.zones.iter().cloned())
            .collect();
        let named = |name: &'static str| {
            block
                .directives
                .iter()
                .filter(move |directive| directive.name.text == name)
        };
        let surroundings = Surroundings {
            zones: &zones,
            mounted,
            answer_when_logged: server.answer_when_logged,
            rooted: named("root").next().is_some(),
        };
        let texts: Vec<&str> = block.keys.iter().map(|key| key.text.as_str()).collect();
        Ok(Self {
            title: texts.join(" "),
            effects: plugins::effects(block, &surroundings),
            bound: named("bind")
                .flat_map(|bind| bind.tokens.iter().map(|token| token.text.clone()))
                .collect(),
            of_cluster: named("kubernetes").next().is_some(),
            addresses,
        })
    }

    /// The zones of its keys on a UDP port.
    pub(super) fn zones_on(&self, port: u16) -> impl Iterator<Item = &Name> {
        self.addresses
            .iter()
            .filter(move |address| address.port == Some(port))
            .flat_map(|address| &address.zones)
    }

    fn first_port(&self) -> Option<u16> {
        self.addresses.iter().find_map(|address| address.port)
    }
}

/// The blocks that are served on one port.
pub(super) struct Listener<'a> {
    pub(super) blocks: Vec<&'a Served>,
    port: u16,
}

impl<'a> Listener<'a> {
    /// The blocks whose key is the deepest zone that holds a name: one, unless two have the same key.
    fn serving(&self, name: &Name) -> Vec<&'a Served> {
        let mut best: Option<u8> = None;
        let mut serving = Vec::new();
        for block in &self.blocks {
            let zones = block.zones_on(self.port).filter(|zone| zone.zone_of(name));
            for depth in zones.map(Name::num_labels) {
                if best.is_none_or(|best| depth > best) {
                    best = Some(depth);
                    serving.clear();
                }
                if best == Some(depth) {
                    serving.push(*block);
                }
            }
        }
        serving
    }

    /// The block that alone serves a name.
    pub(super) fn serving_alone(&self, name: &Name) -> Option<&'a Served> {
        match self.serving(name).as_slice() {
            [block] => Some(block),
            _ => None,
        }
    }

    /// The zones of other blocks' keys.
    fn others(&self, block: &Served) -> impl Iterator<Item = (&'a Served, &'a Name)> {
        let block = std::ptr::from_ref(block);
        let others = self
            .blocks
            .iter()
            .filter(move |other| !std::ptr::eq(**other, block));
        others.flat_map(|other| other.zones_on(self.port).map(|zone| (*other, zone)))
    }
}

/// The policy of these blocks.
///
/// # Errors
/// Keys that are no zones.
pub(super) fn policy(
    blocks: &[Block],
    mounted: &Mounted,
    server: &Server,
) -> Result<Policy, Fault> {
    let served: Vec<Served> = blocks
        .iter()
        .map(|block| Served::of(block, mounted, server))
        .collect::<Result<_, _>>()?;
    let port = server
        .port
        .or_else(|| {
            let first = served.iter().find(|block| block.of_cluster);
            first.and_then(Served::first_port)
        })
        .unwrap_or(53);
    let listener = Listener {
        blocks: served
            .iter()
            .filter(|block| block.zones_on(port).next().is_some())
            .collect(),
        port,
    };
    if let [first, rest @ ..] = listener.blocks.as_slice()
        && let Some(other) = rest.iter().find(|other| other.bound != first.bound)
    {
        return Ok(Policy::nothing(format!(
            "the blocks `{}` and `{}` listen on different addresses (`bind`); which of them is asked is not \
             known",
            first.title, other.title
        )));
    }
    let mut found = Found::default();
    for block in &listener.blocks {
        found.add(&listener, block, server);
    }
    found.drop_nested();
    Ok(found.policy(&listener))
}

#[derive(Default)]
struct Found {
    answered: BTreeMap<Name, Answered>,
    /// The answered zones in the order of the Corefile.
    order: Vec<Name>,
    left: Vec<Left>,
    /// What is left unless another block answers the zone.
    unserved: Vec<(Name, String)>,
}

impl Found {
    /// Adds the zones that a block's plugin `kubernetes` answers.
    fn add(&mut self, listener: &Listener<'_>, block: &Served, server: &Server) {
        let Some(kubernetes) = &block.effects.kubernetes else {
            if block.of_cluster {
                self.left
                    .extend(block.effects.left.iter().map(|reason| Left {
                        what: block.title.clone(),
                        reason: reason.clone(),
                    }));
            }
            return;
        };
        for name in &kubernetes.zones {
            let what = name.to_ascii();
            let left = |reason: String| Left {
                what: what.clone(),
                reason,
            };
            if name.is_root() {
                let reason = format!("{}: the root is no zone of a cluster", kubernetes.place);
                self.left.push(left(reason));
                continue;
            }
            match listener.serving(name).as_slice() {
                [only] if std::ptr::eq(*only, block) => {}
                [] => {
                    let reason = format!(
                        "{}: no block on this port is for the zone",
                        kubernetes.place
                    );
                    self.unserved.push((name.clone(), reason));
                    continue;
                }
                [other] => {
                    let reason = format!(
                        "{}: the zone's names go to another block, `{}`",
                        kubernetes.place, other.title
                    );
                    self.unserved.push((name.clone(), reason));
                    continue;
                }
                [first, ..] => {
                    self.left.push(left(format!(
                        "two blocks are for the same zone (`{}`); which of them is asked is not known",
                        first.title
                    )));
                    continue;
                }
            }
            match answered(name, kubernetes, &block.effects, server.rules) {
                Err(reasons) => self.left.extend(reasons.into_iter().map(left)),
                Ok(mut answered) => {
                    self.stubs(listener, block, &mut answered);
                    if answered.zone.left_types.len() > 2 {
                        self.left.push(left(format!(
                            "{}: more than two types are answered by other plugins; left to the DNS service",
                            kubernetes.place
                        )));
                        continue;
                    }
                    self.order.push(name.clone());
                    self.answered.insert(name.clone(), answered);
                }
            }
        }
    }

    /// Takes account of other blocks: those for zones within this one, and those for zones above it.
    fn stubs(&mut self, listener: &Listener<'_>, block: &Served, answered: &mut Answered) {
        for (other, stub) in listener.others(block) {
            if *stub != answered.zone.name && answered.zone.name.zone_of(stub) {
                answered.left.push(Left {
                    what: stub.to_ascii(),
                    reason: format!(
                        "the block `{}` is for these names; left to the DNS service",
                        other.title
                    ),
                });
                answered.zone.left_trees.insert(stub.clone());
            }
            // Questions for DS go to the block of the parent.
            if !stub.is_root() && stub.zone_of(&answered.zone.name) {
                answered.zone.left_types.insert(u16::from(RecordType::DS));
            }
        }
    }

    /// Leaves zones within other zones: their names would be found twice.
    fn drop_nested(&mut self) {
        let outer: Vec<Name> = self.order.clone();
        self.order.retain(|inner| {
            let Some(zone) = outer
                .iter()
                .find(|zone| *zone != inner && zone.zone_of(inner))
            else {
                return true;
            };
            self.answered.remove(inner);
            if let Some(around) = self.answered.get_mut(zone) {
                around.zone.left_trees.insert(inner.clone());
            }
            self.left.push(Left {
                what: inner.to_ascii(),
                reason: format!(
                    "the zone is within {zone}, which is answered; left to the DNS service"
                ),
            });
            false
        });
    }

    fn policy(mut self, listener: &Listener<'_>) -> Policy {
        let size = |answered: &Answered| answered.size.unwrap_or(u16::MAX);
        let size_cap = self
            .order
            .first()
            .and_then(|name| self.answered.get(name))
            .map_or(u16::MAX, size);
        let mut chosen: Vec<Answered> = Vec::new();
        for name in std::mem::take(&mut self.order) {
            let Some(answered) = self.answered.remove(&name) else {
                continue;
            };
            if size(&answered) == size_cap {
                chosen.push(answered);
            } else {
                self.left.push(Left {
                    what: name.to_ascii(),
                    reason: "its block has another `bufsize` than the first zone's; left to the DNS service"
                        .to_owned(),
                });
            }
        }
        for (name, reason) in self.unserved {
            if !chosen.iter().any(|answered| answered.zone.name == name) {
                self.left.push(Left {
                    what: name.to_ascii(),
                    reason,
                });
            }
        }
        if chosen.is_empty() && self.left.is_empty() {
            return Policy::nothing(format!(
                "no server block on port {} has the plugin `kubernetes`",
                listener.port
            ));
        }
        let external = external::capping(listener, &chosen);
        let mut left = self.left;
        let mut zones = Vec::new();
        for answered in chosen {
            left.extend(answered.left);
            zones.push(answered.zone);
        }
        let external = match external {
            Ok(capping) => Some(capping),
            Err(reason) => {
                if !zones.is_empty() {
                    left.push(Left {
                        what: external::WHAT.to_owned(),
                        reason,
                    });
                }
                None
            }
        };
        let mut told = BTreeSet::new();
        left.retain(|left| told.insert(left.clone()));
        Policy {
            zones,
            left,
            size_cap,
            external,
        }
    }
}
