//! The plugin `kubernetes` (specification §15; `plugin/kubernetes/setup.go`).

use std::collections::BTreeSet;

use hickory_proto::rr::Name;

use crate::{
    corefile::{
        address,
        directive::{Entry, number},
        duration::duration,
        effects::{Effects, Surroundings},
        fault::{Fault, Place},
        parser::Directive,
    },
    policy::{Pods, Selector, Services, is_reverse},
};

/// `ttl` if there is no such line, in seconds.
const TTL: u32 = 5;
/// The largest `ttl` that CoreDNS takes.
const TTL_MAX: u32 = 3600;

/// A plugin `kubernetes`, as it is set up.
#[derive(Debug)]
pub(in crate::corefile) struct Kubernetes {
    pub(in crate::corefile) place: Place,
    /// Each once, in order.
    pub(in crate::corefile) zones: Vec<Name>,
    /// The zone of the names in PTR records.
    pub(in crate::corefile) primary: Name,
    pub(in crate::corefile) services: Services,
    pub(in crate::corefile) ttl: u32,
}

/// Reads the plugin.
pub(in crate::corefile) fn read(
    directive: &Directive,
    surroundings: &Surroundings<'_>,
    effects: &mut Effects,
) -> Result<(), Fault> {
    let place = &directive.name.place;
    let parts = directive.parts()?;
    let mut zones = address::zones(&parts.arguments, surroundings.zones)?;
    let mut seen = BTreeSet::new();
    zones.retain(|zone| seen.insert(zone.clone()));
    // CoreDNS takes the zones `in-addr.arpa` and `ip6.arpa` themselves for ordinary ones here.
    let primary = zones
        .iter()
        .find(|zone| !(is_reverse(zone) && zone.num_labels() > 2))
        .ok_or_else(|| {
            place.fault("found reverse zones only; one such as cluster.local is wanted")
        })?
        .clone();
    let mut options = Options {
        services: Services {
            pods: Pods::Disabled,
            ..Services::plain()
        },
        ttl: TTL,
        fallthrough: Vec::new(),
        multicluster: Vec::new(),
    };
    for entry in &parts.entries {
        options.take(entry, effects)?;
    }
    let Options {
        services,
        ttl,
        fallthrough,
        multicluster,
    } = options;
    if services.namespaces.is_some() && services.namespace_labels.is_some() {
        return Err(place.fault("found both `namespaces` and `namespace_labels`; one is wanted"));
    }
    if services.zonal && !services.endpoints {
        return Err(place.fault("found both `zonal` and `noendpoints`; one is wanted"));
    }
    for zone in multicluster {
        if !zones.contains(&zone) {
            return Err(place.fault(format!(
                "found `multicluster` for {zone}, which is none of the plugin's zones; one of them is wanted"
            )));
        }
        let reason = format!("{place}: the zone is a `multicluster` one; left to the DNS service");
        effects.left_zones.push((zone, reason));
    }
    let reason = format!("{place}: absent names are handed on by `fallthrough`");
    effects
        .undenied
        .extend(fallthrough.into_iter().map(|zone| (zone, reason.clone())));
    effects.kubernetes = Some(Kubernetes {
        place: place.clone(),
        zones,
        primary,
        services,
        ttl,
    });
    Ok(())
}

struct Options {
    services: Services,
    ttl: u32,
    fallthrough: Vec<Name>,
    multicluster: Vec<Name>,
}

impl Options {
    fn take(&mut self, entry: &Entry<'_>, effects: &mut Effects) -> Result<(), Fault> {
        let services = &mut self.services;
        match entry.name.text.as_str() {
            "endpoint_pod_names" => {
                entry.alone()?;
                services.pod_names = true;
            }
            "noendpoints" => {
                entry.alone()?;
                services.endpoints = false;
            }
            "zonal" => {
                entry.alone()?;
                services.zonal = true;
            }
            "pods" => services.pods = pods(entry)?,
            "namespaces" => {
                some(entry, "a namespace")?;
                let names = entry.arguments.iter().map(|name| name.text.clone());
                services.namespaces.get_or_insert_default().extend(names);
            }
            "namespace_labels" => {
                some(entry, "a label selector")?;
                services.namespace_labels = Some(selector(entry)?);
            }
            "ignore" => match entry.only()?.text.as_str() {
                "empty_service" => services.empty_exist = false,
                _ => return Err(wrong(entry, "`empty_service`")),
            },
            "ttl" => {
                self.ttl = number(entry.only()?)?;
                if self.ttl > TTL_MAX {
                    return Err(wrong(entry, "a number of seconds up to 3600"));
                }
            }
            // A second line of these two replaces the first.
            "fallthrough" => self.fallthrough = address::fallthrough(&entry.arguments)?,
            "multicluster" => self.multicluster = address::zones(&entry.arguments, &[])?,
            // How it talks to the API server, not what it answers.
            "apiserver_qps" | "apiserver_burst" | "apiserver_max_inflight" => {
                number(entry.only()?)?;
            }
            "startup_timeout" => {
                if duration(&entry.only()?.text).is_none() {
                    return Err(wrong(entry, "a duration such as 5s"));
                }
            }
            option @ ("endpoint" | "kubeconfig" | "tls") => {
                some(entry, "an argument")?;
                effects.left.push(format!(
                    "{}: with `{option}` the names may be another cluster's; left to the DNS service",
                    entry.name.place
                ));
            }
            "labels" => {
                some(entry, "a label selector")?;
                effects.left.push(format!(
                    "{}: with `labels` only some objects have names; left to the DNS service",
                    entry.name.place
                ));
            }
            _ => return Err(entry.unknown("kubernetes")),
        }
        Ok(())
    }
}

fn some(entry: &Entry<'_>, wanted: &str) -> Result<(), Fault> {
    if entry.arguments.is_empty() {
        return Err(wrong(entry, wanted));
    }
    Ok(())
}

fn wrong(entry: &Entry<'_>, wanted: &str) -> Fault {
    let place = entry
        .arguments
        .first()
        .map_or(&entry.name.place, |first| &first.place);
    let found: Vec<&str> = entry
        .arguments
        .iter()
        .map(|argument| argument.text.as_str())
        .collect();
    place.fault(format!(
        "found `{}` after `{}`; {wanted} is wanted",
        found.join(" "),
        entry.name.text
    ))
}

fn pods(entry: &Entry<'_>) -> Result<Pods, Fault> {
    match entry.only()?.text.as_str() {
        "disabled" => Ok(Pods::Disabled),
        "insecure" => Ok(Pods::Insecure),
        "verified" => Ok(Pods::Verified),
        _ => Err(wrong(entry, "`disabled`, `insecure` or `verified`")),
    }
}

fn selector(entry: &Entry<'_>) -> Result<Selector, Fault> {
    let words: Vec<&str> = entry
        .arguments
        .iter()
        .map(|word| word.text.as_str())
        .collect();
    words
        .join(" ")
        .parse()
        .map_err(|error: crate::policy::SelectorError| entry.name.place.fault(error.to_string()))
}
