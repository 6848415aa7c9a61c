//! One zone of a plugin `kubernetes`, with all that the other plugins of its block do to it.

use std::collections::BTreeSet;

use hickory_proto::rr::Name;

use super::{
    effects::Effects,
    plugins::{cache::Cache, hosts::Hosts, kubernetes::Kubernetes, rewrite::Touched},
};
use crate::policy::{Capping, Left, Lifetimes, Order, Rules, Zone, is_reverse};

/// Ceilings of the cache above this, in seconds, hold only for some versions (specification §20); of the
/// plugin's records only `dns-version` lives longer.
const CEILING_OF_ALL_VERSIONS: u32 = 3600;

/// A zone that may be answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) zone: Zone,
    /// What its block's cache does to lifetimes; none: it does not touch the zone.
    pub(super) capping: Option<Capping>,
    /// Its block's `bufsize`.
    pub(super) size: Option<u16>,
    /// What of the zone is left.
    pub(super) left: Vec<Left>,
}

/// Whether one of the zones holds a whole zone.
fn covers(zones: &[Name], zone: &Name) -> bool {
    zones.iter().any(|one| one.zone_of(zone))
}

/// Whether a name lies within a zone, and is not the zone's own.
fn below(zone: &Name, name: &Name) -> bool {
    zone != name && zone.zone_of(name)
}

/// The zone's policy.
///
/// # Errors
/// The reasons why nothing of it may be answered.
pub(super) fn answered(
    name: &Name,
    kubernetes: &Kubernetes,
    effects: &Effects,
    rules: Rules,
) -> Result<Answered, Vec<String>> {
    let mut draft = Draft {
        reasons: effects.left.clone(),
        left: Vec::new(),
        names: BTreeSet::new(),
        trees: BTreeSet::new(),
        name,
    };
    for (zone, reason) in &effects.left_zones {
        draft.leave_within(zone, reason);
    }
    for (one, reason) in &effects.left_names {
        if name.zone_of(one) {
            draft.names.insert(one.clone());
            draft.tell(one, reason);
        }
    }
    for suffix in &effects.left_suffixes {
        match suffix.touched(name) {
            Touched::None => {}
            Touched::All => draft.reasons.push(suffix.reason.clone()),
            Touched::Tree(tree) => draft.leave_tree(&tree, &suffix.reason),
        }
    }
    draft.logged(effects);
    if let Some(hosts) = &effects.hosts {
        draft.hosts(hosts);
    }
    // The plugin answers a name from the deepest of its zones that holds it.
    for inner in kubernetes.zones.iter().filter(|inner| below(name, inner)) {
        draft.trees.insert(inner.clone());
    }
    let capping = effects.cache.as_ref().and_then(|cache| draft.cached(cache));
    if capping.is_some_and(|capping| capping.success.1 > CEILING_OF_ALL_VERSIONS)
        && let Ok(version) =
            Name::from_ascii("dns-version").and_then(|label| label.append_domain(name))
    {
        draft.names.insert(version);
    }
    let mut denies = !is_reverse(name);
    for (zone, reason) in &effects.undenied {
        if !is_reverse(name) && (zone.zone_of(name) || name.zone_of(zone)) {
            denies = false;
            draft.tell(
                name,
                &format!("{reason}; denials are left to the DNS service"),
            );
        }
    }
    for (_, reason) in &effects.left_types {
        draft.tell(name, &format!("{reason}; left to the DNS service"));
    }
    if !draft.reasons.is_empty() {
        return Err(draft.reasons);
    }
    Ok(Answered {
        zone: Zone {
            name: name.clone(),
            primary: kubernetes.primary.clone(),
            lifetimes: Lifetimes::new(kubernetes.ttl, capping),
            denies,
            order: effects.order.unwrap_or(Order::AsGiven),
            glue: effects.glue,
            left_types: effects.left_types.iter().map(|(code, _)| *code).collect(),
            services: kubernetes.services.clone(),
            left_names: draft.names,
            left_trees: draft.trees,
            rules,
        },
        capping,
        size: effects.size,
        left: draft.left,
    })
}

struct Draft<'a> {
    name: &'a Name,
    /// Why the whole zone is left.
    reasons: Vec<String>,
    left: Vec<Left>,
    names: BTreeSet<Name>,
    trees: BTreeSet<Name>,
}

impl Draft<'_> {
    fn tell(&mut self, what: &Name, reason: &str) {
        self.left.push(Left {
            what: what.to_ascii(),
            reason: reason.to_owned(),
        });
    }

    fn leave_tree(&mut self, tree: &Name, reason: &str) {
        self.trees.insert(tree.clone());
        self.tell(tree, reason);
    }

    /// Leaves what another zone has in common with this one.
    fn leave_within(&mut self, zone: &Name, reason: &str) {
        if zone.zone_of(self.name) {
            self.reasons.push(reason.to_owned());
        } else if below(self.name, zone) {
            self.leave_tree(zone, reason);
        }
    }

    fn logged(&mut self, effects: &Effects) {
        for (scope, reason) in &effects.logged {
            let whole = scope.zone_of(self.name);
            if let Some(reason) = reason {
                self.leave_within(scope, reason);
            }
            // The first line that holds a name decides.
            if whole {
                return;
            }
        }
    }

    fn hosts(&mut self, hosts: &Hosts) {
        let listed = match &hosts.listed {
            Ok(listed) => listed,
            Err(reason) => {
                for zone in &hosts.zones {
                    self.leave_within(zone, reason);
                }
                if hosts.reverse && is_reverse(self.name) {
                    self.reasons.push(reason.clone());
                }
                return;
            }
        };
        for zone in &hosts.zones {
            if !covers(&hosts.fallthrough, zone) && !covers(&hosts.fallthrough, self.name) {
                let reason = format!(
                    "{}: the plugin `hosts` fails for names that it does not list (no `fallthrough`); left to \
                     the DNS service",
                    hosts.place
                );
                self.leave_within(zone, &reason);
            }
        }
        if let Some(reason) = &hosts.unlisted
            && hosts.reverse
            && is_reverse(self.name)
        {
            self.reasons.push(reason.clone());
        }
        let before = self.names.len();
        let named = listed.names.iter().filter(|name| self.name.zone_of(name));
        self.names.extend(named.cloned());
        // Not one by one: such files may be long.
        match self.names.len().saturating_sub(before) {
            0 => {}
            count => self.tell(
                self.name,
                &format!(
                    "{}: {count} of its names are listed by `hosts`; these are left to the DNS service",
                    hosts.place
                ),
            ),
        }
        let reason = format!(
            "{}: names with `*` are listed by `hosts`; left to the DNS service",
            hosts.place
        );
        for tree in &listed.trees {
            self.leave_within(tree, &reason);
        }
    }

    /// What the cache does to the zone's lifetimes.
    fn cached(&mut self, cache: &Cache) -> Option<Capping> {
        let whole = covers(&cache.zones, self.name);
        if !whole {
            for zone in cache.zones.iter().filter(|zone| below(self.name, zone)) {
                self.trees.insert(zone.clone());
                self.left.push(Left {
                    what: zone.to_ascii(),
                    reason: "only these names of the zone are cached; left to the DNS service"
                        .to_owned(),
                });
            }
            return None;
        }
        let kept = !covers(&cache.success_disabled, self.name)
            || !covers(&cache.denial_disabled, self.name);
        if let Some(reason) = cache.stale.as_ref().filter(|_| kept) {
            self.reasons.push(reason.clone());
        }
        Some(cache.capping)
    }
}
